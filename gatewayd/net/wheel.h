/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hierarchical timer wheel: thousands of deadlines, O(1) to arm, move and cancel, nothing allocated. Time
 * is an argument (ms of the boot clock), so that tests never sleep. Resolution GW_WHEEL_TICK_MS; never fires
 * early. One thread. */
#pragma once
#include <glib.h>

#define GW_WHEEL_TICK_MS 8
#define GW_WHEEL_LEVELS 4
#define GW_WHEEL_SLOTS 64
#define GW_WHEEL_SOON 0 /* as @due_ms: at the next advance */

typedef struct GwTimer GwTimer;
typedef void (*GwTimerFunc)(GwTimer *timer, gint64 now_ms);
/* Embed it in what it belongs to (G_STRUCT_OFFSET leads back). All zero but @fire = not armed. */
struct GwTimer {
  GwTimer *next, *previous; /* the wheel's own; next == NULL: not armed */
  gint64 due_ms;
  GwTimerFunc fire;
};

typedef struct {
  GwTimer slots[GW_WHEEL_LEVELS][GW_WHEEL_SLOTS]; /* list heads */
  guint64 occupied[GW_WHEEL_LEVELS];              /* one bit for each slot that may hold a timer */
  gint64 tick;                                    /* all before it are fired */
  GwTimer due;                                    /* list head: those that were due when they were armed */
  gint64 now_ms;                                  /* of the last advance */
} GwWheel;

void gw_wheel_init(GwWheel *wheel, gint64 now_ms);
/* Fires once at or soon after @due_ms; what was due at the last advance, at the next. Moving an armed timer
 * to a later time costs one store. */
void gw_wheel_arm(GwWheel *wheel, GwTimer *timer, gint64 due_ms);
/* Harmless if it is not armed. */
void gw_wheel_cancel(GwTimer *timer);
gboolean gw_timer_is_armed(const GwTimer *timer);
/* Fires everything due. A callback may arm, cancel and free any timer, its own too. */
void gw_wheel_advance(GwWheel *wheel, gint64 now_ms);
/* Milliseconds until advance has something to do (perhaps only to move timers nearer); -1 = nothing armed. */
int gw_wheel_wait_ms(const GwWheel *wheel, gint64 now_ms);
