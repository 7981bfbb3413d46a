/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions in the worker: over TCP and over a terminal, with the core behind them. */
#include "bench.h"

#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "gateway-plugin.h"

#define CONFIG                                                                                               \
  "[('plugin', 'example-line', {'listen': '127.0.0.1:0'}), ('plugin', 'greedy', {'listen': '127.0.0.2:0'})]"

static const char *folders;

/* What is heard may be an image. */
static void
assert_has(const GString *heard, const char *part)
{
  if (!memmem(heard->str, heard->len, part, strlen(part)))
    g_error("\"%s\" is not in \"%.200s\"", part, heard->str);
}

static void
read_image(Bench *bench, Client *client, guint from)
{
  for (guint at = from; at < bench->image_size; at += 1024) {
    g_autofree char *line = g_strdup_printf("READ %u 1024\n", at);
    client_send(client, line);
  }
}

static void
test_update(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_make_image(&bench, 5000);
  bench_answer_offer(&bench);
  Client *client = client_new(&bench, "example-line", 1);
  client_send(client, "HELLO n1 1.0\n");
  assert_has(client->heard, "OFFER " BENCH_TOKEN " 5000 010203");
  g_assert_cmpstr(bench.ask.address, ==, "127.0.0.1");
  g_assert_cmpstr(bench.ask.interface, ==, "lo");
  bench_answer_bytes(&bench);
  client_send(client, "GET " BENCH_TOKEN "\n");
  assert_has(client->heard, "READY\n");
  read_image(&bench, client, 0);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_BEGUN), ==, 1);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==,
                   0); /* of the last block nothing is known yet */
  client_send(client, "DONE ok\n");
  assert_has(client->heard, "OK\n");
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 1);
  g_assert_cmpint(bench.told[1].kind, ==, GW_TOLD_COMPLETE); /* before the node's own word */
  g_assert_cmpint(bench.told[2].kind, ==, GW_TOLD_REPORT);
  g_assert_cmpint(bench.told[2].ask.state, ==, GATEWAY_TELL_SUCCEEDED);
  bench_close(&bench);
}

/* It hangs up in the middle, and reads the rest over another connection. */
static void
test_resumed(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_make_image(&bench, 4096);
  bench_answer_bytes(&bench);
  Client *first = client_new(&bench, "example-line", 1);
  client_send(first, "HELLO n1 1.0\nGET " BENCH_TOKEN "\n");
  client_send(first, "READ 0 1024\n");
  client_send(first, "READ 1024 1024\n");
  client_send(first, "READ 2048 1024\n");
  client_close(first);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_INTERRUPTED), ==, 1);
  g_assert_cmpuint(bench_find_told(&bench, GW_TOLD_INTERRUPTED)->acked, ==, 2048);
  Client *second = client_new(&bench, "example-line", 1);
  client_send(second, "HELLO n1 1.0\n");
  client_send(second, "GET " BENCH_TOKEN "\n");
  read_image(&bench, second, 2048);
  client_send(second, "DONE ok\n");
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 1);
  bench_close(&bench);
}

static void
test_stop_and_wake(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_answer_bytes(&bench);
  Client *client = client_new(&bench, "example-line", 1);
  client_send(client, "HELLO n1 1.0\n");
  bench_send(&bench, GW_MESSAGE_WAKE, gw_wake_pack("example-line", "n2", "check", ""));
  bench_settle(&bench);
  g_assert_null(strstr(client->heard->str, "CHECK"));
  bench_send(&bench, GW_MESSAGE_WAKE, gw_wake_pack("example-line", "n1", "check", ""));
  bench_settle(&bench);
  assert_has(client->heard, "CHECK\n");
  client_send(client, "GET " BENCH_TOKEN "\n");
  client_send(client, "READ 0 1024\n");
  client_send(client, "READ 1024 1024\n");
  bench_send(&bench, GW_MESSAGE_STOP, gw_stop_pack(BENCH_TOKEN, "withdrawn"));
  bench_settle(&bench);
  g_assert_true(client->is_over);
  g_assert_cmpstr(bench_find_told(&bench, GW_TOLD_INTERRUPTED)->detail, ==, "withdrawn");
  bench_close(&bench);
}

/* Block after block for ever: the others have their turns. */
static void
test_greedy(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  Client *greedy = client_new(&bench, "greedy", 1), *other = client_new(&bench, "example-line", 1);
  client_send(greedy, "go\n");
  client_send(other, "HELLO n1 1.0\n");
  assert_has(other->heard, "NONE\n");
  g_assert_false(greedy->is_over);
  client_send(greedy, "x\n");
  Client *worse = client_new(&bench, "greedy", 1);
  client_send(worse, "more\n"); /* more than is kept: it is shown out */
  g_assert_true(worse->is_over);
  bench_close(&bench);
}

