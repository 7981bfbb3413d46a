/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quay.h"

#include "base/file.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Quay *quay;

static gint64
read_clock(void)
{
  return quay->clock_ms;
}

static void
on_foreign(const GwAddress *peer, gpointer user)
{
  quay->n_foreign++;
}

void
quay_open(void)
{
  g_autoptr(GError) error = NULL;

  quay = g_new0(Quay, 1);
  quay->clock_ms = 1000000;
  quay->accepted_fd = -1;
  quay->context = g_main_context_new();
  quay->reactor = gw_reactor_new(quay->context, &error);
  g_assert_no_error(error);
  gw_reactor_set_clock(quay->reactor, read_clock);
  for (int i = 0; i < 20 && !quay->passive; i++) { /* others, who run beside us, may have one of a range */
    quay->range.first = (guint16)(12000 + (getpid() + i * 37) % 1000 * QUAY_PORTS);
    quay->range.last = quay->range.first + QUAY_PORTS - 1;
    g_clear_error(&error);
    quay->passive = gw_passive_new(quay->reactor, &quay->range, &error);
  }
  g_assert_no_error(error);
  gw_passive_on_foreign(quay->passive, on_foreign, NULL);
}

void
quay_close(void)
{
  gw_data_channel_free(quay->channel);
  gw_close(&quay->accepted_fd);
  g_assert_cmpuint(gw_passive_n_free(quay->passive), ==, gw_passive_size(quay->passive));
  gw_passive_free(quay->passive);
  while (g_main_context_iteration(quay->context, FALSE))
    ;
  gw_reactor_free(quay->reactor);
  g_main_context_unref(quay->context);
  g_clear_pointer(&quay, g_free);
}

GwAddress
quay_address(const char *host, guint16 port)
{
  GwAddress address;
  g_autoptr(GError) error = NULL;

  g_assert_true(gw_address_parse(host, 1, &address, &error));
  address.port = port;
  return address;
}

void
quay_breathe(void)
{
  quay->clock_ms += 8;
  if (!g_main_context_iteration(quay->context, FALSE))
    poll(NULL, 0, 1);
}

void
quay_pass_ms(gint64 ms)
{
  gint64 end_ms = quay->clock_ms + ms;

  while (quay->clock_ms < end_ms) {
    quay->clock_ms = MIN(quay->clock_ms + 1000, end_ms);
    for (guint i = 0; i < 5; i++)
      (void)g_main_context_iteration(quay->context, FALSE);
  }
}

/* ---- far ends ---- */

static int
far_socket(const GwAddress *address, int receive_buffer)
{
  struct sockaddr_storage sockaddr;
  socklen_t size = gw_address_to_sockaddr(address, &sockaddr);
  int fd = socket(sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  g_assert_cmpint(fd, >=, 0);
  if (receive_buffer)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  g_assert_cmpint(bind(fd, (struct sockaddr *)&sockaddr, size), ==, 0);
  return fd;
}

int
quay_dial(const char *host, guint16 port, int receive_buffer)
{
  GwAddress from = quay_address(host, 0);
  GwAddress to = quay_address(gw_address_is_ipv4(&from) ? "127.0.0.1" : "::1", port);
  struct sockaddr_storage sockaddr;
  socklen_t size = gw_address_to_sockaddr(&to, &sockaddr);
  int fd = far_socket(&from, receive_buffer);

  if (connect(fd, (struct sockaddr *)&sockaddr, size) < 0)
    g_assert_cmpint(errno, ==, EINPROGRESS);
  return fd;
}

int
quay_listen(const char *host, guint16 *ret_port)
{
  GwAddress at = quay_address(host, 0);
  struct sockaddr_storage sockaddr;
  socklen_t size = sizeof sockaddr;
  int fd = far_socket(&at, 4096);

  g_assert_cmpint(listen(fd, 0), ==, 0);
  g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sockaddr, &size), ==, 0);
  g_assert_true(gw_address_from_sockaddr((struct sockaddr *)&sockaddr, &at));
  *ret_port = at.port;
  return fd;
}

int
quay_accept(int listen_fd, GwAddress *ret_from)
{
  struct sockaddr_storage sockaddr;
  socklen_t size = sizeof sockaddr;
  int fd = -1;

  QUAY_UNTIL(fd >= 0 || (fd = accept4(listen_fd, (struct sockaddr *)&sockaddr, &size, SOCK_NONBLOCK)) >= 0);
  g_assert_true(gw_address_from_sockaddr((struct sockaddr *)&sockaddr, ret_from));
  return fd;
}

int
quay_hear(int fd, GString *heard)
{
  char buffer[65536];
  gssize n;

  while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
    if (heard)
      g_string_append_len(heard, buffer, n);
  }
  if (n == 0)
    return 1;
  return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
}

gboolean
quay_swallow(int fd, gsize size)
{
  gint64 until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
  gint64 before_ms = quay->clock_ms;
  char buffer[4096];

  while (size > 0 && g_get_monotonic_time() < until_us) {
    gssize n = recv(fd, buffer, MIN(size, sizeof buffer), 0);

    if (n == 0 || (n < 0 && errno != EAGAIN))
      return FALSE;
    size -= (gsize)MAX(n, 0);
    quay_breathe();
    quay->clock_ms = before_ms;
  }
  return size == 0;
}

/* ---- near ends ---- */

static void
on_accepted(int fd, gpointer user)
{
  gw_close(&quay->accepted_fd);
  quay->accepted_fd = fd;
  quay->n_accepted++;
}

GwLease *
quay_lease(const char *host)
{
  GwAddress peer = quay_address(host, 0);

  return gw_passive_lease(quay->passive, &peer, on_accepted, NULL);
}

static void
on_up(GwDataChannel *channel, gpointer user)
{
  quay->n_up++;
}

static void
on_moved(GwDataChannel *channel, gpointer user)
{
  quay->n_moved++;
}

static void
on_over(GwDataChannel *channel, gboolean is_drained, gpointer user)
{
  quay->n_over++;
  quay->n_drained += is_drained;
}

static const GwDataEvents events = { on_up, on_moved, on_over };

GwDataSetup
quay_setup(void)
{
  return (GwDataSetup){ quay->reactor, NULL, &events, NULL };
}

void
quay_listen_for(const char *host)
{
  GwDataSetup setup = quay_setup();
  GwAddress peer = quay_address(host, 0);

  quay->channel = gw_data_channel_listen(&setup, quay->passive, &peer);
  g_assert_nonnull(quay->channel);
}

GwBody *
quay_body(gsize size)
{
  g_autofree guint8 *bytes = g_malloc(size + 1);
  g_autoptr(GError) error = NULL;
  int fd;

  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8)(i * 31 + i / 251);
  fd = gw_memfd_sealed("image", bytes, size, &error);
  g_assert_no_error(error);
  return gw_body_new_fd(fd, size, NULL, &error);
}
