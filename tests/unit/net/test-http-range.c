/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-range.h"
#include <string.h>

#define ETAG "\"v1\""

typedef struct {
  const char *range, *if_range, *if_none_match;
  guint64 body_size;
  guint flags;
  GwHttpRange expected;
} Row;

static const Row rows[] = {
  /* whole */
  { NULL, NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { NULL, NULL, NULL, 0, 0, { 200, 0, 0 } },
  /* first-last, clamped */
  { "bytes=0-0", NULL, NULL, 1000, 0, { 206, 0, 1 } },
  { "bytes=0-499", NULL, NULL, 1000, 0, { 206, 0, 500 } },
  { "bytes=500-999", NULL, NULL, 1000, 0, { 206, 500, 500 } },
  { "bytes=500-1000", NULL, NULL, 1000, 0, { 206, 500, 500 } },
  { "bytes=999-", NULL, NULL, 1000, 0, { 206, 999, 1 } },
  { "bytes=0-", NULL, NULL, 1000, 0, { 206, 0, 1000 } },
  { "BYTES=0-", NULL, NULL, 1000, 0, { 206, 0, 1000 } },
  { "bytes=0-18446744073709551615", NULL, NULL, 1000, 0, { 206, 0, 1000 } },
  { "bytes=0-18446744073709551616", NULL, NULL, 1000, 0, { 206, 0, 1000 } },
  { "bytes=10-99999999999999999999999999", NULL, NULL, 1000, 0, { 206, 10, 990 } },
  { "bytes=00000000000000000000000000005-6", NULL, NULL, 1000, 0, { 206, 5, 2 } },
  { "bytes=4294967296-4294967297", NULL, NULL, 8589934592, 0, { 206, 4294967296, 2 } },
  /* suffix */
  { "bytes=-1", NULL, NULL, 1000, 0, { 206, 999, 1 } },
  { "bytes=-1000", NULL, NULL, 1000, 0, { 206, 0, 1000 } },
  { "bytes=-1001", NULL, NULL, 1000, 0, { 206, 0, 1000 } },
  { "bytes=-99999999999999999999999", NULL, NULL, 1000, 0, { 206, 0, 1000 } },
  /* not satisfiable */
  { "bytes=1000-", NULL, NULL, 1000, 0, { 416, 0, 0 } },
  { "bytes=1000-1001", NULL, NULL, 1000, 0, { 416, 0, 0 } },
  { "bytes=18446744073709551615-", NULL, NULL, 1000, 0, { 416, 0, 0 } },
  { "bytes=99999999999999999999999-", NULL, NULL, 1000, 0, { 416, 0, 0 } },
  { "bytes=-0", NULL, NULL, 1000, 0, { 416, 0, 0 } },
  { "bytes=0-", NULL, NULL, 0, 0, { 416, 0, 0 } },
  { "bytes=-5", NULL, NULL, 0, 0, { 200, 0, 0 } },
  /* nonsense is not there */
  { "", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=-", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=5", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=6-5", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes= 0-5", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=0-5 ", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=+1-5", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=0x1-5", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=1--5", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "items=0-5", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=\303\244-5", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  /* several ranges are answered whole */
  { "bytes=0-0,2-2", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=0-0,-1", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=0-,0-,0-,0-,0-,0-,0-,0-", NULL, NULL, 1000, 0, { 200, 0, 1000 } },
  /* If-Range: only the same strong tag lets the range stand */
  { "bytes=5-9", ETAG, NULL, 1000, 0, { 206, 5, 5 } },
  { "bytes=5-9", "\"v2\"", NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=5-9", "W/" ETAG, NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=5-9", "Sat, 21 Nov 2026 12:00:00 GMT", NULL, 1000, 0, { 200, 0, 1000 } },
  { "bytes=5-9", "", NULL, 1000, 0, { 200, 0, 1000 } },
  /* If-None-Match: before the range, weakly, lists, star */
  { NULL, NULL, ETAG, 1000, 0, { 304, 0, 0 } },
  { "bytes=5-9", NULL, ETAG, 1000, 0, { 304, 0, 0 } },
  { NULL, NULL, "W/" ETAG, 1000, 0, { 304, 0, 0 } },
  { NULL, NULL, "\"v0\", W/\"v2\" ,\t" ETAG, 1000, 0, { 304, 0, 0 } },
  { NULL, NULL, "*", 1000, 0, { 304, 0, 0 } },
  { NULL, NULL, "\"v2\"", 1000, 0, { 200, 0, 1000 } },
  { NULL, NULL, "v1", 1000, 0, { 200, 0, 1000 } },
  { NULL, NULL, "\"v1", 1000, 0, { 200, 0, 1000 } },
  { NULL, NULL, "", 1000, 0, { 200, 0, 1000 } },
  { NULL, NULL, "W/", 1000, 0, { 200, 0, 1000 } },
  /* what a make may ask for */
  { "bytes=5-9", NULL, NULL, 1000, GW_HTTP_RANGE_IGNORE, { 200, 0, 1000 } },
  { "bytes=0-", NULL, NULL, 1000, GW_HTTP_RANGE0_IS_200, { 200, 0, 1000 } },
  { "bytes=1-", NULL, NULL, 1000, GW_HTTP_RANGE0_IS_200, { 206, 1, 999 } },
  { "bytes=0-9", NULL, NULL, 1000, GW_HTTP_RANGE0_IS_200, { 206, 0, 10 } },
};

static GwSlice
slice(const char *text)
{
  return (GwSlice){ (const guint8 *)text, text ? strlen(text) : 0 };
}

static void
test_table(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    const Row *row = &rows[i];
    GwHttpConditions conditions = { slice(row->range), slice(row->if_range), slice(row->if_none_match) };
    GwHttpRange range = gw_http_range_select(&conditions, row->body_size, ETAG, row->flags);

    g_test_message("%s | %s | %s", row->range, row->if_range, row->if_none_match);
    g_assert_cmpuint(range.status, ==, row->expected.status);
    g_assert_cmpuint(range.offset, ==, row->expected.offset);
    g_assert_cmpuint(range.size, ==, row->expected.size);
  }
}

/* Without a validator no condition can hold. */
static void
test_without_etag(void)
{
  GwHttpConditions if_range = { slice("bytes=1-2"), slice(ETAG), slice(NULL) };
  GwHttpConditions if_none_match = { slice(NULL), slice(NULL), slice("*") };

  g_assert_cmpuint(gw_http_range_select(&if_range, 10, NULL, 0).status, ==, 200);
  g_assert_cmpuint(gw_http_range_select(&if_none_match, 10, NULL, 0).status, ==, 200);
}

/* Whatever is asked, never a byte beyond the body. */
static void
test_never_more_than_the_body(void)
{
  static const char alphabet[] = "0123456789999-,=bytes \t\"*W/";

  for (guint i = 0; i < 200000; i++) {
    char text[40] = "bytes=";
    gsize size = 6 + (gsize)g_test_rand_int_range(0, 30);
    guint64 body_size = (guint64)g_test_rand_int_range(0, 3) << g_test_rand_int_range(0, 62);
    GwHttpConditions conditions = { 0 };
    GwHttpRange range;

    for (gsize at = 6; at < size; at++)
      text[at] = alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)];
    conditions.range = (GwSlice){ (const guint8 *)text, size };
    range = gw_http_range_select(&conditions, body_size, ETAG, 0);
    g_assert_cmpuint(range.offset, <=, body_size);
    g_assert_cmpuint(range.size, <=, body_size - range.offset);
    g_assert_true(range.status != 206 || range.size > 0);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/L6/table", test_table);
  g_test_add_func("/promise/L6/without-etag", test_without_etag);
  g_test_add_func("/promise/L6/never-more", test_never_more_than_the_body);
  return g_test_run();
}
