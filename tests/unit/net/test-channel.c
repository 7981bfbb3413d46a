/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a channel takes its input apart, and how it ends. */
#include "base/file.h"
#include "wire.h"

static const GwChannelLimits limits = { .max_line = 20 };

/* ---- reading ---- */

static void
check_lines(void)
{
  wire_say("one\r\ntwo\nthree\rfour\r\n\r\n\n");
  wire_expect("<one><two><three><four><><>");
  wire_say("par");
  wire_breathe();
  g_assert_cmpstr(wire->heard->str, ==, "");
  wire_say("tial\r");
  wire_expect("<partial>");
  wire_say("\nnext\r\n");
  wire_expect("<next>");
  wire_say_bytes("a\0b\n", 4);
  wire_expect("<a0b>");
}

static void
test_lines(void)
{
  wire_new_tcp(&limits);
  check_lines();
  wire_free();
}

static void
test_lines_on_a_pty(void)
{
  wire_new_pty(&limits);
  check_lines();
  wire_free();
}

static void
test_line_too_long(void)
{
  wire_new_tcp(&limits);
  wire_say("0123456789abcdefghij\n"); /* just fits */
  wire_expect("<0123456789abcdefghij>");
  wire_say("0123456789abcdefghijk\nok\n");
  wire_expect("<ok>");
  g_assert_cmpuint(wire->n_too_long, ==, 1);
  for (guint i = 0; i < 1000; i++)
    wire_say("0123456789abcdefghijk");
  WIRE_UNTIL(wire->n_too_long == 2);
  wire_say("rest of it\nback\n");
  wire_expect("<back>");
  g_assert_cmpuint(wire->n_too_long, ==, 2);
  wire_free();
}

static void
switch_modes(GwSlice line)
{
  if (gw_slice_equal(line, "raw"))
    gw_channel_read_raw(wire->channel);
  if (gw_slice_equal(line, "five"))
    gw_channel_read_exactly(wire->channel, 5);
  if (gw_slice_equal(line, "pause"))
    gw_channel_pause(wire->channel, TRUE);
}

static void
test_modes(void)
{
  wire_new_tcp(&limits);
  wire->on_line = switch_modes;
  wire_say("five\r\n01\n34line\r\n");
  wire_expect("<five>[01\n34]<line>");
  wire_say("five\r"); /* a peer that was seen to send CRLF */
  wire_expect("<five>");
  wire_say("\n1234");
  wire_breathe();
  wire_say("5x\n");
  wire_expect("[12345]<x>");
  wire_say("raw\n\r\nabc");
  wire_expect("<raw>[\r\nabc]");
  gw_channel_read_exactly(wire->channel, 2);
  wire_say("abcd");
  wire_expect("[ab][cd]");
  gw_channel_read_lines(wire->channel);
  wire_say("e\n");
  wire_expect("<e>");
  wire_free();
}

/* To a peer that ends lines with CR alone, the first of the exact bytes may be an LF. */
static void
test_cr_alone(void)
{
  wire_new_tcp(&limits);
  wire->on_line = switch_modes;
  wire_say("five\r");
  wire_expect("<five>");
  wire_say("\n2345");
  wire_expect("[\n2345]");
  wire_free();
}

static void
test_pause(void)
{
  wire_new_tcp(&limits);
  wire->on_line = switch_modes;
  wire_say("a\npause\nb\nc\n");
  wire_expect("<a><pause>");
  wire_say("d\n");
  wire_pass_ms(1000);
  g_assert_cmpstr(wire->heard->str, ==, "");
  gw_channel_pause(wire->channel, FALSE);
  g_assert_cmpstr(wire->heard->str, ==, ""); /* not inside the call */
  wire_expect("<b><c><d>");
  wire_free();
}

/* Promise L11 as far as a channel can keep it. */
static void
test_noise(void)
{
  g_autofree guint8 *noise = g_malloc(100000);

  wire_new_pty(&limits);
  for (guint round = 0; round < 10; round++) {
    for (guint i = 0; i < 100000; i++)
      noise[i] = (guint8)g_test_rand_int();
    wire_say_bytes(noise, 100000);
  }
  WIRE_UNTIL(wire->n_too_long > 0);
  wire_say("\nAT\n");
  WIRE_UNTIL(g_str_has_suffix(wire->heard->str, "<AT>"));
  wire_free();
}

static void
free_in_line(GwSlice line)
{
  g_clear_pointer(&wire->channel, gw_channel_free);
}

static void
test_free_in_an_event(void)
{
  wire_new_tcp(&limits);
  wire->on_line = free_in_line;
  wire_say("a\nb\nc\n");
  wire_expect("<a>");
  g_assert_cmpuint(wire->n_ends, ==, 0);
  wire_free();
}

/* ---- ends ---- */

static void
test_peer_closes(void)
{
  wire_new_tcp(&limits);
  wire_say("last\nhalf");
  gw_close(&wire->far_fd);
  WIRE_UNTIL(wire->n_ends == 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_PEER_CLOSED);
  g_assert_cmpstr(wire->heard->str, ==, "<last>");
  g_assert_false(gw_channel_send(wire->channel, "x", 1));
  wire_free();
}

static void
test_unplugged(void)
{
  wire_new_pty(&limits);
  wire_say("AT\n");
  wire_expect("<AT>");
  gw_close(&wire->far_fd);
  WIRE_UNTIL(wire->n_ends == 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_PEER_CLOSED);
  wire_free();
}

static void
test_idle(void)
{
  const GwChannelLimits idle = { .idle_ms = 10000 };

  wire_new_tcp(&idle);
  wire_pass_ms(9000);
  wire_say("x\n");
  wire_expect("<x>");
  wire_pass_ms(9000);
  g_assert_cmpuint(wire->n_ends, ==, 0);
  wire_pass_ms(2000);
  g_assert_cmpuint(wire->n_ends, ==, 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_IDLE);
  wire_free();
}

static void
test_timers(void)
{
  wire_new_tcp(&limits);
  gw_channel_arm(wire->channel, 3, 5000);
  gw_channel_arm(wire->channel, 7, 2000);
  gw_channel_arm(wire->channel, 0, 1000);
  gw_channel_arm(wire->channel, 0, 0);
  wire_pass_ms(1900);
  g_assert_cmpuint(wire->n_timers, ==, 0);
  wire_pass_ms(200);
  g_assert_cmpuint(wire->n_timers, ==, 1);
  g_assert_cmpuint(wire->last_timer, ==, 7);
  gw_channel_arm(wire->channel, 3, 10000);
  wire_pass_ms(9000);
  g_assert_cmpuint(wire->n_timers, ==, 1);
  wire_pass_ms(2000);
  g_assert_cmpuint(wire->last_timer, ==, 3);
  g_assert_cmpuint(wire->n_timers, ==, 2);
  wire_free();
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/channel/lines", test_lines);
  g_test_add_func("/net/channel/lines-pty", test_lines_on_a_pty);
  g_test_add_func("/net/channel/line-too-long", test_line_too_long);
  g_test_add_func("/net/channel/modes", test_modes);
  g_test_add_func("/net/channel/cr-alone", test_cr_alone);
  g_test_add_func("/net/channel/pause", test_pause);
  g_test_add_func("/promise/L11/noise", test_noise);
  g_test_add_func("/net/channel/free-in-event", test_free_in_an_event);
  g_test_add_func("/net/channel/peer-closes", test_peer_closes);
  g_test_add_func("/promise/L11/unplugged", test_unplugged);
  g_test_add_func("/net/channel/idle", test_idle);
  g_test_add_func("/net/channel/timers", test_timers);
  return g_test_run();
}
