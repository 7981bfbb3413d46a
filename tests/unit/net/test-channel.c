/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "net/channel.h"
#include "net/serial.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static gint64 clock_ms;

static gint64
read_clock(void)
{
  return clock_ms;
}

/* A channel, the far end of its wire, and what it said. */
typedef struct {
  GMainContext *context;
  GwReactor *reactor;
  GwChannel *channel;
  int far_fd;
  GString *heard;     /* "<line>" and "[bytes]" */
  GString *far_heard; /* at the far end */
  guint n_too_long, n_ends, n_timers, last_timer;
  GwChannelEnd why;
  guint n_done, n_complete;
  GwTransferGauge gauge;
  void (*on_line)(GwSlice line); /* does more in a line event */
} Wire;

static Wire *wire;

static void
on_line(GwChannel *channel, GwSlice line, gpointer user)
{
  g_string_append_c(wire->heard, '<');
  for (gsize i = 0; i < line.size; i++)
    g_string_append_c(wire->heard, line.data[i] ? (char)line.data[i] : '0');
  g_string_append_c(wire->heard, '>');
  if (wire->on_line)
    wire->on_line(line);
}

static void
on_bytes(GwChannel *channel, GwSlice bytes, gpointer user)
{
  g_string_append_c(wire->heard, '[');
  g_string_append_len(wire->heard, (const char *)bytes.data, (gssize)bytes.size);
  g_string_append_c(wire->heard, ']');
}

static void
on_too_long(GwChannel *channel, gpointer user)
{
  wire->n_too_long++;
}

static void
on_timer(GwChannel *channel, guint id, gpointer user)
{
  wire->n_timers++;
  wire->last_timer = id;
}

static void
on_end(GwChannel *channel, GwChannelEnd why, gpointer user)
{
  wire->n_ends++;
  wire->why = why;
}

static const GwChannelEvents events = {
  .line = on_line, .bytes = on_bytes, .line_too_long = on_too_long, .timer = on_timer, .end = on_end
};

static void
on_done(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  wire->n_done++;
  wire->n_complete += (guint)is_complete;
  wire->gauge = *gauge;
}

static const GwTransferObserver observer = { .done = on_done };

/* ---- the wire ---- */

static void
wire_new(void)
{
  g_autoptr(GError) error = NULL;

  wire = g_new0(Wire, 1);
  clock_ms = 1000000;
  wire->context = g_main_context_new();
  wire->reactor = gw_reactor_new(wire->context, &error);
  g_assert_no_error(error);
  gw_reactor_set_clock(wire->reactor, read_clock);
  wire->heard = g_string_new(NULL);
  wire->far_heard = g_string_new(NULL);
}

