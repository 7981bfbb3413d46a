/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-private.h"

#include <string.h>

/* Appends to a bounded piece of text; once something did not fit, it stays too long. */
typedef struct {
  char *text;
  gsize room, used;
  gboolean is_bad;
} Pen;

static const struct {
  guint status;
  const char *reason;
} reasons[] = {
  { 200, "OK" },
  { 201, "Created" },
  { 202, "Accepted" },
  { 204, "No Content" },
  { 206, "Partial Content" },
  { 301, "Moved Permanently" },
  { 302, "Found" },
  { 303, "See Other" },
  { 304, "Not Modified" },
  { 307, "Temporary Redirect" },
  { 308, "Permanent Redirect" },
  { 400, "Bad Request" },
  { 401, "Unauthorized" },
  { 403, "Forbidden" },
  { 404, "Not Found" },
  { 405, "Method Not Allowed" },
  { 408, "Request Timeout" },
  { 409, "Conflict" },
  { 410, "Gone" },
  { 412, "Precondition Failed" },
  { 413, "Content Too Large" },
  { 415, "Unsupported Media Type" },
  { 416, "Range Not Satisfiable" },
  { 417, "Expectation Failed" },
  { 421, "Misdirected Request" },
  { 422, "Unprocessable Content" },
  { 428, "Precondition Required" },
  { 429, "Too Many Requests" },
  { 431, "Request Header Fields Too Large" },
  { 500, "Internal Server Error" },
  { 501, "Not Implemented" },
  { 502, "Bad Gateway" },
  { 503, "Service Unavailable" },
  { 504, "Gateway Timeout" },
  { 505, "HTTP Version Not Supported" },
  { 507, "Insufficient Storage" },
};

const char *
gw_http_reason(guint status)
{
  static const char *const classes[] = { "Continue", "OK", "Redirect", "Bad Request", "Server Error" };

  for (guint i = 0; i < G_N_ELEMENTS(reasons); i++)
    if (reasons[i].status == status)
      return reasons[i].reason;
  return classes[CLAMP(status / 100, 1, 5) - 1];
}

static void
put(Pen *pen, const void *data, gsize size)
{
  if (size > pen->room - pen->used) {
    pen->is_bad = TRUE;
    return;
  }
  memcpy(pen->text + pen->used, data, size);
  pen->used += size;
}

#define PUT_LITERAL(pen, literal) put(pen, "" literal, sizeof(literal) - 1)

static void
put_text(Pen *pen, const char *text)
{
  put(pen, text, strlen(text));
}

static void
put_number(Pen *pen, guint64 number)
{
  char digits[20];
  gsize at = sizeof digits;

  do
    digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  put(pen, digits + at, sizeof digits - at);
}

/* Nothing that a vendor's cloud or an operator wrote may begin a new line. */
static void
put_field(Pen *pen, const GwHttpField *field)
{
  guint8 bad = field->name.size == 0;

  for (gsize i = 0; i < field->name.size; i++)
    bad |= field->name.data[i] <= ' ' || field->name.data[i] == ':' || field->name.data[i] >= 0x7f;
  for (gsize i = 0; i < field->value.size; i++)
    bad |= (field->value.data[i] < ' ' && field->value.data[i] != '\t') || field->value.data[i] == 0x7f;
  pen->is_bad |= bad;
  put(pen, field->name.data, field->name.size);
  PUT_LITERAL(pen, ": ");
  if (field->value.size > 0)
    put(pen, field->value.data, field->value.size);
  PUT_LITERAL(pen, "\r\n");
}

static void
put_status_line(Pen *pen, guint status)
{
  PUT_LITERAL(pen, "HTTP/1.1 ");
  put_number(pen, status);
  PUT_LITERAL(pen, " ");
  put_text(pen, gw_http_reason(status));
  PUT_LITERAL(pen, "\r\n");
}

static void
put_validators(Pen *pen, const GwHttpReply *reply)
{
  const char *etag = reply->body ? gw_body_etag(reply->body) : NULL;

  if (etag) {
    PUT_LITERAL(pen, "ETag: ");
    put_text(pen, etag);
    PUT_LITERAL(pen, "\r\n");
  }
  if (reply->body && !(reply->flags & GW_HTTP_REPLY_IGNORE_RANGE))
    PUT_LITERAL(pen, "Accept-Ranges: bytes\r\n");
}

static void
put_content_range(Pen *pen, const GwHttpRange *range, guint64 body_size)
{
  PUT_LITERAL(pen, "Content-Range: bytes ");
  if (range->status == 416)
    PUT_LITERAL(pen, "*");
  else {
    put_number(pen, range->offset);
    PUT_LITERAL(pen, "-");
    put_number(pen, range->offset + range->size - 1);
  }
  PUT_LITERAL(pen, "/");
  put_number(pen, body_size);
  PUT_LITERAL(pen, "\r\n");
}

static void
put_framing(Pen *pen, const GwHttpWording *wording)
{
  guint status = wording->range.status;

  if (wording->is_one_chunk || wording->is_chunked)
    PUT_LITERAL(pen, "Transfer-Encoding: chunked\r\n");
  else if (!wording->is_stream && status != 204 && status != 304) {
    PUT_LITERAL(pen, "Content-Length: ");
    put_number(pen, wording->range.size);
    PUT_LITERAL(pen, "\r\n");
  }
}

gsize
gw_http_reply_word(GwHttpExchange *connection, const GwHttpWording *wording, char *ret_head, gsize room)
{
  const GwHttpReply *reply = wording->reply;
  gboolean is_plain = (reply->flags & GW_HTTP_REPLY_PLAIN_HEAD) != 0;
  guint status = wording->range.status;
  Pen pen = { .text = ret_head, .room = room };

  put_status_line(&pen, status);
  if (!is_plain) {
    PUT_LITERAL(&pen, "Date: ");
    put_text(&pen, gw_http_server_date(gw_http_server_of(connection)));
    PUT_LITERAL(&pen, "\r\n");
  }
  for (guint i = 0; i < reply->n_fields; i++)
    put_field(&pen, &reply->fields[i]);
  if (!is_plain)
    put_validators(&pen, reply);
  if (reply->body && (status == 206 || status == 416))
    put_content_range(&pen, &wording->range, gw_body_size(reply->body));
  put_framing(&pen, wording);
  if (!is_plain && connection->is_last)
    PUT_LITERAL(&pen, "Connection: close\r\n");
  else if (!is_plain && connection->request && connection->request->head->minor_version == 0)
    PUT_LITERAL(&pen, "Connection: keep-alive\r\n");
  PUT_LITERAL(&pen, "\r\n");
  return pen.is_bad ? 0 : pen.used;
}
