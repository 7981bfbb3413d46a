/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images on their way: every byte, honest progress, and facts that are told once and truly. */
#include "bench.h"

#include <string.h>

#include "gateway-plugin.h"

#define CONFIG                                                                                               \
  "[('plugin', 'hello', {'listen': '127.0.0.1:0'}), ('plugin', 'teller', {'listen': '127.0.0.1:0'}),"        \
  " ('plugin', 'stubborn', {'listen': '127.0.0.1:0'})]"
#define IMAGE "/hello/n1/" BENCH_TOKEN

static const char *folders;

static void
assert_has(const char *text, const char *part)
{
  if (!strstr(text, part))
    g_error("\"%s\" is not in \"%.200s\"", part, text);
}

static void
open_for_bytes(Bench *bench)
{
  bench_open(bench, folders, CONFIG);
  bench_answer_bytes(bench);
}

static void
ask_range(Client *client, const char *path, const char *range)
{
  g_autofree char *request =
      g_strdup_printf("GET %s HTTP/1.1\r\nHost: gw\r\n%s%s%s\r\n", path, range ? "Range: bytes=" : "",
                      range ? range : "", range ? "\r\n" : "");

  client_send(client, request);
}

/* The body after the head. */
static const char *
body_of(const Client *client, gsize *ret_size)
{
  const char *end = strstr(client->heard->str, "\r\n\r\n");

  g_assert_nonnull(end);
  *ret_size = client->heard->len - (gsize)(end + 4 - client->heard->str);
  return end + 4;
}

static void
test_whole(void)
{
  Bench bench;
  gsize size;

  open_for_bytes(&bench);
  Client *client = client_new(&bench, "hello", 1);
  ask_range(client, IMAGE, NULL);
  bench_settle(&bench);
  assert_has(client->heard->str, "HTTP/1.1 200 OK\r\n");
  assert_has(client->heard->str, "Content-Length: 300000\r\n");
  assert_has(client->heard->str, "ETag: \"01020300000000000000000000000000\"\r\n");
  const char *body = body_of(client, &size);
  g_assert_cmpmem(body, size, bench.image, bench.image_size);
  g_assert_cmpint(bench.ask.kind, ==, GW_ASK_BYTES);
  g_assert_cmpstr(bench.ask.token, ==, BENCH_TOKEN);
  g_assert_cmpuint(bench.n_told, ==, 1); /* it took no time: that it began is not told apart */
  g_assert_cmpint(bench.told[0].kind, ==, GW_TOLD_COMPLETE);
  g_assert_cmpuint(bench.told[0].acked, ==, 300000);
  g_assert_cmpuint(bench.told[0].size, ==, 300000);
  g_assert_cmpstr(bench.told[0].node, ==, "n1");
  g_assert_cmpuint(bench_gauge(&bench, BENCH_TOKEN), ==, G_MAXUINT64);
  bench_close(&bench);
}

/* One descriptor a blob, not one a transfer. */
static void
test_one_open(void)
{
  Bench bench;

  open_for_bytes(&bench);
  for (guint i = 0; i < 3; i++) {
    Client *client = client_new(&bench, "hello", 1);
    ask_range(client, IMAGE, NULL);
    client_close(client);
  }
  g_assert_cmpuint(bench.n_opens, ==, 1);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==,
                   3); /* each from the first byte: a new attempt */
  bench_close(&bench);
}

/* Sent is not acknowledged: who does not read has nothing. */
static void
test_complete_means_acked(void)
{
  Bench bench;

  open_for_bytes(&bench);
  bench_make_image(&bench, 8 * 1024 * 1024);
  bench_answer_bytes(&bench);
  Client *client = client_new(&bench, "hello", 1);
  client->is_deaf = TRUE;
  ask_range(client, IMAGE, NULL);
  bench_pass(&bench, 5000);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_BEGUN), ==, 1);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 0);
  g_assert_cmpuint(bench_gauge(&bench, BENCH_TOKEN), <, bench.image_size);
  g_assert_cmpuint(bench_gauge(&bench, BENCH_TOKEN), >, 0);
  client->is_deaf = FALSE;
  bench_pass(&bench, 5000);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 1);
  bench_close(&bench);
}

