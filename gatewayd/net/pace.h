/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pacing: token buckets for all flows together, for those of each segment and node, and for each flow. Flows
 * that wait for a common bucket are served in turn, each a fair share. Time is an argument. One thread. */
#pragma once
#include "net/address.h"
#include "net/wheel.h"

/* Nothing smaller is granted (so that a head and the start of a body share a segment) unless less is wanted.
 */
#define GW_PACE_QUANTUM 1460

/* Bytes per second; 0 = unlimited. A segment is an IPv4 /24 or an IPv6 /64. */
typedef struct {
  guint64 total, segment, node, flow;
} GwPaceRates;

typedef enum { GW_PACE_NODE, GW_PACE_SEGMENT, GW_PACE_N_PLACES } GwPacePlace;

typedef struct GwPace GwPace;
typedef struct GwPaceQueue GwPaceQueue;
typedef struct GwPaceFlow GwPaceFlow;
typedef void (*GwPaceFunc)(GwPaceFlow *flow, gint64 now_ms);
/* In thousandths of a byte, so that no rate is lost to rounding. */
typedef struct {
  gint64 filled_ms, tokens;
} GwPaceBucket;
/* Embed it; all zero but @resume and @peer. */
struct GwPaceFlow {
  GwTimer timer;
  GwPaceQueue *waits_in;             /* NULL: it waits for no common bucket */
  GwPaceFlow *next, *previous;       /* place there */
  GwPaceQueue *of[GW_PACE_N_PLACES]; /* whose it is, where those have a rate */
  GwPaceBucket bucket;
  GwPaceFunc resume;     /* call gw_pace_take() again */
  const GwAddress *peer; /* whom it goes to, as long as the flow is used; NULL = no segment and no node */
};

/* @flow_bytes_per_s: of one flow. */
GwPace *gw_pace_new(GwWheel *wheel, guint64 total_bytes_per_s, guint64 flow_bytes_per_s);
void gw_pace_free(GwPace *pace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPace, gw_pace_free)
void gw_pace_set(GwPace *pace, const GwPaceRates *rates, gint64 now_ms);
gboolean gw_pace_is_limited(const GwPace *pace);
/* How many of @want bytes may be sent now. 0: none; @flow->resume will be called. */
gsize gw_pace_take(GwPace *pace, GwPaceFlow *flow, gsize want, gint64 now_ms);
/* Gives back what the socket did not take. */
void gw_pace_give_back(GwPace *pace, GwPaceFlow *flow, gsize unused);
/* Leaves every queue; call before the flow's memory goes. */
void gw_pace_leave(GwPaceFlow *flow);
