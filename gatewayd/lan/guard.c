/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

#define MAGIC 0x67776e31u
#define MAX_TALLIES 32
#define TICK_MS 2500
#define MAX_TICKS 3 /* a call that was seen by so many ticks is older than 5 s */

typedef struct {
  char name[GW_GUARD_NAME];
  guint32 deaths; /* 0 = not used */
  gint64 last_ms; /* boot clock */
} Tally;

/* The memory that stays. */
typedef struct {
  guint32 magic, is_inside;
  char boot_id[40];
  char plugin[GW_GUARD_NAME], node[GW_GUARD_NAME], peer[GW_GUARD_NAME];
  Tally plugins[MAX_TALLIES], peers[MAX_TALLIES];
} Notes;

struct GwGuard {
  Notes *notes;
  gboolean has_died;
  GwDeath death;
  /* Read and written by the signal handler. */
  volatile sig_atomic_t call;  /* number of the call we are in; 0 = none */
  volatile sig_atomic_t seen;  /* the call that the last tick saw */
  volatile sig_atomic_t ticks; /* how often */
  volatile sig_atomic_t is_ticking;
  int n_calls;
  timer_t timer;
  gboolean has_timer;
};

static GwGuard *watched;

/* ---- the notes ---- */

static void
put_name(char *name, const char *text, gsize size)
{
  size = MIN(size, GW_GUARD_NAME - 1);
  memcpy(name, text, size);
  name[size] = '\0';
}

/* Files are foreign bytes too. */
static gboolean
is_sound(const Notes *notes)
{
  gboolean is_ended = notes->plugin[GW_GUARD_NAME - 1] == 0 && notes->node[GW_GUARD_NAME - 1] == 0 &&
                      notes->peer[GW_GUARD_NAME - 1] == 0;

  for (guint i = 0; i < MAX_TALLIES; i++)
    is_ended &=
        notes->plugins[i].name[GW_GUARD_NAME - 1] == 0 && notes->peers[i].name[GW_GUARD_NAME - 1] == 0;
  return is_ended && notes->magic == MAGIC && memcmp(notes->boot_id, gw_clock_boot_id(), 33) == 0;
}

static gboolean
is_fresh(const Tally *tally, gint64 now_ms)
{
  return tally->deaths > 0 && now_ms - tally->last_ms < GW_GUARD_MEMORY_MS;
}

static guint
deaths_of(const Tally *tallies, const char *name, gint64 now_ms)
{
  for (guint i = 0; i < MAX_TALLIES; i++) {
    if (is_fresh(&tallies[i], now_ms) && strcmp(tallies[i].name, name) == 0)
      return tallies[i].deaths;
  }
  return 0;
}

/* One death more; the oldest makes room. */
static guint
count(Tally *tallies, const char *name, gint64 now_ms)
{
  guint deaths = deaths_of(tallies, name, now_ms) + 1;
  Tally *tally = &tallies[0];

  for (guint i = 1; i < MAX_TALLIES && strcmp(tally->name, name) != 0; i++) {
    if (tallies[i].last_ms < tally->last_ms || strcmp(tallies[i].name, name) == 0)
      tally = &tallies[i];
  }
  put_name(tally->name, name, strlen(name));
  tally->deaths = deaths;
  tally->last_ms = now_ms;
  return deaths;
}

static void
bury(GwGuard *guard, gint64 now_ms)
{
  Notes *notes = guard->notes;

  guard->has_died = TRUE;
  memcpy(guard->death.plugin, notes->plugin, GW_GUARD_NAME);
  memcpy(guard->death.node, notes->node, GW_GUARD_NAME);
  memcpy(guard->death.peer, notes->peer, GW_GUARD_NAME);
  guard->death.plugin_deaths = count(notes->plugins, notes->plugin, now_ms);
  guard->death.peer_deaths = count(notes->peers, notes->peer, now_ms);
  notes->is_inside = 0;
}