/* In pieces and out of order: complete with the last missing byte, and not before. */
static void
test_pieces(void)
{
  Bench bench;

  open_for_bytes(&bench);
  Client *client = client_new(&bench, "hello", 1);
  ask_range(client, IMAGE, "100000-199999");
  ask_range(client, IMAGE, "200001-");
  ask_range(client, IMAGE, "0-99999");
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_BEGUN), ==, 1);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 0);
  g_assert_cmpuint(bench_gauge(&bench, BENCH_TOKEN), ==, 100000); /* from the first byte: begun anew */
  ask_range(client, IMAGE, "100000-199999");
  ask_range(client, IMAGE, "200001-");
  g_assert_cmpuint(bench_gauge(&bench, BENCH_TOKEN), ==, 299999);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 0);
  ask_range(client, IMAGE, "200000-200000");
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 1);
  g_assert_cmpuint(bench.n_told, ==, 2);
  ask_range(client, IMAGE, "299000-"); /* once more the end: no new attempt */
  g_assert_cmpuint(bench.n_told, ==, 2);
  g_assert_cmpuint(bench.n_asks, ==, 1);
  bench_close(&bench);
}

/* The pieces stop coming. */
static void
test_pieces_stop(void)
{
  Bench bench;

  open_for_bytes(&bench);
  Client *client = client_new(&bench, "hello", 1);
  ask_range(client, IMAGE, "0-999");
  bench_pass(&bench, 50000);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_INTERRUPTED), ==, 0);
  bench_pass(&bench, 15000);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_INTERRUPTED), ==, 1);
  g_assert_cmpuint(bench_find_told(&bench, GW_TOLD_INTERRUPTED)->acked, ==, 1000);
  bench_close(&bench);
}

/* A node dies in the middle, comes back and resumes: interrupted, begun again, complete. */
static void
test_resumed(void)
{
  Bench bench;

  open_for_bytes(&bench);
  Client *first = client_new(&bench, "hello", 1);
  ask_range(first, IMAGE, "0-199999");
  client_close(first);
  bench_pass(&bench, 65000);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_INTERRUPTED), ==, 1);
  Client *second = client_new(&bench, "hello", 1);
  ask_range(second, IMAGE, "200000-");
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_BEGUN), ==, 1); /* the second took no time */
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 1);
  bench_close(&bench);
}

static void
test_cut(void)
{
  Bench bench;

  open_for_bytes(&bench);
  bench_make_image(&bench, 8 * 1024 * 1024);
  bench_answer_bytes(&bench);
  Client *client = client_new(&bench, "hello", 1);
  client->is_deaf = TRUE;
  ask_range(client, IMAGE, NULL);
  client_close(client);
  bench_pass(&bench, 1000);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 0);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_INTERRUPTED), ==, 1);
  g_assert_cmpuint(bench_find_told(&bench, GW_TOLD_INTERRUPTED)->acked, <, bench.image_size);
  bench_close(&bench);
}

static void
test_head_is_no_transfer(void)
{
  Bench bench;

  open_for_bytes(&bench);
  Client *client = client_new(&bench, "teller", 1);
  client_send(client, "HEAD /t/n1/bytes/" BENCH_TOKEN " HTTP/1.1\r\nHost: gw\r\n\r\n");
  assert_has(client->heard->str, "Content-Length: 300000\r\n");
  ask_range(client, "/t/n1/bytes/" BENCH_TOKEN, "400000-");
  assert_has(client->heard->str, "HTTP/1.1 416 ");
  g_assert_cmpuint(bench.n_told, ==, 0);
  bench_close(&bench);
}

/* ---- stop ---- */

