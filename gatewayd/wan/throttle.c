/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/throttle.h"

#include <string.h>

void
gw_throttle_begin(GwThrottle *throttle, gint64 now_ms, gint64 window_ms, guint64 bytes_per_s)
{
  *throttle = (GwThrottle){
    .begun_ms = now_ms,
    .slot_ms = MAX(1, window_ms / GW_THROTTLE_SLOTS),
    .min_bytes = bytes_per_s * (guint64)window_ms / 1000,
  };
}

/* Moves the ring on to the slot of @now_ms; the slots in between are empty. */
static void
advance(GwThrottle *throttle, gint64 now_ms)
{
  gint64 slot = (now_ms - throttle->begun_ms - throttle->held_ms) / throttle->slot_ms;

  if (slot - throttle->slot > GW_THROTTLE_SLOTS) {
    memset(throttle->slots, 0, sizeof throttle->slots);
    throttle->slot = slot;
  }
  while (throttle->slot < slot)
    throttle->slots[++throttle->slot % G_N_ELEMENTS(throttle->slots)] = 0;
}

void
gw_throttle_count(GwThrottle *throttle, gint64 now_ms, guint64 bytes)
{
  advance(throttle, now_ms);
  throttle->slots[throttle->slot % (gint64)G_N_ELEMENTS(throttle->slots)] += bytes;
}

void
gw_throttle_hold(GwThrottle *throttle, gint64 ms)
{
  throttle->held_ms += ms;
}

gboolean
gw_throttle_is_slow(GwThrottle *throttle, gint64 now_ms)
{
  guint64 sum = 0;

  advance(throttle, now_ms);
  for (gsize i = 0; i < G_N_ELEMENTS(throttle->slots); i++)
    sum += throttle->slots[i];
  return throttle->slot >= GW_THROTTLE_SLOTS && sum < throttle->min_bytes;
}
