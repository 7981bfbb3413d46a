/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/reactor.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define BATCH 256
/* So many events in one batch mean that more have come meanwhile: then a few batches make one turn. */
#define BUSY_BATCH 8
#define BATCHES_PER_TURN 4

struct GwReactor {
  GSource *source;
  gpointer tag;
  int epoll_fd;
  gboolean is_in_turn;
  gint64 now_ms;
  GwClockFunc clock_ms;
  GPtrArray *dead;
  GwWheel wheel;
  guint8 buffer[GW_REACTOR_BUFFER];
};

typedef struct {
  GSource source;
  GwReactor *reactor;
} ReactorSource;

static gboolean
source_prepare(GSource *source, int *ret_timeout_ms)
{
  GwReactor *reactor = ((ReactorSource *)source)->reactor;

  *ret_timeout_ms = reactor->dead->len ? 0 : gw_wheel_wait_ms(&reactor->wheel, reactor->clock_ms());
  return FALSE;
}

static gboolean
source_check(GSource *source)
{
  GwReactor *reactor = ((ReactorSource *)source)->reactor;

  return g_source_query_unix_fd(source, reactor->tag) != 0 || reactor->dead->len > 0 ||
         gw_wheel_wait_ms(&reactor->wheel, reactor->clock_ms()) == 0;
}

/* Returns how many there were. */
static int
run_batch(GwReactor *reactor)
{
  struct epoll_event events[BATCH];
  int n = epoll_wait(reactor->epoll_fd, events, BATCH, 0);

  for (int i = 0; i < n; i++) {
    GwWatch *watch = events[i].data.ptr;

    if (watch->fd >= 0)
      watch->ready(watch, events[i].events);
  }
  return n;
}

/* A turn: timers, events, then what died in it. A turn inside a turn (somebody iterates the
 * context in a callback) must not free what the outer one still looks at. */
static gboolean
source_dispatch(GSource *source, GSourceFunc callback, gpointer user)
{
  GwReactor *reactor = ((ReactorSource *)source)->reactor;
  gboolean is_outer = !reactor->is_in_turn;

  reactor->is_in_turn = TRUE;
  reactor->now_ms = reactor->clock_ms();
  gw_wheel_advance(&reactor->wheel, reactor->now_ms);
  for (guint i = 0; i < BATCHES_PER_TURN && run_batch(reactor) >= BUSY_BATCH;)
    i++;
  if (!is_outer)
    return G_SOURCE_CONTINUE;
  reactor->is_in_turn = FALSE;
  g_ptr_array_set_size(reactor->dead, 0);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = { source_prepare, source_check, source_dispatch, NULL, NULL, NULL };

GwReactor *
gw_reactor_new(GMainContext *context, GError **error)
{
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  GwReactor *reactor;

  if (epoll_fd < 0) {
    gw_fail_errno(error, errno, "cannot make an epoll descriptor");
    return NULL;
  }
  signal(SIGPIPE, SIG_IGN); /* sendfile() and OpenSSL know no MSG_NOSIGNAL */
  reactor = g_new0(GwReactor, 1);
  reactor->epoll_fd = epoll_fd;
  reactor->clock_ms = gw_clock_boot_ms;
  reactor->dead = g_ptr_array_new_with_free_func(g_free);
  gw_wheel_init(&reactor->wheel, gw_clock_boot_ms());
  reactor->source = g_source_new(&source_functions, sizeof(ReactorSource));
  ((ReactorSource *)reactor->source)->reactor = reactor;
  reactor->tag = g_source_add_unix_fd(reactor->source, epoll_fd, G_IO_IN);
  g_source_set_can_recurse(reactor->source, TRUE); /* spares two wake-ups of the context a turn */
  g_source_set_name(reactor->source, "reactor");
  g_source_attach(reactor->source, context);
  return reactor;
}

void
gw_reactor_free(GwReactor *reactor)
{
  if (!reactor)
    return;
  g_source_destroy(reactor->source);
  g_source_unref(reactor->source);
  gw_close(&reactor->epoll_fd);
  g_ptr_array_unref(reactor->dead);
  g_free(reactor);
}

gboolean
gw_reactor_add(GwReactor *reactor, GwWatch *watch, guint32 events)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };

  watch->events = events;
  return epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) == 0;
}

void
gw_reactor_modify(GwReactor *reactor, GwWatch *watch, guint32 events)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };

  if (watch->fd < 0 || watch->events == events)
    return;
  watch->events = events;
  epoll_ctl(reactor->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void
gw_reactor_close(GwReactor *reactor, GwWatch *watch)
{
  /* Closing the only descriptor of a description takes it out of the epoll set. */
  gw_close(&watch->fd);
}

int
gw_reactor_detach(GwReactor *reactor, GwWatch *watch)
{
  int fd = watch->fd;

  if (fd >= 0)
    epoll_ctl(reactor->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
  watch->fd = -1;
  return fd;
}

void
gw_reactor_free_later(GwReactor *reactor, gpointer memory)
{
  g_ptr_array_add(reactor->dead, memory);
}

GwWheel *
gw_reactor_wheel(GwReactor *reactor)
{
  return &reactor->wheel;
}

gint64
gw_reactor_now_ms(const GwReactor *reactor)
{
  return reactor->is_in_turn ? reactor->now_ms : reactor->clock_ms();
}

void
gw_reactor_set_clock(GwReactor *reactor, GwClockFunc clock_ms)
{
  reactor->clock_ms = clock_ms;
  gw_wheel_init(&reactor->wheel, clock_ms());
}

GMainContext *
gw_reactor_context(GwReactor *reactor)
{
  return g_source_get_context(reactor->source);
}

guint8 *
gw_reactor_buffer(GwReactor *reactor)
{
  return reactor->buffer;
}
