/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A worker with an FTP plugin, and a core that knows one login: what the core is told of a transfer, and
 * when, and what becomes of wrong passwords. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway-plugin.h"
#include "lan/logins.h"

#define PLUGIN "waspmote"

static const char *folders;

static void
ftp_open(Bench *bench)
{
  guint first = 20000 + (guint)getpid() % 500 * 8;
  g_autofree char *config = g_strdup_printf(
      "[('plugin', '" PLUGIN "', {'listen': '127.0.0.1:0', 'passive-ports': '%u-%u'})]", first, first + 7);

  bench_open(bench, folders, config);
}

static void
answer_accepted(Bench *bench)
{
  bench_answer_nothing(bench);
  bench->answer.kind = GATEWAY_ANSWER_ACCEPTED;
  bench->keep_ms = 0;
}

static void
answer_denied(Bench *bench)
{
  bench->answer = (GwAnswer){ .kind = GATEWAY_ANSWER_DENIED };
  bench->keep_ms = 0;
}

static void
answer_image(Bench *bench)
{
  bench_answer_bytes(bench);
  bench->answer.name = (char *)"PROG001";
}

static gboolean
ends_with(const Client *client, const char *reply)
{
  return g_str_has_suffix(client->heard->str, reply);
}

static Client *
login(Bench *bench, guint host)
{
  Client *client = client_new(bench, PLUGIN, host);

  answer_accepted(bench);
  client_send(client, "USER n1\r\nPASS good\r\n");
  g_assert_true(ends_with(client, "230 Logged in.\r\n"));
  answer_image(bench);
  return client;
}

/* From 127.0.0.@host; reads with the others, unless deaf. */
static Client *
connect_data(Client *control, guint host)
{
  Bench *bench = control->bench;
  unsigned a, b, c, d, high, low;
  struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host) };
  struct sockaddr_in to = { .sin_family = AF_INET };
  const char *reply;
  Client *data = g_new0(Client, 1);
  int small = 4096;

  client_send(control, "PASV\r\n");
  reply = strstr(control->heard->str, "227 ");
  g_assert_nonnull(reply);
  g_assert_cmpint(sscanf(reply, "227 Entering Passive Mode (%u,%u,%u,%u,%u,%u)", &a, &b, &c, &d, &high, &low),
                  ==, 6);
  to.sin_addr.s_addr = htonl(a << 24 | b << 16 | c << 8 | d);
  to.sin_port = htons((guint16)(high << 8 | low));
  g_string_truncate(control->heard, 0);
  data->bench = bench;
  data->heard = g_string_new(NULL);
  data->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  (void)setsockopt(data->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  g_assert_cmpint(bind(data->fd, (struct sockaddr *)&from, sizeof from), ==, 0);
  if (connect(data->fd, (struct sockaddr *)&to, sizeof to) < 0)
    g_assert_cmpint(errno, ==, EINPROGRESS);
  g_ptr_array_add(bench->clients, data);
  bench_settle(bench);
  return data;
}

static void
test_whole_image(void)
{
  Bench bench;

  ftp_open(&bench);
  Client *control = login(&bench, 1), *data = connect_data(control, 1);
  g_assert_cmpstr(bench.ask.credential, ==, "good");
  client_send(control, "RETR PROG001\r\n");
  g_assert_cmpmem(data->heard->str, data->heard->len, bench.image, bench.image_size);
  g_assert_true(data->is_over && !data->was_reset);
  g_assert_true(ends_with(control, "226 All of it was received.\r\n"));
  g_assert_cmpint(bench.told[bench.n_told - 1].kind, ==, GW_TOLD_COMPLETE);
  g_assert_cmpuint(bench.told[bench.n_told - 1].acked, ==, bench.image_size);
  bench_close(&bench);
}

