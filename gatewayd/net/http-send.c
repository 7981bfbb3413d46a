/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-private.h"

#include <string.h>

#define HEAD_ROOM 6144
#define ONE_CHUNK_MAX 61440
#define TLS_WINDOW 32768
#define LARGE 65536 /* bodies that may fill a socket */
/* In a crowd each takes one piece a turn: gw_stream_limit_queue(). */
#define CROWDED_PIECE 40960
#define WARM_MAX 4096
#define CACHE_LINE 64

typedef enum { SENT, BLOCKED, PACED, BROKEN } Progress;

static gboolean
is_paced(const GwHttpExchange *connection)
{
  return !connection->is_unpaced && gw_pace_is_limited(gw_http_server_of(connection)->pace);
}

static guint64
body_left(const GwHttpRest *rest)
{
  return rest->bytes.size + rest->left;
}

static void
consume(GwHttpExchange *connection, GwHttpRest *rest, gsize n)
{
  gsize of_head = MIN(n, rest->head.size);
  gsize of_bytes = MIN(n - of_head, rest->bytes.size);
  gsize of_body = n - of_head - of_bytes;

  rest->head = (GwSlice){ rest->head.data + of_head, rest->head.size - of_head };
  rest->bytes = (GwSlice){ rest->bytes.data + of_bytes, rest->bytes.size - of_bytes };
  rest->offset += of_body;
  rest->left -= of_body;
  rest->granted -= MIN(rest->granted, of_bytes + of_body);
  if (of_bytes + of_body > 0)
    gw_ledger_wrote(&connection->ledger, of_bytes + of_body, gw_stream_position(&connection->stream));
}

/* The body's next bytes as memory to be written together with the head: mapped, or read into the scratch. An
 * empty slice where they had better go from descriptor to socket. */
static gboolean
next_window(GwHttpExchange *connection, const GwHttpRest *rest, gsize allowed, GwSlice *ret_window)
{
  guint8 *scratch = gw_http_server_of(connection)->scratch;
  gboolean is_tls = connection->stream.tls != NULL;
  gboolean has_fd = gw_body_fd(rest->body) >= 0;
  gsize most = is_tls ? TLS_WINDOW - rest->head.size : has_fd ? GW_HTTP_SMALL : GW_HTTP_SCRATCH;
  gsize size = MIN(allowed, most);
  const guint8 *mapped = is_tls ? gw_body_map(rest->body) : gw_body_lend(rest->body);

  *ret_window = (GwSlice){ NULL, 0 };
  if (!is_tls && has_fd && (rest->left > size || rest->head.size == 0))
    return TRUE;
  *ret_window = (GwSlice){ mapped ? mapped + rest->offset : scratch, size };
  if (mapped)
    return TRUE;
  return gw_body_read(rest->body, rest->offset, scratch, size) ==
         (gssize)size; /* better a reset than wrong bytes */
}

/* One write of what comes next; @allowed bytes of body at most. A socket that took less than it was offered
 * is full: to try again at once would cost a call for nothing. */
static GwStreamResult
write_next(GwHttpExchange *connection, GwHttpRest *rest, gsize allowed)
{
  GwStream *stream = &connection->stream;
  GwSlice pieces[2] = { rest->head, { rest->bytes.data, MIN(rest->bytes.size, allowed) } };
  GwStreamResult result;
  gsize offered, n = 0;

  if (rest->bytes.size == 0 && rest->left > 0 && !next_window(connection, rest, allowed, &pieces[1]))
    return GW_STREAM_BROKEN;
  offered = pieces[0].size + pieces[1].size;
  if (offered > 0)
    result = gw_stream_write(stream, pieces, pieces[1].size == 0 && rest->left > 0, &n);
  else
    result = gw_stream_send(stream, rest->body, rest->offset, offered = allowed, &n);
  if (result != GW_STREAM_DONE)
    return result;
  consume(connection, rest, n);
  return n < offered && !stream->tls ? GW_STREAM_BLOCKED : GW_STREAM_DONE;
}

