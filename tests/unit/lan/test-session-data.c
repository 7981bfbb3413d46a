/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The data channel of a session: what the plugin is told and when, whom it may reach, and what counts as
 * received. Time is a counter of the test's own. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "lan/session.h"

#define IMAGE_SIZE 60000

static gint64 clock_ms = 1000000;

static gint64
fake_clock(void)
{
  return clock_ms;
}

typedef struct {
  GwReactor *reactor;
  GwPassive *passive;
  GwSession *session;
  int node;      /* main channel */
  int data;      /* data channel, once dialled */
  GString *main; /* heard there, not yet looked at */
  GString *file; /* heard on the data channel */
  int data_end;  /* 1 = in order, -1 = by a reset */
  guint64 covered_offset, covered_size;
  guint n_covered, n_streamed, n_streams_over;
  guint64 streamed_acked;
  gboolean has_ended;
} Bench;

static void
on_ask(GwSession *session, const GatewayAsk *ask, gpointer user)
{
}

static void
on_covered(GwSession *session, guint64 offset, guint64 size, gpointer user)
{
  Bench *bench = user;

  bench->n_covered++;
  bench->covered_offset = offset;
  bench->covered_size = size;
}

static void
on_streamed(GwSession *session, const GwTransferGauge *gauge, gboolean is_over, gpointer user)
{
  Bench *bench = user;

  g_assert_cmpuint(gauge->acked, >=, bench->streamed_acked);
  bench->streamed_acked = is_over ? 0 : gauge->acked;
  bench->n_streamed++;
  bench->n_streams_over += (guint)is_over;
}

static void
on_ended(GwSession *session, gpointer user)
{
  ((Bench *)user)->has_ended = TRUE;
}

static const GwSessionHost HOST = { on_ask, on_covered, NULL, on_ended, on_streamed };

/* ---- the bench ---- */

static GwAddress
address_of(const char *host, guint16 port)
{
  GwAddress address;

  g_assert_true(gw_address_parse(host, 1, &address, NULL));
  address.port = port;
  return address;
}

static int
far_socket(const char *host, guint16 *ret_port, int receive_buffer)
{
  GwAddress address = address_of(host, 0);
  struct sockaddr_storage sockaddr;
  socklen_t size = gw_address_to_sockaddr(&address, &sockaddr);
  int fd = socket(sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  g_assert_cmpint(fd, >=, 0);
  if (receive_buffer)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  g_assert_cmpint(bind(fd, (struct sockaddr *)&sockaddr, size), ==, 0);
  if (!ret_port)
    return fd;
  g_assert_cmpint(listen(fd, 4), ==, 0);
  g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sockaddr, &size), ==, 0);
  g_assert_true(gw_address_from_sockaddr((struct sockaddr *)&sockaddr, &address));
  *ret_port = address.port;
  return fd;
}

static int
dial(const char *from, const char *to, guint16 port, int receive_buffer)
{
  GwAddress address = address_of(to, port);
  struct sockaddr_storage sockaddr;
  socklen_t size = gw_address_to_sockaddr(&address, &sockaddr);
  int fd = far_socket(from, NULL, receive_buffer);

  if (connect(fd, (struct sockaddr *)&sockaddr, size) < 0)
    g_assert_cmpint(errno, ==, EINPROGRESS);
  return fd;
}

/* 1 = closed, -1 = reset. */
static int
hear(int fd, GString *heard)
{
  char buffer[65536];
  gssize n = fd < 0 ? 0 : recv(fd, buffer, sizeof buffer, 0);

  if (fd < 0 || (n < 0 && (errno == EAGAIN || errno == ENOTCONN)))
    return 0;
  if (n > 0)
    g_string_append_len(heard, buffer, n);
  return n > 0 ? 0 : n == 0 ? 1 : -1;
}