static void
test_core_away(void)
{
  Bench bench;

  bench_open(&bench, folders, CONFIG);
  bench_kill_core(&bench);
  bench_settle(&bench);
  Client *client = client_new(&bench, "example-line", 1);
  client_send(client, "HELLO n1 1.0\n");
  assert_has(client->heard, "NONE\n");
  client_send(client, "DONE ok\n");
  bench_pass(&bench, 11000);
  assert_has(client->heard, "AGAIN\n");
  bench_start_core(&bench);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_REPORT), ==, 1);
  bench_close(&bench);
}

/* ---- a line ---- */

typedef struct {
  Bench bench;
  char *folder, *device;
  int node;
} Wire;

/* A terminal whose name is a link: another can take its place. */
static void
plug(Wire *wire)
{
  char name[64];
  int tty;

  g_assert_cmpint(openpty(&wire->node, &tty, name, NULL, NULL), ==, 0);
  g_assert_cmpint(fcntl(wire->node, F_SETFL, O_NONBLOCK), ==, 0);
  close(tty);
  unlink(wire->device);
  g_assert_cmpint(symlink(name, wire->device), ==, 0);
}

static void
wire_open(Wire *wire)
{
  wire->folder = g_dir_make_tmp("wire-XXXXXX", NULL);
  wire->device = g_build_filename(wire->folder, "tty", NULL);
  plug(wire);
  g_autofree char *config = g_strdup_printf(
      "[('line', 'shed', {'device': '%s', 'plugin': 'example-line', 'node': 'shed-1'})]", wire->device);
  bench_open(&wire->bench, folders, config);
}

static void
wire_close(Wire *wire)
{
  bench_close(&wire->bench);
  gw_close(&wire->node);
  unlink(wire->device);
  rmdir(wire->folder);
  g_free(wire->device);
  g_free(wire->folder);
}

/* What the node hears until @part is in it. The kernel carries a terminal's bytes in its own time. */
static void
hear(Wire *wire, const char *part)
{
  g_autoptr(GString) heard = g_string_new(NULL);
  char buffer[4096];

  for (guint i = 0; i < 3000 && !strstr(heard->str, part); i++) {
    ssize_t n = read(wire->node, buffer, sizeof buffer);
    if (n > 0)
      g_string_append_len(heard, buffer, n);
    else
      g_usleep(1000);
    (void)g_main_context_iteration(gw_reactor_context(wire->bench.reactor), FALSE);
    bench_tick();
  }
  assert_has(heard, part);
}

static void
say(Wire *wire, const char *text)
{
  g_assert_cmpint(write(wire->node, text, strlen(text)), ==, (ssize_t)strlen(text));
}

static void
test_line(void)
{
  Wire wire;

  wire_open(&wire);
  say(&wire, "HELLO n1 1.0\n");
  hear(&wire, "NONE\n");
  g_assert_cmpstr(wire.bench.ask.listener, ==, "shed");
  g_assert_cmpstr(wire.bench.ask.address, ==, "");
  g_assert_cmpstr(wire.bench.ask.node, ==, "n1");
  bench_send(&wire.bench, GW_MESSAGE_WAKE, gw_wake_pack("example-line", "shed-1", "", ""));
  hear(&wire, "CHECK\n");
  wire_close(&wire);
}

/* Unplugged and plugged in again. */
static void
test_line_again(void)
{
  Wire wire;

  wire_open(&wire);
  say(&wire, "HELLO n1 1.0\n");
  hear(&wire, "NONE\n");
  gw_close(&wire.node);
  bench_pass(&wire.bench, 3000);
  plug(&wire);
  bench_pass(&wire.bench, 1000);
  say(&wire, "HELLO n1 1.0\n");
  hear(&wire, "NONE\n");
  wire_close(&wire);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_assert_cmpint(argc, ==, 2);
  folders = argv[1];
  g_test_add_func("/talks/update", test_update);
  g_test_add_func("/talks/resumed", test_resumed);
  g_test_add_func("/talks/stop-and-wake", test_stop_and_wake);
  g_test_add_func("/talks/greedy", test_greedy);
  g_test_add_func("/talks/core-away", test_core_away);
  g_test_add_func("/talks/line", test_line);
  g_test_add_func("/talks/line-again", test_line_again);
  return g_test_run();
}