/* How much of the body may be written now; 0 = its turn has not come. */
static gsize
allowance(GwHttpExchange *connection, GwHttpRest *rest, GwPaceFlow *flow, gsize budget)
{
  GwHttpServer *server = gw_http_server_of(connection);
  gsize want = (gsize)MIN(body_left(rest), budget);

  if (server->counters.n_transfers > GW_HTTP_CROWD)
    want = MIN(want, CROWDED_PIECE);

  if (want == 0 || !is_paced(connection))
    return want;
  if (rest->granted == 0)
    rest->granted = gw_pace_take(server->pace, flow, want, gw_reactor_now_ms(server->reactor));
  return MIN(rest->granted, want);
}

static Progress
pump(GwHttpExchange *connection, GwHttpRest *rest, GwPaceFlow *flow)
{
  gsize budget = GW_STREAM_BUDGET;

  while (rest->head.size > 0 || body_left(rest) > 0) {
    guint64 before = body_left(rest);
    gsize allowed = allowance(connection, rest, flow, budget);
    GwStreamResult result;

    if (before > 0 && allowed == 0)
      return budget == 0 ? BLOCKED : PACED;
    result = write_next(connection, rest, allowed);
    if (result == GW_STREAM_BLOCKED)
      return BLOCKED;
    if (result != GW_STREAM_DONE)
      return BROKEN;
    if (connection->stream.is_refilled && body_left(rest) > 0 && body_left(rest) < before)
      return BLOCKED;
    budget -= MIN(budget, before - body_left(rest));
  }
  return SENT;
}

/* ---- waiting ---- */

static void
on_turn(GwPaceFlow *flow, gint64 now_ms)
{
  gw_http_send_more(((GwHttpOutgoing *)flow)->connection);
}

GwHttpOutgoing *
gw_http_outgoing_new(GwHttpExchange *connection)
{
  GwHttpServer *server = gw_http_server_of(connection);
  GwHttpOutgoing *outgoing = g_new0(GwHttpOutgoing, 1);

  outgoing->flow.resume = on_turn;
  outgoing->flow.peer = &connection->peer;
  outgoing->connection = connection;
  connection->outgoing = outgoing;
  server->counters.n_transfers++;
  return outgoing;
}

void
gw_http_outgoing_free(GwHttpExchange *connection)
{
  GwHttpServer *server = gw_http_server_of(connection);
  GwHttpOutgoing *outgoing = g_steal_pointer(&connection->outgoing);

  if (!outgoing)
    return;
  gw_pace_leave(&outgoing->flow);
  gw_http_server_discharge(server, outgoing->charged);
  server->counters.n_transfers--;
  gw_body_unref(outgoing->rest.body);
  if (outgoing->queue)
    g_byte_array_unref(outgoing->queue);
  g_free(outgoing->copy);
  g_free(outgoing);
}

/* Copies what is not written yet. FALSE: all peers together make us hold too much already. */
static gboolean
hold(GwHttpExchange *connection, const GwHttpRest *rest)
{
  gsize size = rest->head.size + rest->bytes.size;
  GwHttpOutgoing *outgoing;

  if (!gw_http_server_charge(gw_http_server_of(connection), size))
    return FALSE;
  outgoing = gw_http_outgoing_new(connection);
  outgoing->charged = size;
  outgoing->rest = *rest;
  outgoing->copy = g_malloc(size);
  if (rest->head.size > 0)
    memcpy(outgoing->copy, rest->head.data, rest->head.size);
  if (rest->bytes.size > 0)
    memcpy(outgoing->copy + rest->head.size, rest->bytes.data, rest->bytes.size);
  outgoing->rest.head.data = outgoing->copy;
  outgoing->rest.bytes.data = outgoing->copy + rest->head.size;
  if (rest->body)
    gw_body_ref(rest->body);
  return TRUE;
}