static void
test_stop(void)
{
  Bench bench;

  open_for_bytes(&bench);
  bench_make_image(&bench, 8 * 1024 * 1024);
  bench_answer_bytes(&bench);
  Client *client = client_new(&bench, "hello", 1);
  client->is_deaf = TRUE;
  ask_range(client, IMAGE, NULL);
  bench_send(&bench, GW_MESSAGE_STOP, gw_stop_pack(BENCH_TOKEN, "withdrawn"));
  bench_settle(&bench);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_INTERRUPTED), ==, 1);
  g_assert_cmpstr(bench_find_told(&bench, GW_TOLD_INTERRUPTED)->detail, ==, "withdrawn");
  client->is_deaf = FALSE;
  bench_settle(&bench);
  g_assert_true(client->was_reset); /* what it has is not the whole */
  bench_answer_nothing(&bench);
  bench_get(&bench, "hello", IMAGE);
  g_assert_cmpuint(bench.n_asks, ==, 2); /* the answer went with it */
  bench_close(&bench);
}

static void
test_never_cut(void)
{
  Bench bench;
  gsize size;

  open_for_bytes(&bench);
  bench_make_image(&bench, 8 * 1024 * 1024);
  bench_answer_bytes(&bench);
  Client *client = client_new(&bench, "stubborn", 1);
  client->is_deaf = TRUE;
  ask_range(client, "/s/n1/bytes/" BENCH_TOKEN, NULL);
  g_assert_true(bench.ask.is_never_cut);
  bench_send(&bench, GW_MESSAGE_STOP, gw_stop_pack(BENCH_TOKEN, "withdrawn"));
  bench_settle(&bench);
  client->is_deaf = FALSE;
  bench_pass(&bench, 5000);
  body_of(client, &size);
  g_assert_cmpuint(size, ==, bench.image_size);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 1);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_INTERRUPTED), ==, 0);
  bench_close(&bench);
}

/* ---- the core and its blobs ---- */

static void
test_core_killed(void)
{
  Bench bench;

  open_for_bytes(&bench);
  bench_make_image(&bench, 8 * 1024 * 1024);
  bench_answer_bytes(&bench);
  Client *client = client_new(&bench, "hello", 1), *other = client_new(&bench, "teller", 2);
  client->is_deaf = TRUE;
  ask_range(client, IMAGE, NULL);
  bench_kill_core(&bench);
  bench_settle(&bench);
  bench_start_core(&bench);
  g_assert_cmpstr(bench.running[0], ==, BENCH_TOKEN);
  bench_kill_core(&bench);
  client->is_deaf = FALSE;
  bench_pass(&bench, 5000);
  ask_range(other, "/t/n2/bytes/" BENCH_TOKEN, NULL);
  assert_has(other->heard->str, "kind=7 ");
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 0);
  bench_start_core(&bench);
  g_assert_null(bench.running[0]);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 1);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_INTERRUPTED), ==, 0);
  bench_close(&bench);
}

static void
test_blob_busy(void)
{
  Bench bench;

  open_for_bytes(&bench);
  int image_fd = bench.image_fd;
  bench.image_fd = -1;
  bench.is_image_busy = TRUE;
  assert_has(bench_get(&bench, "teller", "/t/n1/bytes/" BENCH_TOKEN), "kind=7 ");
  bench.is_image_busy = FALSE;
  assert_has(bench_get(&bench, "teller", "/t/n1/bytes/" BENCH_TOKEN), "kind=6 "); /* it cannot be read */
  bench.is_dropped = TRUE;
  assert_has(bench_get(&bench, "teller", "/t/n1/bytes/" BENCH_TOKEN), "kind=7 "); /* dropped on its way */
  bench.image_fd = image_fd;
  bench.is_dropped = FALSE;
  assert_has(bench_get(&bench, "hello", IMAGE), "HTTP/1.1 200 OK\r\n");
  g_assert_cmpuint(bench.n_opens, ==, 4);
  bench_close(&bench);
}

