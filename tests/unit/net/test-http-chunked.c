/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-chunked.h"
#include <string.h>

typedef struct {
  const char *text;
  const char *body;      /* what is decoded of it */
  GwHttpChunkedStep end; /* MORE: it goes on */
  guint left;            /* bytes that belong to what follows */
} Row;

static const Row rows[] = {
  { "0\r\n\r\n", "", GW_HTTP_CHUNKED_END, 0 },
  { "3\r\nabc\r\n0\r\n\r\nGET", "abc", GW_HTTP_CHUNKED_END, 3 },
  { "3\r\nabc\r\n00A\r\n0123456789\r\n000\r\n\r\n", "abc0123456789", GW_HTTP_CHUNKED_END, 0 },
  { "a;x=y;z=\"\r\n0123456789\r\n0;last\r\n\r\n", "0123456789", GW_HTTP_CHUNKED_END, 0 },
  { "1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n", "a", GW_HTTP_CHUNKED_END, 0 },
  { "1\r\na\r\n0\r\n", "a", GW_HTTP_CHUNKED_MORE, 0 },
  { "ffffffffffffffff\r\nabc", "abc", GW_HTTP_CHUNKED_MORE, 0 },
  /* bad sizes */
  { "\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "g\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "-1\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "+1\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { " 1\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "1 \r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "0x1\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "1_0\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { ";x\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "00000000000000001\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  /* bad ends of lines */
  { "1\na\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "1\rXa", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "1;x\ny\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "1\r\nab\r\n", "a", GW_HTTP_CHUNKED_BAD, 0 },
  { "1\r\na\n0\r\n\r\n", "a", GW_HTTP_CHUNKED_BAD, 0 },
  { "1\r\na\rX", "a", GW_HTTP_CHUNKED_BAD, 0 },
  { "0\r\n\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "0\r\n\rX", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "0\r\n folded\r\n\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
  { "0\r\nX: a\nY: b\r\n\r\n", "", GW_HTTP_CHUNKED_BAD, 0 },
};

/* Decodes @text in pieces of @piece bytes. */
static GwHttpChunkedStep
decode(const char *text, gsize piece, GString *body, gsize *ret_used)
{
  GwHttpChunked chunked = { 0 };
  gsize size = strlen(text);
  gsize offset = 0;
  GwHttpChunkedStep step = GW_HTTP_CHUNKED_MORE;

  while (offset < size && (step == GW_HTTP_CHUNKED_MORE || step == GW_HTTP_CHUNKED_DATA)) {
    gsize n = MIN(piece, size - offset);
    g_autofree guint8 *exact = g_memdup2(text + offset, n);
    GwSlice data;
    gsize used;

    step = gw_http_chunked_next(&chunked, (GwSlice){ exact, n }, &used, &data);
    g_assert_cmpuint(used, >, 0);
    g_assert_cmpuint(used, <=, n);
    if (data.size > 0)
      g_string_append_len(body, (const char *)data.data, (gssize)data.size);
    offset += used;
  }
  *ret_used = offset;
  return step == GW_HTTP_CHUNKED_DATA ? GW_HTTP_CHUNKED_MORE : step;
}

static void
test_table(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    for (gsize piece = 1; piece <= 64; piece *= 2) {
      g_autoptr(GString) body = g_string_new(NULL);
      gsize used;
      GwHttpChunkedStep step = decode(rows[i].text, piece, body, &used);

      g_test_message("%s in pieces of %zu", rows[i].text, piece);
      g_assert_cmpint(step, ==, rows[i].end);
      g_assert_cmpstr(body->str, ==, rows[i].body);
      if (step == GW_HTTP_CHUNKED_END)
        g_assert_cmpuint(strlen(rows[i].text) - used, ==, rows[i].left);
    }
}

static void
assert_bad_when_repeated(const char *head, const char *filler, gsize limit)
{
  g_autoptr(GString) text = g_string_new(head);
  g_autoptr(GString) body = g_string_new(NULL);
  gsize used;

  while (text->len < limit + 64)
    g_string_append(text, filler);
  g_assert_cmpint(decode(text->str, 4096, body, &used), ==, GW_HTTP_CHUNKED_BAD);
  g_assert_cmpuint(used, <=, limit + 16);
}

/* What a peer may make us read over is bounded. */
static void
test_limits(void)
{
  assert_bad_when_repeated("1;", "x", GW_HTTP_CHUNK_LINE_MAX);
  assert_bad_when_repeated("0\r\n", "X: y\r\n", GW_HTTP_TRAILER_MAX);
  assert_bad_when_repeated("0\r\nX", "x", GW_HTTP_TRAILER_MAX);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/L5/chunked", test_table);
  g_test_add_func("/promise/L5/chunked-limits", test_limits);
  return g_test_run();
}
