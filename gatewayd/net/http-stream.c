/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-private.h"

#include <string.h>

#define HEAD_ROOM 6144

static void
append(GwHttpExchange *connection, const void *data, gsize size)
{
  GByteArray *queue = connection->outgoing->queue;
  char line[32];

  if (connection->is_mute || size == 0)
    return;
  if (connection->is_chunked)
    g_byte_array_append(queue, (const guint8 *)line,
                        (guint)g_snprintf(line, sizeof line, "%" G_GSIZE_MODIFIER "x\r\n", size));
  g_byte_array_append(queue, data, (guint)size);
  if (connection->is_chunked)
    g_byte_array_append(queue, (const guint8 *)"\r\n", 2);
}

static void
over(GwHttpExchange *connection)
{
  gw_http_outgoing_free(connection);
  if (!connection->is_chunked)
    connection->is_last = TRUE;
  gw_http_connection_answered(connection);
}

void
gw_http_stream_flush(GwHttpExchange *connection)
{
  GByteArray *queue = connection->outgoing->queue;

  while (queue->len > 0) {
    const GwSlice pieces[2] = { { queue->data, queue->len }, { NULL, 0 } };
    gsize n = 0;
    GwStreamResult result = gw_stream_write(&connection->stream, pieces, FALSE, &n);

    if (result == GW_STREAM_BLOCKED) {
      gw_http_connection_watch(connection, EPOLLOUT);
      gw_http_connection_schedule(connection);
      return;
    }
    if (result != GW_STREAM_DONE) { /* the error comes as an event too, and is dealt with there */
      gw_http_connection_watch(connection, 0);
      return;
    }
    g_byte_array_remove_range(queue, 0, (guint)n);
  }
  if (connection->is_ending)
    over(connection);
  else
    gw_http_connection_watch(connection, EPOLLRDHUP);
}

void
gw_http_stream_begin(GwHttpExchange *connection, const GwHttpReply *reply)
{
  const GwHttpHead *request = connection->request->head;
  GwHttpWording wording = { .reply = reply, .range.status = reply->status, .is_stream = TRUE };
  char head[HEAD_ROOM];
  gsize head_size;

  g_assert(connection->state == GW_HTTP_ASKED);
  connection->is_chunked = wording.is_chunked = request->minor_version > 0;
  connection->is_last |= !connection->is_chunked || !request->is_keep_alive;
  connection->is_mute = request->method == GW_HTTP_HEAD;
  head_size = gw_http_reply_word(connection, &wording, head, sizeof head);
  if (head_size == 0) { /* fields that cannot be sent: our own fault, and nothing that could be streamed */
    head_size = (gsize)g_snprintf(head, sizeof head, "HTTP/1.1 500 %s\r\nConnection: close\r\n\r\n",
                                  gw_http_reason(500));
    connection->is_mute = connection->is_last = TRUE;
    connection->is_chunked = FALSE;
  }
  connection->state = GW_HTTP_STAYING;
  connection->is_known = TRUE;
  gw_http_outgoing_new(connection)->queue = g_byte_array_new();
  g_byte_array_append(connection->outgoing->queue, (const guint8 *)head, (guint)head_size);
  append(connection, reply->bytes.data, reply->bytes.size);
  connection->deadline_ms = 0;
  gw_http_connection_schedule(connection);
  gw_http_stream_flush(connection);
}

gboolean
gw_http_stream_write(GwHttpExchange *connection, const void *data, gsize size)
{
  g_assert(connection->state == GW_HTTP_STAYING && !connection->is_ending);
  if (size + 32 > GW_HTTP_STREAM_QUEUE_MAX - MIN(connection->outgoing->queue->len, GW_HTTP_STREAM_QUEUE_MAX))
    return FALSE;
  append(connection, data, size);
  gw_http_stream_flush(connection);
  return TRUE;
}

void
gw_http_stream_end(GwHttpExchange *connection)
{
  g_assert(connection->state == GW_HTTP_STAYING && !connection->is_ending);
  if (connection->is_chunked && !connection->is_mute)
    g_byte_array_append(connection->outgoing->queue, (const guint8 *)"0\r\n\r\n", 5);
  connection->is_ending = TRUE;
  connection->is_known = FALSE;
  gw_http_stream_flush(connection);
}
