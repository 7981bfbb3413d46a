/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/pulse.h"

/* News every millisecond for 10 s: how many signals go out, and how old is what is told at most? */
static void
test_storm(void)
{
  GwPulse pulse = { 0 };
  gint64 due_ms = 0;
  guint n_signals = 0;

  for (gint64 now_ms = 1000; now_ms < 11000; now_ms++) {
    gint64 wait_ms = gw_pulse_wait_ms(&pulse, now_ms);

    g_assert_cmpint(wait_ms, >=, 0);
    g_assert_cmpint(wait_ms, <=, 250);
    due_ms = due_ms ? due_ms : now_ms + wait_ms;
    if (now_ms < due_ms)
      continue;
    gw_pulse_beat(&pulse, now_ms);
    n_signals++;
    due_ms = 0;
  }
  g_assert_cmpuint(n_signals, ==, 40);
}

static void
test_quiet(void)
{
  GwPulse pulse = { 0 };

  g_assert_cmpint(gw_pulse_wait_ms(&pulse, 5), ==, 0);
  gw_pulse_beat(&pulse, 5);
  g_assert_cmpint(gw_pulse_wait_ms(&pulse, 5), ==, 250);
  g_assert_cmpint(gw_pulse_wait_ms(&pulse, 254), ==, 1);
  g_assert_cmpint(gw_pulse_wait_ms(&pulse, 255), ==, 0);
  g_assert_cmpint(gw_pulse_wait_ms(&pulse, 3600000), ==, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/bus/pulse/storm", test_storm);
  g_test_add_func("/bus/pulse/quiet", test_quiet);
  return g_test_run();
}
