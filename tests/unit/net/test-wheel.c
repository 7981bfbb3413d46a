/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/wheel.h"

#define HOUR_MS (3600 * 1000)
#define N_TIMERS 2000

typedef struct {
  GwTimer timer;
  gint64 wanted_ms; /* -1: must not fire */
  gint64 fired_ms;
  guint n_fired;
  GwWheel *wheel;
  GwTimer *other;
} Probe;

static void
on_fire(GwTimer *timer, gint64 now_ms)
{
  Probe *probe = (Probe *)timer;

  g_assert_false(gw_timer_is_armed(timer));
  probe->fired_ms = now_ms;
  probe->n_fired++;
}

static void
arm(GwWheel *wheel, Probe *probe, gint64 due_ms)
{
  probe->timer.fire = on_fire;
  probe->wanted_ms = due_ms;
  gw_wheel_arm(wheel, &probe->timer, due_ms);
}

/* Advances as a loop does: by what wait_ms says, but at most @step_ms. */
static void
run_until(GwWheel *wheel, gint64 from_ms, gint64 to_ms, gint64 step_ms)
{
  gint64 now_ms = from_ms;

  while (now_ms < to_ms) {
    int wait_ms = gw_wheel_wait_ms(wheel, now_ms);

    now_ms += CLAMP(wait_ms < 0 ? step_ms : wait_ms, 1, step_ms);
    gw_wheel_advance(wheel, MIN(now_ms, to_ms));
  }
}

static void
test_fires_on_time(void)
{
  static const gint64 after_ms[] = { 0,   1,    7,     8,     9,      63,      511,          512,
                                     513, 4095, 32767, 32768, 100000, HOUR_MS, 30 * HOUR_MS, 100 * HOUR_MS };

  for (guint start = 0; start < 3; start++)
    for (guint i = 0; i < G_N_ELEMENTS(after_ms); i++) {
      gint64 now_ms = 123456789 + start * 3;
      Probe probe = { 0 };
      GwWheel wheel;

      gw_wheel_init(&wheel, now_ms);
      arm(&wheel, &probe, now_ms + after_ms[i]);
      run_until(&wheel, now_ms, now_ms + after_ms[i] - 1, HOUR_MS);
      g_assert_cmpuint(probe.n_fired, ==, 0);
      run_until(&wheel, now_ms + after_ms[i] - 1, now_ms + after_ms[i] + 2 * GW_WHEEL_TICK_MS, HOUR_MS);
      g_assert_cmpuint(probe.n_fired, ==, 1);
      g_assert_cmpint(gw_wheel_wait_ms(&wheel, now_ms), ==, -1);
    }
}

static void
test_late_turn_fires_all(void)
{
  Probe probes[100] = { 0 };
  GwWheel wheel;

  gw_wheel_init(&wheel, 0);
  for (guint i = 0; i < G_N_ELEMENTS(probes); i++)
    arm(&wheel, &probes[i], (gint64)i * i * 50);
  gw_wheel_advance(&wheel, 10 * HOUR_MS);
  for (guint i = 0; i < G_N_ELEMENTS(probes); i++)
    g_assert_cmpuint(probes[i].n_fired, ==, 1);
}

static void
test_cancelled_never_fires(void)
{
  Probe probe = { 0 };
  GwWheel wheel;

  gw_wheel_init(&wheel, 1000);
  gw_wheel_cancel(&probe.timer);
  arm(&wheel, &probe, 1500);
  g_assert_true(gw_timer_is_armed(&probe.timer));
  gw_wheel_cancel(&probe.timer);
  g_assert_false(gw_timer_is_armed(&probe.timer));
  gw_wheel_advance(&wheel, 100000);
  g_assert_cmpuint(probe.n_fired, ==, 0);
}

static void
test_moved_later_and_earlier(void)
{
  Probe later = { 0 }, earlier = { 0 };
  GwWheel wheel;

  gw_wheel_init(&wheel, 0);
  arm(&wheel, &later, 100);
  arm(&wheel, &earlier, 90000);
  arm(&wheel, &later, 50000);
  arm(&wheel, &earlier, 200);
  run_until(&wheel, 0, 1000, 50);
  g_assert_cmpuint(earlier.n_fired, ==, 1);
  g_assert_cmpuint(later.n_fired, ==, 0);
  run_until(&wheel, 1000, 49999, 1000);
  g_assert_cmpuint(later.n_fired, ==, 0);
  run_until(&wheel, 49999, 50020, 1000);
  g_assert_cmpuint(later.n_fired, ==, 1);
}

static void
rearm_and_cancel_other(GwTimer *timer, gint64 now_ms)
{
  Probe *probe = (Probe *)timer;

  probe->n_fired++;
  if (probe->other)
    gw_wheel_cancel(probe->other);
  if (probe->n_fired < 5)
    gw_wheel_arm(probe->wheel, timer, now_ms); /* due at once: still not in this advance */
}