/* It is seen to move, and is neither complete nor answered before the node has it. */
static void
test_slow_node(void)
{
  Bench bench;

  ftp_open(&bench);
  bench_make_image(&bench, 60000);
  Client *control = login(&bench, 1), *data = connect_data(control, 1);
  data->is_deaf = TRUE;
  client_send(control, "RETR PROG001\r\n");
  bench_pass(&bench, 60000);
  g_assert_true(ends_with(control, "(60000 bytes).\r\n"));
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_BEGUN), ==, 1);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 0);
  g_assert_cmpuint(bench_gauge(&bench, BENCH_TOKEN), >, 0);
  g_assert_cmpuint(bench_gauge(&bench, BENCH_TOKEN), <, 60000);
  data->is_deaf = FALSE;
  bench_settle(&bench);
  g_assert_true(ends_with(control, "226 All of it was received.\r\n"));
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 1);
  bench_close(&bench);
}

/* Broken in the middle, and the rest in another login. */
static void
test_resumed(void)
{
  Bench bench;
  char rest[64];

  ftp_open(&bench);
  bench_make_image(&bench, 60000);
  Client *control = login(&bench, 1), *data = connect_data(control, 1);
  data->is_deaf = TRUE;
  client_send(control, "RETR PROG001\r\n");
  client_close(data);
  g_assert_true(ends_with(control, "426 The data connection broke.\r\n"));
  const GwTold *told = bench_find_told(&bench, GW_TOLD_INTERRUPTED);
  g_assert_nonnull(told);
  g_assert_cmpuint(told->acked, <, 60000);
  client_close(control);

  control = login(&bench, 1);
  data = connect_data(control, 1);
  g_snprintf(rest, sizeof rest, "REST %" G_GUINT64_FORMAT "\r\nRETR PROG001\r\n", told->acked);
  client_send(control, rest);
  g_assert_true(ends_with(control, "226 All of it was received.\r\n"));
  g_assert_cmpmem(data->heard->str, data->heard->len, bench.image + told->acked, 60000 - told->acked);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_BEGUN), ==, 1); /* the second took no time */
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 1);
  bench_close(&bench);
}

/* The node's own session goes in the middle: what it had is known all the same. */
static void
test_control_connection_goes(void)
{
  Bench bench;

  ftp_open(&bench);
  bench_make_image(&bench, 60000);
  Client *control = login(&bench, 1), *data = connect_data(control, 1);
  data->is_deaf = TRUE;
  client_send(control, "RETR PROG001\r\n");
  client_close(control);
  data->is_deaf = FALSE;
  bench_settle(&bench);
  g_assert_true(data->was_reset);
  g_assert_cmpuint(bench_find_told(&bench, GW_TOLD_INTERRUPTED)->acked, >, 0);
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 0);
  bench_close(&bench);
}

static void
answer_upgrade(Bench *bench)
{
  answer_image(bench);
  bench->answer.kind = GATEWAY_ANSWER_OFFER;
  bench->keep_ms = 600000;
  bench->answer.bytes_until_boot_ms = bench_now() + 60000;
}

/* With the text the core said that its image may be begun; it is asked about a second time, and when anything
 * changed meanwhile. */
static void
test_image_of_the_offer(void)
{
  Bench bench;

  ftp_open(&bench);
  bench_make_image(&bench, 1000);
  for (guint i = 0; i < 3; i++) {
    Client *control = login(&bench, 1);
    guint n_asks = bench.n_asks;
    answer_upgrade(&bench);
    (void)connect_data(control, 1);
    client_send(control, "RETR UPGRADE.TXT\r\n");
    g_assert_cmpuint(bench.n_asks, ==, n_asks + 1);
    answer_image(&bench);
    bench.keep_ms = 0;
    if (i == 1)
      bench_send(&bench, GW_MESSAGE_INVALIDATE, gw_invalidate_pack(0, (const char *const[]){ "n1", NULL }));
    if (i == 2)
      bench_pass(&bench, 60000);
    for (guint again = 0; again < 2; again++) {
      Client *data = connect_data(control, 1);
      client_send(control, "RETR PROG001\r\n");
      g_assert_cmpmem(data->heard->str, data->heard->len, bench.image, bench.image_size);
      g_assert_cmpuint(bench.n_asks, ==, n_asks + 1 + again + (i > 0 ? 1 : 0));
    }
    bench_send(&bench, GW_MESSAGE_INVALIDATE, gw_invalidate_pack(0, (const char *const[]){ "n1", NULL }));
    client_close(control);
  }
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, 6);
  bench_close(&bench);
}