static void
breathe(Bench *bench)
{
  clock_ms += GW_WHEEL_TICK_MS;
  (void)hear(bench->node, bench->main);
  if (bench->data_end == 0)
    bench->data_end = hear(bench->data, bench->file);
  if (!g_main_context_iteration(gw_reactor_context(bench->reactor), FALSE))
    poll(NULL, 0, 1);
}

#define UNTIL(bench, condition)                                                                              \
  do {                                                                                                       \
    gint64 until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;                                          \
    while (!(condition) && g_get_monotonic_time() < until_us)                                                \
      breathe(bench);                                                                                        \
    g_assert_true(condition);                                                                                \
  } while (0)

/* Time passes and the node does nothing. */
static void
pass_ms(Bench *bench, gint64 ms)
{
  for (gint64 end_ms = clock_ms + ms; clock_ms < end_ms; clock_ms = MIN(clock_ms + 1000, end_ms)) {
    for (guint i = 0; i < 4; i++)
      (void)g_main_context_iteration(gw_reactor_context(bench->reactor), FALSE);
  }
}

/* Exactly @text comes, and then nothing for a while. */
static void
expect(Bench *bench, const char *text)
{
  UNTIL(bench, bench->main->len >= strlen(text));
  for (guint i = 0; i < 20; i++)
    breathe(bench);
  g_assert_cmpstr(bench->main->str, ==, text);
  g_string_truncate(bench->main, 0);
}

static void
say(Bench *bench, const char *line)
{
  g_assert_cmpint(send(bench->node, line, strlen(line), MSG_NOSIGNAL), ==, (gssize)strlen(line));
}

/* Where it says that it listens. */
static guint16
expect_port(Bench *bench, const char *host)
{
  g_autofree char *start = g_strdup_printf("AT %s ", host);
  guint64 port;

  UNTIL(bench, strchr(bench->main->str, '\n') != NULL);
  g_assert_true(g_str_has_prefix(bench->main->str, start));
  port = g_ascii_strtoull(bench->main->str + strlen(start), NULL, 10);
  g_assert_cmpuint(port, >=, 1024);
  g_string_truncate(bench->main, 0);
  return (guint16)port;
}

static void
come_to(Bench *bench, const char *host, guint16 port, int receive_buffer)
{
  gw_close(&bench->data);
  bench->data_end = 0;
  g_string_truncate(bench->file, 0);
  bench->data = dial(host, strchr(host, ':') ? "::1" : "127.0.0.1", port, receive_buffer);
}

