/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

static gint64 clock_ms = 1000000;

static gint64
fake_clock(void)
{
  return clock_ms;
}

static void
on_ask(GwSession *session, const GatewayAsk *ask, gpointer user)
{
}

static void
on_covered(GwSession *session, guint64 offset, guint64 size, gpointer user)
{
  Dock *dock = user;

  dock->n_covered++;
  dock->covered_offset = offset;
  dock->covered_size = size;
}

static void
on_streamed(GwSession *session, const GwTransferGauge *gauge, gboolean is_over, gpointer user)
{
  Dock *dock = user;

  g_assert_cmpuint(gauge->acked, >=, dock->streamed_acked);
  dock->streamed_acked = is_over ? 0 : gauge->acked;
  dock->n_streamed++;
  dock->n_streams_over += (guint)is_over;
}

static void
on_ended(GwSession *session, gpointer user)
{
  ((Dock *)user)->has_ended = TRUE;
}

static const GwSessionHost HOST = { on_ask, on_covered, NULL, on_ended, on_streamed };

/* ---- the dock ---- */

GwAddress
dock_address(const char *host, guint16 port)
{
  GwAddress address;

  g_assert_true(gw_address_parse(host, 1, &address, NULL));
  address.port = port;
  return address;
}

int
dock_socket(const char *host, guint16 *ret_port, int receive_buffer)
{
  GwAddress address = dock_address(host, 0);
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

int
dock_dial(const char *from, const char *to, guint16 port, int receive_buffer)
{
  GwAddress address = dock_address(to, port);
  struct sockaddr_storage sockaddr;
  socklen_t size = gw_address_to_sockaddr(&address, &sockaddr);
  int fd = dock_socket(from, NULL, receive_buffer);

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

void
dock_breathe(Dock *dock)
{
  clock_ms += GW_WHEEL_TICK_MS;
  (void)hear(dock->node, dock->main);
  if (dock->data_end == 0)
    dock->data_end = hear(dock->data, dock->file);
  if (!g_main_context_iteration(gw_reactor_context(dock->reactor), FALSE))
    poll(NULL, 0, 1);
}

/* Time passes and the node does nothing. */
void
dock_pass_ms(Dock *dock, gint64 ms)
{
  for (gint64 end_ms = clock_ms + ms; clock_ms < end_ms; clock_ms = MIN(clock_ms + 1000, end_ms)) {
    for (guint i = 0; i < 4; i++)
      (void)g_main_context_iteration(gw_reactor_context(dock->reactor), FALSE);
  }
}

/* Exactly @text comes, and then nothing for a while. */
void
dock_expect(Dock *dock, const char *text)
{
  DOCK_UNTIL(dock, dock->main->len >= strlen(text));
  for (guint i = 0; i < 20; i++)
    dock_breathe(dock);
  g_assert_cmpstr(dock->main->str, ==, text);
  g_string_truncate(dock->main, 0);
}

void
dock_say(Dock *dock, const char *line)
{
  g_assert_cmpint(send(dock->node, line, strlen(line), MSG_NOSIGNAL), ==, (gssize)strlen(line));
}

/* Where it says that it listens. */
guint16
dock_expect_port(Dock *dock, const char *host)
{
  g_autofree char *start = g_strdup_printf("AT %s ", host);
  guint64 port;

  DOCK_UNTIL(dock, strchr(dock->main->str, '\n') != NULL);
  g_assert_true(g_str_has_prefix(dock->main->str, start));
  port = g_ascii_strtoull(dock->main->str + strlen(start), NULL, 10);
  g_assert_cmpuint(port, >=, 1024);
  g_string_truncate(dock->main, 0);
  return (guint16)port;
}

void
dock_come_to(Dock *dock, const char *host, guint16 port, int receive_buffer)
{
  gw_close(&dock->data);
  dock->data_end = 0;
  g_string_truncate(dock->file, 0);
  dock->data = dock_dial(host, strchr(host, ':') ? "::1" : "127.0.0.1", port, receive_buffer);
}

static GwAccepted
connect_node(Dock *dock, const char *host)
{
  guint16 port;
  int listen_fd = dock_socket(strchr(host, ':') ? "::1" : "127.0.0.1", &port, 0);
  GwAccepted accepted = { .fd = -1, .peer = dock_address(host, 7777) };

  dock->node = dock_dial(host, strchr(host, ':') ? "::1" : "127.0.0.1", port, 0);
  DOCK_UNTIL(dock, accepted.fd >= 0 || (accepted.fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0);
  close(listen_fd);
  return accepted;
}

void
dock_open(Dock *dock, const char *host)
{
  guint16 first = (guint16)(28000 + getpid() % 500 * 8);
  GwPortRange range = { first, first + 7 };
  GwAccepted accepted;

  memset(dock, 0, sizeof *dock);
  dock->node = dock->data = -1;
  dock->main = g_string_new(NULL);
  dock->file = g_string_new(NULL);
  dock->reactor = gw_reactor_new(NULL, NULL);
  gw_reactor_set_clock(dock->reactor, fake_clock);
  dock->passive = gw_passive_new(dock->reactor, &range, NULL);
  g_assert_nonnull(dock->passive);
  accepted = connect_node(dock, host);
  GwSessionSetup setup = { dock->reactor, NULL, &gateway_plugin, NULL, &HOST, dock, dock->passive };
  dock->session = gw_session_new(&setup, &accepted, -1);
}

void
dock_close(Dock *dock)
{
  gw_session_free(dock->session);
  gw_passive_free(dock->passive);
  while (g_main_context_iteration(gw_reactor_context(dock->reactor), FALSE))
    ;
  gw_reactor_free(dock->reactor);
  gw_close(&dock->node);
  gw_close(&dock->data);
  g_string_free(dock->main, TRUE);
  g_string_free(dock->file, TRUE);
}

static guint8
image_byte(gsize at)
{
  return (guint8)(at * 31 + at / 251);
}

void
dock_give_image(Dock *dock)
{
  GatewayAnswer answer = { .size = sizeof answer, .kind = GATEWAY_ANSWER_BYTES };
  guint8 bytes[DOCK_IMAGE_SIZE];

  for (gsize i = 0; i < DOCK_IMAGE_SIZE; i++)
    bytes[i] = image_byte(i);
  g_autoptr(GwBody) body = gw_body_new_bytes(bytes, DOCK_IMAGE_SIZE, NULL);
  dock_say(dock, "GET\n");
  for (guint i = 0; i < 10; i++)
    dock_breathe(dock);
  gw_session_answer(dock->session, &answer, body);
  dock_expect(dock, "READY\n");
}

void
dock_check_file(const Dock *dock, gsize offset, gsize size)
{
  g_assert_cmpuint(dock->file->len, ==, size);
  for (gsize i = 0; i < size; i++)
    g_assert_cmpuint((guint8)dock->file->str[i], ==, image_byte(offset + i));
}