static void
wait_for(GwHttpExchange *connection, Progress progress)
{
  connection->state = GW_HTTP_SENDING;
  connection->n_polls = 0;
  gw_http_connection_watch(connection, progress == PACED ? 0 : EPOLLOUT);
  gw_http_connection_schedule(connection);
}

void
gw_http_send(GwHttpExchange *connection, const GwHttpRest *whole)
{
  GwHttpRest rest = *whole;
  Progress progress = PACED; /* a flow that may have to wait must stay where it is: not on our stack */

  if (rest.left > LARGE)
    gw_stream_limit_queue(&connection->stream, gw_http_server_of(connection)->counters.n_transfers);
  if (!is_paced(connection) || body_left(&rest) == 0)
    progress = pump(connection, &rest, NULL);
  if (progress == SENT) {
    gw_http_connection_answered(connection);
    return;
  }
  if (progress == BROKEN || !hold(connection, &rest)) {
    gw_http_connection_close(connection, TRUE);
    return;
  }
  wait_for(connection, progress);
  if (progress == PACED)
    gw_http_send_more(connection);
}

void
gw_http_send_more(GwHttpExchange *connection)
{
  GwHttpOutgoing *outgoing = connection->outgoing;
  Progress progress = pump(connection, &outgoing->rest, &outgoing->flow);

  switch (progress) {
  case SENT:
    gw_http_outgoing_free(connection);
    gw_http_connection_answered(connection);
    return;
  case BROKEN:
    gw_http_connection_close(connection, TRUE);
    return;
  case BLOCKED:
    if (!connection->stream.tls &&
        outgoing->rest.granted > 0) { /* a TLS record that was begun must be ended */
      gw_pace_give_back(gw_http_server_of(connection)->pace, &outgoing->flow, outgoing->rest.granted);
      outgoing->rest.granted = 0;
    }
    gw_http_connection_watch(connection, EPOLLOUT);
    return;
  case PACED:
    gw_http_connection_watch(connection, 0);
    return;
  }
}

/* ---- replies ---- */

static GwHttpRange
select_range(const GwHttpExchange *connection, const GwHttpReply *reply)
{
  const GwHttpHead *head = connection->request->head;
  GwHttpConditions conditions = { head->range, head->if_range, head->if_none_match };
  guint flags = 0;

  if (reply->head_of > 0)
    return (GwHttpRange){ reply->status, 0, reply->head_of };
  if (!reply->body || reply->status != 200)
    return (GwHttpRange){ reply->status, 0, reply->body ? gw_body_size(reply->body) : reply->bytes.size };
  if (reply->flags & GW_HTTP_REPLY_IGNORE_RANGE || head->method != GW_HTTP_GET)
    flags |= GW_HTTP_RANGE_IGNORE; /* RFC 9110 section 14.2: of GET only */
  if (reply->flags & GW_HTTP_REPLY_RANGE0_200)
    flags |= GW_HTTP_RANGE0_IS_200;
  return gw_http_range_select(&conditions, gw_body_size(reply->body), gw_body_etag(reply->body), flags);
}

/* A small range of a large image is not in the processor's cache: it can come while the head is being
 * written. To prefetch is not to touch: a page that has vanished does no harm. */
static void
warm_up(const GwBody *body, const GwHttpRange *range)
{
  const guint8 *mapped = gw_body_lend(body);

  for (guint64 i = 0; mapped && range->size <= WARM_MAX && i < range->size; i += CACHE_LINE)
    __builtin_prefetch(mapped + range->offset + i);
}

