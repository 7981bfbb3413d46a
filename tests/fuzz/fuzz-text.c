/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small readers of single values, and what makes a text inert. */
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/reader.h"
#include "model/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_bytes(const uint8_t *data, size_t size)
{
  GwReader reader = gw_reader(data, size);
  guint64 value;

  while (gw_reader_left(&reader) > 0) {
    guint8 n = gw_reader_u8(&reader);
    GwSlice slice = n & 1 ? gw_reader_until(&reader, n, n) : gw_reader_bytes(&reader, n);

    g_assert(!reader.has_failed || slice.size == 0);
    if (gw_slice_decimal(slice, n, &value))
      g_assert(value <= n);
    gw_reader_be32(&reader);
  }
}

/* What was written from a time reads back as the same time. */
static void
read_time(const char *text)
{
  g_autofree char *again = NULL;
  gint64 wall_ms, again_ms;

  if (!gw_clock_parse(text, &wall_ms, NULL))
    return;
  again = gw_clock_format(wall_ms);
  if (strcmp(again, "out-of-range") == 0)
    return;
  g_assert(gw_clock_parse(again, &again_ms, NULL) && wall_ms - again_ms >= 0 && wall_ms - again_ms < 1000);
}

/* "A B": each is equal to itself, and the order turns round. */
static void
read_versions(const char *text)
{
  g_auto(GStrv) words = g_strsplit(text, " ", 2);
  const char *a = words[0] ? words[0] : "", *b = words[0] && words[1] ? words[1] : a;

  for (GwVersionScheme scheme = GW_VERSION_OPAQUE; scheme <= GW_VERSION_DOTTED; scheme++) {
    GwOrder order = gw_version_compare(scheme, a, b), turned = gw_version_compare(scheme, b, a);
    gboolean is_valid = gw_version_check(scheme, a, NULL);

    g_assert((gw_version_compare(scheme, a, a) == GW_ORDER_EQUAL) == is_valid);
    g_assert((order == GW_ORDER_LESS) == (turned == GW_ORDER_GREATER));
    g_assert((order == GW_ORDER_EQUAL) == (turned == GW_ORDER_EQUAL));
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup((const char *)data, size);
  g_autofree char *inert = gw_log_inert(text);
  guint8 bytes[4];
  gboolean is_yes;
  gint64 n;

  g_assert(g_utf8_validate(inert, -1, NULL) && strlen(inert) <= 2048);
  for (const char *p = inert; *p; p = g_utf8_next_char(p))
    g_assert(g_unichar_isprint(g_utf8_get_char(p)) || g_unichar_ismark(g_utf8_get_char(p)));
  read_bytes(data, size);
  read_time(text);
  read_versions(text);
  if (gw_parse_size(text, &n) || gw_parse_duration_ms(text, &n))
    g_assert(n >= 0);
  gw_parse_boolean(text, &is_yes);
  gw_unhex(text, sizeof bytes, bytes);
  return 0;
}