/* What limits the numbers that the node may be told is news, though an answer is kept for its login. */
static void
test_modem_is_told(void)
{
  Bench bench;
  const char *modem = "";

  ftp_open(&bench);
  Client *control = login(&bench, 1);
  bench_answer_nothing(&bench);
  bench.keep_ms = 600000;
  (void)connect_data(control, 1);
  client_send(control, "RETR UPGRADE.TXT\r\n");
  client_close(control);
  control = login(&bench, 1);
  guint n_asks = bench.n_asks;
  bench_answer_nothing(&bench);
  bench.keep_ms = 600000;
  (void)connect_data(control, 1);
  client_send(control, "RETR .gprs/UPGRADE.TXT\r\n");
  g_assert_cmpuint(bench.n_asks, ==, n_asks + 1);
  g_assert_nonnull(bench.ask.attributes);
  g_assert_true(g_variant_lookup(bench.ask.attributes, "modem", "&s", &modem));
  g_assert_cmpstr(modem, ==, "gprs");
  bench_close(&bench);
}

/* Members of a group share login and pin: the third is served as the first, and each is told. */
static void
test_group_of_three(void)
{
  Bench bench;
  Client *data[3];

  ftp_open(&bench);
  bench_make_image(&bench, 60000);
  for (guint i = 0; i < 3; i++) {
    Client *control = login(&bench, 1);
    bench.answer.is_group = TRUE;
    data[i] = connect_data(control, 1);
    data[i]->is_deaf = TRUE;
    client_send(control, "RETR PROG001\r\n");
    g_assert_true(ends_with(control, "(60000 bytes).\r\n"));
  }
  g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_BEGUN), ==, 3);
  for (guint i = 0; i < 3; i++) {
    data[i]->is_deaf = FALSE;
    bench_settle(&bench);
    g_assert_cmpuint(bench_count_told(&bench, GW_TOLD_COMPLETE), ==, i + 1);
    g_assert_cmpuint(bench.told[bench.n_told - 1].n_members, ==, 2 - i);
  }
  bench_close(&bench);
}

static void
test_stopped(void)
{
  Bench bench;

  ftp_open(&bench);
  bench_make_image(&bench, 60000);
  Client *control = login(&bench, 1), *data = connect_data(control, 1);
  data->is_deaf = TRUE;
  client_send(control, "RETR PROG001\r\n");
  bench_send(&bench, GW_MESSAGE_STOP, gw_stop_pack(BENCH_TOKEN, "withdrawn"));
  bench_settle(&bench);
  g_assert_true(control->is_over);
  g_assert_cmpstr(bench_find_told(&bench, GW_TOLD_INTERRUPTED)->detail, ==, "withdrawn");
  data->is_deaf = FALSE;
  bench_settle(&bench);
  g_assert_true(data->was_reset);
  bench_close(&bench);
}

/* Other ports, while sessions have some of the old ones. */
static void
test_configured_anew(void)
{
  Bench bench;
  guint first = 25000 + (guint)getpid() % 500 * 8;

  ftp_open(&bench);
  Client *control = login(&bench, 1), *data = connect_data(control, 1);
  data->is_deaf = TRUE;
  client_send(control, "RETR PROG001\r\n");
  g_autofree char *config = g_strdup_printf(
      "[('plugin', '" PLUGIN "', {'listen': '127.0.0.1:0', 'passive-ports': '%u-%u'})]", first, first);
  bench_configure(&bench, config);
  bench_settle(&bench);
  g_assert_true(control->is_over);
  control = login(&bench, 1);
  data = connect_data(control, 1);
  Client *other = login(&bench, 2);
  client_send(control, "PASV\r\n"); /* its own is given back first */
  g_assert_nonnull(strstr(control->heard->str, "227 "));
  client_send(other, "PASV\r\n");
  g_assert_true(ends_with(other, "425 No data connection.\r\n")); /* there is one, and it is taken */
  bench_configure(&bench, "[('plugin', '" PLUGIN "', {'listen': '127.0.0.1:0', 'passive-ports': '80-90'})]");
  bench_settle(&bench);
  g_assert_null(gw_lan_address(bench.lan, PLUGIN)); /* a bad value: it is off */
  bench_close(&bench);
}

