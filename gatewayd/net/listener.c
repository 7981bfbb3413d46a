/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/listener.h"

#include "base/error.h"
#include "base/file.h"
#include "net/socket.h"
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64
#define REFUSALS_PER_TURN 16
#define BACK_OFF_MS 100

struct GwListener {
  GwWatch watch;
  GwTimer timer; /* armed while backing off */
  GwReactor *reactor;
  GwGate *gate;
  GwAddress address;
  const char *refusal;
  GwAcceptFunc accept;
  gpointer user;
};

static gsize
refusal_size(const GwListener *listener)
{
  return listener->refusal ? strlen(listener->refusal) : 0;
}

static void
back_off(GwListener *listener)
{
  gw_reactor_modify(listener->reactor, &listener->watch, 0);
  gw_wheel_arm(gw_reactor_wheel(listener->reactor), &listener->timer,
               gw_reactor_now_ms(listener->reactor) + BACK_OFF_MS);
}

static void
on_back_off_over(GwTimer *timer, gint64 now_ms)
{
  GwListener *listener = (GwListener *)((char *)timer - G_STRUCT_OFFSET(GwListener, timer));

  gw_reactor_modify(listener->reactor, &listener->watch, EPOLLIN);
}

/* No descriptor (or no memory) for one more: those who wait are told so, a few at a time. */
static void
on_exhausted(GwListener *listener)
{
  for (guint i = 0; i < REFUSALS_PER_TURN; i++)
    if (!gw_gate_refuse_one(listener->gate, listener->watch.fd, listener->refusal, refusal_size(listener)))
      break;
  back_off(listener);
}

static void
welcome(GwListener *listener, int fd, const struct sockaddr_storage *sockaddr)
{
  GwAccepted accepted = { .fd = fd, .gate = listener->gate };

  if (!gw_address_from_sockaddr((const struct sockaddr *)sockaddr, &accepted.peer) ||
      !gw_gate_enter(listener->gate, &accepted.peer)) {
    gw_gate_turn_away(fd, listener->refusal, refusal_size(listener));
    return;
  }
  listener->accept(&accepted, listener->user);
}

static void
on_ready(GwWatch *watch, guint32 events)
{
  GwListener *listener = (GwListener *)watch;

  for (guint i = 0; i < ACCEPTS_PER_TURN && watch->fd >= 0; i++) {
    struct sockaddr_storage sockaddr;
    socklen_t size = sizeof sockaddr;
    int fd = accept4(watch->fd, (struct sockaddr *)&sockaddr, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
      welcome(listener, fd, &sockaddr);
    else if (errno == EAGAIN)
      return;
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      on_exhausted(listener);
      return;
    } /* else that one connection was broken already */
  }
}

/* A descriptor that the service manager gave us, or a new one. */
static int
take_socket(const GwListen *listen_on, GError **error)
{
  int is_listening = 0;
  socklen_t size = sizeof is_listening;
  GW_AUTO_FD int fd = listen_on->inherited_fd;

  if (fd < 0)
    return gw_socket_bind(&listen_on->address, error);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) < 0 || !is_listening) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "inherited descriptor %d is no listening socket", fd);
    return -1;
  }
  return g_steal_fd(&fd);
}

static gboolean
start(GwListener *listener, const GwListen *listen_on, GError **error)
{
  struct sockaddr_storage sockaddr = { 0 };
  socklen_t size = sizeof sockaddr;
  int fd = listener->watch.fd;

  gw_socket_tune(fd, listen_on->has_long_queue);
  if (!g_unix_set_fd_nonblocking(fd, TRUE, error))
    return FALSE;
  if (listen(fd, (int)(listen_on->backlog ? listen_on->backlog : BACKLOG)) < 0 ||
      getsockname(fd, (struct sockaddr *)&sockaddr, &size) < 0 ||
      !gw_reactor_add(listener->reactor, &listener->watch, EPOLLIN))
    return gw_fail_errno(error, errno, "cannot listen");
  gw_address_from_sockaddr((struct sockaddr *)&sockaddr, &listener->address);
  return TRUE;
}

GwListener *
gw_listener_new(GwReactor *reactor, GwGate *gate, const GwListen *listen_on, GwAcceptFunc accept_func,
                gpointer user, GError **error)
{
  int fd = take_socket(listen_on, error);
  g_autoptr(GwListener) listener = NULL;

  if (fd < 0)
    return NULL;
  listener = g_new0(GwListener, 1);
  listener->watch = (GwWatch){ .fd = fd, .ready = on_ready };
  listener->timer.fire = on_back_off_over;
  listener->reactor = reactor;
  listener->gate = gw_gate_ref(gate);
  listener->refusal = listen_on->refusal;
  listener->accept = accept_func;
  listener->user = user;
  return start(listener, listen_on, error) ? g_steal_pointer(&listener) : NULL;
}

void
gw_listener_free(GwListener *listener)
{
  int fd;

  if (!listener)
    return;
  gw_wheel_cancel(&listener->timer);
  /* The service manager may hold the same socket, and then closing it would not end the watch. */
  fd = gw_reactor_detach(listener->reactor, &listener->watch);
  gw_close(&fd);
  gw_gate_unref(listener->gate);
  gw_reactor_free_later(listener->reactor, listener);
}

const GwAddress *
gw_listener_address(const GwListener *listener)
{
  return &listener->address;
}

gboolean
gw_listener_is_backing_off(const GwListener *listener)
{
  return gw_timer_is_armed(&listener->timer);
}
