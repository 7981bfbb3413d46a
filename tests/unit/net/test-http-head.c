/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests as bytes: what is understood, what is refused and with which status. */
#include "net/http-head.h"
#include <string.h>

typedef struct {
  const char *name; /* the promise's part of a test's path, or NULL */
  const char *text;
  int expected; /* 0 = more must come, negative = refused so, 1 = understood */
} Row;

/* From exactly as many bytes as there are, so that the sanitizers see a read beyond. */
static int
parse(const char *text, gsize size, GwHttpHead *head)
{
  static guint8 *exact;

  g_free(exact);
  exact = g_memdup2(text, size);
  return gw_http_head_parse(exact, size, head);
}

static void
assert_slice(GwSlice slice, const char *expected)
{
  g_autofree char *text = slice.data ? g_strndup((const char *)slice.data, slice.size) : NULL;

  g_assert_cmpstr(text, ==, expected);
}

#define HOST "Host: a\r\n"

static const Row framing[] = {
  { "missing-host", "GET / HTTP/1.1\r\n\r\n", -400 },
  { "duplicate-host", "GET / HTTP/1.1\r\n" HOST "Host: b\r\n\r\n", -400 },
  { "duplicate-host-same", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", -400 },
  { "duplicate-host-1.0", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", -400 },
  { "bad-host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", -400 },
  { "host-with-user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", -400 },
  { "host-list", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", -400 },
  { "host-port", "GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n", -400 },
  { "host-open-bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", -400 },
  { "empty-target", "GET  HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "host-bare-ipv6", "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", -400 },
  { "differing-content-length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
    -400 },
  { "duplicate-content-length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
    -400 },
  { "content-length-list", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\n", -400 },
  { "content-length-sign", "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\n", -400 },
  { "content-length-negative", "POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\n", -400 },
  { "content-length-hex", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\n", -400 },
  { "content-length-empty", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", -400 },
  { "content-length-huge", "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", -400 },
  { "length-with-chunked",
    "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", -400 },
  { "chunked-with-length",
    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", -400 },
  { "chunked-in-1.0", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", -400 },
  { "chunked-twice",
    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", -400 },
  { "other-coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", -501 },
  { "misspelt-coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", -501 },
  { "bare-lf", "GET / HTTP/1.1\n" HOST "\r\n", -400 },
  { "bare-lf-field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", -400 },
  { "bare-lf-end", "GET / HTTP/1.1\r\n" HOST "\n", -400 },
  { "bare-lf-first", "\nGET / HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "bare-cr", "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", -400 },
  { "bare-cr-line", "GET /\r HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "obs-fold", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", -400 },
  { "obs-fold-tab", "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", -400 },
  { "blank-before-fields", "GET / HTTP/1.1\r\n " HOST "\r\n", -400 },
  { "blank-before-colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", -400 },
  { "blank-in-name", "GET / HTTP/1.1\r\n" HOST "X Y: a\r\n\r\n", -400 },
  { "no-colon", "GET / HTTP/1.1\r\n" HOST "XY\r\n\r\n", -400 },
  { "no-name", "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", -400 },
  { "control-in-value", "GET / HTTP/1.1\r\n" HOST "X: a\001b\r\n\r\n", -400 },
  { "control-in-long-value", "GET / HTTP/1.1\r\n" HOST "X: 0123456789abcdef\v\r\n\r\n", -400 },
  { "del-in-value", "GET / HTTP/1.1\r\n" HOST "X: 0123456\177\r\n\r\n", -400 },
  { "control-in-name", "GET / HTTP/1.1\r\n" HOST "X\001: a\r\n\r\n", -400 },
  { "control-in-target", "GET /\001 HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "two-blanks", "GET  / HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "blank-in-target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "tab-for-blank", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "blank-after-version", "GET / HTTP/1.1 \r\n" HOST "\r\n", -400 },
  { "no-version", "GET /\r\n" HOST "\r\n", -400 },
  { "small-version", "GET / http/1.1\r\n" HOST "\r\n", -400 },
  { "long-version", "GET / HTTP/1.10\r\n" HOST "\r\n", -400 },
  { "no-target", "GET HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "target-without-slash", "GET a HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "asterisk", "GET * HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "authority", "GET a:80 HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "absolute-without-host", "GET http:///x HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "absolute-with-user", "GET http://u@b/x HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "absolute-still-needs-host", "GET http://a/ HTTP/1.1\r\n\r\n", -400 },
  { "three-blank-lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", -400 },
  { "tls-hello", "\026\003\001\002\n", -400 },
};

static const Row others[] = {
  { "empty", "", 0 },
  { "partial-line", "GET / HT", 0 },
  { "partial-field", "GET / HTTP/1.1\r\nHos", 0 },
  { "partial-end", "GET / HTTP/1.1\r\n" HOST "\r", 0 },
  { "plain", "GET / HTTP/1.1\r\n" HOST "\r\n", 1 },
  { "version-1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 1 },
  { "version-2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", -505 },
  { "method", "PATCH / HTTP/1.1\r\n" HOST "\r\n", -501 },
  { "small-method", "get / HTTP/1.1\r\n" HOST "\r\n", -501 },
  { "connect", "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", -501 },
  { "expectation", "POST / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", -417 },
  { "empty-host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 1 },
  { "empty-port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 1 },
  { "tab-in-value", "GET / HTTP/1.1\r\n" HOST "X: a\tb\r\n\r\n", 1 },
  { "not-ascii", "GET /\303\244 HTTP/1.1\r\n" HOST "X: \303\244\r\n\r\n", 1 },
  { "two-blank-lines", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 1 },
};

static void
test_row(gconstpointer data)
{
  const Row *row = data;
  gsize size = strlen(row->text);
  GwHttpHead head;
  int result = parse(row->text, size, &head);

  g_assert_cmpint(result, ==, row->expected == 1 ? (int)size : row->expected);
  /* A good head is not taken before its last byte has come; a bad one never. */
  for (gsize part = 0; part < size; part++) {
    result = parse(row->text, part, &head);
    g_assert_cmpint(result, <=, 0);
    if (row->expected >= 0)
      g_assert_cmpint(result, ==, 0);
  }
}

static void
test_nul(void)
{
  static const char text[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
  static const char name[] = "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n";
  GwHttpHead head;

  g_assert_cmpint(parse(text, sizeof text - 1, &head), ==, -400);
  g_assert_cmpint(parse(name, sizeof name - 1, &head), ==, -400);
}

/* What devices really send. */
static void
test_devices(void)
{
  GwHttpHead head;
  const char *no_blank =
      "POST /dev/ota/v4.1/update_and_check/d HTTP/1.1\r\nHost:api.example.com\r\nContent-Length:70\r\n"
      "Content-Type: application/x-www-form-urlencoded\r\n\r\n";
  const char *short_connection =
      "GET /api?imei=1&version=1.0.0 HTTP/1.1\r\nRange: bytes=0-\r\nConnection: short\r\n"
      "Host: iot.example.com\r\n\r\n";
  const char *one_dot_nil = "GET /fw.bin HTTP/1.0\r\nHost: 127.0.0.1:19401\r\nConnection: close\r\n"
                            "x-Chip-ID: 15602487\r\nContent-Length: 0\r\n\r\n";
  const char *two_lines = "GET /ota.json HTTP/1.1\r\nHost: 192.168.43.173\r\n\r\n";

  g_assert_cmpint(parse(no_blank, strlen(no_blank), &head), >, 0);
  assert_slice(head.host, "api.example.com");
  g_assert_cmpuint(head.length, ==, 70);
  g_assert_true(head.is_keep_alive);

  g_assert_cmpint(parse(short_connection, strlen(short_connection), &head), >, 0);
  assert_slice(head.path, "/api");
  assert_slice(head.query, "imei=1&version=1.0.0");
  assert_slice(head.range, "bytes=0-");
  g_assert_true(head.is_keep_alive);

  g_assert_cmpint(parse(one_dot_nil, strlen(one_dot_nil), &head), >, 0);
  g_assert_cmpuint(head.minor_version, ==, 0);
  assert_slice(head.host, "127.0.0.1");
  g_assert_true(head.has_length);
  g_assert_cmpuint(head.length, ==, 0);
  g_assert_false(head.is_keep_alive);
  assert_slice(gw_http_head_field(&head, "X-CHIP-ID"), "15602487");
  assert_slice(gw_http_head_field(&head, "X-Chip"), NULL);

  g_assert_cmpint(parse(two_lines, strlen(two_lines), &head), >, 0);
  assert_slice(head.path, "/ota.json");
  assert_slice(head.query, NULL);
  assert_slice(head.range, NULL);
}

static void
test_keep_alive(void)
{
  static const struct {
    const char *text;
    gboolean is_kept;
  } rows[] = {
    { "GET / HTTP/1.1\r\n" HOST "\r\n", TRUE },
    { "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", FALSE },
    { "GET / HTTP/1.1\r\n" HOST "Connection: x, CLOSE\r\n\r\n", FALSE },
    { "GET / HTTP/1.1\r\n" HOST "Connection: x\r\nConnection: close\r\n\r\n", FALSE },
    { "GET / HTTP/1.1\r\n" HOST "Connection: keep-alive, close\r\n\r\n", FALSE },
    { "GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n", TRUE },
    { "GET / HTTP/1.0\r\n\r\n", FALSE },
    { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", TRUE },
    { "GET / HTTP/1.0\r\nConnection: , ,\r\n\r\n", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    GwHttpHead head;

    g_assert_cmpint(parse(rows[i].text, strlen(rows[i].text), &head), >, 0);
    g_assert_cmpint(head.is_keep_alive, ==, rows[i].is_kept);
  }
}

static void
test_targets(void)
{
  static const struct {
    const char *target, *host, *path, *query;
  } rows[] = {
    { "/a/b?c=d?e", "a", "/a/b", "c=d?e" },
    { "/?", "a", "/", "" },
    { "http://B.example:8000/x?y", "B.example", "/x", "y" },
    { "HTTPS://b", "b", "/", NULL },
    { "http://b?q", "b", "/", "q" },
    { "http://[2001:db8::1]:80/z", "[2001:db8::1]", "/z", NULL },
    { "/..%2f/%00", "a", "/..%2f/%00", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *text = g_strdup_printf("DELETE %s HTTP/1.1\r\nHost: a:123\r\n\r\n", rows[i].target);
    GwHttpHead head;

    g_assert_cmpint(parse(text, strlen(text), &head), >, 0);
    g_assert_cmpint(head.method, ==, GW_HTTP_DELETE);
    assert_slice(head.target, rows[i].target);
    assert_slice(head.host, rows[i].host);
    assert_slice(head.path, rows[i].path);
    assert_slice(head.query, rows[i].query);
  }
}

static void
test_two_ranges_are_none(void)
{
  const char *text = "GET / HTTP/1.1\r\n" HOST "Range: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n";
  GwHttpHead head;

  g_assert_cmpint(parse(text, strlen(text), &head), >, 0);
  assert_slice(head.range, NULL);
}

static void
test_limits(void)
{
  g_autoptr(GString) many = g_string_new("GET / HTTP/1.1\r\n" HOST);
  g_autoptr(GString) large = g_string_new("GET / HTTP/1.1\r\n" HOST "X: ");
  GwHttpHead head;

  for (guint i = 1; i < GW_HTTP_FIELDS_MAX; i++)
    g_string_append_printf(many, "X%u: y\r\n", i);
  g_string_append(many, "\r\n");
  g_assert_cmpint(parse(many->str, many->len, &head), ==, (int)many->len);
  g_assert_cmpuint(head.n_fields, ==, GW_HTTP_FIELDS_MAX);
  g_string_insert(many, (gssize)many->len - 2, "Y: z\r\n");
  g_assert_cmpint(parse(many->str, many->len, &head), ==, -431);

  while (large->len < GW_HTTP_HEAD_MAX - 4)
    g_string_append_c(large, 'x');
  g_string_append(large, "\r\n\r\n");
  g_assert_cmpuint(large->len, ==, GW_HTTP_HEAD_MAX);
  g_assert_cmpint(parse(large->str, large->len, &head), ==, GW_HTTP_HEAD_MAX);
  g_string_insert_c(large, 30, 'x');
  g_assert_cmpint(parse(large->str, large->len, &head), ==, -431);
  g_assert_cmpint(parse(large->str, GW_HTTP_HEAD_MAX - 1, &head), ==, 0);
}

/* What follows belongs to the next request. */
static void
test_takes_its_own_only(void)
{
  const char *text = "GET /a HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n";
  GwHttpHead head;
  int used = parse(text, strlen(text), &head);

  g_assert_cmpint(used, ==, (int)strlen(text) / 2);
  assert_slice(head.path, "/a");
  g_assert_cmpuint(head.raw.size, ==, (gsize)used);
}

static void
test_rebase(void)
{
  const char *text = "GET http://h/p?q HTTP/1.1\r\nHost: a\r\nRange: bytes=1-\r\nX:\r\n\r\n";
  g_autofree guint8 *copy = NULL;
  GwHttpHead head;

  g_assert_cmpint(parse(text, strlen(text), &head), >, 0);
  copy = g_memdup2(head.raw.data, head.raw.size);
  gw_http_head_rebase(&head, copy);
  g_assert_cmpint(parse("", 0, &(GwHttpHead){ 0 }), ==, 0); /* the first bytes are gone now */
  assert_slice(head.host, "h");
  assert_slice(head.path, "/p");
  assert_slice(head.query, "q");
  assert_slice(head.range, "bytes=1-");
  assert_slice(gw_http_head_field(&head, "x"), "");
}

static void
add_rows(const char *folder, const Row *rows, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *path = g_strdup_printf("%s/%s", folder, rows[i].name);

    g_test_add_data_func(path, &rows[i], test_row);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  add_rows("/promise/L5", framing, G_N_ELEMENTS(framing));
  add_rows("/net/http-head", others, G_N_ELEMENTS(others));
  g_test_add_func("/promise/L5/nul", test_nul);
  g_test_add_func("/net/http-head/devices", test_devices);
  g_test_add_func("/net/http-head/keep-alive", test_keep_alive);
  g_test_add_func("/net/http-head/targets", test_targets);
  g_test_add_func("/net/http-head/two-ranges", test_two_ranges_are_none);
  g_test_add_func("/net/http-head/limits", test_limits);
  g_test_add_func("/net/http-head/own-only", test_takes_its_own_only);
  g_test_add_func("/net/http-head/rebase", test_rebase);
  return g_test_run();
}
