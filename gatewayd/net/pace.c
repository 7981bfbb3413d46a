/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/pace.h"

#include <string.h>

/* A bucket holds what comes in so long, and at least a few quanta. */
#define BURST_MS 100
#define BURST_QUANTA 4
#define WAIT_MIN_MS 16
#define WAIT_MAX_MS 10000

/* A bucket that flows share, and those that wait for it. */
struct GwPaceQueue {
  GwTimer timer; /* first; armed while flows wait */
  GwPace *pace;
  GHashTable *siblings; /* by address, where it stands; NULL: that of all */
  GwAddress whose;      /* a node's address, or the beginning of a segment's */
  const guint64 *rate;
  GwPaceBucket bucket;
  GwPaceFlow ends; /* of the list of those who wait */
  guint n_waiting;
  guint n_users;      /* flows whose it is, and whoever works on it */
  GwPaceFlow *served; /* whose turn it is */
};

struct GwPace {
  GwWheel *wheel;
  GwPaceRates rates;
  GwPaceQueue all;
  GHashTable *places[GW_PACE_N_PLACES]; /* of GwPaceQueue, by address */
};

static void
fill(GwPaceBucket *bucket, guint64 rate, gint64 now_ms)
{
  gint64 limit = (gint64)MAX(rate * BURST_MS, (guint64)BURST_QUANTA * GW_PACE_QUANTUM * 1000);
  gint64 ms = CLAMP(now_ms - bucket->filled_ms, 0, 60000);

  bucket->tokens = bucket->filled_ms == 0 ? limit : MIN(bucket->tokens + ms * (gint64)rate, limit);
  bucket->filled_ms = now_ms;
}

/* Until a quantum is there. */
static gint64
wait_ms(const GwPaceBucket *bucket, guint64 rate)
{
  gint64 missing = GW_PACE_QUANTUM * 1000 - bucket->tokens;

  return CLAMP(missing / (gint64)MAX(rate, 1), WAIT_MIN_MS, WAIT_MAX_MS);
}

static gboolean
has_tokens(const GwPaceBucket *bucket, gsize want)
{
  return bucket->tokens >= (gint64)MIN(want, GW_PACE_QUANTUM) * 1000;
}

/* ---- queues ---- */

static guint
hash_queue(gconstpointer key)
{
  return gw_address_hash_host(&((const GwPaceQueue *)key)->whose);
}

static gboolean
equal_queue(gconstpointer a, gconstpointer b)
{
  return gw_address_equal_host(&((const GwPaceQueue *)a)->whose, &((const GwPaceQueue *)b)->whose);
}

static void
release(GwPaceQueue *queue)
{
  if (--queue->n_users > 0)
    return;
  gw_wheel_cancel(&queue->timer);
  g_hash_table_remove(queue->siblings, queue);
  g_free(queue);
}

static void
step_out(GwPaceFlow *flow)
{
  gw_wheel_cancel(&flow->timer);
  if (!flow->waits_in)
    return;
  flow->next->previous = flow->previous;
  flow->previous->next = flow->next;
  flow->waits_in->n_waiting--;
  flow->waits_in = NULL;
}

static void
serve_waiting(GwTimer *timer, gint64 now_ms)
{
  GwPaceQueue *queue = (GwPaceQueue *)timer;

  queue->n_users++; /* the last of its flows may leave */
  for (guint n = queue->n_waiting; n > 0 && queue->n_waiting > 0; n--) {
    GwPaceFlow *flow = queue->ends.next;

    fill(&queue->bucket, *queue->rate, now_ms);
    if (*queue->rate && !has_tokens(&queue->bucket, GW_PACE_QUANTUM))
      break;
    step_out(flow);
    queue->served = flow;
    flow->resume(flow, now_ms);
    queue->served = NULL;
  }
  if (queue->n_waiting > 0)
    gw_wheel_arm(queue->pace->wheel, timer, now_ms + wait_ms(&queue->bucket, *queue->rate));
  release(queue);
}

static void
queue_init(GwPaceQueue *queue, GwPace *pace, const guint64 *rate)
{
  *queue = (GwPaceQueue){ .timer.fire = serve_waiting, .pace = pace, .rate = rate };
  queue->ends.next = queue->ends.previous = &queue->ends;
}

static void
queue_up(GwPaceQueue *queue, GwPaceFlow *flow, gint64 now_ms)
{
  flow->waits_in = queue;
  flow->previous = queue->ends.previous;
  flow->next = &queue->ends;
  flow->previous->next = flow;
  queue->ends.previous = flow;
  queue->n_waiting++;
  if (!gw_timer_is_armed(&queue->timer))
    gw_wheel_arm(queue->pace->wheel, &queue->timer, now_ms + WAIT_MIN_MS);
}

