/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static GwHttpServer *
server_of(const GwHttpExchange *connection)
{
  return gw_http_server_of(connection);
}

static GwHttpIncoming *
incoming_new(GwHttpExchange *connection, const GwHttpRequest *request)
{
  gsize size = sizeof(GwHttpIncoming) + request->head->raw.size;
  GwHttpIncoming *incoming;

  if (!gw_http_server_charge(server_of(connection), size))
    return NULL;
  incoming = g_new0(GwHttpIncoming, 1);
  incoming->charged = size;
  incoming->head = *request->head;
  incoming->head_bytes = g_memdup2(request->head->raw.data, request->head->raw.size);
  gw_http_head_rebase(&incoming->head, incoming->head_bytes);
  incoming->request = *request;
  incoming->request.head = &incoming->head;
  connection->incoming = incoming;
  connection->request = &incoming->request;
  return incoming;
}

void
gw_http_incoming_free(GwHttpExchange *connection)
{
  GwHttpIncoming *incoming = g_steal_pointer(&connection->incoming);

  if (!incoming)
    return;
  connection->request = NULL;
  gw_http_server_discharge(server_of(connection), incoming->charged);
  if (incoming->body)
    g_byte_array_unref(incoming->body);
  if (incoming->stuck)
    g_byte_array_unref(incoming->stuck);
  g_free(incoming->head_bytes);
  g_free(incoming);
}

/* Appends foreign bytes within the budget of all. */
static gboolean
append(GwHttpExchange *connection, GByteArray **array, GwSlice bytes)
{
  if (!gw_http_server_charge(server_of(connection), bytes.size))
    return FALSE;
  connection->incoming->charged += bytes.size;
  if (!*array)
    *array = g_byte_array_new();
  g_byte_array_append(*array, bytes.data, (guint)bytes.size);
  return TRUE;
}

gboolean
gw_http_intake_keep(GwHttpExchange *connection)
{
  const GwHttpRequest *request = connection->request;
  GwHttpIncoming *incoming;

  if (connection->incoming)
    return TRUE;
  incoming = incoming_new(connection, request);
  if (!incoming)
    return FALSE;
  if (request->body.size == 0)
    return TRUE;
  if (!append(connection, &incoming->body, request->body)) {
    gw_http_incoming_free(connection);
    return FALSE;
  }
  incoming->request.body.data = incoming->body->data;
  return TRUE;
}

static void
finish(GwHttpExchange *connection)
{
  GwHttpIncoming *incoming = connection->incoming;

  incoming->is_whole = TRUE;
  incoming->request.body_size = incoming->received;
  if (incoming->body)
    incoming->request.body = (GwSlice){ incoming->body->data, incoming->body->len };
  gw_http_connection_ask(connection, &incoming->request);
}

/* ---- bodies that go to a descriptor ---- */

/* Returns how many bytes went, -1 on an error that will not pass. */
static gssize
write_some(int fd, const void *data, gsize size)
{
  gsize done = 0;

  while (done < size) {
    gssize n = write(fd, (const guint8 *)data + done, size - done);

    if (n < 0 && errno == EAGAIN)
      break;
    if (n < 0 && errno != EINTR)
      return -1;
    done += (gsize)MAX(n, 0);
  }
  return (gssize)done;
}

static gboolean
sink_fd(GwHttpExchange *connection, GwSlice bytes)
{
  GwHttpIncoming *incoming = connection->incoming;
  gssize n = incoming->stuck ? 0 : write_some(incoming->plan.fd, bytes.data, bytes.size);

  if (n < 0) {
    gw_http_connection_refuse(connection, 507, "a request's body cannot be stored");
    return FALSE;
  }
  if ((gsize)n == bytes.size)
    return TRUE;
  if (append(connection, &incoming->stuck, (GwSlice){ bytes.data + n, bytes.size - (gsize)n })) {
    incoming->stuck_charged += bytes.size - (gsize)n;
    return TRUE;
  }
  gw_http_connection_refuse(connection, 503, "too much is buffered");
  return FALSE;
}

void
gw_http_intake_retry(GwHttpExchange *connection)
{
  GwHttpIncoming *incoming = connection->incoming;
  gssize n = write_some(incoming->plan.fd, incoming->stuck->data, incoming->stuck->len);

  if (n < 0) {
    gw_http_connection_refuse(connection, 507, "a request's body cannot be stored");
    return;
  }
  if ((gsize)n < incoming->stuck->len) {
    g_byte_array_remove_range(incoming->stuck, 0, (guint)n);
    return;
  }
  gw_http_server_discharge(server_of(connection), incoming->stuck_charged);
  incoming->charged -= incoming->stuck_charged;
  incoming->stuck_charged = 0;
  g_clear_pointer(&incoming->stuck, g_byte_array_unref);
  if (incoming->is_whole)
    finish(connection);
  else
    gw_http_connection_resume(connection);
}

/* ---- decoding ---- */

