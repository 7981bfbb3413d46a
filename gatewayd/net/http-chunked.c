/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-chunked.h"

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LINE, TRAILER_LF, LAST_LF };

#define DIGITS_MAX 16

/* One byte of framing. Returns MORE, END or BAD. */
static GwHttpChunkedStep
step_size(GwHttpChunked *chunked, guint8 byte)
{
  int digit = g_ascii_xdigit_value((char)byte);

  if (++chunked->line_size > GW_HTTP_CHUNK_LINE_MAX)
    return GW_HTTP_CHUNKED_BAD;
  if (chunked->state == SIZE && digit >= 0) {
    chunked->left = chunked->left << 4 | (guint64)digit;
    return ++chunked->digits > DIGITS_MAX ? GW_HTTP_CHUNKED_BAD : GW_HTTP_CHUNKED_MORE;
  }
  if (chunked->digits == 0)
    return GW_HTTP_CHUNKED_BAD;
  if (byte == '\r') {
    chunked->state = SIZE_LF;
    return GW_HTTP_CHUNKED_MORE;
  }
  if (chunked->state == SIZE && byte != ';')
    return GW_HTTP_CHUNKED_BAD;
  chunked->state = EXTENSION;
  return byte < ' ' && byte != '\t' ? GW_HTTP_CHUNKED_BAD : GW_HTTP_CHUNKED_MORE;
}

static GwHttpChunkedStep
step_trailer(GwHttpChunked *chunked, guint8 byte)
{
  if (++chunked->trailer_size > GW_HTTP_TRAILER_MAX)
    return GW_HTTP_CHUNKED_BAD;
  if (byte == '\r') {
    chunked->state = chunked->state == TRAILER ? LAST_LF : TRAILER_LF;
    return GW_HTTP_CHUNKED_MORE;
  }
  if (chunked->state == TRAILER && (byte == ' ' || byte == '\t' || byte == ':'))
    return GW_HTTP_CHUNKED_BAD;
  chunked->state = TRAILER_LINE;
  return byte < ' ' && byte != '\t' ? GW_HTTP_CHUNKED_BAD : GW_HTTP_CHUNKED_MORE;
}

static GwHttpChunkedStep
step(GwHttpChunked *chunked, guint8 byte)
{
  switch (chunked->state) {
  case SIZE:
  case EXTENSION:
    return step_size(chunked, byte);
  case SIZE_LF:
    chunked->state = chunked->left > 0 ? DATA : TRAILER;
    return byte == '\n' ? GW_HTTP_CHUNKED_MORE : GW_HTTP_CHUNKED_BAD;
  case DATA_CR:
    chunked->state = DATA_LF;
    return byte == '\r' ? GW_HTTP_CHUNKED_MORE : GW_HTTP_CHUNKED_BAD;
  case DATA_LF:
    *chunked = (GwHttpChunked){ .trailer_size = chunked->trailer_size };
    return byte == '\n' ? GW_HTTP_CHUNKED_MORE : GW_HTTP_CHUNKED_BAD;
  case TRAILER_LF:
    chunked->trailer_size++;
    chunked->state = TRAILER;
    return byte == '\n' ? GW_HTTP_CHUNKED_MORE : GW_HTTP_CHUNKED_BAD;
  case LAST_LF:
    return byte == '\n' ? GW_HTTP_CHUNKED_END : GW_HTTP_CHUNKED_BAD;
  default:
    return step_trailer(chunked, byte);
  }
}

GwHttpChunkedStep
gw_http_chunked_next(GwHttpChunked *chunked, GwSlice data, gsize *ret_used, GwSlice *ret_data)
{
  gsize used = 0;
  GwHttpChunkedStep result = GW_HTTP_CHUNKED_MORE;

  *ret_data = (GwSlice){ NULL, 0 };
  while (used < data.size && result == GW_HTTP_CHUNKED_MORE) {
    if (chunked->state == DATA) {
      gsize n = (gsize)MIN(chunked->left, data.size - used);

      *ret_data = (GwSlice){ data.data + used, n };
      chunked->left -= n;
      if (chunked->left == 0)
        chunked->state = DATA_CR;
      *ret_used = used + n;
      return GW_HTTP_CHUNKED_DATA;
    }
    result = step(chunked, data.data[used++]);
  }
  *ret_used = used;
  return result;
}
