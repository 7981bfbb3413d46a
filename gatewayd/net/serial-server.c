/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/serial-server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "net/telnet.h"

#define READY_MS 10000
#define GONE_MS 20000
#define DRAIN_MS 1000
#define PIECE 4096 /* read at once, and only when what was read before has gone */
#define TELNET_PORT 2217

typedef enum { CONNECTING, SETTING_UP, UP, OVER } Phase;

struct GwSerialServer {
  GwReactor *reactor;
  GwWatch remote, local; /* the server; the other end of what our user has */
  GwTimer late;
  Phase phase;
  gboolean is_telnet, is_ending; /* our user is through: what is left still goes */
  GwTelnet telnet;
  GByteArray *to_remote, *to_local;
  GwSerialServerReady ready;
  gpointer user;
};

/* ---- the place ---- */

gboolean
gw_serial_place_is_one(const char *text)
{
  return g_str_has_prefix(text, "tcp://") || g_str_has_prefix(text, "rfc2217://");
}

gboolean
gw_serial_place_parse(const char *text, GwSerialPlace *ret_place, GError **error)
{
  GwSerialPlace place = { .is_rfc2217 = g_str_has_prefix(text, "rfc2217://") };
  const char *host = gw_serial_place_is_one(text) ? strstr(text, "://") + 3 : "";

  if (!*host || *host == ':' || *host == '*')
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "\"%s\" is neither the path of a device nor a serial server, tcp://ADDRESS:PORT or "
                   "rfc2217://ADDRESS:PORT",
                   text);
  if (!gw_address_parse(host, place.is_rfc2217 ? TELNET_PORT : 0, &place.address, error))
    return FALSE;
  *ret_place = place;
  return TRUE;
}

/* ---- ends ---- */

static void
close_both(GwSerialServer *server)
{
  server->phase = OVER;
  gw_wheel_cancel(&server->late);
  gw_reactor_close(server->reactor, &server->remote);
  gw_reactor_close(server->reactor, &server->local);
}

/* The last thing that is done: the server may be freed by it. */
static void
fail(GwSerialServer *server, GwErrorCode code, const char *text)
{
  g_autoptr(GError) error = NULL;
  gboolean was_up = server->phase == UP;

  close_both(server);
  gw_fail(&error, code, "%s", text);
  if (!was_up)
    server->ready(-1, error, server->user);
}

/* ---- bytes ---- */

static void
watch(GwSerialServer *server)
{
  gboolean may_take = server->phase == UP && server->to_remote->len == 0 && !server->telnet.is_suspended;
  gboolean may_bring = server->phase != UP || server->to_local->len == 0;

  gw_reactor_modify(server->reactor, &server->remote,
                    (may_bring ? EPOLLIN | EPOLLRDHUP : 0) | (server->to_remote->len > 0 ? EPOLLOUT : 0));
  if (server->local.fd >= 0)
    gw_reactor_modify(server->reactor, &server->local,
                      (may_take ? EPOLLIN : 0) | (server->to_local->len > 0 ? EPOLLOUT : 0));
}

/* FALSE: the other side is gone. */
static gboolean
flush(GByteArray *bytes, int fd)
{
  gssize n = bytes->len > 0 ? send(fd, bytes->data, bytes->len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

  if (n < 0)
    return errno == EAGAIN || errno == EINTR;
  if (n > 0)
    g_byte_array_remove_range(bytes, 0, (guint)n);
  return TRUE;
}

/* -1 = the other side is gone; 0 = nothing now. */
static gssize
take(int fd, guint8 bytes[PIECE])
{
  gssize n = recv(fd, bytes, PIECE, MSG_DONTWAIT);

  if (n < 0)
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
  return n == 0 ? -1 : n;
}

static gboolean
bring(GwSerialServer *server)
{
  guint8 bytes[PIECE], data[PIECE];
  gssize n = take(server->remote.fd, bytes);
  gsize n_data = n > 0 ? (gsize)n : 0;

  if (n < 0)
    return FALSE;
  if (server->is_telnet)
    n_data = gw_telnet_take(&server->telnet, bytes, n_data, data, server->to_remote);
  if (server->phase == UP)
    g_byte_array_append(server->to_local, server->is_telnet ? data : bytes, (guint)n_data);
  return TRUE;
}

static gboolean
carry(GwSerialServer *server)
{
  guint8 bytes[PIECE];
  gssize n = take(server->local.fd, bytes);

  if (n < 0)
    return FALSE;
  if (server->is_telnet)
    gw_telnet_escape(bytes, (gsize)n, server->to_remote);
  else
    g_byte_array_append(server->to_remote, bytes, (guint)n);
  return TRUE;
}

/* ---- what happens ---- */

/* All at once, as a closed end is not waited for; the connection stays until it has gone, for a while. */
static void
take_last(GwSerialServer *server)
{
  while (carry(server))
    continue;
  server->is_ending = TRUE;
  gw_wheel_arm(gw_reactor_wheel(server->reactor), &server->late,
               gw_reactor_now_ms(server->reactor) + DRAIN_MS);
}

static void
on_local(GwWatch *local, guint32 events)
{
  GwSerialServer *server = (GwSerialServer *)(void *)((char *)local - G_STRUCT_OFFSET(GwSerialServer, local));

  if (events & EPOLLHUP)
    take_last(server);
  else if ((events & EPOLLIN) && server->to_remote->len == 0 && !carry(server))
    server->is_ending = TRUE;
  if (!flush(server->to_remote, server->remote.fd) || !flush(server->to_local, server->local.fd) ||
      (events & EPOLLERR))
    server->is_ending = TRUE;
  if (server->is_ending && server->to_remote->len == 0)
    close_both(server);
  else if (server->is_ending)
    gw_reactor_close(server->reactor, &server->local);
  if (server->phase == UP)
    watch(server);
}

static void
become_up(GwSerialServer *server)
{
  int ends[2];

  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
    fail(server, GW_ERROR_BUSY, "no descriptors are left");
    return;
  }
  gw_wheel_cancel(&server->late);
  server->phase = UP;
  server->local = (GwWatch){ .fd = ends[0], .ready = on_local };
  if (!gw_reactor_add(server->reactor, &server->local, EPOLLIN)) {
    close(ends[0]);
    server->local.fd = -1;
    close_both(server);
  } else {
    watch(server);
  }
  server->ready(ends[1], NULL, server->user);
}

