/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/pace.h"

#define N_FLOWS 7

/* A flow that always has more to send, and a socket that takes at most @room at a time. */
typedef struct {
  GwPaceFlow flow;
  GwPace *pace;
  guint64 sent;
  gsize room;
  gint64 stops_ms;
} Sender;

static void
send_some(GwPaceFlow *flow, gint64 now_ms)
{
  Sender *sender = (Sender *)flow;
  gsize granted;

  while ((granted = gw_pace_take(sender->pace, flow, 65536, now_ms)) > 0) {
    gsize taken = MIN(granted, sender->room);

    sender->sent += taken;
    gw_pace_give_back(sender->pace, flow, granted - taken);
    if (now_ms >= sender->stops_ms)
      return;
  }
}

static void
run(GwWheel *wheel, gint64 from_ms, gint64 to_ms)
{
  for (gint64 now_ms = from_ms; now_ms <= to_ms; now_ms += 4)
    gw_wheel_advance(wheel, now_ms);
}

static void
start(Sender *sender, GwPace *pace)
{
  *sender = (Sender){ .flow.resume = send_some, .pace = pace, .room = 1 << 20, .stops_ms = G_MAXINT64 };
  send_some(&sender->flow, 1);
}

static void
assert_near(guint64 value, guint64 wanted, guint64 slack)
{
  g_assert_cmpuint(value, >=, wanted - slack);
  g_assert_cmpuint(value, <=, wanted + slack);
}

static void
test_unlimited(void)
{
  GwWheel wheel;
  GwPaceFlow flow = { 0 };
  g_autoptr(GwPace) pace = NULL;

  gw_wheel_init(&wheel, 0);
  pace = gw_pace_new(&wheel, 0, 0);
  g_assert_cmpuint(gw_pace_take(pace, &flow, 12345678, 1), ==, 12345678);
  gw_pace_leave(&flow);
}

static void
test_one_flow_keeps_its_rate(void)
{
  static const guint64 rates[] = { 100, 900, 5000, 100000, 10000000 };

  for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
    GwWheel wheel;
    g_autoptr(GwPace) pace = NULL;
    Sender sender;

    gw_wheel_init(&wheel, 0);
    pace = gw_pace_new(&wheel, 0, rates[i]);
    start(&sender, pace);
    run(&wheel, 1, 60000);
    assert_near(sender.sent, rates[i] * 60, rates[i] * 60 / 50 + 4 * GW_PACE_QUANTUM + rates[i] / 5);
    gw_pace_leave(&sender.flow);
  }
}

/* All together keep the total, and each gets its share. */
static void
test_total_is_shared_fairly(void)
{
  static const guint64 rates[] = { 1000, 20000, 1000000 };

  for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
    GwWheel wheel;
    g_autoptr(GwPace) pace = NULL;
    Sender senders[N_FLOWS];
    guint64 total = 0;
    guint64 share = rates[i] * 100 / N_FLOWS;

    gw_wheel_init(&wheel, 0);
    pace = gw_pace_new(&wheel, rates[i], 0);
    for (guint n = 0; n < N_FLOWS; n++)
      start(&senders[n], pace);
    run(&wheel, 1, 100000);
    for (guint n = 0; n < N_FLOWS; n++) {
      total += senders[n].sent;
      assert_near(senders[n].sent, share, share / 10 + 4 * GW_PACE_QUANTUM + rates[i] / 5);
      gw_pace_leave(&senders[n].flow);
    }
    assert_near(total, rates[i] * 100, rates[i] * 3 + 8 * GW_PACE_QUANTUM);
  }
}

/* Who cannot use its share leaves it to the others. */
static void
test_slow_flow_takes_nothing_away(void)
{
  GwWheel wheel;
  g_autoptr(GwPace) pace = NULL;
  Sender fast, blocked;

  gw_wheel_init(&wheel, 0);
  pace = gw_pace_new(&wheel, 100000, 0);
  start(&fast, pace);
  start(&blocked, pace);
  blocked.room = 0;
  blocked.stops_ms = 0;
  run(&wheel, 1, 60000);
  assert_near(fast.sent, 6000000, 300000);
  gw_pace_leave(&fast.flow);
  gw_pace_leave(&blocked.flow);
}

/* Two nodes of one segment and one of another: each node keeps its rate, each segment its own, and two
 * downloads of one node get half each. */
