/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hours at which a node asks: remembered for a month, forgotten after two. */
#include "model/habit.h"

#define HOUR G_GINT64_CONSTANT(3600000)
#define DAY (24 * HOUR)
#define BEGIN (GW_HABIT_DAYS * DAY * 700) /* of a period */

static void
test_hours(void)
{
  guint64 habit = 0;
  g_assert_cmphex(gw_habit_hours(habit, BEGIN), ==, 0);
  habit = gw_habit_note(habit, BEGIN + 5 * DAY + 3 * HOUR);
  habit = gw_habit_note(habit, BEGIN + 6 * DAY + 23 * HOUR + HOUR - 1);
  g_assert_cmphex(gw_habit_hours(habit, BEGIN + 7 * DAY), ==, 1u << 3 | 1u << 23);
}

/* Whenever it was: after thirty days it is still known, after sixty no more. */
static void
test_for_a_month(void)
{
  for (gint64 day = 0; day < GW_HABIT_DAYS; day++) {
    gint64 at_ms = BEGIN + day * DAY + 7 * HOUR;
    guint64 habit = gw_habit_note(0, at_ms);
    g_assert_cmphex(gw_habit_hours(habit, at_ms + GW_HABIT_DAYS * DAY), ==, 1u << 7);
    g_assert_cmphex(gw_habit_hours(habit, at_ms + 2 * GW_HABIT_DAYS * DAY), ==, 0);
    habit = gw_habit_note(habit, at_ms + GW_HABIT_DAYS * DAY + HOUR);
    g_assert_cmphex(gw_habit_hours(habit, at_ms + GW_HABIT_DAYS * DAY + HOUR), ==, 1u << 7 | 1u << 8);
    habit = gw_habit_note(habit, at_ms + 2 * GW_HABIT_DAYS * DAY);
    g_assert_cmphex(gw_habit_hours(habit, at_ms + 2 * GW_HABIT_DAYS * DAY) & 1u << 8, ==, 1u << 8);
  }
}

static void
test_clock_runs_back(void)
{
  guint64 habit = gw_habit_note(0, BEGIN + 7 * HOUR);
  habit = gw_habit_note(habit, 2 * HOUR); /* 1970 */
  g_assert_cmphex(gw_habit_hours(habit, BEGIN + DAY), ==, 1u << 7 | 1u << 2);
  g_assert_cmphex(gw_habit_note(habit, -1), ==, habit);
  g_assert_cmphex(gw_habit_hours(habit, -1), ==, 1u << 7 | 1u << 2);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/habit/hours", test_hours);
  g_test_add_func("/habit/for-a-month", test_for_a_month);
  g_test_add_func("/habit/clock-runs-back", test_clock_runs_back);
  return g_test_run();
}
