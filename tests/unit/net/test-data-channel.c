/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Data channels: whom they reach, what arrives, and above all when they call it received. */
#include "base/file.h"
#include "quay.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER "127.0.0.2"
#define NARROW 4096

static int
come(int receive_buffer)
{
  int fd = quay_dial(PEER, gw_data_channel_port(quay->channel), receive_buffer);

  QUAY_UNTIL(quay->n_up == 1);
  return fd;
}

static void
send_body(GwBody *body)
{
  g_assert_true(gw_data_channel_send(quay->channel, body, (GwByteRange){ 0, gw_body_size(body) }));
}

/* 1 = in order, -1 = by a reset. */
static int
hear_end(int fd, GString *heard)
{
  int end = 0;

  QUAY_UNTIL(end != 0 || (end = quay_hear(fd, heard)) != 0);
  return end;
}

static void
expect(int fd, const GwBody *body, guint64 offset)
{
  g_autoptr(GString) heard = g_string_new(NULL);

  g_assert_cmpint(hear_end(fd, heard), ==, 1); /* we close first, and in order */
  g_assert_cmpuint(heard->len, ==, gw_body_size(body) - offset);
  g_assert_cmpmem(heard->str, heard->len, gw_body_map(body) + offset, heard->len);
}

static void
test_peer_first(void)
{
  g_autoptr(GwBody) body = NULL;
  int fd;

  quay_open();
  body = quay_body(3000000);
  quay_listen_for(PEER);
  fd = come(0);
  send_body(body);
  expect(fd, body, 0);
  close(fd);
  QUAY_UNTIL(quay->n_over == 1);
  g_assert_cmpuint(quay->n_drained, ==, 1);
  g_assert_cmpuint(gw_data_channel_acked(quay->channel), ==, 3000000);
  quay_close();
}

static void
test_stream_first(void)
{
  g_autoptr(GwBody) body = NULL;
  int fd;

  quay_open();
  body = quay_body(100000);
  quay_listen_for(PEER);
  g_assert_true(gw_data_channel_send(quay->channel, body, (GwByteRange){ 40000, 60000 }));
  g_assert_false(gw_data_channel_send(quay->channel, body, (GwByteRange){ 0, 1 })); /* once */
  quay_pass_ms(30000);
  g_assert_cmpuint(quay->n_over, ==, 0);
  fd = come(0);
  expect(fd, body, 40000);
  QUAY_UNTIL(quay->n_drained == 1); /* though the peer keeps its own side open */
  g_assert_cmpuint(gw_data_channel_acked(quay->channel), ==, 60000);
  close(fd);
  quay_close();
}

static void
test_empty(void)
{
  g_autoptr(GwBody) body = NULL;
  int fd;

  quay_open();
  body = gw_body_new_bytes("", 0, NULL);
  quay_listen_for(PEER);
  fd = come(0);
  for (guint i = 0; i < 20; i++)
    quay_breathe();
  g_assert_cmpint(quay_hear(fd, NULL), ==, 0); /* nothing was sent yet, not even the end */
  send_body(body);
  QUAY_UNTIL(quay->n_drained == 1);
  expect(fd, body, 0);
  close(fd);
  quay_close();
}

/* All of it is in the kernel; the peer has not taken it. */
static void
test_written_is_not_received(void)
{
  g_autoptr(GwBody) body = NULL;
  guint64 acked;
  int fd;

  quay_open();
  body = quay_body(60000);
  quay_listen_for(PEER);
  fd = come(NARROW);
  send_body(body);
  for (guint i = 0; i < 50; i++)
    quay_breathe();
  acked = gw_data_channel_acked(quay->channel);
  g_assert_cmpuint(acked, >, 0);
  g_assert_cmpuint(acked, <, 60000);
  quay_pass_ms(590000);
  g_assert_cmpuint(quay->n_over, ==, 0);
  g_assert_true(quay_swallow(fd, 30000));
  g_assert_cmpuint(quay->n_drained, ==, 0);
  g_assert_true(quay_swallow(fd, 30000));
  QUAY_UNTIL(quay->n_drained == 1);
  close(fd);
  quay_close();
}