static void
test_places_keep_their_rates(void)
{
  static const char *const peers[] = { "192.0.2.1:80", "192.0.2.1:81", "192.0.2.2:80", "198.51.100.1:80" };
  GwAddress addresses[G_N_ELEMENTS(peers)];
  GwWheel wheel;
  g_autoptr(GwPace) pace = NULL;
  Sender senders[G_N_ELEMENTS(peers)];

  gw_wheel_init(&wheel, 0);
  pace = gw_pace_new(&wheel, 0, 0);
  g_assert_false(gw_pace_is_limited(pace));
  gw_pace_set(pace, &(GwPaceRates){ .node = 20000, .segment = 30000 }, 1);
  g_assert_true(gw_pace_is_limited(pace));
  for (guint i = 0; i < G_N_ELEMENTS(peers); i++) {
    g_assert_true(gw_address_parse(peers[i], 0, &addresses[i], NULL));
    senders[i] = (Sender){ .flow.resume = send_some, .flow.peer = &addresses[i], .pace = pace };
    senders[i].room = 1 << 20;
    senders[i].stops_ms = G_MAXINT64;
    send_some(&senders[i].flow, 1);
  }
  run(&wheel, 1, 100000);
  assert_near(senders[3].sent, 2000000, 60000);
  assert_near(senders[0].sent + senders[1].sent + senders[2].sent, 3000000, 90000);
  g_assert_cmpuint(senders[0].sent + senders[1].sent, <, 2060000);
  assert_near(senders[0].sent, senders[1].sent, senders[1].sent / 10);
  g_assert_cmpuint(senders[2].sent, >, 800000);
  gw_pace_leave(&senders[2].flow); /* the others have the segment to themselves, and the node's rate holds */
  senders[0].sent = senders[1].sent = 0;
  run(&wheel, 100000, 200000);
  assert_near(senders[0].sent + senders[1].sent, 2000000, 60000);
  for (guint i = 0; i < G_N_ELEMENTS(peers); i++)
    gw_pace_leave(&senders[i].flow);
}

/* A segment is a /24 or a /64. */
static void
test_segments(void)
{
  static const char *const pairs[][2] = { { "192.0.2.7:80", "192.0.2.9:81" },
                                          { "[2001:db8::1]:80", "[2001:db8::ffff:1]:80" } };
  static const char *const others[] = { "192.0.3.7:80", "[2001:db8:0:1::1]:80" };

  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
    GwAddress a, b, other;

    g_assert_true(gw_address_parse(pairs[i][0], 0, &a, NULL));
    g_assert_true(gw_address_parse(pairs[i][1], 0, &b, NULL));
    g_assert_true(gw_address_parse(others[i], 0, &other, NULL));
    gw_address_cut_to_segment(&a);
    gw_address_cut_to_segment(&b);
    gw_address_cut_to_segment(&other);
    g_assert_true(gw_address_equal_host(&a, &b));
    g_assert_false(gw_address_equal_host(&a, &other));
  }
}

static void
test_flow_may_leave_while_waiting(void)
{
  GwWheel wheel;
  g_autoptr(GwPace) pace = NULL;
  Sender senders[3];
  guint64 before;

  gw_wheel_init(&wheel, 0);
  pace = gw_pace_new(&wheel, 10000, 10000);
  for (guint n = 0; n < 3; n++)
    start(&senders[n], pace);
  run(&wheel, 1, 1000);
  gw_pace_leave(&senders[1].flow);
  gw_pace_leave(&senders[1].flow);
  before = senders[1].sent;
  run(&wheel, 1000, 5000);
  g_assert_cmpuint(senders[1].sent, ==, before);
  g_assert_cmpuint(senders[0].sent, >, before + 10000);
  gw_pace_leave(&senders[0].flow);
  gw_pace_leave(&senders[2].flow);
}

static void
test_new_rate_holds_at_once(void)
{
  GwWheel wheel;
  g_autoptr(GwPace) pace = NULL;
  Sender sender;
  guint64 before;

  gw_wheel_init(&wheel, 0);
  pace = gw_pace_new(&wheel, 1000, 0);
  start(&sender, pace);
  run(&wheel, 1, 10000);
  gw_pace_set(pace, &(GwPaceRates){ .total = 100000 }, 10000);
  before = sender.sent;
  run(&wheel, 10000, 20000);
  assert_near(sender.sent - before, 1000000, 60000);
  sender.stops_ms = 0; /* an unlimited flow would never let go */
  gw_pace_set(pace, &(GwPaceRates){ 0 }, 20000);
  run(&wheel, 20000, 20100);
  g_assert_cmpuint(sender.sent - before, >, 1000000);
  gw_pace_leave(&sender.flow);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/pace/unlimited", test_unlimited);
  g_test_add_func("/net/pace/one-flow", test_one_flow_keeps_its_rate);
  g_test_add_func("/net/pace/fair", test_total_is_shared_fairly);
  g_test_add_func("/net/pace/blocked-flow", test_slow_flow_takes_nothing_away);
  g_test_add_func("/net/pace/places", test_places_keep_their_rates);
  g_test_add_func("/net/pace/segments", test_segments);
  g_test_add_func("/net/pace/leave", test_flow_may_leave_while_waiting);
  g_test_add_func("/net/pace/new-rate", test_new_rate_holds_at_once);
  return g_test_run();
}
