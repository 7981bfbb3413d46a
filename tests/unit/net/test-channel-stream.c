/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a channel sends, and when it is through. */
#include "base/file.h"
#include "wire.h"
#include <string.h>
#include <sys/socket.h>

static const GwChannelLimits limits = { .max_line = 20 };

/* ---- sending ---- */

static void
test_send_is_bounded(void)
{
  g_autofree char *text = g_strnfill(1000, 'x');
  gsize n = 0;

  wire_new_tcp(&limits);
  while (gw_channel_send(wire->channel, text, 1000))
    n += 1000;
  g_assert_cmpuint(n, <, 16 << 20);
  g_assert_cmpuint(gw_channel_unacked(wire->channel), >, 64000);
  WIRE_UNTIL(wire->far_heard->len == n);
  WIRE_UNTIL(gw_channel_unacked(wire->channel) == 0);
  wire_free();
}

static void
check_stream(gsize size)
{
  g_autoptr(GwBody) body = wire_make_body(size + 100);

  g_assert_true(gw_channel_send(wire->channel, "before", 6));
  g_assert_true(gw_channel_stream(wire->channel, body, (GwByteRange){ 50, size }, &wire_observer, NULL));
  g_assert_false(gw_channel_stream(wire->channel, body, (GwByteRange){ 0, 10 }, &wire_observer,
                                   NULL)); /* one at a time */
  g_assert_true(gw_channel_send(wire->channel, "after", 5));
  WIRE_UNTIL(wire->n_done == 1 && wire->far_heard->len == size + 11);
  g_assert_cmpuint(wire->n_complete, ==, 1);
  g_assert_cmpuint(wire->gauge.offset, ==, 50);
  g_assert_cmpuint(wire->gauge.acked, ==, size);
  g_assert_true(g_str_has_prefix(wire->far_heard->str, "before"));
  g_assert_cmpmem(wire->far_heard->str + 6, size, gw_body_map(body) + 50, size);
  g_assert_cmpstr(wire->far_heard->str + 6 + size, ==, "after");
  g_assert_false(gw_channel_stream(wire->channel, body, (GwByteRange){ size, 101 }, &wire_observer, NULL));
  g_assert_false(gw_channel_stream(wire->channel, body, (GwByteRange){ 0, 0 }, &wire_observer, NULL));
}

static void
test_stream(void)
{
  wire_new_tcp(&limits);
  check_stream(1000000);
  wire_free();
}

static void
test_stream_on_a_pty(void)
{
  wire_new_pty(&limits);
  check_stream(100000);
  wire_free();
}

static void
test_stream_is_paced(void)
{
  g_autoptr(GwBody) body = wire_make_body(50000);
  GwPace *pace;
  gint64 start_ms;

  wire_new_tcp(&limits);
  pace = gw_pace_new(gw_reactor_wheel(wire->reactor), 10000, 0);
  gw_channel_set_pace(wire->channel, pace);
  start_ms = wire->clock_ms;
  g_assert_true(gw_channel_stream(wire->channel, body, (GwByteRange){ 0, 50000 }, &wire_observer, NULL));
  WIRE_UNTIL(wire->n_complete == 1);
  g_assert_cmpint(wire->clock_ms - start_ms, >, 3500);
  g_assert_cmpint(wire->clock_ms - start_ms, <, 6000);
  g_clear_pointer(&wire->channel, gw_channel_free);
  gw_pace_free(pace);
  wire_free();
}

static void
test_unread_stream_is_never_done(void)
{
  g_autoptr(GwBody) body = wire_make_body(60000);

  wire_new_tcp(&limits);
  g_assert_true(gw_channel_stream(wire->channel, body, (GwByteRange){ 0, 60000 }, &wire_observer, NULL));
  gw_channel_close(wire->channel);
  wire_pass_ms(290000);
  g_assert_cmpuint(wire->n_done, ==, 0);
  g_assert_cmpuint(wire->n_ends, ==, 0);
  wire_pass_ms(320000);
  g_assert_cmpuint(wire->n_done, ==, 1);
  g_assert_cmpuint(wire->n_complete, ==, 0);
  g_assert_cmpuint(wire->n_ends, ==, 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_SLOW);
  wire_free();
}

static void
test_close_waits_for_the_last_byte(void)
{
  g_autoptr(GwBody) body = wire_make_body(60000);

  wire_new_tcp(&limits);
  g_assert_true(gw_channel_stream(wire->channel, body, (GwByteRange){ 0, 60000 }, &wire_observer, NULL));
  gw_channel_close(wire->channel);
  g_assert_false(gw_channel_send(wire->channel, "x", 1));
  wire_pass_ms(5000);
  g_assert_cmpuint(wire->n_ends, ==, 0);
  WIRE_UNTIL(wire->n_ends == 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_CLOSED);
  g_assert_cmpuint(wire->n_complete, ==, 1);
  g_assert_cmpuint(wire->far_heard->len, ==, 60000);
  wire_free();
}

static void
test_peer_resets_in_a_stream(void)
{
  g_autoptr(GwBody) body = wire_make_body(8 << 20);
  struct linger linger = { .l_onoff = 1 };

  wire_new_tcp(&limits);
  g_assert_true(gw_channel_stream(wire->channel, body, (GwByteRange){ 0, 8 << 20 }, &wire_observer, NULL));
  WIRE_UNTIL(wire->far_heard->len > 100000);
  setsockopt(wire->far_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  gw_close(&wire->far_fd);
  WIRE_UNTIL(wire->n_ends == 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_BROKEN);
  g_assert_cmpuint(wire->n_done, ==, 1);
  g_assert_cmpuint(wire->n_complete, ==, 0);
  g_assert_cmpuint(wire->gauge.acked, <, 8 << 20);
  wire_free();
}

static void
test_free_in_a_stream(void)
{
  g_autoptr(GwBody) body = wire_make_body(8 << 20);

  wire_new_tcp(&limits);
  g_assert_true(gw_channel_stream(wire->channel, body, (GwByteRange){ 0, 8 << 20 }, &wire_observer, NULL));
  g_clear_pointer(&wire->channel, gw_channel_free);
  g_assert_cmpuint(wire->n_done, ==, 1);
  g_assert_cmpuint(wire->n_complete, ==, 0);
  g_assert_cmpuint(wire->n_ends, ==, 0);
  wire_free();
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/channel/send-bounded", test_send_is_bounded);
  g_test_add_func("/net/channel/stream", test_stream);
  g_test_add_func("/net/channel/stream-pty", test_stream_on_a_pty);
  g_test_add_func("/net/channel/stream-paced", test_stream_is_paced);
  g_test_add_func("/net/channel/stream-unread", test_unread_stream_is_never_done);
  g_test_add_func("/net/channel/close", test_close_waits_for_the_last_byte);
  g_test_add_func("/net/channel/peer-resets", test_peer_resets_in_a_stream);
  g_test_add_func("/net/channel/free-in-stream", test_free_in_a_stream);
  return g_test_run();
}
