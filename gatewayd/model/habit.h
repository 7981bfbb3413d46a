/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* At which hours of the UTC day a node asks, remembered for a month at least and two at most, in eight bytes.
 * A rule whose hours a node never keeps will never reach it, and the operator hears so beforehand. Pure. */
#pragma once
#include <glib.h>

#define GW_HABIT_DAYS 30
#define GW_HABIT_ALL_DAY 0xffffffu

/* @habit, with a contact at @wall_ms; 0 = none yet. Bits 0..23 are the hours of the current thirty days,
 * 24..47 those of the thirty before, the rest their number. A clock that ran back changes nothing. */
guint64 gw_habit_note(guint64 habit, gint64 wall_ms);
/* Bit h: it asked in the hour from h:00 UTC within the last thirty days, or a little longer ago. */
guint32 gw_habit_hours(guint64 habit, gint64 wall_ms);