/* Half an hour for 1.6 MB, with a pause of almost ten minutes. */
static void
test_L2_slow_reader(void)
{
  g_autoptr(GwBody) body = NULL;
  int fd;

  quay_open();
  body = quay_body(1600000);
  quay_listen_for(PEER);
  fd = come(NARROW);
  send_body(body);
  for (guint second = 0; second < 1600000 / 900; second++) {
    g_assert_true(quay_swallow(fd, 900));
    quay_pass_ms(second == 700 ? 590000 : 1000);
    g_assert_cmpuint(quay->n_over, ==, 0);
  }
  g_assert_cmpuint(quay->n_moved, >, 100);
  g_assert_cmpint(hear_end(fd, NULL), ==, 1);
  QUAY_UNTIL(quay->n_drained == 1);
  close(fd);
  quay_close();
}

static void
test_L2_idle_reader(void)
{
  g_autoptr(GwBody) body = NULL;
  int fd;

  quay_open();
  body = quay_body(60000);
  quay_listen_for(PEER);
  fd = come(NARROW);
  send_body(body);
  for (guint i = 0; i < 50; i++)
    quay_breathe();
  quay_pass_ms(GW_DATA_IDLE_MS + 1000);
  g_assert_cmpuint(quay->n_over, ==, 1);
  g_assert_cmpuint(quay->n_drained, ==, 0);
  g_assert_cmpint(hear_end(fd, NULL), ==, -1); /* it must not take this for the whole */
  close(fd);
  quay_close();
}

/* A little every nine minutes is no reader. */
static void
test_L2_dripping_reader(void)
{
  g_autoptr(GwBody) body = NULL;
  guint n = 0;
  int fd;

  quay_open();
  body = quay_body(1600000);
  quay_listen_for(PEER);
  fd = come(NARROW);
  send_body(body);
  for (; n < 10 && quay->n_over == 0; n++) {
    g_assert_true(quay_swallow(fd, 8000));
    quay_pass_ms(540000);
  }
  g_assert_cmpuint(n, >=, 3); /* not for being idle */
  g_assert_cmpuint(n, <=, 4);
  g_assert_cmpuint(quay->n_drained, ==, 0);
  close(fd);
  quay_close();
}

/* Also what it holds back: nothing is sent to it. */
static void
test_connected_and_nothing_sent(void)
{
  int fd;

  quay_open();
  quay_listen_for(PEER);
  fd = come(0);
  quay_pass_ms(GW_DATA_IDLE_MS - 2000);
  g_assert_cmpuint(quay->n_over, ==, 0);
  quay_pass_ms(3000);
  g_assert_cmpuint(quay->n_over, ==, 1);
  close(fd);
  quay_close();
}

static void
test_nobody_comes(void)
{
  g_autoptr(GwBody) body = NULL;

  quay_open();
  body = quay_body(100);
  quay_listen_for(PEER);
  quay_pass_ms(50000);
  send_body(body);
  quay_pass_ms(GW_DATA_WAIT_MS - 1000);
  g_assert_cmpuint(quay->n_over, ==, 0);
  quay_pass_ms(2000);
  g_assert_cmpuint(quay->n_over, ==, 1);
  g_assert_cmpuint(quay->n_drained, ==, 0);
  g_assert_cmpuint(gw_passive_n_free(quay->passive), ==, gw_passive_size(quay->passive));
  quay_close();
}

static void
test_L8_foreign_peer(void)
{
  g_autoptr(GwBody) body = NULL;
  g_autoptr(GString) heard = g_string_new(NULL);
  int foreign, fd;

  quay_open();
  body = quay_body(1000);
  quay_listen_for(PEER);
  send_body(body);
  foreign = quay_dial("127.0.0.3", gw_data_channel_port(quay->channel), 0);
  (void)hear_end(foreign, heard);
  g_assert_cmpuint(heard->len, ==, 0);
  g_assert_cmpuint(quay->n_up + quay->n_over, ==, 0);
  fd = come(0);
  expect(fd, body, 0);
  close(foreign);
  close(fd);
  quay_close();
}

static void
test_active(void)
{
  g_autoptr(GwBody) body = NULL;
  GwDataSetup setup;
  GwAddress local, peer, from;
  guint16 port;
  int listen_fd, fd;

  quay_open();
  setup = quay_setup();
  body = quay_body(500000);
  listen_fd = quay_listen(PEER, &port);
  local = quay_address("127.0.0.9", 21);
  peer = quay_address(PEER, port);
  quay->channel = gw_data_channel_connect(&setup, &local, &peer);
  g_assert_nonnull(quay->channel);
  g_assert_cmpuint(gw_data_channel_port(quay->channel), ==, 0);
  fd = quay_accept(listen_fd, &from);
  g_assert_true(gw_address_equal_host(&from, &local)); /* the address that the peer knows */
  QUAY_UNTIL(quay->n_up == 1);
  send_body(body);
  expect(fd, body, 0);
  close(fd);
  QUAY_UNTIL(quay->n_drained == 1);
  close(listen_fd);
  quay_close();
}

