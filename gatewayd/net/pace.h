/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pacing: a token bucket for all flows together and one for each flow. Flows that wait for the common bucket
 * are served in turn, each a fair share. Time is an argument. One thread. */
#pragma once
#include "net/wheel.h"
#include <glib.h>

/* Nothing smaller is granted (so that a head and the start of a body share a segment) unless less is wanted.
 */
#define GW_PACE_QUANTUM 1460

typedef struct GwPace GwPace;
typedef struct GwPaceFlow GwPaceFlow;
typedef void (*GwPaceFunc)(GwPaceFlow *flow, gint64 now_ms);
/* Embed it; all zero but @resume. */
struct GwPaceFlow {
  GwTimer timer;
  GwPace *pace;
  GwPaceFlow *next, *previous; /* place in the queue; next == NULL: not waiting for the common bucket */
  gint64 filled_ms;
  gint64 tokens;     /* thousandths of a byte */
  GwPaceFunc resume; /* call gw_pace_take() again */
};

/* Bytes per second; 0 = unlimited. */
GwPace *gw_pace_new(GwWheel *wheel, guint64 total_bytes_per_s, guint64 flow_bytes_per_s);
void gw_pace_free(GwPace *pace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPace, gw_pace_free)
void gw_pace_set(GwPace *pace, guint64 total_bytes_per_s, guint64 flow_bytes_per_s, gint64 now_ms);
/* How many of @want bytes may be sent now. 0: none; @flow->resume will be called. */
gsize gw_pace_take(GwPace *pace, GwPaceFlow *flow, gsize want, gint64 now_ms);
/* Gives back what the socket did not take. */
void gw_pace_give_back(GwPace *pace, GwPaceFlow *flow, gsize unused);
/* Leaves the queue; call before the flow's memory goes. */
void gw_pace_leave(GwPaceFlow *flow);