/* Frames @bytes as the only chunk, in the server's scratch. */
static GwSlice
frame_chunk(GwHttpServer *server, GwSlice bytes)
{
  char *to = (char *)server->scratch;
  gsize used = (gsize)g_snprintf(to, 32, "%" G_GSIZE_MODIFIER "x\r\n", bytes.size);

  memmove(to + used, bytes.data, bytes.size);
  memcpy(to + used + bytes.size, "\r\n0\r\n\r\n", 7);
  return (GwSlice){ server->scratch, used + bytes.size + 7 };
}

static gboolean
is_one_chunk(const GwHttpExchange *connection, const GwHttpReply *reply)
{
  return (reply->flags & GW_HTTP_REPLY_ONE_CHUNK) && !reply->body && !reply->observer &&
         reply->bytes.size > 0 && reply->bytes.size <= ONE_CHUNK_MAX &&
         connection->request->head->minor_version > 0;
}

/* Where no byte of a body goes out, its observer hears so at once. */
static void
open_ledger(GwHttpExchange *connection, const GwHttpReply *reply, const GwHttpRange *range, gboolean has_body)
{
  const GwTransferGauge nothing = { .offset = range->offset };

  if (!reply->observer)
    return;
  if (has_body && range->size > 0)
    gw_ledger_open(&connection->ledger, reply->observer, reply->observer_user, range->offset, range->size);
  else
    reply->observer->done(reply->observer_user, &nothing, FALSE);
}

void
gw_http_reply(GwHttpExchange *connection, const GwHttpReply *reply)
{
  GwHttpWording wording = { .reply = reply };
  gboolean has_body = connection->request->head->method != GW_HTTP_HEAD;
  GwHttpRest rest = { 0 };
  char head[HEAD_ROOM];
  gsize head_size;

  g_assert(connection->state == GW_HTTP_ASKED);
  connection->is_last |=
      (reply->flags & GW_HTTP_REPLY_CLOSE) || reply->head_of > 0 || !connection->request->head->is_keep_alive;
  connection->is_unpaced = !reply->body || (reply->flags & GW_HTTP_REPLY_UNPACED);
  connection->idle_ms = reply->idle_ms;
  wording.range = select_range(connection, reply);
  if (reply->body)
    warm_up(reply->body, &wording.range);
  wording.is_one_chunk = is_one_chunk(connection, reply);
  head_size = reply->status >= 200 && reply->status <= 599
                  ? gw_http_reply_word(connection, &wording, head, sizeof head)
                  : 0;
  open_ledger(connection, reply, &wording.range, has_body && head_size > 0);
  if (connection->state == GW_HTTP_CLOSED)
    return; /* its observer cut it */
  if (head_size == 0) {
    gw_http_reply_status(connection, 500);
    return;
  }
  rest.head = (GwSlice){ (const guint8 *)head, head_size };
  if (has_body && reply->body && wording.range.size > 0) {
    rest.body = reply->body;
    rest.offset = wording.range.offset;
    rest.left = wording.range.size;
  } else if (has_body && !reply->body && reply->bytes.size > 0)
    rest.bytes =
        wording.is_one_chunk ? frame_chunk(gw_http_server_of(connection), reply->bytes) : reply->bytes;
  connection->request = NULL;
  gw_http_send(connection, &rest);
}

void
gw_http_reply_status(GwHttpExchange *connection, guint status)
{
  static const GwHttpField fields[] = { { { (const guint8 *)"Content-Type", 12 },
                                          { (const guint8 *)"text/plain", 10 } } };
  char text[64];
  gsize size = (gsize)g_snprintf(text, sizeof text, "%s\n", gw_http_reason(status));
  GwHttpReply reply = {
    .status = status,
    .fields = fields,
    .n_fields = G_N_ELEMENTS(fields),
    .bytes = { (const guint8 *)text, size },
  };

  if (status == 204 || status == 304)
    reply = (GwHttpReply){ .status = status };
  gw_http_reply(connection, &reply);
}

void
gw_http_abort(GwHttpExchange *connection)
{
  connection->is_known = FALSE;
  gw_http_connection_close(connection, TRUE);
}