static void
test_L8_privileged_port(void)
{
  GwDataSetup setup;
  GwAddress local, peer;

  quay_open();
  setup = quay_setup();
  local = quay_address("127.0.0.1", 21);
  for (guint port = 0; port < 1024; port++) {
    peer = quay_address(PEER, (guint16)port);
    g_assert_null(gw_data_channel_connect(&setup, &local, &peer));
  }
  quay_close();
}

static void
test_active_refused(void)
{
  GwDataSetup setup;
  GwAddress local, peer;
  guint16 port;

  quay_open();
  setup = quay_setup();
  close(quay_listen(PEER, &port));
  local = quay_address("127.0.0.1", 21);
  peer = quay_address(PEER, port);
  quay->channel = gw_data_channel_connect(&setup, &local, &peer);
  QUAY_UNTIL(!quay->channel || quay->n_over == 1);
  g_assert_cmpuint(quay->n_up + quay->n_drained, ==, 0);
  quay_close();
}

/* Its queue is full: the kernel tries in silence. */
static void
test_active_unanswered(void)
{
  GwDataSetup setup;
  GwAddress local, peer;
  guint16 port;
  int listen_fd, others[8];

  quay_open();
  setup = quay_setup();
  listen_fd = quay_listen("127.0.0.1", &port);
  for (guint i = 0; i < G_N_ELEMENTS(others); i++)
    others[i] = quay_dial("127.0.0.1", port, 0);
  local = quay_address("127.0.0.1", 21);
  peer = quay_address("127.0.0.1", port);
  quay->channel = gw_data_channel_connect(&setup, &local, &peer);
  g_assert_nonnull(quay->channel);
  quay_pass_ms(GW_DATA_WAIT_MS - 1000);
  g_assert_cmpuint(quay->n_over + quay->n_up, ==, 0);
  quay_pass_ms(2000);
  g_assert_cmpuint(quay->n_over, ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS(others); i++)
    close(others[i]);
  close(listen_fd);
  quay_close();
}

/* Some say early that they will not speak. */
static void
test_peer_shuts_its_side(void)
{
  g_autoptr(GwBody) body = NULL;
  int fd;

  quay_open();
  body = quay_body(60000);
  quay_listen_for(PEER);
  fd = come(NARROW);
  shutdown(fd, SHUT_WR);
  for (guint i = 0; i < 10; i++)
    quay_breathe();
  send_body(body);
  for (guint i = 0; i < 50; i++)
    quay_breathe();
  g_assert_cmpuint(quay->n_over, ==, 0);
  expect(fd, body, 0);
  QUAY_UNTIL(quay->n_drained == 1);
  close(fd);
  quay_close();
}

static void
test_peer_speaks(void)
{
  g_autoptr(GwBody) body = NULL;
  g_autofree char *noise = g_strnfill(200000, 'x');
  int fd;

  quay_open();
  body = quay_body(60000);
  quay_listen_for(PEER);
  fd = come(0);
  g_assert_cmpint(send(fd, noise, 200000, MSG_NOSIGNAL), >, 0);
  send_body(body);
  for (guint i = 0; i < 50; i++)
    quay_breathe();
  expect(fd, body, 0);
  QUAY_UNTIL(quay->n_drained == 1);
  close(fd);
  quay_close();
}

static void
test_peer_resets(void)
{
  g_autoptr(GwBody) body = NULL;
  struct linger linger = { .l_onoff = 1 };
  int fd;

  quay_open();
  body = quay_body(60000);
  quay_listen_for(PEER);
  fd = come(NARROW);
  send_body(body);
  for (guint i = 0; i < 20; i++)
    quay_breathe();
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
  QUAY_UNTIL(quay->n_over == 1);
  g_assert_cmpuint(quay->n_drained, ==, 0);
  g_assert_cmpuint(gw_data_channel_acked(quay->channel), <, 60000);
  quay_close();
}

