/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/reader.h"

static const guint8 bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b };

static GwSlice
slice(const char *text)
{
  return (GwSlice){ (const guint8 *)text, strlen(text) };
}

static void
test_numbers(void)
{
  GwReader reader = gw_reader(bytes, sizeof bytes);

  g_assert_cmphex(gw_reader_u8(&reader), ==, 0x01);
  g_assert_cmphex(gw_reader_be16(&reader), ==, 0x0203);
  g_assert_cmphex(gw_reader_be32(&reader), ==, 0x04050607);
  g_assert_cmphex(gw_reader_le32(&reader), ==, 0x0b0a0908);
  g_assert_cmpuint(gw_reader_left(&reader), ==, 0);
  g_assert_false(reader.has_failed);
}

/* Every read at every length: it succeeds exactly if the bytes are there, and a failure lasts. */
static void
test_never_beyond_the_end(void)
{
  for (gsize size = 0; size <= 5; size++)
    for (gsize want = 0; want <= 6; want++) {
      g_autofree guint8 *exact = g_memdup2(bytes, size);
      GwReader reader = gw_reader(exact, size);
      GwSlice got = gw_reader_bytes(&reader, want);

      g_assert_cmpint(reader.has_failed, ==, want > size);
      g_assert_cmpuint(got.size, ==, want > size ? 0 : want);
      g_assert_cmpuint(gw_reader_left(&reader), ==, want > size ? 0 : size - want);
    }
}

static void
test_a_failure_lasts(void)
{
  GwReader reader = gw_reader(bytes, 3);

  g_assert_cmpuint(gw_reader_be32(&reader), ==, 0);
  g_assert_true(reader.has_failed);
  g_assert_cmpuint(gw_reader_u8(&reader), ==, 0);
  g_assert_cmpuint(gw_reader_be16(&reader), ==, 0);
  g_assert_cmpuint(gw_reader_le32(&reader), ==, 0);
  g_assert_cmpuint(gw_reader_left(&reader), ==, 0);
  g_assert_null(gw_reader_bytes(&reader, 0).data);
  g_assert_null(gw_reader_until(&reader, 3, 10).data);
}

static void
test_huge_sizes(void)
{
  GwReader reader = gw_reader(bytes, 4);

  gw_reader_u8(&reader);
  g_assert_null(gw_reader_bytes(&reader, G_MAXSIZE).data);
  g_assert_true(reader.has_failed);
  reader = gw_reader(bytes, 4);
  g_assert_cmpuint(gw_reader_until(&reader, 0x03, G_MAXSIZE).size, ==, 2);
}

static void
test_until(void)
{
  GwReader reader = gw_reader("ab\ncd", 5);

  g_assert_true(gw_slice_equal(gw_reader_until(&reader, '\n', 2), "ab"));
  g_assert_cmpuint(gw_reader_left(&reader), ==, 2);
  g_assert_null(gw_reader_until(&reader, '\n', 100).data);
  g_assert_true(reader.has_failed);

  reader = gw_reader("ab\ncd", 5);
  gw_reader_until(&reader, '\n', 1);
  g_assert_true(reader.has_failed);

  reader = gw_reader("\nx", 2);
  g_assert_cmpuint(gw_reader_until(&reader, '\n', 0).size, ==, 0);
  g_assert_false(reader.has_failed);
  g_assert_cmphex(gw_reader_u8(&reader), ==, 'x');
}

static void
test_empty(void)
{
  GwReader reader = gw_reader(NULL, 0);

  g_assert_cmpuint(gw_reader_bytes(&reader, 0).size, ==, 0);
  g_assert_false(reader.has_failed);
  gw_reader_until(&reader, '\n', 5);
  g_assert_true(reader.has_failed);
}

static void
test_decimal(void)
{
  static const struct {
    const char *text;
    guint64 max;
    gboolean is_good;
    guint64 value;
  } cases[] = {
    { "0", 0, TRUE, 0 },
    { "1", 0, FALSE, 0 },
    { "007", 100, TRUE, 7 },
    { "255", 255, TRUE, 255 },
    { "256", 255, FALSE, 0 },
    { "18446744073709551615", G_MAXUINT64, TRUE, G_MAXUINT64 },
    { "18446744073709551616", G_MAXUINT64, FALSE, 0 },
    { "99999999999999999999", G_MAXUINT64, FALSE, 0 },
    { "", 10, FALSE, 0 },
    { "+1", 10, FALSE, 0 },
    { "-1", 10, FALSE, 0 },
    { " 1", 10, FALSE, 0 },
    { "1 ", 10, FALSE, 0 },
    { "1a", 10, FALSE, 0 },
    { "9", 5, FALSE, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    guint64 value = 4242;

    g_test_message("\"%s\"", cases[i].text);
    g_assert_cmpint(gw_slice_decimal(slice(cases[i].text), cases[i].max, &value), ==, cases[i].is_good);
    g_assert_cmpuint(value, ==, cases[i].is_good ? cases[i].value : 4242);
  }
}

static void
test_equal(void)
{
  g_assert_true(gw_slice_equal(slice("Host"), "Host"));
  g_assert_false(gw_slice_equal(slice("Host"), "host"));
  g_assert_false(gw_slice_equal(slice("Hos"), "Host"));
  g_assert_true(gw_slice_equal_nocase(slice("HoSt"), "hOsT"));
  g_assert_false(gw_slice_equal_nocase(slice("Host\x01"), "Host"));
  g_assert_true(gw_slice_equal((GwSlice){ NULL, 0 }, ""));
  g_assert_true(gw_slice_equal_nocase((GwSlice){ NULL, 0 }, ""));
  g_assert_false(gw_slice_equal((GwSlice){ (const guint8 *)"a\0b", 3 }, "a"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/reader/numbers", test_numbers);
  g_test_add_func("/reader/never-beyond-the-end", test_never_beyond_the_end);
  g_test_add_func("/reader/a-failure-lasts", test_a_failure_lasts);
  g_test_add_func("/reader/huge-sizes", test_huge_sizes);
  g_test_add_func("/reader/until", test_until);
  g_test_add_func("/reader/empty", test_empty);
  g_test_add_func("/reader/decimal", test_decimal);
  g_test_add_func("/reader/equal", test_equal);
  return g_test_run();
}
