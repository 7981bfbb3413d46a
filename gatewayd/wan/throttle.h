/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is a server too slow to be worth waiting for? Counts the bytes of a sliding window; time is an argument.
 * Only time in which we were ready to read counts, so that a slow store never makes a server look slow. */
#pragma once
#include <glib.h>

#define GW_THROTTLE_SLOTS 12 /* the verdict comes at most a twelfth of the window late, and never early */

typedef struct {
  gint64 begun_ms, held_ms, slot_ms;
  guint64 min_bytes; /* that must come in each window */
  gint64 slot;       /* the newest one */
  guint64 slots[GW_THROTTLE_SLOTS + 1];
} GwThrottle;

void gw_throttle_begin(GwThrottle *throttle, gint64 now_ms, gint64 window_ms, guint64 bytes_per_s);
void gw_throttle_count(GwThrottle *throttle, gint64 now_ms, guint64 bytes);
/* For @ms that have just passed we did not read. */
void gw_throttle_hold(GwThrottle *throttle, gint64 ms);
/* A whole window has passed, and less than its share of bytes came in the newest one. */
gboolean gw_throttle_is_slow(GwThrottle *throttle, gint64 now_ms);