/* It says nothing more, and the peer cannot take the piece for the whole. */
static void
test_free_in_a_stream(void)
{
  g_autoptr(GwBody) body = NULL;
  int fd;

  quay_open();
  body = quay_body(8 << 20);
  quay_listen_for(PEER);
  fd = come(0);
  send_body(body);
  quay_breathe();
  g_clear_pointer(&quay->channel, gw_data_channel_free);
  g_assert_cmpint(hear_end(fd, NULL), ==, -1);
  g_assert_cmpuint(quay->n_over, ==, 0);
  close(fd);
  quay_close();
}

static void
test_paced(void)
{
  g_autoptr(GwBody) body = NULL;
  g_autoptr(GwPace) pace = NULL;
  GwDataSetup setup;
  GwAddress peer;
  gint64 start_ms;
  int fd;

  quay_open();
  body = quay_body(50000);
  pace = gw_pace_new(gw_reactor_wheel(quay->reactor), 10000, 0);
  setup = quay_setup();
  setup.pace = pace;
  peer = quay_address(PEER, 0);
  quay->channel = gw_data_channel_listen(&setup, quay->passive, &peer);
  fd = come(0);
  start_ms = quay->clock_ms;
  send_body(body);
  expect(fd, body, 0);
  g_assert_cmpint(quay->clock_ms - start_ms, >, 3500);
  g_assert_cmpint(quay->clock_ms - start_ms, <, 6000);
  close(fd);
  g_clear_pointer(&quay->channel, gw_data_channel_free);
  g_clear_pointer(&pace, gw_pace_free);
  quay_close();
}

/* It takes whatever it is sent; that it is sent so little is our own doing. */
static void
test_starved_by_our_pace(void)
{
  g_autoptr(GwBody) body = NULL;
  g_autoptr(GwPace) pace = NULL;
  GwDataSetup setup;
  GwAddress peer;
  guint64 acked;
  int fd;

  quay_open();
  body = quay_body(50000);
  pace = gw_pace_new(gw_reactor_wheel(quay->reactor), 1, 0);
  setup = quay_setup();
  setup.pace = pace;
  peer = quay_address(PEER, 0);
  quay->channel = gw_data_channel_listen(&setup, quay->passive, &peer);
  fd = come(0);
  send_body(body);
  quay_pass_ms(1400000); /* not enough yet for the least that is granted */
  g_assert_cmpuint(quay->n_over, ==, 0);
  acked = gw_data_channel_acked(quay->channel);
  quay_pass_ms(200000);
  g_assert_cmpuint(quay->n_over, ==, 0);
  g_assert_cmpuint(gw_data_channel_acked(quay->channel), >, acked);
  close(fd);
  g_clear_pointer(&quay->channel, gw_data_channel_free);
  g_clear_pointer(&pace, gw_pace_free);
  quay_close();
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/data/peer-first", test_peer_first);
  g_test_add_func("/net/data/stream-first", test_stream_first);
  g_test_add_func("/net/data/empty", test_empty);
  g_test_add_func("/net/data/written-is-not-received", test_written_is_not_received);
  g_test_add_func("/promise/L2/data-slow-reader", test_L2_slow_reader);
  g_test_add_func("/promise/L2/data-idle-reader", test_L2_idle_reader);
  g_test_add_func("/promise/L2/data-dripping-reader", test_L2_dripping_reader);
  g_test_add_func("/net/data/connected-and-nothing-sent", test_connected_and_nothing_sent);
  g_test_add_func("/net/data/nobody-comes", test_nobody_comes);
  g_test_add_func("/promise/L8/data-foreign-peer", test_L8_foreign_peer);
  g_test_add_func("/net/data/active", test_active);
  g_test_add_func("/promise/L8/data-privileged-port", test_L8_privileged_port);
  g_test_add_func("/net/data/active-refused", test_active_refused);
  g_test_add_func("/net/data/active-unanswered", test_active_unanswered);
  g_test_add_func("/net/data/peer-shuts-its-side", test_peer_shuts_its_side);
  g_test_add_func("/net/data/peer-speaks", test_peer_speaks);
  g_test_add_func("/net/data/peer-resets", test_peer_resets);
  g_test_add_func("/net/data/free-in-stream", test_free_in_a_stream);
  g_test_add_func("/net/data/paced", test_paced);
  g_test_add_func("/net/data/starved-by-our-pace", test_starved_by_our_pace);
  return g_test_run();
}