/* Whose the flow is, in that place; NULL = no rate holds there. */
static GwPaceQueue *
queue_of(GwPace *pace, GwPaceFlow *flow, GwPacePlace place)
{
  const guint64 *rate = place == GW_PACE_NODE ? &pace->rates.node : &pace->rates.segment;
  GwPaceQueue key = { 0 }, *queue;

  if (*rate == 0 || !flow->peer)
    return NULL;
  if (flow->of[place])
    return flow->of[place];
  key.whose = *flow->peer;
  if (place == GW_PACE_SEGMENT)
    gw_address_cut_to_segment(&key.whose);
  queue = g_hash_table_lookup(pace->places[place], &key);
  if (!queue) {
    queue = g_new(GwPaceQueue, 1);
    queue_init(queue, pace, rate);
    queue->siblings = pace->places[place];
    queue->whose = key.whose;
    g_hash_table_add(queue->siblings, queue);
  }
  queue->n_users++;
  return flow->of[place] = queue;
}

/* ---- pace ---- */

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
  pace->rates = (GwPaceRates){ .total = total_bytes_per_s, .flow = flow_bytes_per_s };
  queue_init(&pace->all, pace, &pace->rates.total);
  pace->all.n_users = 1;
  for (guint i = 0; i < GW_PACE_N_PLACES; i++)
    pace->places[i] = g_hash_table_new(hash_queue, equal_queue);
  return pace;
}

void
gw_pace_free(GwPace *pace)
{
  if (!pace)
    return;
  gw_wheel_cancel(&pace->all.timer);
  for (guint i = 0; i < GW_PACE_N_PLACES; i++)
    g_hash_table_unref(pace->places[i]);
  g_free(pace);
}

static void
hurry(GwPaceQueue *queue, gint64 now_ms)
{
  if (queue->n_waiting > 0)
    gw_wheel_arm(queue->pace->wheel, &queue->timer, now_ms);
}

void
gw_pace_set(GwPace *pace, const GwPaceRates *rates, gint64 now_ms)
{
  GHashTableIter iter;
  gpointer queue;

  pace->rates = *rates;
  hurry(&pace->all, now_ms);
  for (guint i = 0; i < GW_PACE_N_PLACES; i++) {
    g_hash_table_iter_init(&iter, pace->places[i]);
    while (g_hash_table_iter_next(&iter, &queue, NULL))
      hurry(queue, now_ms);
  }
}

gboolean
gw_pace_is_limited(const GwPace *pace)
{
  return pace->rates.total || pace->rates.segment || pace->rates.node || pace->rates.flow;
}

/* Lowers *granted to the flow's share. FALSE = there is nothing; it waits. */
static gboolean
pass(GwPaceQueue *queue, GwPaceFlow *flow, gsize want, gsize *granted, gint64 now_ms)
{
  gsize share;

  fill(&queue->bucket, *queue->rate, now_ms);
  if ((queue->n_waiting > 0 && queue->served != flow) || !has_tokens(&queue->bucket, want)) {
    queue_up(queue, flow, now_ms);
    return FALSE;
  }
  share = (gsize)(queue->bucket.tokens / 1000) / (queue->n_waiting + 1);
  *granted = MIN(*granted, MAX(share, GW_PACE_QUANTUM));
  return TRUE;
}

/* The queues that the flow has to pass. */
static guint
collect(GwPace *pace, GwPaceFlow *flow, GwPaceQueue *queues[GW_PACE_N_PLACES + 1])
{
  guint n = 0;

  for (GwPacePlace place = GW_PACE_NODE; place < GW_PACE_N_PLACES; place++)
    if ((queues[n] = queue_of(pace, flow, place)))
      n++;
  if (pace->rates.total)
    queues[n++] = &pace->all;
  return n;
}

gsize
gw_pace_take(GwPace *pace, GwPaceFlow *flow, gsize want, gint64 now_ms)
{
  GwPaceQueue *queues[GW_PACE_N_PLACES + 1];
  guint n = collect(pace, flow, queues);
  gsize granted = want;

  if (flow->waits_in || gw_timer_is_armed(&flow->timer))
    return 0;
  flow->timer.fire = on_flow_timer;
  if (pace->rates.flow > 0) {
    fill(&flow->bucket, pace->rates.flow, now_ms);
    if (!has_tokens(&flow->bucket, want)) {
      gw_wheel_arm(pace->wheel, &flow->timer, now_ms + wait_ms(&flow->bucket, pace->rates.flow));
      return 0;
    }
    granted = MIN(granted, (gsize)(flow->bucket.tokens / 1000));
  }
  for (guint i = 0; i < n; i++)
    if (!pass(queues[i], flow, want, &granted, now_ms))
      return 0;
  for (guint i = 0; i < n; i++)
    queues[i]->bucket.tokens -= (gint64)granted * 1000;
  flow->bucket.tokens -= (gint64)granted * 1000;
  return granted;
}

void
gw_pace_give_back(GwPace *pace, GwPaceFlow *flow, gsize unused)
{
  flow->bucket.tokens += (gint64)unused * 1000;
  pace->all.bucket.tokens += (gint64)unused * 1000;
  for (guint i = 0; i < GW_PACE_N_PLACES; i++)
    if (flow->of[i])
      flow->of[i]->bucket.tokens += (gint64)unused * 1000;
}

void
gw_pace_leave(GwPaceFlow *flow)
{
  step_out(flow);
  for (guint i = 0; i < GW_PACE_N_PLACES; i++)
    g_clear_pointer(&flow->of[i], release);
}
