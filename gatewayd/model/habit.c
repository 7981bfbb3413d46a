/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/habit.h"

#define HOUR_MS G_GINT64_CONSTANT(3600000)
#define PERIOD_MS (GW_HABIT_DAYS * 24 * HOUR_MS)
#define BITS 24

static guint64
period_of(gint64 wall_ms)
{
  return (guint64)(wall_ms / PERIOD_MS) & 0xffff;
}

/* As it is in @period: what is older than the one before is forgotten. */
static guint64
turned(guint64 habit, guint64 period)
{
  guint64 was = habit >> (2 * BITS), now = habit & GW_HABIT_ALL_DAY;
  if (period <= was)
    return habit;
  return period << (2 * BITS) | (period == was + 1 ? now << BITS : 0);
}

guint64
gw_habit_note(guint64 habit, gint64 wall_ms)
{
  if (wall_ms < 0)
    return habit;
  habit = turned(habit, period_of(wall_ms));
  return habit | G_GUINT64_CONSTANT(1) << (wall_ms / HOUR_MS % 24);
}

guint32
gw_habit_hours(guint64 habit, gint64 wall_ms)
{
  if (wall_ms >= 0)
    habit = turned(habit, period_of(wall_ms));
  return (guint32)((habit | habit >> BITS) & GW_HABIT_ALL_DAY);
}
