/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Range, If-Range and If-None-Match, one to a line: never a byte beyond the body, whatever its size. */
#include <stdint.h>
#include <string.h>

#include "net/http-range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static GwSlice
take_line(GwReader *reader)
{
  GwReader before = *reader;
  GwSlice line = gw_reader_until(reader, '\n', gw_reader_left(reader));

  if (!reader->has_failed)
    return line;
  *reader = before;
  return gw_reader_bytes(reader, gw_reader_left(reader));
}

static void
check(const GwHttpConditions *conditions, guint64 body_size, const char *etag, guint flags)
{
  GwHttpRange range = gw_http_range_select(conditions, body_size, etag, flags);

  switch (range.status) {
  case 200:
    g_assert(range.offset == 0 && range.size == body_size);
    return;
  case 206:
    g_assert(range.size > 0 && range.offset < body_size && range.size <= body_size - range.offset);
    g_assert(!(flags & GW_HTTP_RANGE_IGNORE) && conditions->range.data);
    return;
  case 304:
    g_assert(etag && conditions->if_none_match.data && range.size == 0);
    return;
  default:
    g_assert(range.status == 416 && range.size == 0);
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const guint64 sizes[] = { 0, 1, 1000, G_MAXUINT32, G_MAXINT64, G_MAXUINT64 };
  GwReader reader = gw_reader(data, size);
  GwHttpConditions conditions = { take_line(&reader), take_line(&reader), take_line(&reader) };

  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
    for (guint flags = 0; flags <= (GW_HTTP_RANGE_IGNORE | GW_HTTP_RANGE0_IS_200); flags++) {
      check(&conditions, sizes[i], "\"v1\"", flags);
      check(&conditions, sizes[i], NULL, flags);
    }
  return 0;
}
