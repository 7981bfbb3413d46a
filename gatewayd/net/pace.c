/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/pace.h"

/* A bucket holds what comes in so long, and at least a few quanta. */
#define BURST_MS 100
#define BURST_QUANTA 4
#define WAIT_MIN_MS 16
#define WAIT_MAX_MS 10000

struct GwPace {
  GwTimer timer; /* armed while flows wait */
  GwWheel *wheel;
  guint64 total_rate, flow_rate;
  GwPaceFlow common; /* the bucket of all, and head of the list of those who wait for it */
  guint n_waiting;
  GwPaceFlow *served; /* whose turn it is */
};

/* Buckets are counted in thousandths of a byte, so that no rate is lost to rounding. */
static void
fill(GwPaceFlow *bucket, guint64 rate, gint64 now_ms)
{
  gint64 limit = (gint64)MAX(rate * BURST_MS, (guint64)BURST_QUANTA * GW_PACE_QUANTUM * 1000);
  gint64 ms = CLAMP(now_ms - bucket->filled_ms, 0, 60000);

  bucket->tokens = bucket->filled_ms == 0 ? limit : MIN(bucket->tokens + ms * (gint64)rate, limit);
  bucket->filled_ms = now_ms;
}

/* Until a quantum is there. */
static gint64
wait_ms(const GwPaceFlow *bucket, guint64 rate)
{
  gint64 missing = GW_PACE_QUANTUM * 1000 - bucket->tokens;

  return CLAMP(missing / (gint64)MAX(rate, 1), WAIT_MIN_MS, WAIT_MAX_MS);
}

static gboolean
has_tokens(const GwPaceFlow *bucket, gsize want)
{
  return bucket->tokens >= (gint64)MIN(want, GW_PACE_QUANTUM) * 1000;
}

static void
serve_waiting(GwTimer *timer, gint64 now_ms)
{
  GwPace *pace = (GwPace *)timer;

  for (guint n = pace->n_waiting; n > 0 && pace->n_waiting > 0; n--) {
    GwPaceFlow *flow = pace->common.next;

    fill(&pace->common, pace->total_rate, now_ms);
    if (pace->total_rate && !has_tokens(&pace->common, GW_PACE_QUANTUM))
      break;
    gw_pace_leave(flow);
    pace->served = flow;
    flow->resume(flow, now_ms);
    pace->served = NULL;
  }
  if (pace->n_waiting > 0)
    gw_wheel_arm(pace->wheel, timer, now_ms + wait_ms(&pace->common, pace->total_rate));
}

static void
queue_up(GwPace *pace, GwPaceFlow *flow, gint64 now_ms)
{
  flow->previous = pace->common.previous;
  flow->next = &pace->common;
  flow->previous->next = flow;
  pace->common.previous = flow;
  pace->n_waiting++;
  if (!gw_timer_is_armed(&pace->timer))
    gw_wheel_arm(pace->wheel, &pace->timer, now_ms + WAIT_MIN_MS);
}

static void
on_flow_timer(GwTimer *timer, gint64 now_ms)
{
  GwPaceFlow *flow = (GwPaceFlow *)timer;

  flow->resume(flow, now_ms);
}

GwPace *
gw_pace_new(GwWheel *wheel, guint64 total_bytes_per_s, guint64 flow_bytes_per_s)
{
  GwPace *pace = g_new0(GwPace, 1);

  pace->wheel = wheel;
  pace->timer.fire = serve_waiting;
  pace->common.next = pace->common.previous = &pace->common;
  pace->total_rate = total_bytes_per_s;
  pace->flow_rate = flow_bytes_per_s;
  return pace;
}

void
gw_pace_free(GwPace *pace)
{
  if (!pace)
    return;
  gw_wheel_cancel(&pace->timer);
  g_free(pace);
}

void
gw_pace_set(GwPace *pace, guint64 total_bytes_per_s, guint64 flow_bytes_per_s, gint64 now_ms)
{
  pace->total_rate = total_bytes_per_s;
  pace->flow_rate = flow_bytes_per_s;
  if (pace->n_waiting > 0)
    gw_wheel_arm(pace->wheel, &pace->timer, now_ms);
}

gsize
gw_pace_take(GwPace *pace, GwPaceFlow *flow, gsize want, gint64 now_ms)
{
  gsize granted = want;

  if (flow->next || gw_timer_is_armed(&flow->timer))
    return 0;
  flow->pace = pace;
  flow->timer.fire = on_flow_timer;
  if (pace->flow_rate > 0) {
    fill(flow, pace->flow_rate, now_ms);
    if (!has_tokens(flow, want)) {
      gw_wheel_arm(pace->wheel, &flow->timer, now_ms + wait_ms(flow, pace->flow_rate));
      return 0;
    }
    granted = MIN(granted, (gsize)(flow->tokens / 1000));
  }
  if (pace->total_rate > 0) {
    gsize share;

    fill(&pace->common, pace->total_rate, now_ms);
    if ((pace->n_waiting > 0 && pace->served != flow) || !has_tokens(&pace->common, want)) {
      queue_up(pace, flow, now_ms);
      return 0;
    }
    share = (gsize)(pace->common.tokens / 1000) / (pace->n_waiting + 1);
    granted = MIN(granted, MAX(share, GW_PACE_QUANTUM));
    pace->common.tokens -= (gint64)granted * 1000;
  }
  flow->tokens -= (gint64)granted * 1000;
  return granted;
}

void
gw_pace_give_back(GwPace *pace, GwPaceFlow *flow, gsize unused)
{
  flow->tokens += (gint64)unused * 1000;
  pace->common.tokens += (gint64)unused * 1000;
}

void
gw_pace_leave(GwPaceFlow *flow)
{
  gw_wheel_cancel(&flow->timer);
  if (!flow->next)
    return;
  flow->next->previous = flow->previous;
  flow->previous->next = flow->next;
  flow->next = flow->previous = NULL;
  flow->pace->n_waiting--;
}