/* Body bytes, without their framing. FALSE: the request was refused. */
static gboolean
sink(GwHttpExchange *connection, GwSlice bytes)
{
  GwHttpIncoming *incoming = connection->incoming;

  if (bytes.size > incoming->plan.max_size - incoming->received) {
    gw_http_connection_refuse(connection, 413, "a request's body is too large");
    return FALSE;
  }
  incoming->received += bytes.size;
  if (incoming->plan.kind == GW_HTTP_INTAKE_FD)
    return sink_fd(connection, bytes);
  if (append(connection, &incoming->body, bytes))
    return TRUE;
  gw_http_connection_refuse(connection, 503, "too much is buffered");
  return FALSE;
}

static gsize
feed_chunked(GwHttpExchange *connection, GwSlice data, gboolean *ret_is_whole)
{
  gsize total = 0;

  for (;;) {
    GwSlice rest = { data.data + total, data.size - total };
    GwSlice bytes;
    gsize used;

    switch (gw_http_chunked_next(&connection->incoming->chunked, rest, &used, &bytes)) {
    case GW_HTTP_CHUNKED_MORE:
      return total + used;
    case GW_HTTP_CHUNKED_END:
      *ret_is_whole = TRUE;
      return total + used;
    case GW_HTTP_CHUNKED_BAD:
      gw_http_connection_refuse(connection, 400, "bad chunk");
      return data.size;
    case GW_HTTP_CHUNKED_DATA:
      total += used;
      if (!sink(connection, bytes))
        return data.size;
    }
  }
}

gsize
gw_http_intake_feed(GwHttpExchange *connection, GwSlice data)
{
  GwHttpIncoming *incoming = connection->incoming;
  gboolean is_whole = FALSE;
  gsize used;

  if (incoming->is_whole || incoming->stuck)
    return 0;
  if (incoming->head.is_chunked)
    used = feed_chunked(connection, data, &is_whole);
  else {
    used = (gsize)MIN(data.size, incoming->head.length - incoming->received);
    if (!sink(connection, (GwSlice){ data.data, used }))
      return data.size;
    is_whole = incoming->received == incoming->head.length;
  }
  if (connection->state != GW_HTTP_INTAKE)
    return used;
  incoming->is_whole = is_whole;
  if (incoming->stuck)
    gw_http_connection_watch(connection, 0);
  else if (is_whole)
    finish(connection);
  return used;
}

/* ---- the decision ---- */

static GwHttpIntake
decide(GwHttpExchange *connection, const GwHttpRequest *request)
{
  GwHttpServer *server = server_of(connection);
  GwHttpIntake plan = { .kind = GW_HTTP_INTAKE_BUFFER };

  if (server->handler->intake) {
    gboolean was_last = connection->is_last;

    connection->is_last = TRUE; /* a reply given now leaves the body unread */
    connection->state = GW_HTTP_ASKED;
    connection->request = request;
    plan = server->handler->intake(connection, request, server->user);
    if (connection->state != GW_HTTP_ASKED)
      return (GwHttpIntake){ .kind = GW_HTTP_INTAKE_REFUSE };
    connection->state = GW_HTTP_READING;
    connection->request = NULL;
    connection->is_last = was_last;
  }
  if (plan.kind == GW_HTTP_INTAKE_BUFFER)
    plan.max_size = plan.max_size ? MIN(plan.max_size, GW_HTTP_BODY_MAX) : GW_HTTP_BODY_MAX;
  return plan;
}

static gboolean
say_continue(GwHttpExchange *connection)
{
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
  const GwSlice pieces[2] = { { (const guint8 *)text, sizeof text - 1 }, { NULL, 0 } };
  gsize n = 0;

  return gw_stream_write(&connection->stream, pieces, FALSE, &n) == GW_STREAM_DONE && n == sizeof text - 1;
}

gsize
gw_http_intake_begin(GwHttpExchange *connection, GwHttpRequest *request, GwSlice data)
{
  const GwHttpHead *head = request->head;
  GwHttpIntake plan = decide(connection, request);

  if (connection->state != GW_HTTP_READING)
    return data.size;
  if (plan.kind == GW_HTTP_INTAKE_REFUSE) {
    gw_http_connection_refuse(connection, plan.status ? plan.status : 400, "its handler refused the body");
    return data.size;
  }
  connection->is_known = plan.kind == GW_HTTP_INTAKE_FD;
  if (head->has_length && head->length > plan.max_size) {
    gw_http_connection_refuse(connection, 413, "a request's body is too large");
    return data.size;
  }
  if (plan.kind == GW_HTTP_INTAKE_BUFFER && head->has_length && data.size >= head->length) {
    request->body = (GwSlice){ data.data, head->length };
    request->body_size = head->length;
    gw_http_connection_ask(connection, request);
    return head->length;
  }
  if (!incoming_new(connection, request)) {
    gw_http_connection_refuse(connection, 503, "too much is buffered");
    return data.size;
  }
  connection->incoming->plan = plan;
  connection->state = GW_HTTP_INTAKE;
  if (head->expects_continue && data.size == 0 && !say_continue(connection)) {
    gw_http_connection_close(connection, TRUE);
    return 0;
  }
  return data.size > 0 ? gw_http_intake_feed(connection, data) : 0;
}
