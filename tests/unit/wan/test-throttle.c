/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verdict "too slow" (U6) and the shared rate, on a clock that the test turns. */
#include "wan/rate.h"
#include "wan/throttle.h"

#define WINDOW_MS 60000

/* Feeds @bytes every @every_ms until @end_ms; returns when it was called slow, or -1. */
static gint64
feed(guint64 bytes, gint64 every_ms, gint64 end_ms)
{
  GwThrottle throttle;

  gw_throttle_begin(&throttle, 1000, WINDOW_MS, 1024);
  for (gint64 ms = every_ms; ms <= end_ms; ms += every_ms) {
    gw_throttle_count(&throttle, 1000 + ms, bytes);
    if (gw_throttle_is_slow(&throttle, 1000 + ms))
      return ms;
  }
  return -1;
}

static void
test_slow_is_seen(void)
{
  g_assert_cmpint(feed(0, 250, 600000), ==, WINDOW_MS);
  g_assert_cmpint(feed(1, 100, 600000), ==, WINDOW_MS);
  gint64 nearly = feed(900, 1000, 600000);
  g_assert_cmpint(nearly, >=, WINDOW_MS);
  g_assert_cmpint(nearly, <=, WINDOW_MS + WINDOW_MS / GW_THROTTLE_SLOTS);
}

static void
test_fast_enough_is_left_alone(void)
{
  g_assert_cmpint(feed(1024, 1000, 3600000), ==, -1);
  g_assert_cmpint(feed(60 * 1024, 60000, 3600000), ==, -1);
  g_assert_cmpint(feed(256, 250, 3600000), ==, -1);
}

static void
test_becoming_slow_is_seen(void)
{
  GwThrottle throttle;

  gw_throttle_begin(&throttle, 0, WINDOW_MS, 1024);
  gw_throttle_count(&throttle, 1000, 100 * 1024 * 1024);
  g_assert_false(gw_throttle_is_slow(&throttle, WINDOW_MS));
  g_assert_true(gw_throttle_is_slow(&throttle, 1000 + 2 * WINDOW_MS));
  gw_throttle_count(&throttle, 1000 + 2 * WINDOW_MS, 100 * 1024 * 1024);
  g_assert_false(gw_throttle_is_slow(&throttle, 1000 + 2 * WINDOW_MS));
}

static void
test_our_own_pauses_do_not_count(void)
{
  GwThrottle throttle;

  gw_throttle_begin(&throttle, 0, WINDOW_MS, 1024);
  gw_throttle_hold(&throttle, 10 * WINDOW_MS);
  g_assert_false(gw_throttle_is_slow(&throttle, 10 * WINDOW_MS + 1));
  g_assert_true(gw_throttle_is_slow(&throttle, 11 * WINDOW_MS));
}

static void
test_rate_is_shared(void)
{
  g_autoptr(GwRate) rate = gw_rate_new(100000);
  gint64 total_ms = 0;

  g_assert_cmpint(gw_rate_take(rate, 0, 50000), ==, 0);
  g_assert_cmpint(gw_rate_take(rate, 0, 50000), ==, 500);
  g_assert_cmpint(gw_rate_take(rate, 0, 50000), ==, 1000);
  g_assert_cmpint(gw_rate_take(rate, 100000, 10000), ==, 0);
  for (gint64 now_ms = 200000; total_ms < 10000;) {
    gint64 wait_ms = gw_rate_take(rate, now_ms, 65536);
    now_ms += wait_ms;
    total_ms = now_ms - 200000;
    if (total_ms >= 10000)
      g_assert_cmpint(total_ms, <, 11000);
  }
}

/* What was taken at the old rate is paid for at none. */
static void
test_rate_changes_on_the_way(void)
{
  g_autoptr(GwRate) rate = gw_rate_new(1000);

  g_assert_cmpint(gw_rate_take(rate, 0, 10500), ==, 10000);
  gw_rate_set(rate, 1000); /* the same: nothing is forgiven */
  g_assert_cmpint(gw_rate_take(rate, 0, 0), ==, 10000);
  gw_rate_set(rate, 100000);
  g_assert_cmpint(gw_rate_take(rate, 0, 100000), ==, 500);
  gw_rate_set(rate, 0);
  g_assert_cmpint(gw_rate_take(rate, 0, 100000), ==, 0);
}

static void
test_both_rates_hold(void)
{
  g_autoptr(GwRate) shared = gw_rate_new(100000), own = gw_rate_new(50000);
  GwRate *const rates[] = { shared, own }, *const turned[] = { own, shared };

  g_assert_cmpint(gw_rates_take(rates, 0, 50000), ==, 500);
  g_assert_cmpint(gw_rates_take(turned, 0, 50000), ==, 1500);
  g_assert_cmpint(gw_rate_take(shared, 0, 50000), ==, 1000); /* each byte was counted once */
}

static void
test_no_rate_never_waits(void)
{
  g_autoptr(GwRate) rate = gw_rate_new(0);

  for (int i = 0; i < 100; i++)
    g_assert_cmpint(gw_rate_take(rate, i, G_MAXINT32), ==, 0);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/U6/slow-is-seen-within-window", test_slow_is_seen);
  g_test_add_func("/promise/U6/fast-enough-is-left-alone", test_fast_enough_is_left_alone);
  g_test_add_func("/promise/U6/becoming-slow-is-seen", test_becoming_slow_is_seen);
  g_test_add_func("/wan/throttle/both-rates-hold", test_both_rates_hold);
  g_test_add_func("/wan/throttle/rate-changes", test_rate_changes_on_the_way);
  g_test_add_func("/wan/throttle/our-own-pauses-do-not-count", test_our_own_pauses_do_not_count);
  g_test_add_func("/wan/rate/is-shared", test_rate_is_shared);
  g_test_add_func("/wan/rate/unlimited", test_no_rate_never_waits);
  return g_test_run();
}