/* Over TCP; the far end's receive buffer is small. */
static void
wire_new_tcp(const GwChannelLimits *limits, GwPace *(*make_pace)(void))
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  GW_AUTO_FD int listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  GwAccepted accepted = { .fd = -1 };
  int small = 4096;

  wire_new();
  g_assert_cmpint(bind(listen_fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(listen(listen_fd, 1), ==, 0);
  g_assert_cmpint(getsockname(listen_fd, (struct sockaddr *)&address, &size), ==, 0);
  wire->far_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(wire->far_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  g_assert_cmpint(connect(wire->far_fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  accepted.fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  fcntl(wire->far_fd, F_SETFL, O_NONBLOCK);
  wire->channel =
      gw_channel_new(wire->reactor, make_pace ? make_pace() : NULL, &accepted, limits, &events, NULL);
}

static void
wire_new_pty(const GwChannelLimits *limits)
{
  const GwSerialLine line = { .baud = 115200 };
  g_autoptr(GError) error = NULL;
  int fd;

  wire_new();
  wire->far_fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint(wire->far_fd, >=, 0);
  g_assert_cmpint(grantpt(wire->far_fd), ==, 0);
  g_assert_cmpint(unlockpt(wire->far_fd), ==, 0);
  fd = gw_serial_open(ptsname(wire->far_fd), &line, &error);
  g_assert_no_error(error);
  wire->channel = gw_channel_new_tty(wire->reactor, fd, limits, &events, NULL);
}

static void
breathe(void)
{
  char buffer[65536];
  gssize n;

  clock_ms += 8;
  if (!g_main_context_iteration(wire->context, FALSE))
    poll(NULL, 0, 1);
  n = wire->far_fd < 0 ? 0 : read(wire->far_fd, buffer, sizeof buffer);
  if (n > 0)
    g_string_append_len(wire->far_heard, buffer, n);
}

#define UNTIL(condition)                                                                                     \
  do {                                                                                                       \
    gint64 until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;                                          \
    while (!(condition) && g_get_monotonic_time() < until_us)                                                \
      breathe();                                                                                             \
    g_assert_true(condition);                                                                                \
  } while (0)

/* Time passes and the far end does nothing. */
static void
pass_ms(gint64 ms)
{
  for (gint64 end_ms = clock_ms + ms; clock_ms < end_ms;) {
    clock_ms = MIN(clock_ms + 500, end_ms);
    for (guint i = 0; i < 20 && g_main_context_iteration(wire->context, FALSE); i++)
      ;
  }
}

static void
say_bytes(const void *data, gsize size)
{
  const char *at = data;

  while (size > 0) {
    gssize n = write(wire->far_fd, at, size);

    if (n < 0) {
      g_assert_cmpint(errno, ==, EAGAIN);
      breathe();
      continue;
    }
    at += n;
    size -= (gsize)n;
  }
}

static void
say(const char *text)
{
  say_bytes(text, strlen(text));
}

static void
expect(const char *heard)
{
  UNTIL(g_str_has_prefix(wire->heard->str, heard));
  breathe();
  g_assert_cmpstr(wire->heard->str, ==, heard);
  g_string_truncate(wire->heard, 0);
}

static void
wire_free(void)
{
  gw_channel_free(wire->channel);
  gw_close(&wire->far_fd);
  g_main_context_iteration(wire->context, FALSE);
  gw_reactor_free(wire->reactor);
  g_main_context_unref(wire->context);
  g_string_free(wire->heard, TRUE);
  g_string_free(wire->far_heard, TRUE);
  g_clear_pointer(&wire, g_free);
}

static GwBody *
make_body(gsize size)
{
  g_autofree guint8 *bytes = g_malloc(size);
  GwBody *body;

  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8)(i * 7 + i / 256);
  body = gw_body_new_fd(gw_memfd_sealed("body", bytes, size, NULL), size, NULL, NULL);
  g_assert_nonnull(body);
  return body;
}

/* ---- reading ---- */

static const GwChannelLimits limits = { .max_line = 20 };

static void
check_lines(void)
{
  say("one\r\ntwo\nthree\rfour\r\n\r\n\n");
  expect("<one><two><three><four><><>");
  say("par");
  breathe();
  g_assert_cmpstr(wire->heard->str, ==, "");
  say("tial\r");
  expect("<partial>");
  say("\nnext\r\n");
  expect("<next>");
  say_bytes("a\0b\n", 4);
  expect("<a0b>");
}

static void
test_lines(void)
{
  wire_new_tcp(&limits, NULL);
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
  wire_new_tcp(&limits, NULL);
  say("0123456789abcdefghij\n"); /* just fits */
  expect("<0123456789abcdefghij>");
  say("0123456789abcdefghijk\nok\n");
  expect("<ok>");
  g_assert_cmpuint(wire->n_too_long, ==, 1);
  for (guint i = 0; i < 1000; i++)
    say("0123456789abcdefghijk");
  UNTIL(wire->n_too_long == 2);
  say("rest of it\nback\n");
  expect("<back>");
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
  wire_new_tcp(&limits, NULL);
  wire->on_line = switch_modes;
  say("five\r\n01\n34line\r\n");
  expect("<five>[01\n34]<line>");
  say("five\r"); /* a peer that was seen to send CRLF */
  expect("<five>");
  say("\n1234");
  breathe();
  say("5x\n");
  expect("[12345]<x>");
  say("raw\n\r\nabc");
  expect("<raw>[\r\nabc]");
  gw_channel_read_exactly(wire->channel, 2);
  say("abcd");
  expect("[ab][cd]");
  gw_channel_read_lines(wire->channel);
  say("e\n");
  expect("<e>");
  wire_free();
}

/* To a peer that ends lines with CR alone, the first of the exact bytes may be an LF. */
static void
test_cr_alone(void)
{
  wire_new_tcp(&limits, NULL);
  wire->on_line = switch_modes;
  say("five\r");
  expect("<five>");
  say("\n2345");
  expect("[\n2345]");
  wire_free();
}

static void
test_pause(void)
{
  wire_new_tcp(&limits, NULL);
  wire->on_line = switch_modes;
  say("a\npause\nb\nc\n");
  expect("<a><pause>");
  say("d\n");
  pass_ms(1000);
  g_assert_cmpstr(wire->heard->str, ==, "");
  gw_channel_pause(wire->channel, FALSE);
  g_assert_cmpstr(wire->heard->str, ==, ""); /* not inside the call */
  expect("<b><c><d>");
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
    say_bytes(noise, 100000);
  }
  UNTIL(wire->n_too_long > 0);
  say("\nAT\n");
  UNTIL(g_str_has_suffix(wire->heard->str, "<AT>"));
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
  wire_new_tcp(&limits, NULL);
  wire->on_line = free_in_line;
  say("a\nb\nc\n");
  expect("<a>");
  g_assert_cmpuint(wire->n_ends, ==, 0);
  wire_free();
}

/* ---- sending ---- */

static void
test_send_is_bounded(void)
{
  g_autofree char *text = g_strnfill(1000, 'x');
  gsize n = 0;

  wire_new_tcp(&limits, NULL);
  while (gw_channel_send(wire->channel, text, 1000))
    n += 1000;
  g_assert_cmpuint(n, <, 16 << 20);
  g_assert_cmpuint(gw_channel_unacked(wire->channel), >, 64000);
  UNTIL(wire->far_heard->len == n);
  UNTIL(gw_channel_unacked(wire->channel) == 0);
  wire_free();
}

static void
check_stream(gsize size)
{
  g_autoptr(GwBody) body = make_body(size + 100);

  g_assert_true(gw_channel_send(wire->channel, "before", 6));
  g_assert_true(gw_channel_stream(wire->channel, body, 50, size, &observer, NULL));
  g_assert_false(gw_channel_stream(wire->channel, body, 0, 10, &observer, NULL)); /* one at a time */
  g_assert_true(gw_channel_send(wire->channel, "after", 5));
  UNTIL(wire->n_done == 1 && wire->far_heard->len == size + 11);
  g_assert_cmpuint(wire->n_complete, ==, 1);
  g_assert_cmpuint(wire->gauge.offset, ==, 50);
  g_assert_cmpuint(wire->gauge.acked, ==, size);
  g_assert_true(g_str_has_prefix(wire->far_heard->str, "before"));
  g_assert_cmpmem(wire->far_heard->str + 6, size, gw_body_map(body) + 50, size);
  g_assert_cmpstr(wire->far_heard->str + 6 + size, ==, "after");
  g_assert_false(gw_channel_stream(wire->channel, body, size, 101, &observer, NULL));
  g_assert_false(gw_channel_stream(wire->channel, body, 0, 0, &observer, NULL));
}

static void
test_stream(void)
{
  wire_new_tcp(&limits, NULL);
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

static GwPace *pace;

static GwPace *
make_pace(void)
{
  return pace = gw_pace_new(gw_reactor_wheel(wire->reactor), 10000, 0);
}

static void
test_stream_is_paced(void)
{
  g_autoptr(GwBody) body = make_body(50000);
  gint64 start_ms;

  wire_new_tcp(&limits, make_pace);
  start_ms = clock_ms;
  g_assert_true(gw_channel_stream(wire->channel, body, 0, 50000, &observer, NULL));
  UNTIL(wire->n_complete == 1);
  g_assert_cmpint(clock_ms - start_ms, >, 3500);
  g_assert_cmpint(clock_ms - start_ms, <, 6000);
  wire_free();
  gw_pace_free(pace);
}

static void
test_unread_stream_is_never_done(void)
{
  g_autoptr(GwBody) body = make_body(60000);

  wire_new_tcp(&limits, NULL);
  g_assert_true(gw_channel_stream(wire->channel, body, 0, 60000, &observer, NULL));
  gw_channel_close(wire->channel);
  pass_ms(290000);
  g_assert_cmpuint(wire->n_done, ==, 0);
  g_assert_cmpuint(wire->n_ends, ==, 0);
  pass_ms(320000);
  g_assert_cmpuint(wire->n_done, ==, 1);
  g_assert_cmpuint(wire->n_complete, ==, 0);
  g_assert_cmpuint(wire->n_ends, ==, 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_SLOW);
  wire_free();
}

static void
test_close_waits_for_the_last_byte(void)
{
  g_autoptr(GwBody) body = make_body(60000);

  wire_new_tcp(&limits, NULL);
  g_assert_true(gw_channel_stream(wire->channel, body, 0, 60000, &observer, NULL));
  gw_channel_close(wire->channel);
  g_assert_false(gw_channel_send(wire->channel, "x", 1));
  pass_ms(5000);
  g_assert_cmpuint(wire->n_ends, ==, 0);
  UNTIL(wire->n_ends == 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_CLOSED);
  g_assert_cmpuint(wire->n_complete, ==, 1);
  g_assert_cmpuint(wire->far_heard->len, ==, 60000);
  wire_free();
}

/* ---- ends ---- */

static void
test_peer_closes(void)
{
  wire_new_tcp(&limits, NULL);
  say("last\nhalf");
  gw_close(&wire->far_fd);
  UNTIL(wire->n_ends == 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_PEER_CLOSED);
  g_assert_cmpstr(wire->heard->str, ==, "<last>");
  g_assert_false(gw_channel_send(wire->channel, "x", 1));
  wire_free();
}

static void
test_unplugged(void)
{
  wire_new_pty(&limits);
  say("AT\n");
  expect("<AT>");
  gw_close(&wire->far_fd);
  UNTIL(wire->n_ends == 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_PEER_CLOSED);
  wire_free();
}

static void
test_peer_resets_in_a_stream(void)
{
  g_autoptr(GwBody) body = make_body(8 << 20);
  struct linger linger = { .l_onoff = 1 };

  wire_new_tcp(&limits, NULL);
  g_assert_true(gw_channel_stream(wire->channel, body, 0, 8 << 20, &observer, NULL));
  UNTIL(wire->far_heard->len > 100000);
  setsockopt(wire->far_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  gw_close(&wire->far_fd);
  UNTIL(wire->n_ends == 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_BROKEN);
  g_assert_cmpuint(wire->n_done, ==, 1);
  g_assert_cmpuint(wire->n_complete, ==, 0);
  g_assert_cmpuint(wire->gauge.acked, <, 8 << 20);
  wire_free();
}

static void
test_free_in_a_stream(void)
{
  g_autoptr(GwBody) body = make_body(8 << 20);

  wire_new_tcp(&limits, NULL);
  g_assert_true(gw_channel_stream(wire->channel, body, 0, 8 << 20, &observer, NULL));
  g_clear_pointer(&wire->channel, gw_channel_free);
  g_assert_cmpuint(wire->n_done, ==, 1);
  g_assert_cmpuint(wire->n_complete, ==, 0);
  g_assert_cmpuint(wire->n_ends, ==, 0);
  wire_free();
}

static void
test_idle(void)
{
  const GwChannelLimits idle = { .idle_ms = 10000 };

  wire_new_tcp(&idle, NULL);
  pass_ms(9000);
  say("x\n");
  expect("<x>");
  pass_ms(9000);
  g_assert_cmpuint(wire->n_ends, ==, 0);
  pass_ms(2000);
  g_assert_cmpuint(wire->n_ends, ==, 1);
  g_assert_cmpint(wire->why, ==, GW_CHANNEL_IDLE);
  wire_free();
}

static void
test_timers(void)
{
  wire_new_tcp(&limits, NULL);
  gw_channel_arm(wire->channel, 3, 5000);
  gw_channel_arm(wire->channel, 7, 2000);
  gw_channel_arm(wire->channel, 0, 1000);
  gw_channel_arm(wire->channel, 0, 0);
  pass_ms(1900);
  g_assert_cmpuint(wire->n_timers, ==, 0);
  pass_ms(200);
  g_assert_cmpuint(wire->n_timers, ==, 1);
  g_assert_cmpuint(wire->last_timer, ==, 7);
  gw_channel_arm(wire->channel, 3, 10000);
  pass_ms(9000);
  g_assert_cmpuint(wire->n_timers, ==, 1);
  pass_ms(2000);
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
  g_test_add_func("/net/channel/send-bounded", test_send_is_bounded);
  g_test_add_func("/net/channel/stream", test_stream);
  g_test_add_func("/net/channel/stream-pty", test_stream_on_a_pty);
  g_test_add_func("/net/channel/stream-paced", test_stream_is_paced);
  g_test_add_func("/net/channel/stream-unread", test_unread_stream_is_never_done);
  g_test_add_func("/net/channel/close", test_close_waits_for_the_last_byte);
  g_test_add_func("/net/channel/peer-closes", test_peer_closes);
  g_test_add_func("/promise/L11/unplugged", test_unplugged);
  g_test_add_func("/net/channel/peer-resets", test_peer_resets_in_a_stream);
  g_test_add_func("/net/channel/free-in-stream", test_free_in_a_stream);
  g_test_add_func("/net/channel/idle", test_idle);
  g_test_add_func("/net/channel/timers", test_timers);
  return g_test_run();
}