GwGuard *
gw_guard_new(int fd, gint64 now_boot_ms, GError **error)
{
  GW_AUTO_FD int taken = fd;
  void *memory = MAP_FAILED;

  if (ftruncate(taken, sizeof(Notes)) == 0)
    memory = mmap(NULL, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED, taken, 0);
  if (memory == MAP_FAILED)
    return gw_fail_errno(error, errno, "cannot keep crash notes"), NULL;
  GwGuard *guard = g_new0(GwGuard, 1);
  guard->notes = memory;
  if (!is_sound(guard->notes)) {
    memset(guard->notes, 0, sizeof(Notes));
    guard->notes->magic = MAGIC;
    memcpy(guard->notes->boot_id, gw_clock_boot_id(), 33);
  }
  if (guard->notes->is_inside)
    bury(guard, now_boot_ms);
  return guard;
}

void
gw_guard_free(GwGuard *guard)
{
  if (!guard)
    return;
  if (guard->has_timer)
    (void)timer_delete(guard->timer);
  if (watched == guard)
    watched = NULL;
  (void)munmap(guard->notes, sizeof(Notes));
  g_free(guard);
}

gboolean
gw_guard_last_death(const GwGuard *guard, GwDeath *ret_death)
{
  if (guard->has_died)
    *ret_death = guard->death;
  return guard->has_died;
}

char *
gw_guard_hold(const GwGuard *guard, const char *plugin, gint64 now_boot_ms)
{
  guint deaths = deaths_of(guard->notes->plugins, plugin, now_boot_ms);

  if (deaths < GW_GUARD_PLUGIN_DEATHS)
    return NULL;
  return g_strdup_printf("held back: the worker died in it %u times", deaths);
}

gboolean
gw_guard_is_set_aside(const GwGuard *guard, const char *peer, gint64 now_boot_ms)
{
  return deaths_of(guard->notes->peers, peer, now_boot_ms) >= GW_GUARD_PEER_DEATHS;
}

/* ---- the watch ---- */

static void
tick_after(GwGuard *guard, guint ms)
{
  struct itimerspec when = { .it_value = { ms / 1000, (long)(ms % 1000) * 1000000 } };

  (void)timer_settime(guard->timer, 0, &when, NULL);
}

/* Runs only while calls are made: an idle worker is not woken. */
static void
on_tick(int number)
{
  GwGuard *guard = watched;

  if (!guard)
    return;
  if (guard->call == 0) {
    guard->is_ticking = 0;
    return;
  }
  guard->ticks = guard->call == guard->seen ? guard->ticks + 1 : 1;
  guard->seen = guard->call;
  if (guard->ticks >= MAX_TICKS)
    abort();
  tick_after(guard, TICK_MS);
}

gboolean
gw_guard_watch(GwGuard *guard, GError **error)
{
  struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };

  g_assert(!watched);
  if (sigaction(SIGALRM, &action, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &event, &guard->timer) < 0)
    return gw_fail_errno(error, errno, "cannot watch over plugins");
  guard->has_timer = TRUE;
  watched = guard;
  return TRUE;
}

void
gw_guard_enter(GwGuard *guard, const char *plugin, const char *peer, const char *node, gsize node_size)
{
  Notes *notes = guard->notes;

  put_name(notes->plugin, plugin, strlen(plugin));
  put_name(notes->peer, peer, strlen(peer));
  put_name(notes->node, node ? node : "", node ? node_size : 0);
  notes->is_inside = 1;
  guard->n_calls = guard->n_calls == G_MAXINT ? 1 : guard->n_calls + 1;
  guard->call = guard->n_calls;
  if (!guard->is_ticking && guard->has_timer) {
    guard->is_ticking = 1;
    tick_after(guard, TICK_MS);
  }
}

void
gw_guard_leave(GwGuard *guard)
{
  guard->call = 0;
  guard->notes->is_inside = 0;
}