/* ---- logins ---- */

static guint
count_of(const Client *client, const char *reply)
{
  guint n = 0;

  for (const char *at = client->heard->str; (at = strstr(at, reply)) != NULL; at++)
    n++;
  return n;
}

static void
test_L4_failed_logins_are_answered_late(void)
{
  Bench bench;

  ftp_open(&bench);
  answer_denied(&bench);
  Client *client = client_new(&bench, PLUGIN, 2);
  client_send(client, "USER n1\r\nPASS bad\r\n");
  g_assert_cmpuint(bench.n_asks, ==, 1);
  g_assert_cmpuint(count_of(client, "530 "), ==, 0);
  bench_pass(&bench, 1000);
  g_assert_cmpuint(count_of(client, "530 "), ==, 1);
  client_send(client, "USER n1\r\nPASS bad\r\n");
  bench_pass(&bench, 400);
  g_assert_cmpuint(bench.n_asks, ==, 2);
  g_assert_cmpuint(count_of(client, "530 "), ==, 1);
  bench_pass(&bench, 2000);
  g_assert_cmpuint(count_of(client, "530 "), ==, 2);
  client_send(client, "USER n1\r\nPASS bad\r\n");
  bench_pass(&bench, 1500);
  g_assert_false(client->is_over);
  bench_pass(&bench, 3000);
  g_assert_true(client->is_over); /* the third */

  Client *other = login(&bench, 3); /* at once */
  g_assert_false(other->is_over);
  bench_close(&bench);
}

/* Whatever it says meanwhile, byte by byte or in whole commands: without a login it is shown out. */
static void
test_L2_dripping_before_the_login(void)
{
  Bench bench;
  gint64 began_ms;

  ftp_open(&bench);
  Client *bytes = client_new(&bench, PLUGIN, 2), *commands = client_new(&bench, PLUGIN, 3);
  began_ms = bench_now();
  while (bench_now() < began_ms + 13000) {
    client_send(bytes, "U");
    client_send(commands, "NOOP\r\nUSER n1\r\n");
    g_assert_false(bytes->is_over || commands->is_over);
  }
  bench_pass(&bench, 3000);
  g_assert_true(bytes->is_over && commands->is_over);
  g_assert_true(ends_with(commands, "421 The login took too long.\r\n"));
  bench_close(&bench);
}

/* A guess is not even looked at before the last one's time is up, whoever hung up meanwhile. */
static void
test_L4_hanging_up_gains_nothing(void)
{
  Bench bench;
  gint64 began_ms;

  ftp_open(&bench);
  answer_denied(&bench);
  began_ms = bench_now();
  for (guint i = 0; i < 60; i++) {
    Client *client = client_new(&bench, PLUGIN, 2);
    client_send(client, "USER n1\r\nPASS bad\r\n");
    client_close(client);
  }
  g_assert_cmpuint(bench.n_asks, >, 2);
  g_assert_cmpuint(bench.n_asks, <, 9 + (bench_now() - began_ms) / GW_LOGINS_DELAY_MAX_MS);
  Client *other = login(&bench, 3);
  g_assert_false(other->is_over);
  bench_close(&bench);
}

/* What holds, holds at once, also where another failed a while ago. */
static void
test_L4_right_ones_after_wrong_ones(void)
{
  Bench bench;

  ftp_open(&bench);
  answer_denied(&bench);
  Client *client = client_new(&bench, PLUGIN, 2);
  client_send(client, "USER n1\r\nPASS bad\r\n");
  bench_pass(&bench, 2000);
  g_assert_cmpuint(count_of(client, "530 "), ==, 1);
  (void)login(&bench, 2);
  bench_close(&bench);
}

