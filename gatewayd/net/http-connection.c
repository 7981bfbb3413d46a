/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-private.h"

#include <string.h>
#include <sys/socket.h>

#define READABLE (EPOLLIN | EPOLLRDHUP)
#define DRAIN_MAX_KIB 256

static GwHttpServer *
server_of(const GwHttpExchange *connection)
{
  return gw_http_server_of(connection);
}

void
gw_http_connection_watch(GwHttpExchange *connection, guint32 events)
{
  gw_reactor_modify(connection->stream.reactor, &connection->stream.watch, events);
}

gboolean
gw_http_connection_is_receptive(const GwHttpExchange *connection)
{
  return connection->state == GW_HTTP_READING || connection->state == GW_HTTP_INTAKE;
}

/* ---- the end ---- */

static void
unlink_connection(GwHttpExchange *connection)
{
  GwHttpServer *server = server_of(connection);

  if (connection->previous)
    connection->previous->next = connection->next;
  else
    server->connections = connection->next;
  if (connection->next)
    connection->next->previous = connection->previous;
  server->counters.n_connections--;
}

static void
forget_pending(GwHttpExchange *connection)
{
  gw_http_server_discharge(server_of(connection), connection->pending_size);
  g_clear_pointer(&connection->pending, g_free);
  connection->pending_size = 0;
}

static void
unpark(GwHttpExchange *connection)
{
  if (connection->is_parked)
    server_of(connection)->counters.n_parked--;
  connection->is_parked = FALSE;
}

static void
tell_gone(GwHttpExchange *connection)
{
  GwHttpServer *server = server_of(connection);

  if (!connection->is_known)
    return;
  connection->is_known = FALSE;
  if (server->handler->gone)
    server->handler->gone(connection, server->user);
}

void
gw_http_connection_close(GwHttpExchange *connection, gboolean is_abort)
{
  GwHttpServer *server = server_of(connection);
  GwStream *stream = &connection->stream;
  guint64 position = gw_stream_position(stream);
  guint64 unacked;

  if (connection->state == GW_HTTP_CLOSED)
    return;
  unacked = gw_http_connection_is_sending(connection) ? gw_stream_unacked(stream) : 0;
  is_abort |= connection->outgoing != NULL || (gw_http_connection_is_sending(connection) && unacked > 0);
  connection->state = GW_HTTP_CLOSED;
  unlink_connection(connection);
  gw_wheel_cancel(&connection->timer);
  if (is_abort)
    gw_stream_reset(stream);
  else
    gw_stream_close(stream);
  gw_http_connection_count(connection, gw_ledger_fail(&connection->ledger, position, unacked));
  tell_gone(connection);
  unpark(connection);
  forget_pending(connection);
  gw_http_outgoing_free(connection);
  gw_http_incoming_free(connection);
  gw_gate_leave(server->gate, &connection->peer);
  gw_reactor_free_later(stream->reactor, connection);
}

/* Nothing more is read for sense. @is_final: our FIN goes out now, so that the peer need not wait for it. */
static void
leave(GwHttpExchange *connection, gboolean is_final)
{
  connection->state = GW_HTTP_LEAVING;
  forget_pending(connection);
  if (is_final && !connection->stream.tls) {
    shutdown(connection->stream.watch.fd, SHUT_WR);
    connection->has_spoken_last = TRUE;
  }
  gw_http_connection_watch(connection, READABLE);
  gw_http_connection_expire_idle(connection);
}

void
gw_http_connection_refuse(GwHttpExchange *connection, guint status, const char *why)
{
  GwHttpServer *server = server_of(connection);
  GwHttpReply reply = { .status = status };
  GwHttpWording wording = { .reply = &reply, .range.status = status };
  char head[512];
  GwSlice pieces[2] = { { (const guint8 *)head, 0 }, { NULL, 0 } };
  gsize n;

  server->counters.n_refused++;
  tell_gone(connection);
  if (server->handler->refused)
    server->handler->refused(&connection->peer, status, why, server->user);
  if (connection->state == GW_HTTP_CLOSED)
    return;
  gw_http_incoming_free(connection);
  unpark(connection);
  connection->is_last = TRUE;
  connection->request = NULL;
  pieces[0].size = gw_http_reply_word(connection, &wording, head, sizeof head);
  if (gw_stream_write(&connection->stream, pieces, FALSE, &n) != GW_STREAM_DONE || n != pieces[0].size)
    gw_http_connection_close(connection, TRUE);
  else
    leave(connection, TRUE);
}