static GwAccepted
connect_node(Bench *bench, const char *host)
{
  guint16 port;
  int listen_fd = far_socket(strchr(host, ':') ? "::1" : "127.0.0.1", &port, 0);
  GwAccepted accepted = { .fd = -1, .peer = address_of(host, 7777) };

  bench->node = dial(host, strchr(host, ':') ? "::1" : "127.0.0.1", port, 0);
  UNTIL(bench, accepted.fd >= 0 || (accepted.fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0);
  close(listen_fd);
  return accepted;
}

static void
start(Bench *bench, const char *host)
{
  guint16 first = (guint16)(28000 + getpid() % 500 * 8);
  GwPortRange range = { first, first + 7 };
  GwAccepted accepted;

  memset(bench, 0, sizeof *bench);
  bench->node = bench->data = -1;
  bench->main = g_string_new(NULL);
  bench->file = g_string_new(NULL);
  bench->reactor = gw_reactor_new(NULL, NULL);
  gw_reactor_set_clock(bench->reactor, fake_clock);
  bench->passive = gw_passive_new(bench->reactor, &range, NULL);
  g_assert_nonnull(bench->passive);
  accepted = connect_node(bench, host);
  GwSessionSetup setup = { bench->reactor, NULL, &gateway_plugin, NULL, &HOST, bench, bench->passive };
  bench->session = gw_session_new(&setup, &accepted, -1);
}

static void
finish(Bench *bench)
{
  gw_session_free(bench->session);
  gw_passive_free(bench->passive);
  while (g_main_context_iteration(gw_reactor_context(bench->reactor), FALSE))
    ;
  gw_reactor_free(bench->reactor);
  gw_close(&bench->node);
  gw_close(&bench->data);
  g_string_free(bench->main, TRUE);
  g_string_free(bench->file, TRUE);
}

static guint8
image_byte(gsize at)
{
  return (guint8)(at * 31 + at / 251);
}

static void
give_image(Bench *bench)
{
  GatewayAnswer answer = { .size = sizeof answer, .kind = GATEWAY_ANSWER_BYTES };
  guint8 bytes[IMAGE_SIZE];

  for (gsize i = 0; i < IMAGE_SIZE; i++)
    bytes[i] = image_byte(i);
  g_autoptr(GwBody) body = gw_body_new_bytes(bytes, IMAGE_SIZE, NULL);
  say(bench, "GET\n");
  for (guint i = 0; i < 10; i++)
    breathe(bench);
  gw_session_answer(bench->session, &answer, body);
  expect(bench, "READY\n");
}

static void
check_file(const Bench *bench, gsize offset, gsize size)
{
  g_assert_cmpuint(bench->file->len, ==, size);
  for (gsize i = 0; i < size; i++)
    g_assert_cmpuint((guint8)bench->file->str[i], ==, image_byte(offset + i));
}

/* ---- passive ---- */

static void
check_text(const char *host, const char *local)
{
  Bench bench;

  start(&bench, host);
  say(&bench, "PASV\n");
  come_to(&bench, host, expect_port(&bench, local), 0);
  expect(&bench, "UP\n");
  say(&bench, "TEXT seven words\n");
  UNTIL(&bench, bench.data_end != 0);
  g_assert_cmpint(bench.data_end, ==, 1);
  g_assert_cmpstr(bench.file->str, ==, "seven words");
  expect(&bench, "DRAINED\n");
  g_assert_cmpuint(bench.n_covered + bench.n_streamed, ==, 0); /* it was nothing of the image */
  finish(&bench);
}

static void
test_text(void)
{
  check_text("127.0.0.2", "127.0.0.1");
}

static void
test_ipv6(void)
{
  check_text("::1", "::1");
}

static void
test_empty_text(void)
{
  Bench bench;

  start(&bench, "127.0.0.2");
  say(&bench, "PASV\n");
  come_to(&bench, "127.0.0.2", expect_port(&bench, "127.0.0.1"), 0);
  expect(&bench, "UP\n");
  say(&bench, "TEXT\n");
  UNTIL(&bench, bench.data_end == 1);
  expect(&bench, "DRAINED\n");
  g_assert_cmpuint(bench.file->len, ==, 0);
  finish(&bench);
}

/* The answer to DATA comes after the step that streams already, and the text is not the scratch's any more.
 */
static void
test_stream_in_the_step_that_opens(void)
{
  Bench bench;

  start(&bench, "127.0.0.2");
  say(&bench, "BOTH here it is\n");
  come_to(&bench, "127.0.0.2", expect_port(&bench, "127.0.0.1"), 0);
  expect(&bench, "UP\nDRAINED\n");
  g_assert_cmpstr(bench.file->str, ==, "here it is");
  finish(&bench);
}

static void
test_image(void)
{
  Bench bench;

  start(&bench, "127.0.0.2");
  give_image(&bench);
  say(&bench, "PASV\n");
  guint16 port = expect_port(&bench, "127.0.0.1");
  say(&bench, "IMAGE 1000 0\n");
  come_to(&bench, "127.0.0.2", port, 0);
  expect(&bench, "UP\nDRAINED\n");
  g_assert_cmpint(bench.data_end, ==, 1);
  check_file(&bench, 1000, IMAGE_SIZE - 1000);
  g_assert_cmpuint(bench.n_covered, ==, 1);
  g_assert_cmpuint(bench.covered_offset, ==, 1000);
  g_assert_cmpuint(bench.covered_size, ==, IMAGE_SIZE - 1000);
  g_assert_cmpuint(bench.n_streams_over, ==, 1);

  say(&bench, "PASV\n");
  come_to(&bench, "127.0.0.2", expect_port(&bench, "127.0.0.1"), 0);
  expect(&bench, "UP\n");
  say(&bench, "IMAGE 5 10\n");
  expect(&bench, "DRAINED\n");
  check_file(&bench, 5, 10);
  g_assert_cmpuint(bench.covered_size, ==, 10);
  finish(&bench);
}

/* All is written and nothing read: not drained. Then the node hangs up in the middle. */
static void
test_early_drained(void)
{
  Bench bench;

  start(&bench, "127.0.0.2");
  give_image(&bench);
  say(&bench, "PASV\n");
  guint16 port = expect_port(&bench, "127.0.0.1");
  int own = dial("127.0.0.2", "127.0.0.1", port, 4096); /* reads nothing */
  expect(&bench, "UP\n");
  say(&bench, "IMAGE 0 0\n");
  for (guint i = 0; i < 50; i++)
    breathe(&bench);
  pass_ms(&bench, 300000);
  g_assert_cmpuint(bench.n_covered, ==, 0);
  g_assert_cmpuint(bench.streamed_acked, >, 0);
  g_assert_cmpuint(bench.streamed_acked, <, IMAGE_SIZE);
  close(own);
  expect(&bench, "FAILED\n");
  g_assert_cmpuint(bench.n_covered, ==, 1);
  g_assert_cmpuint(bench.covered_offset, ==, 0);
  g_assert_cmpuint(bench.covered_size, <, IMAGE_SIZE);
  g_assert_cmpuint(bench.n_streams_over, ==, 1);
  finish(&bench);
}

static void
test_nobody_comes(void)
{
  Bench bench;

  start(&bench, "127.0.0.2");
  say(&bench, "PASV\n");
  (void)expect_port(&bench, "127.0.0.1");
  pass_ms(&bench, 30000);
  say(&bench, "TEXT x\n");
  expect(&bench, "");
  pass_ms(&bench, 59000);
  expect(&bench, "");
  pass_ms(&bench, 2000);
  expect(&bench, "FAILED\n");
  g_assert_cmpuint(gw_passive_n_free(bench.passive), ==, gw_passive_size(bench.passive));
  finish(&bench);
}

/* A foreigner gets nothing, and costs the node nothing. */
static void
test_L8_foreign_peer(void)
{
  Bench bench;

  start(&bench, "127.0.0.2");
  say(&bench, "PASV\n");
  guint16 port = expect_port(&bench, "127.0.0.1");
  say(&bench, "TEXT secret\n");
  come_to(&bench, "127.0.0.3", port, 0);
  UNTIL(&bench, bench.data_end != 0);
  g_assert_cmpuint(bench.file->len, ==, 0);
  expect(&bench, "");
  come_to(&bench, "127.0.0.2", port, 0);
  expect(&bench, "UP\nDRAINED\n");
  g_assert_cmpstr(bench.file->str, ==, "secret");
  finish(&bench);
}

static void
test_no_port_is_free(void)
{
  Bench bench;
  GwLease *leases[8];
  GwAddress peer = address_of("127.0.0.9", 0);
  guint n = 0;

  start(&bench, "127.0.0.2");
  while (gw_passive_n_free(bench.passive) > 0)
    leases[n++] = gw_passive_lease(bench.passive, &peer, NULL, NULL);
  say(&bench, "PASV\n");
  expect(&bench, "FAILED\n");
  while (n > 0)
    gw_lease_free(leases[--n]);
  say(&bench, "PASV\n");
  (void)expect_port(&bench, "127.0.0.1");
  finish(&bench);
}

/* ---- active ---- */

static void
test_active(void)
{
  Bench bench;
  guint16 port;

  start(&bench, "127.0.0.2");
  int listen_fd = far_socket("127.0.0.2", &port, 0);
  g_autofree char *line = g_strdup_printf("PORT 127.0.0.2 %u\n", port);
  say(&bench, line);
  UNTIL(&bench, bench.data >= 0 || (bench.data = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0);
  expect(&bench, "UP\n");
  say(&bench, "TEXT across\n");
  expect(&bench, "DRAINED\n");
  g_assert_cmpstr(bench.file->str, ==, "across");
  close(listen_fd);
  finish(&bench);
}

/* No packet leaves: nobody comes to any of these. */
static void
test_L8_active_to_others(void)
{
  static const char *const hosts[] = {
    "127.0.0.3", "127.0.0.1", "::1", "0.0.0.0", "localhost", "127.0.0.20"
  };
  Bench bench;
  guint16 port;

  start(&bench, "127.0.0.2");
  int listen_fd = far_socket("0.0.0.0", &port, 0);
  for (guint i = 0; i < G_N_ELEMENTS(hosts); i++) {
    g_autofree char *line = g_strdup_printf("PORT %s %u\n", hosts[i], port);
    say(&bench, line);
    expect(&bench, "FAILED\n");
  }
  say(&bench, "PORT 127.0.0.2 1023\n");
  expect(&bench, "FAILED\n");
  g_autofree char *wrapped = g_strdup_printf("PORT 127.0.0.2 %u\n", 65536u + port);
  say(&bench, wrapped);
  expect(&bench, "FAILED\n");
  g_assert_cmpint(accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK), <, 0);
  close(listen_fd);
  finish(&bench);
}

static void
test_active_refused(void)
{
  Bench bench;
  guint16 port;

  start(&bench, "127.0.0.2");
  close(far_socket("127.0.0.2", &port, 0));
  g_autofree char *line = g_strdup_printf("PORT 127.0.0.2 %u\n", port);
  say(&bench, line);
  expect(&bench, "FAILED\n");
  finish(&bench);
}

/* ---- one at a time ---- */

static void
test_new_one_closes_the_old(void)
{
  Bench bench;

  start(&bench, "127.0.0.2");
  give_image(&bench);
  say(&bench, "PASV\n");
  guint16 port = expect_port(&bench, "127.0.0.1");
  int old = dial("127.0.0.2", "127.0.0.1", port, 4096);
  expect(&bench, "UP\n");
  say(&bench, "IMAGE 0 0\n");
  for (guint i = 0; i < 50; i++)
    breathe(&bench);
  say(&bench, "PASV\n");
  port = expect_port(&bench, "127.0.0.1"); /* and no word of the old one */
  g_assert_cmpuint(bench.n_covered, ==, 1);
  g_assert_cmpuint(bench.covered_size, <, IMAGE_SIZE);
  come_to(&bench, "127.0.0.2", port, 0);
  expect(&bench, "UP\n");
  close(old);
  say(&bench, "AGAIN\n");
  come_to(&bench, "127.0.0.2", expect_port(&bench, "127.0.0.1"), 0); /* of three, one is left */
  expect(&bench, "UP\n");
  g_assert_cmpuint(gw_passive_n_free(bench.passive), ==, gw_passive_size(bench.passive));
  say(&bench, "CLOSE\n");
  UNTIL(&bench, bench.data_end == 1);
  expect(&bench, "");
  finish(&bench);
}

static void
test_nothing_open(void)
{
  Bench bench;

  start(&bench, "127.0.0.2");
  say(&bench, "TEXT x\n");
  expect(&bench, "FAILED\n");
  say(&bench, "CLOSE\n");
  expect(&bench, "");
  say(&bench, "PASV\n");
  come_to(&bench, "127.0.0.2", expect_port(&bench, "127.0.0.1"), 0);
  expect(&bench, "UP\n");
  say(&bench, "IMAGE 0 0\n"); /* no image was given */
  expect(&bench, "UNREADABLE\n");
  say(&bench, "BOTH x\n");
  (void)expect_port(&bench, "127.0.0.1");
  say(&bench, "TEXT y\n"); /* one stream for each channel */
  expect(&bench, "FAILED\n");
  finish(&bench);
}

/* A transfer that takes longer than the main channel may be idle. */
static void
test_data_is_motion(void)
{
  char buffer[900];
  Bench bench;

  start(&bench, "127.0.0.2");
  give_image(&bench);
  say(&bench, "PASV\n");
  int own = dial("127.0.0.2", "127.0.0.1", expect_port(&bench, "127.0.0.1"), 4096);
  expect(&bench, "UP\n");
  say(&bench, "IMAGE 0 0\n");
  for (guint i = 0; i < 10; i++)
    breathe(&bench);
  for (guint i = 0; i < IMAGE_SIZE / sizeof buffer; i++) {
    gssize n = 0;
    UNTIL(&bench, n > 0 || (n = recv(own, buffer, sizeof buffer, MSG_DONTWAIT)) > 0);
    pass_ms(&bench, 14000);
    g_assert_false(bench.has_ended);
  }
  bench.data = own;
  UNTIL(&bench, bench.data_end != 0);
  expect(&bench, "DRAINED\n");
  pass_ms(&bench, 890000);
  g_assert_false(bench.has_ended);
  pass_ms(&bench, 20000);
  UNTIL(&bench, bench.has_ended);
  finish(&bench);
}

/* The session goes, and the channel with it. What arrived was counted. */
static void
check_end(gboolean is_by_us)
{
  Bench bench;

  start(&bench, "127.0.0.2");
  give_image(&bench);
  say(&bench, "PASV\n");
  come_to(&bench, "127.0.0.2", expect_port(&bench, "127.0.0.1"), 4096);
  int own = bench.data;
  bench.data = -1; /* reads nothing for now */
  expect(&bench, "UP\n");
  say(&bench, "IMAGE 0 0\n");
  for (guint i = 0; i < 50; i++)
    breathe(&bench);
  if (is_by_us)
    say(&bench, "BYE\n");
  else
    gw_close(&bench.node);
  UNTIL(&bench, bench.has_ended);
  g_assert_cmpuint(bench.n_covered, ==, 1);
  g_assert_cmpuint(bench.n_streams_over, ==, 1);
  bench.data = own;
  UNTIL(&bench, bench.data_end != 0);
  g_assert_cmpint(bench.data_end, ==, -1); /* no node takes the piece for the whole */
  finish(&bench);
}

static void
test_we_end(void)
{
  check_end(TRUE);
}

static void
test_node_ends(void)
{
  check_end(FALSE);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/lan/data/text", test_text);
  g_test_add_func("/lan/data/ipv6", test_ipv6);
  g_test_add_func("/lan/data/empty-text", test_empty_text);
  g_test_add_func("/lan/data/stream-in-the-step-that-opens", test_stream_in_the_step_that_opens);
  g_test_add_func("/lan/data/image", test_image);
  g_test_add_func("/lan/data/early-drained", test_early_drained);
  g_test_add_func("/lan/data/nobody-comes", test_nobody_comes);
  g_test_add_func("/promise/L8/session-foreign-peer", test_L8_foreign_peer);
  g_test_add_func("/lan/data/no-port-is-free", test_no_port_is_free);
  g_test_add_func("/lan/data/active", test_active);
  g_test_add_func("/promise/L8/active-to-others", test_L8_active_to_others);
  g_test_add_func("/lan/data/active-refused", test_active_refused);
  g_test_add_func("/lan/data/new-one-closes-the-old", test_new_one_closes_the_old);
  g_test_add_func("/lan/data/nothing-open", test_nothing_open);
  g_test_add_func("/lan/data/data-is-motion", test_data_is_motion);
  g_test_add_func("/lan/data/we-end", test_we_end);
  g_test_add_func("/lan/data/node-ends", test_node_ends);
  return g_test_run();
}