static void
give_verdict(Bench *bench, guint32 serial, int kind)
{
  GwAnswer answer = { .kind = kind, .node = (char *)"n1" };

  gw_link_send(bench->core, GW_MESSAGE_ANSWER, serial, gw_answer_pack(&answer), NULL, 0);
  for (guint i = 0; i < 4; i++)
    (void)g_main_context_iteration(gw_reactor_context(bench->reactor), FALSE);
  for (guint n = 0; n != bench->n_messages;) {
    n = bench->n_messages;
    for (guint i = 0; i < 4; i++)
      (void)g_main_context_iteration(gw_reactor_context(bench->reactor), FALSE);
  }
}

/* All at once, before the first verdict: of one address only so many are looked at. */
static void
test_L4_guesses_at_once(void)
{
  Bench bench;
  Client *clients[GW_LOGINS_AT_ONCE + 4];
  guint32 first;
  const char *guess = "USER n1\r\nPASS bad\r\n";

  ftp_open(&bench);
  bench_configure(&bench, "[('lan', '', {'stranger-connections': '100'}), ('plugin', '" PLUGIN
                          "', {'listen': '127.0.0.1:0'})]");
  bench_settle(&bench);
  bench.is_silent = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(clients); i++)
    clients[i] = client_new(&bench, PLUGIN, 2);
  for (guint i = 0; i < G_N_ELEMENTS(clients); i++)
    g_assert_cmpint(send(clients[i]->fd, guess, strlen(guess), MSG_NOSIGNAL), >, 0);
  bench_settle(&bench);
  g_assert_cmpuint(bench.n_asks, ==, GW_LOGINS_AT_ONCE);
  first = bench.pending_serial - GW_LOGINS_AT_ONCE + 1;
  give_verdict(&bench, first, GATEWAY_ANSWER_ACCEPTED);
  g_assert_cmpuint(bench.n_asks, ==, GW_LOGINS_AT_ONCE + 1);
  give_verdict(&bench, first + 1, GATEWAY_ANSWER_DENIED); /* now the others wait */
  give_verdict(&bench, first + 2, GATEWAY_ANSWER_DENIED);
  g_assert_cmpuint(bench.n_asks, ==, GW_LOGINS_AT_ONCE + 1);
  bench_pass(&bench, 1000);
  g_assert_cmpuint(bench.n_asks, >, GW_LOGINS_AT_ONCE + 1);
  bench_close(&bench);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_assert_cmpint(argc, ==, 2);
  folders = argv[1];
  g_test_add_func("/ftp/whole-image", test_whole_image);
  g_test_add_func("/ftp/slow-node", test_slow_node);
  g_test_add_func("/ftp/resumed", test_resumed);
  g_test_add_func("/ftp/control-connection-goes", test_control_connection_goes);
  g_test_add_func("/ftp/image-of-the-offer", test_image_of_the_offer);
  g_test_add_func("/ftp/modem-is-told", test_modem_is_told);
  g_test_add_func("/ftp/group-of-three", test_group_of_three);
  g_test_add_func("/ftp/stopped", test_stopped);
  g_test_add_func("/ftp/configured-anew", test_configured_anew);
  g_test_add_func("/promise/L2/dripping-before-the-login", test_L2_dripping_before_the_login);
  g_test_add_func("/promise/L4/failed-logins-are-answered-late", test_L4_failed_logins_are_answered_late);
  g_test_add_func("/promise/L4/hanging-up-gains-nothing", test_L4_hanging_up_gains_nothing);
  g_test_add_func("/promise/L4/guesses-at-once", test_L4_guesses_at_once);
  g_test_add_func("/promise/L4/right-ones-after-wrong-ones", test_L4_right_ones_after_wrong_ones);
  return g_test_run();
}
