/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "net/reactor.h"
#include <unistd.h>

static gint64 clock_ms = 5000;

static gint64
read_clock(void)
{
  return clock_ms;
}

typedef struct Peer {
  GwWatch watch;
  GwReactor *reactor;
  int other_end;
  struct Peer *kills; /* ended by the first event */
  guint n_events;
} Peer;

static void
end(Peer *peer)
{
  gw_reactor_close(peer->reactor, &peer->watch);
  gw_close(&peer->other_end);
  gw_reactor_free_later(peer->reactor, peer);
}

static guint n_events_all;

static void
on_ready(GwWatch *watch, guint32 events)
{
  Peer *peer = (Peer *)watch;

  g_assert_cmpint(watch->fd, >=, 0);
  peer->n_events++;
  n_events_all++;
  if (peer->kills)
    end(g_steal_pointer(&peer->kills));
}

static Peer *
peer_new(GwReactor *reactor)
{
  Peer *peer = g_new0(Peer, 1);
  int fds[2];

  g_assert_cmpint(pipe(fds), ==, 0);
  peer->watch = (GwWatch){ .fd = fds[0], .ready = on_ready };
  peer->other_end = fds[1];
  peer->reactor = reactor;
  g_assert_true(gw_reactor_add(reactor, &peer->watch, EPOLLIN));
  return peer;
}

static void
wake(Peer *peer)
{
  g_assert_cmpint(write(peer->other_end, "x", 1), ==, 1);
}

static void
turn(GMainContext *context)
{
  while (g_main_context_iteration(context, FALSE) && n_events_all == 0)
    ;
}

/* Both are ready in the same batch; whichever comes first ends the other, which then must hear nothing. */
static void
test_dead_watch_hears_nothing(void)
{
  g_autoptr(GMainContext) context = g_main_context_new();
  g_autoptr(GwReactor) reactor = gw_reactor_new(context, NULL);
  Peer *a = peer_new(reactor);
  Peer *b = peer_new(reactor);
  Peer *survivor;

  n_events_all = 0;
  a->kills = b;
  b->kills = a;
  wake(a);
  wake(b);
  turn(context);
  g_assert_cmpuint(n_events_all, ==, 1);
  survivor = a->kills == NULL ? a : b;
  end(survivor);
}

static void
test_modify_and_detach(void)
{
  g_autoptr(GMainContext) context = g_main_context_new();
  g_autoptr(GwReactor) reactor = gw_reactor_new(context, NULL);
  Peer *peer = peer_new(reactor);
  GW_AUTO_FD int fd = -1;

  n_events_all = 0;
  wake(peer);
  gw_reactor_modify(reactor, &peer->watch, 0);
  g_main_context_iteration(context, FALSE);
  g_assert_cmpuint(peer->n_events, ==, 0);
  gw_reactor_modify(reactor, &peer->watch, EPOLLIN);
  turn(context);
  g_assert_cmpuint(peer->n_events, ==, 1);
  fd = gw_reactor_detach(reactor, &peer->watch);
  g_assert_cmpint(fd, >=, 0);
  g_assert_cmpint(peer->watch.fd, ==, -1);
  g_main_context_iteration(context, FALSE);
  g_assert_cmpuint(peer->n_events, ==, 1);
  end(peer);
}

static gint64 fired_ms;

static void
on_fire(GwTimer *timer, gint64 now_ms)
{
  fired_ms = now_ms;
}

static void
test_timers_run_in_the_context(void)
{
  g_autoptr(GMainContext) context = g_main_context_new();
  g_autoptr(GwReactor) reactor = gw_reactor_new(context, NULL);
  GwTimer timer = { .fire = on_fire };

  fired_ms = 0;
  gw_reactor_set_clock(reactor, read_clock);
  gw_wheel_arm(gw_reactor_wheel(reactor), &timer, clock_ms + 60000);
  g_main_context_iteration(context, FALSE);
  g_assert_cmpint(fired_ms, ==, 0);
  clock_ms += 60000 + GW_WHEEL_TICK_MS;
  g_main_context_iteration(context, FALSE);
  g_assert_cmpint(fired_ms, ==, clock_ms);
  g_assert_cmpint(gw_reactor_now_ms(reactor), ==, clock_ms);
}

static gboolean
count_idle(gpointer user)
{
  ++*(guint *)user;
  return G_SOURCE_REMOVE;
}

/* GLib's own sources live beside it. */
static void
test_shares_its_context(void)
{
  g_autoptr(GMainContext) context = g_main_context_new();
  g_autoptr(GwReactor) reactor = gw_reactor_new(context, NULL);
  guint n_idle = 0;
  GSource *idle = g_idle_source_new();

  g_assert_true(gw_reactor_context(reactor) == context);
  g_source_set_callback(idle, count_idle, &n_idle, NULL);
  g_source_attach(idle, context);
  g_source_unref(idle);
  while (g_main_context_iteration(context, FALSE))
    ;
  g_assert_cmpuint(n_idle, ==, 1);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/reactor/dead-watch", test_dead_watch_hears_nothing);
  g_test_add_func("/net/reactor/modify-detach", test_modify_and_detach);
  g_test_add_func("/net/reactor/timers", test_timers_run_in_the_context);
  g_test_add_func("/net/reactor/shared-context", test_shares_its_context);
  return g_test_run();
}