/* ---- requests ---- */

static void
park(GwHttpExchange *connection)
{
  GwHttpServer *server = server_of(connection);

  connection->is_known = TRUE;
  if (server->counters.n_parked >= server->limits.max_parked || !gw_http_intake_keep(connection)) {
    gw_http_connection_refuse(connection, 503, "too many requests wait");
    return;
  }
  connection->is_parked = TRUE;
  server->counters.n_parked++;
  gw_http_connection_expire_in(connection, 0);
}

void
gw_http_connection_ask(GwHttpExchange *connection, const GwHttpRequest *request)
{
  GwHttpServer *server = server_of(connection);
  gboolean was_processing = connection->is_processing;

  connection->request = request;
  connection->state = GW_HTTP_ASKED;
  connection->is_known = FALSE;
  connection->is_last = FALSE;
  server->counters.n_requests++;
  connection->is_processing = TRUE;
  server->handler->request(connection, request, server->user);
  connection->is_processing = was_processing;
  if (connection->state == GW_HTTP_ASKED)
    park(connection);
  else if (!was_processing && connection->state == GW_HTTP_READING)
    gw_http_connection_resume(connection);
}

void
gw_http_connection_answered(GwHttpExchange *connection)
{
  connection->data = NULL;
  connection->is_known = FALSE;
  connection->n_polls = 0;
  unpark(connection);
  gw_http_incoming_free(connection);
  connection->request = NULL;
  if (connection->is_last) {
    leave(connection, connection->is_ending && !connection->is_chunked);
    return;
  }
  connection->is_ending = FALSE;
  connection->state = GW_HTTP_READING;
  gw_http_connection_expire_idle(connection);
  if (!connection->is_processing)
    gw_http_connection_resume(connection);
}

void
gw_http_connection_resume(GwHttpExchange *connection)
{
  gw_http_connection_watch(connection, READABLE);
  if (connection->pending || connection->stream.tls) {
    connection->is_held = TRUE; /* not now: another request may be using the buffer */
    gw_http_connection_schedule(connection);
  }
}

/* One head from the start of @data. Returns how many bytes were used, 0 if more must come. */
static gsize
take_head(GwHttpExchange *connection, GwSlice data)
{
  GwHttpHead head;
  GwHttpRequest request = { .head = &head, .peer = &connection->peer, .tag = connection->port->tag };
  int used = gw_http_head_parse(data.data, data.size, &head);
  gsize of_body = 0;

  if (used == 0)
    return 0;
  if (used < 0) {
    gw_http_connection_refuse(connection, (guint)-used, "a request that cannot be understood");
    return data.size;
  }
  request.is_tls = connection->port->tls != NULL;
  connection->is_in_head = FALSE;
  if (head.is_chunked || head.length > 0)
    of_body =
        gw_http_intake_begin(connection, &request, (GwSlice){ data.data + used, data.size - (gsize)used });
  else
    gw_http_connection_ask(connection, &request);
  return (gsize)used + of_body;
}

/* TRUE while pipelined replies wait to be acknowledged: whoever sends requests without taking replies must
 * wait. */
static gboolean
is_too_far_ahead(GwHttpExchange *connection)
{
  if (gw_ledger_is_empty(&connection->ledger))
    return FALSE;
  gw_http_connection_settle(connection);
  return gw_ledger_size(&connection->ledger) >= GW_HTTP_UNSETTLED_MAX;
}

/* Returns how many bytes were used. */
static gsize
process(GwHttpExchange *connection, const guint8 *data, gsize size)
{
  gsize offset = 0;
  gsize used = 1;

  connection->is_processing = TRUE;
  while (offset < size && used > 0) {
    GwSlice rest = { data + offset, size - offset };

    if (connection->state == GW_HTTP_INTAKE)
      used = gw_http_intake_feed(connection, rest);
    else if (connection->state == GW_HTTP_READING && !is_too_far_ahead(connection) &&
             connection->state == GW_HTTP_READING)
      used = take_head(connection, rest);
    else
      used = 0;
    offset += used;
  }
  connection->is_processing = FALSE;
  return offset;
}

