/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When an upstream is asked again: interval, jitter, backoff, Retry-After. Chance is an argument. */
#include "model/rhythm.h"

#define MINUTE_MS (60 * 1000)
#define MIDDLE 0x7fff8000u

static void
test_jitter_is_a_tenth(void)
{
  g_assert_cmpint(gw_rhythm_wait_ms(10000, 0, 0, 0), ==, 9000);
  g_assert_cmpint(gw_rhythm_wait_ms(10000, 0, 0, G_MAXUINT32), ==, 11000);
  g_assert_cmpint(gw_rhythm_wait_ms(10000, 0, 0, MIDDLE), >=, 9999);
  g_assert_cmpint(gw_rhythm_wait_ms(10000, 0, 0, MIDDLE), <=, 10001);
}

/* The wait without its jitter, to the second. */
static gint64
wait_s(gint64 poll_ms, guint n_failures)
{
  return (gw_rhythm_wait_ms(poll_ms, n_failures, 0, MIDDLE) + 500) / 1000;
}

static void
test_backoff_doubles(void)
{
  g_assert_cmpint(wait_s(15 * MINUTE_MS, 1), ==, 30);
  g_assert_cmpint(wait_s(15 * MINUTE_MS, 2), ==, 60);
  g_assert_cmpint(wait_s(15 * MINUTE_MS, 5), ==, 480);
  g_assert_cmpint(wait_s(15 * MINUTE_MS, 6), ==, 900);
  g_assert_cmpint(wait_s(15 * MINUTE_MS, 4000000), ==, 900);
  g_assert_cmpint(wait_s(2000, 1), ==, 2);
  g_assert_cmpint(wait_s(2000, 3), ==, 8);
  g_assert_cmpint(wait_s(2000, 99), ==, 900);
  g_assert_cmpint(wait_s(24 * 60 * MINUTE_MS, 99), ==, 24 * 3600);
}

static void
test_retry_after_is_honoured(void)
{
  g_assert_cmpint(gw_rhythm_wait_ms(1000, 1, 120000, 0), ==, 120000);
  g_assert_cmpint(gw_rhythm_wait_ms(1000, 1, 120000, G_MAXUINT32), ==, 132000);
  g_assert_cmpint(gw_rhythm_wait_ms(15 * MINUTE_MS, 0, 5000, 0), ==, 15 * MINUTE_MS / 10 * 9);
  g_assert_cmpint(gw_rhythm_wait_ms(1000, 1, G_MAXINT64, 0), ==, GW_RHYTHM_MAX_PAUSE_MS);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/rhythm/jitter-is-a-tenth", test_jitter_is_a_tenth);
  g_test_add_func("/rhythm/backoff-doubles", test_backoff_doubles);
  g_test_add_func("/rhythm/retry-after-is-honoured", test_retry_after_is_honoured);
  return g_test_run();
}