static void
on_connected(GwSerialServer *server)
{
  int problem = 0;
  socklen_t size = sizeof problem;

  if (getsockopt(server->remote.fd, SOL_SOCKET, SO_ERROR, &problem, &size) < 0 || problem != 0) {
    fail(server, GW_ERROR_OFFLINE, problem ? g_strerror(problem) : "no connection");
    return;
  }
  server->phase = SETTING_UP;
  if (!server->is_telnet) {
    become_up(server);
    return;
  }
  gw_telnet_begin(server->to_remote);
  (void)flush(server->to_remote, server->remote.fd);
  watch(server);
}

static void
on_remote(GwWatch *remote, guint32 events)
{
  GwSerialServer *server =
      (GwSerialServer *)(void *)((char *)remote - G_STRUCT_OFFSET(GwSerialServer, remote));
  gboolean is_good = TRUE;

  if (server->phase == CONNECTING) {
    on_connected(server);
    return;
  }
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
    is_good = bring(server);
  is_good = is_good && flush(server->to_remote, server->remote.fd) &&
            (server->local.fd < 0 || flush(server->to_local, server->local.fd));
  if (!is_good)
    fail(server, GW_ERROR_OFFLINE, "the serial server closed the connection");
  else if (server->is_ending && server->to_remote->len == 0)
    close_both(server);
  else if (server->phase == SETTING_UP && server->telnet.is_refused)
    fail(server, GW_ERROR_UNSUPPORTED,
         "the serial server does not set speed or framing as configured, or carries texts only");
  else if (server->phase == SETTING_UP && gw_telnet_is_ready(&server->telnet))
    become_up(server);
  else
    watch(server);
}

static void
on_late(GwTimer *timer, gint64 now_ms)
{
  GwSerialServer *server = (GwSerialServer *)(void *)((char *)timer - G_STRUCT_OFFSET(GwSerialServer, late));

  fail(server, GW_ERROR_TIMED_OUT,
       server->phase == CONNECTING ? "no connection within 10 s" : "it did not set up the line within 10 s");
}

/* ---- life ---- */

static void
set_option(int fd, int level, int option, int value)
{
  (void)setsockopt(fd, level, option, &value, sizeof value);
}

/* A machine that is gone says nothing: it is asked. */
static void
tune(int fd)
{
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 2);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, GONE_MS);
}

static int
begin_connect(const GwAddress *address, GError **error)
{
  struct sockaddr_storage to;
  socklen_t size = gw_address_to_sockaddr(address, &to);
  GW_AUTO_FD int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (fd < 0)
    return gw_fail_errno(error, errno, "no socket"), -1;
  tune(fd);
  if (connect(fd, (struct sockaddr *)&to, size) < 0 && errno != EINPROGRESS)
    return gw_fail_errno(error, errno, "no connection"), -1;
  return g_steal_fd(&fd);
}

GwSerialServer *
gw_serial_server_open(GwReactor *reactor, const GwSerialPlace *place, const GwSerialLine *line,
                      GwSerialServerReady ready, gpointer user, GError **error)
{
  GwSerialServer *server;
  int fd = begin_connect(&place->address, error);

  if (fd < 0)
    return NULL;
  server = g_new0(GwSerialServer, 1);
  server->reactor = reactor;
  server->is_telnet = place->is_rfc2217;
  server->telnet.line = *line;
  server->ready = ready;
  server->user = user;
  server->to_remote = g_byte_array_new();
  server->to_local = g_byte_array_new();
  server->local.fd = -1;
  server->remote = (GwWatch){ .fd = fd, .ready = on_remote };
  server->late.fire = on_late;
  if (!gw_reactor_add(reactor, &server->remote, EPOLLOUT)) {
    close(fd);
    server->remote.fd = -1;
    gw_serial_server_free(server);
    gw_fail(error, GW_ERROR_BUSY, "no room for another connection");
    return NULL;
  }
  gw_wheel_arm(gw_reactor_wheel(reactor), &server->late, gw_reactor_now_ms(reactor) + READY_MS);
  return server;
}

void
gw_serial_server_free(GwSerialServer *server)
{
  if (!server)
    return;
  close_both(server);
  g_byte_array_unref(server->to_remote);
  g_byte_array_unref(server->to_local);
  gw_reactor_free_later(server->reactor, server);
}