/* Keeps what was not used. */
static void
keep(GwHttpExchange *connection, const guint8 *data, gsize size)
{
  if (size == 0 || connection->state == GW_HTTP_CLOSED || connection->state == GW_HTTP_LEAVING)
    return;
  if (!gw_http_server_charge(server_of(connection), size)) {
    if (connection->state == GW_HTTP_READING)
      gw_http_connection_refuse(connection, 503, "too much is buffered");
    else
      gw_http_connection_close(connection, TRUE);
    return;
  }
  connection->pending = g_memdup2(data, size);
  connection->pending_size = (guint)size;
  if (connection->state != GW_HTTP_READING || gw_ledger_is_empty(&connection->ledger))
    return;
  connection->is_held = TRUE;
  if (gw_ledger_size(&connection->ledger) >= GW_HTTP_UNSETTLED_MAX)
    gw_http_connection_watch(connection, 0); /* the timer looks again */
}

/* After bytes were looked at: which deadline holds now? */
static void
set_reading_deadline(GwHttpExchange *connection)
{
  const GwHttpLimits *limits = &server_of(connection)->limits;

  if (connection->state == GW_HTTP_INTAKE)
    gw_http_connection_expire_in(connection, limits->idle_ms);
  else if (connection->state == GW_HTTP_READING && connection->pending && !connection->is_in_head) {
    gw_http_connection_expire_in(connection, limits->head_ms);
    connection->is_in_head = TRUE; /* dripping bytes do not move it */
  }
}

static void
on_peer_closed(GwHttpExchange *connection)
{
  if (!gw_ledger_is_empty(&connection->ledger))
    gw_http_connection_settle(connection);
  if (connection->state == GW_HTTP_CLOSED)
    return;
  if (gw_ledger_is_empty(&connection->ledger)) {
    gw_http_connection_close(connection, FALSE);
    return;
  }
  connection->state = GW_HTTP_LEAVING; /* it said its last, and may still be taking */
  tell_gone(connection);
  gw_http_connection_watch(connection, 0);
}

/* Pending bytes first, then what the socket has. TRUE: it had something. */
static gboolean
read_some(GwHttpExchange *connection, gboolean is_readable)
{
  guint8 *buffer = gw_reactor_buffer(connection->stream.reactor);
  gsize size = connection->pending_size;
  gsize n = 0;
  GwStreamResult result = GW_STREAM_BLOCKED;
  gsize used;

  if (size > 0)
    memcpy(buffer, connection->pending, size);
  forget_pending(connection);
  if ((is_readable || connection->stream.tls) && size < GW_REACTOR_BUFFER)
    result = gw_stream_read(&connection->stream, buffer + size, GW_REACTOR_BUFFER - size, &n);
  size += n;
  used = size > 0 ? process(connection, buffer, size) : 0;
  keep(connection, buffer + used, size - used);
  if (result == GW_STREAM_BROKEN)
    gw_http_connection_close(connection, TRUE);
  else if (result == GW_STREAM_CLOSED && gw_http_connection_is_receptive(connection))
    on_peer_closed(connection);
  else
    set_reading_deadline(connection);
  return n > 0;
}

/* Under TLS there may be bytes that no event will announce. */
static void
read_all(GwHttpExchange *connection, gboolean is_readable)
{
  while (read_some(connection, is_readable) && gw_http_connection_is_receptive(connection) &&
         connection->stream.tls && gw_tls_has_pending(connection->stream.tls))
    ;
}

void
gw_http_connection_look_again(GwHttpExchange *connection)
{
  connection->is_held = FALSE;
  if (!connection->incoming || !connection->incoming->stuck)
    gw_http_connection_watch(connection, READABLE);
  read_all(connection, FALSE);
}

/* ---- events ---- */

static void
shake_hands(GwHttpExchange *connection)
{
  switch (gw_tls_handshake(connection->stream.tls)) {
  case GW_TLS_DONE:
    connection->state = GW_HTTP_READING;
    gw_http_connection_watch(connection, READABLE);
    read_all(connection, TRUE);
    return;
  case GW_TLS_WANT_READ:
    gw_http_connection_watch(connection, READABLE);
    return;
  case GW_TLS_WANT_WRITE:
    gw_http_connection_watch(connection, EPOLLOUT);
    return;
  case GW_TLS_CLOSED:
  case GW_TLS_BROKEN:
    gw_http_connection_close(connection, FALSE);
    return;
  }
}