/* ---- caps ---- */

static void
test_cap_of_node(void)
{
  Bench bench;

  open_for_bytes(&bench);
  bench_make_image(&bench, 8 * 1024 * 1024);
  bench_answer_bytes(&bench);
  for (guint i = 0; i < 2; i++) {
    Client *client = client_new(&bench, "teller", 1);
    client->is_deaf = TRUE;
    ask_range(client, "/t/n1/bytes/" BENCH_TOKEN, NULL);
  }
  assert_has(bench_get(&bench, "teller", "/t/n1/bytes/" BENCH_TOKEN), "kind=7 reason=5");
  bench_close(&bench);
}

static void
test_cap_of_segment(void)
{
  Bench bench;

  open_for_bytes(&bench);
  bench_make_image(&bench, 8 * 1024 * 1024);
  for (guint i = 0; i < 9; i++) {
    g_autofree char *token = g_strdup_printf("token%u", i), *node = g_strdup_printf("m%u", i);
    g_autofree char *path = g_strdup_printf("/t/%s/bytes/%s", node, token);
    Client *client = client_new(&bench, "teller", 1 + i);
    bench_answer_bytes(&bench);
    bench.answer.token = token;
    bench.answer.node = node;
    client->is_deaf = i < 8;
    ask_range(client, path, NULL);
    if (i == 8)
      assert_has(client->heard->str, "kind=7 reason=5");
  }
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_BEGUN), ==, 8);
  /* Never-cut ones are served over the cap. */
  bench.answer.token = (char *)"token9";
  bench.answer.node = (char *)"m9";
  Client *client = client_new(&bench, "stubborn", 20);
  ask_range(client, "/s/m9/bytes/token9", NULL);
  assert_has(client->heard->str, "HTTP/1.1 200 OK\r\n");
  bench_close(&bench);
}

/* Strangers have 8 connections an address; the address of an adopted node has room for more, and another
 * address is not touched. */
static void
test_strangers(void)
{
  Bench bench;
  guint n_open = 0;

  bench_open(&bench, folders, CONFIG);
  for (guint i = 0; i < 12; i++)
    n_open += !client_new(&bench, "hello", 5)->is_over;
  g_assert_cmpuint(n_open, ==, 8);
  Client *other = client_new(&bench, "hello", 6);
  client_send(other, "GET /hello/n1?1.0.0 HTTP/1.1\r\nHost: gw\r\n\r\n"); /* which the core says is adopted */
  assert_has(other->heard->str, "none\n");
  n_open = 0;
  for (guint i = 0; i < 12; i++)
    n_open += !client_new(&bench, "hello", 6)->is_over;
  g_assert_cmpuint(n_open, ==, 12);
  bench_close(&bench);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_assert_cmpint(argc, ==, 2);
  folders = argv[1];
  g_test_add_func("/downloads/whole", test_whole);
  g_test_add_func("/downloads/one-open", test_one_open);
  g_test_add_func("/downloads/complete-means-acked", test_complete_means_acked);
  g_test_add_func("/downloads/pieces", test_pieces);
  g_test_add_func("/downloads/pieces-stop", test_pieces_stop);
  g_test_add_func("/downloads/resumed", test_resumed);
  g_test_add_func("/downloads/cut", test_cut);
  g_test_add_func("/downloads/head-is-no-transfer", test_head_is_no_transfer);
  g_test_add_func("/downloads/stop", test_stop);
  g_test_add_func("/downloads/never-cut", test_never_cut);
  g_test_add_func("/downloads/core-killed", test_core_killed);
  g_test_add_func("/downloads/blob-busy", test_blob_busy);
  g_test_add_func("/promise/L4/transfers-of-a-node", test_cap_of_node);
  g_test_add_func("/promise/L4/transfers-of-a-segment", test_cap_of_segment);
  g_test_add_func("/promise/L4/connections-of-strangers", test_strangers);
  return g_test_run();
}