/* A callback may do anything to any timer, also to one that is due in the same tick. */
static void
test_callbacks_may_change_timers(void)
{
  GwWheel wheel;
  Probe victim = { 0 };
  Probe probe = { .timer.fire = rearm_and_cancel_other, .wheel = &wheel, .other = &victim.timer };

  gw_wheel_init(&wheel, 0);
  gw_wheel_arm(&wheel, &probe.timer, 100);
  arm(&wheel, &victim, 100);
  gw_wheel_advance(&wheel, 104);
  g_assert_cmpuint(probe.n_fired, ==, 1);
  run_until(&wheel, 104, 1000, 8);
  g_assert_cmpuint(probe.n_fired, ==, 5);
  g_assert_cmpuint(victim.n_fired, ==, 0);
}

/* Who waits for nothing but its turn is not kept until the next tick. */
static void
test_due_at_once(void)
{
  GwWheel wheel;
  Probe probe = { 0 }, moved = { 0 };

  gw_wheel_init(&wheel, 0);
  gw_wheel_advance(&wheel, 801);
  arm(&wheel, &probe, GW_WHEEL_SOON);
  arm(&wheel, &moved, 801);
  g_assert_cmpint(gw_wheel_wait_ms(&wheel, 801), ==, 0);
  arm(&wheel, &moved, 2000);
  gw_wheel_advance(&wheel, 801);
  g_assert_cmpuint(probe.n_fired, ==, 1);
  g_assert_cmpuint(moved.n_fired, ==, 0);
  run_until(&wheel, 801, 1999, 100);
  g_assert_cmpuint(moved.n_fired, ==, 0);
  run_until(&wheel, 1999, 2010, 8);
  g_assert_cmpuint(moved.n_fired, ==, 1);
}

static void
postpone_other(GwTimer *timer, gint64 now_ms)
{
  Probe *probe = (Probe *)timer;

  probe->n_fired++;
  gw_wheel_arm(probe->wheel, probe->other, now_ms + 1000);
}

static void
test_postponed_while_due(void)
{
  GwWheel wheel;
  Probe victim = { 0 };
  Probe probe = { .timer.fire = postpone_other, .wheel = &wheel, .other = &victim.timer };

  gw_wheel_init(&wheel, 0);
  gw_wheel_arm(&wheel, &probe.timer, 100);
  arm(&wheel, &victim, 100);
  run_until(&wheel, 0, 1100, 8);
  g_assert_cmpuint(probe.n_fired, ==, 1);
  g_assert_cmpuint(victim.n_fired, ==, 0);
  run_until(&wheel, 1100, 1120, 8);
  g_assert_cmpuint(victim.n_fired, ==, 1);
}

static void
check_probe(const Probe *probe, gint64 now_ms, gint64 step_ms)
{
  if (probe->n_fired > 0) {
    g_assert_cmpuint(probe->n_fired, ==, 1);
    g_assert_cmpint(probe->fired_ms, >=, probe->wanted_ms);
    g_assert_cmpint(probe->fired_ms, <=, probe->wanted_ms + GW_WHEEL_TICK_MS + step_ms);
  } else if (probe->wanted_ms >= 0)
    g_assert_cmpint(now_ms, <=, probe->wanted_ms + GW_WHEEL_TICK_MS + step_ms);
}

/* Thousands of timers armed, moved and cancelled at random: each fires once, never early, never late. */
static void
test_many_at_random(void)
{
  g_autofree Probe *probes = g_new0(Probe, N_TIMERS);
  gint64 now_ms = 987654321;
  GwWheel wheel;

  gw_wheel_init(&wheel, now_ms);
  for (guint turn = 0; turn < 3000; turn++) {
    int wait_ms;

    for (guint n = 0; n < 5; n++) {
      Probe *probe = &probes[g_test_rand_int_range(0, N_TIMERS)];

      if (probe->n_fired > 0)
        *probe = (Probe){ .wanted_ms = -1 };
      if (g_test_rand_int_range(0, 4) == 0) {
        gw_wheel_cancel(&probe->timer);
        probe->wanted_ms = -1;
      } else
        arm(&wheel, probe, now_ms + g_test_rand_int_range(0, 1 << g_test_rand_int_range(1, 20)));
    }
    wait_ms = gw_wheel_wait_ms(&wheel, now_ms);
    now_ms += CLAMP(wait_ms, 0, 200);
    gw_wheel_advance(&wheel, now_ms);
    for (guint i = 0; i < N_TIMERS; i++)
      if (probes[i].timer.fire)
        check_probe(&probes[i], now_ms, 0);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/wheel/fires-on-time", test_fires_on_time);
  g_test_add_func("/net/wheel/late-turn", test_late_turn_fires_all);
  g_test_add_func("/net/wheel/cancelled", test_cancelled_never_fires);
  g_test_add_func("/net/wheel/moved", test_moved_later_and_earlier);
  g_test_add_func("/net/wheel/callbacks", test_callbacks_may_change_timers);
  g_test_add_func("/net/wheel/due-at-once", test_due_at_once);
  g_test_add_func("/net/wheel/postponed-while-due", test_postponed_while_due);
  g_test_add_func("/net/wheel/at-random", test_many_at_random);
  return g_test_run();
}
