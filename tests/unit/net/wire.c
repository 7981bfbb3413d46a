/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire.h"

#include "base/file.h"
#include "net/serial.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Wire *wire;

static gint64
read_clock(void)
{
  return wire->clock_ms;
}

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

const GwTransferObserver wire_observer = { .done = on_done };

/* ---- the wire ---- */

static void
wire_new(void)
{
  g_autoptr(GError) error = NULL;

  wire = g_new0(Wire, 1);
  wire->clock_ms = 1000000;
  wire->context = g_main_context_new();
  wire->reactor = gw_reactor_new(wire->context, &error);
  g_assert_no_error(error);
  gw_reactor_set_clock(wire->reactor, read_clock);
  wire->heard = g_string_new(NULL);
  wire->far_heard = g_string_new(NULL);
}

/* Over TCP; the far end's receive buffer is small. */
void
wire_new_tcp(const GwChannelLimits *limits)
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
  wire->channel = gw_channel_new(wire->reactor, &accepted, limits, &events, NULL);
}

void
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

void
wire_breathe(void)
{
  char buffer[65536];
  gssize n;

  wire->clock_ms += 8;
  if (!g_main_context_iteration(wire->context, FALSE))
    poll(NULL, 0, 1);
  n = wire->far_fd < 0 ? 0 : read(wire->far_fd, buffer, sizeof buffer);
  if (n > 0)
    g_string_append_len(wire->far_heard, buffer, n);
}

/* Time passes and the far end does nothing. */
void
wire_pass_ms(gint64 ms)
{
  for (gint64 end_ms = wire->clock_ms + ms; wire->clock_ms < end_ms;) {
    wire->clock_ms = MIN(wire->clock_ms + 500, end_ms);
    for (guint i = 0; i < 20 && g_main_context_iteration(wire->context, FALSE); i++)
      ;
  }
}

void
wire_say_bytes(const void *data, gsize size)
{
  const char *at = data;

  while (size > 0) {
    gssize n = write(wire->far_fd, at, size);

    if (n < 0) {
      g_assert_cmpint(errno, ==, EAGAIN);
      wire_breathe();
      continue;
    }
    at += n;
    size -= (gsize)n;
  }
}

void
wire_say(const char *text)
{
  wire_say_bytes(text, strlen(text));
}

void
wire_expect(const char *heard)
{
  WIRE_UNTIL(g_str_has_prefix(wire->heard->str, heard));
  wire_breathe();
  g_assert_cmpstr(wire->heard->str, ==, heard);
  g_string_truncate(wire->heard, 0);
}

void
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

GwBody *
wire_make_body(gsize size)
{
  g_autofree guint8 *bytes = g_malloc(size);
  GwBody *body;

  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8)(i * 7 + i / 256);
  body = gw_body_new_fd(gw_memfd_sealed("body", bytes, size, NULL), size, NULL, NULL);
  g_assert_nonnull(body);
  return body;
}
