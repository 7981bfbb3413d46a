/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a session on a serial server: its last bytes go. */
#include "net/serial-server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAST 50000 /* more than is read at once */

static gint64 clock_ms = 5000;
static int listener, line_fd;

static gint64
read_clock(void)
{
  return clock_ms;
}

static void
on_ready(int fd, const GError *error, gpointer user)
{
  g_assert_no_error(error);
  line_fd = fd;
}

static void
turn(void)
{
  g_main_context_iteration(NULL, FALSE);
}

/* A server that takes little, so that the rest has to wait. */
static GwSerialServer *
open_one(GwReactor *reactor, int *ret_remote)
{
  struct sockaddr_in local = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof local;
  int room = 4096;
  GwSerialPlace place;
  GwSerialServer *server;

  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), ==, 0);
  g_assert_cmpint(bind(listener, (struct sockaddr *)&local, size), ==, 0);
  g_assert_cmpint(listen(listener, 1), ==, 0);
  g_assert_cmpint(getsockname(listener, (struct sockaddr *)&local, &size), ==, 0);
  g_autofree char *text = g_strdup_printf("tcp://127.0.0.1:%u", ntohs(local.sin_port));
  g_assert_true(gw_serial_place_parse(text, &place, NULL));
  line_fd = -1;
  server = gw_serial_server_open(reactor, &place, &(GwSerialLine){ .baud = 9600 }, on_ready, NULL, NULL);
  g_assert_nonnull(server);
  *ret_remote = accept(listener, NULL, NULL);
  g_assert_cmpint(*ret_remote, >=, 0);
  while (line_fd < 0)
    turn();
  return server;
}

/* TRUE: it ended in order, FALSE: there is nothing now. */
static gboolean
read_all(int fd, gsize *n)
{
  static guint8 bytes[8192];
  gssize got;

  while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
    for (gssize i = 0; i < got; i++, (*n)++)
      g_assert_cmpuint(bytes[i], ==, *n % 251);
  g_assert_true(got == 0 || errno == EAGAIN);
  return got == 0;
}

static void
test_last_bytes(void)
{
  g_autoptr(GwReactor) reactor = gw_reactor_new(NULL, NULL);
  static guint8 bytes[LAST];
  gsize n = 0;
  int remote;

  gw_reactor_set_clock(reactor, read_clock);
  GwSerialServer *server = open_one(reactor, &remote);
  for (guint i = 0; i < LAST; i++)
    bytes[i] = (guint8)(i % 251);
  g_assert_cmpint(write(line_fd, bytes, LAST), ==, LAST);
  close(line_fd);
  while (!read_all(remote, &n))
    turn();
  g_assert_cmpuint(n, ==, LAST);
  close(remote);
  close(listener);
  gw_serial_server_free(server);
  turn();
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/serial-server/last-bytes", test_last_bytes);
  return g_test_run();
}
