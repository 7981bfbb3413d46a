/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Chunked bodies: the same bytes in pieces of any size give the same body and the same end. */
#include <stdint.h>
#include <string.h>

#include "net/http-chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static GwHttpChunkedStep
decode(const uint8_t *data, gsize size, gsize piece, GByteArray *body, gsize *ret_used)
{
  GwHttpChunked chunked = { 0 };
  GwHttpChunkedStep step = GW_HTTP_CHUNKED_MORE;
  gsize offset = 0;

  while (offset < size && step != GW_HTTP_CHUNKED_END && step != GW_HTTP_CHUNKED_BAD) {
    GwSlice input = { data + offset, MIN(piece, size - offset) };
    GwSlice output;
    gsize used;

    step = gw_http_chunked_next(&chunked, input, &used, &output);
    g_assert(used > 0 && used <= input.size);
    g_assert(output.size <= used);
    g_assert((step == GW_HTTP_CHUNKED_DATA) == (output.size > 0));
    if (output.size > 0)
      g_byte_array_append(body, output.data, (guint)output.size);
    offset += used;
  }
  *ret_used = offset;
  return step == GW_HTTP_CHUNKED_DATA ? GW_HTTP_CHUNKED_MORE : step;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GByteArray) whole = g_byte_array_new();
  gsize whole_used;
  GwHttpChunkedStep end = decode(data, size, size, whole, &whole_used);

  for (gsize piece = 1; piece < size; piece = piece * 5 + 2) {
    g_autoptr(GByteArray) again = g_byte_array_new();
    gsize used;

    g_assert(decode(data, size, piece, again, &used) == end);
    g_assert(used == whole_used && again->len == whole->len);
    g_assert(whole->len == 0 || memcmp(again->data, whole->data, whole->len) == 0);
  }
  return 0;
}