/* Throws away what still comes, within bounds, until the peer closes. */
static void
drain(GwHttpExchange *connection, guint32 events)
{
  gsize n = 0;
  GwStreamResult result = GW_STREAM_CLOSED;

  if (!(events & EPOLLRDHUP))
    result = gw_stream_read(&connection->stream, gw_reactor_buffer(connection->stream.reactor),
                            GW_REACTOR_BUFFER, &n);
  if (result == GW_STREAM_BROKEN)
    gw_http_connection_close(connection, TRUE);
  else if (result == GW_STREAM_CLOSED)
    on_peer_closed(connection);
  else if ((connection->drained_kib += (guint16)(1 + n / 1024)) > DRAIN_MAX_KIB)
    gw_http_connection_watch(connection, EPOLLRDHUP);
}

static void
on_waiting_event(GwHttpExchange *connection, guint32 events)
{
  if (events & EPOLLRDHUP)
    gw_http_connection_close(connection, connection->state == GW_HTTP_STAYING);
  else
    gw_http_connection_watch(connection, EPOLLRDHUP); /* it sends on before it is answered: later */
}

static void
on_event(GwWatch *watch, guint32 events)
{
  GwHttpExchange *connection = (GwHttpExchange *)watch;

  if (events & EPOLLERR || (events & EPOLLHUP && !gw_http_connection_is_receptive(connection) &&
                            connection->state != GW_HTTP_LEAVING)) {
    gw_http_connection_close(connection, TRUE);
    return;
  }
  switch (connection->state) {
  case GW_HTTP_HANDSHAKE:
    shake_hands(connection);
    return;
  case GW_HTTP_READING:
  case GW_HTTP_INTAKE:
    read_all(connection, TRUE);
    return;
  case GW_HTTP_ASKED:
    on_waiting_event(connection, events);
    return;
  case GW_HTTP_SENDING:
    gw_http_send_more(connection);
    return;
  case GW_HTTP_STAYING:
    if (events & EPOLLOUT)
      gw_http_stream_flush(connection);
    else
      on_waiting_event(connection, events);
    return;
  default:
    drain(connection, events);
    return;
  }
}

/* ---- the beginning ---- */

static gboolean
start(GwHttpExchange *connection)
{
  GwStream *stream = &connection->stream;

  if (connection->port->tls) {
    stream->tls = gw_tls_session_new(connection->port->tls, stream->watch.fd);
    if (!stream->tls)
      return FALSE;
  }
  return gw_reactor_add(stream->reactor, &stream->watch, READABLE);
}

void
gw_http_connection_new(GwHttpPort *port, const GwAccepted *accepted)
{
  GwHttpServer *server = port->server;
  GwHttpExchange *connection = g_new0(GwHttpExchange, 1);

  connection->stream.watch = (GwWatch){ .fd = accepted->fd, .ready = on_event };
  connection->stream.reactor = server->reactor;
  connection->port = port;
  connection->peer = accepted->peer;
  connection->timer.fire = gw_http_connection_on_timer;
  connection->state = port->tls ? GW_HTTP_HANDSHAKE : GW_HTTP_READING;
  connection->is_in_head = TRUE;
  connection->next = server->connections;
  if (server->connections)
    server->connections->previous = connection;
  server->connections = connection;
  server->counters.n_connections++;
  gw_http_connection_expire_in(connection, server->limits.head_ms);
  if (!start(connection))
    gw_http_connection_close(connection, TRUE);
}

/* ---- what a handler asks of an exchange ---- */

const GwHttpRequest *
gw_http_exchange_request(const GwHttpExchange *connection)
{
  return connection->request;
}

void
gw_http_exchange_local(GwHttpExchange *connection, GwAddress *ret_address)
{
  struct sockaddr_storage sockaddr;
  socklen_t size = sizeof sockaddr;

  *ret_address = (GwAddress){ 0 };
  if (getsockname(connection->stream.watch.fd, (struct sockaddr *)&sockaddr, &size) == 0)
    gw_address_from_sockaddr((struct sockaddr *)&sockaddr, ret_address);
}

void
gw_http_exchange_set_data(GwHttpExchange *connection, gpointer data)
{
  connection->data = data;
}

gpointer
gw_http_exchange_data(const GwHttpExchange *connection)
{
  return connection->data;
}
