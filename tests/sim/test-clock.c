/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the clock may do to rules: a year of windows, leap seconds, 1970, an hour back, thirty years on, and
 * machines that are switched off. Time is moved, never waited for. */
#include <string.h>

#include "base/clock.h"
#include "rig.h"

#define SECOND_MS G_GINT64_CONSTANT(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)

/* ---- time ---- */

static gint64
at(const char *text)
{
  g_autoptr(GError) error = NULL;
  gint64 wall_ms = 0;

  gw_clock_parse(text, &wall_ms, &error);
  g_assert_no_error(error);
  return wall_ms;
}

/* The boot clock runs on by @ms; the wall clock says what it says. */
static void
pass(Rig *rig, gint64 ms, gint64 wall_ms)
{
  rig->boot_ms += ms;
  rig->wall_ms = wall_ms;
  gw_core_turn(rig->core);
  while (g_main_context_iteration(NULL, FALSE))
    continue;
}

static void
go_to(Rig *rig, gint64 wall_ms)
{
  pass(rig, wall_ms - rig->wall_ms, wall_ms);
}

/* ---- a node ---- */

static RigAsker
new_node(Rig *rig, const char *name)
{
  RigAsker node = { .plugin = RIG_TOLD, .node = name, .version = "3" };

  rig_expect_nothing(rig, &node, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, name, "weather");
  return node;
}

static Rig *
site_at(gint64 wall_ms)
{
  Rig *rig = rig_new_at(g_mkdtemp(g_strdup("/dev/shm/gatewayd-clock-XXXXXX")), NULL);

  rig->wall_ms = wall_ms;
  rig_product(rig, "weather", RIG_TOLD);
  new_node(rig, "keeper"); /* never asks again: for it every rule goes on */
  return rig;
}

/* Asks, and takes what it is given, to its success. TRUE = it was given something. */
static gboolean
ask_and_take(Rig *rig, RigAsker *node)
{
  GwAnswer answer = rig_ask(rig, node);
  gboolean is_offer = answer.kind == GATEWAY_ANSWER_OFFER;

  if (is_offer) {
    rig_tell(rig, GW_TOLD_BEGUN, answer.token, 0);
    rig_tell(rig, GW_TOLD_COMPLETE, answer.token, answer.size);
    node->version = "5";
  } else {
    g_assert_cmpint(answer.until_boot_ms, >=, rig->boot_ms);
  }
  gw_answer_clear(&answer);
  return is_offer;
}

static guint
ask_at(Rig *rig, RigAsker *node, gint64 wall_ms)
{
  go_to(rig, wall_ms);
  return ask_and_take(rig, node) ? 1 : 0;
}

/* ---- a year of windows ---- */

/* A window of one day: a node of its own asks around both edges. Whatever day it is, the rule fires in the
 * window, once, and not one millisecond before or after. */
static void
check_window(Rig *rig, guint day, gint64 open_ms, gint64 close_ms)
{
  g_autofree char *name = g_strdup_printf("n%u", day);
  RigAsker node = new_node(rig, name);

  g_assert_cmpuint(ask_at(rig, &node, open_ms - 1), ==, 0);
  if (day % 2 == 0) { /* every other day it is late: by the last moment, or by one more */
    g_assert_cmpuint(ask_at(rig, &node, close_ms - (day % 4 == 0 ? 1 : 0)), ==, day % 4 == 0 ? 1 : 0);
    g_assert_cmpuint(ask_at(rig, &node, close_ms + MINUTE_MS), ==, 0);
    return;
  }
  g_assert_cmpuint(ask_at(rig, &node, open_ms), ==, 1);
  g_assert_cmpuint(ask_at(rig, &node, close_ms - 1), ==, 0);
}

/* From before one leap day to after the next year's end: every month's end, and midnight in every window. */
static void
test_a_year_of_windows(void)
{
  gint64 midnight_ms = at("2027-12-27T00:00:00Z");
  g_autoptr(Rig) rig = site_at(midnight_ms - 6 * HOUR_MS);

  rig_rule(rig, "night", rig_verified(rig, "weather", "5"), "'hours': <'23:30-00:30'>");
  for (guint day = 0; day < 375; day++) {
    check_window(rig, day, midnight_ms - 30 * MINUTE_MS, midnight_ms + 30 * MINUTE_MS);
    midnight_ms += RIG_DAY_MS;
  }
  g_assert_cmpuint(rig_count_events(rig, "update.offered"), ==, 187 + 94);
}

/* ---- leap seconds ---- */

/* The clock says one second twice, at midnight: whoever was served in the first is not served again. */
static void
test_leap_second(void)
{
  gint64 midnight_ms = at("2029-01-01T00:00:00Z");
  g_autoptr(Rig) rig = site_at(midnight_ms - HOUR_MS);
  RigAsker first = new_node(rig, "first"), second = new_node(rig, "second");

  rig_rule(rig, "midnight", rig_verified(rig, "weather", "5"), "'hours': <'00:00-01:00'>");
  g_assert_cmpuint(ask_at(rig, &first, midnight_ms - 1), ==, 0);
  g_assert_cmpuint(ask_at(rig, &first, midnight_ms), ==, 1);
  pass(rig, 500, midnight_ms - 500); /* the second that the kernel put in */
  g_assert_false(ask_and_take(rig, &first));
  g_assert_false(ask_and_take(rig, &second));
  pass(rig, 500, midnight_ms);
  g_assert_true(ask_and_take(rig, &second));
  g_assert_false(ask_and_take(rig, &first));
  g_assert_cmpuint(rig_count_events(rig, "update.offered"), ==, 2);
}

/* ---- jumps ---- */

/* A failed attempt waits its hour by the boot clock, however often the wall clock opens the window. */
static void
test_one_hour_back(void)
{
  gint64 open_ms = at("2027-03-28T01:00:00Z");
  g_autoptr(Rig) rig = site_at(open_ms - HOUR_MS);
  RigAsker node = new_node(rig, "node"), done = new_node(rig, "done");
  g_autofree char *token = NULL;

  rig_rule(rig, "hour", rig_verified(rig, "weather", "5"), "'hours': <'01:00-02:00'>");
  g_assert_cmpuint(ask_at(rig, &done, open_ms), ==, 1);
  token = rig_download(rig, &node, "5");
  rig_report(rig, &node, GATEWAY_TELL_FAILED, "E1");
  for (int i = 0; i < 5; i++) {
    pass(rig, 10 * MINUTE_MS, open_ms - i * MINUTE_MS); /* the window's edge, again and again */
    rig_expect_nothing(rig, &node, i == 0 ? GATEWAY_REASON_RETRY_WAIT : GATEWAY_REASON_WINDOW);
    pass(rig, 1, open_ms + i * MINUTE_MS);
    rig_expect_nothing(rig, &node, GATEWAY_REASON_RETRY_WAIT);
    g_assert_false(ask_and_take(rig, &done));
  }
  pass(rig, 11 * MINUTE_MS, open_ms);
  g_assert_true(ask_and_take(rig, &node));
}

/* What a failed attempt had downloaded does not make the next one one that has begun. */
static void
test_next_attempt_keeps_the_hours(void)
{
  gint64 open_ms = at("2027-03-28T01:00:00Z");
  g_autoptr(Rig) rig = site_at(open_ms - HOUR_MS);
  RigAsker node = new_node(rig, "node"), bytes = { .plugin = RIG_TOLD };
  g_autofree char *token = NULL;
  GwAnswer answer;

  rig_rule(rig, "hour", rig_verified(rig, "weather", "5"), "'hours': <'01:00-02:00'>");
  go_to(rig, open_ms);
  g_free(rig_download(rig, &node, "5"));
  rig_report(rig, &node, GATEWAY_TELL_FAILED, "E1");
  go_to(rig, open_ms + RIG_DAY_MS);
  token = rig_expect_offer(rig, &node, "5");
  go_to(rig, rig->wall_ms + HOUR_MS);
  bytes.token = token;
  answer = rig_ask_bytes(rig, &bytes);
  g_assert_cmpint(answer.reason, ==, GATEWAY_REASON_WINDOW);
  gw_answer_clear(&answer);
}

static void
check_state(Rig *rig, const char *rule, const char *state)
{
  rig_assert_column(rig, "rules", "name", rule, "state", state);
}

/* Thirty years on and back: nothing fires twice, and an untrusted clock ends no rule. */
static void
test_thirty_years_on(void)
{
  gint64 now_ms = at("2027-06-30T12:00:00Z"), then_ms = at("2057-06-30T12:00:00Z");
  g_autoptr(Rig) rig = site_at(now_ms);
  RigAsker done = new_node(rig, "done"), late = new_node(rig, "late");

  rig_rule(rig, "june", rig_verified(rig, "weather", "5"),
           "'not-before': <'2027-06-01T00:00:00Z'>, 'not-after': <'2027-07-01T00:00:00Z'>");
  g_assert_true(ask_and_take(rig, &done));
  rig->is_trusted = FALSE;
  pass(rig, 2 * HOUR_MS, then_ms);
  check_state(rig, "june", "running");
  g_assert_false(ask_and_take(rig, &late));
  rig->is_trusted = TRUE;
  pass(rig, 2 * HOUR_MS, now_ms);
  g_assert_false(ask_and_take(rig, &done));
  g_assert_true(ask_and_take(rig, &late));
  g_assert_cmpuint(rig_count_events(rig, "update.offered"), ==, 2);
  pass(rig, 2 * HOUR_MS, then_ms); /* and now whoever says so is believed */
  pass(rig, 2 * SECOND_MS, then_ms + 2 * SECOND_MS);
  check_state(rig, "june", "completed");
  pass(rig, 2 * HOUR_MS, now_ms);
  g_assert_false(ask_and_take(rig, &done));
  g_assert_false(ask_and_take(rig, &late));
}

/* A clock at 1970 starts nothing, whatever it says; and what an operator does meanwhile is not of 1970. */
static void
test_at_1970(void)
{
  gint64 now_ms = at("2027-06-30T12:00:00Z");
  g_autoptr(Rig) rig = site_at(now_ms);
  RigAsker node = new_node(rig, "node");
  g_autofree char *token = NULL;

  rig_rule(rig, "old", rig_verified(rig, "weather", "4"), "'hours': <'00:00-00:01'>");
  rig->is_trusted = FALSE;
  pass(rig, 1000, 5000); /* five seconds into 1970: within the hours */
  rig_expect_nothing(rig, &node, GATEWAY_REASON_WINDOW);
  rig_rule(rig, "new", rig_verified(rig, "weather", "5"), NULL);
  rig_expect_nothing(rig, &node, GATEWAY_REASON_WINDOW);
  rig->is_trusted = TRUE;
  pass(rig, 1000, now_ms);
  token = rig_expect_offer(rig, &node, "5"); /* made last, and so the newest */
}

/* ---- history ---- */

static guint
count_rows(Rig *rig, const char *node)
{
  g_autofree char *at = rig_column(rig, "updates", "node", node, "id");

  return rig_count_events(rig, "update.*") + (at ? 1 : 0);
}

static void
run_for(Rig *rig, gint64 ms)
{
  for (gint64 at_ms = 0; at_ms < ms; at_ms += HOUR_MS)
    pass(rig, HOUR_MS, rig->wall_ms + HOUR_MS);
  rig_settle(rig);
}

static void
restart(Rig *rig)
{
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_connect_wan(rig);
}

/* A trusted clock that jumps makes no history older than it is; what has really passed does. */
static void
test_history_outlives_jumps(void)
{
  g_autoptr(Rig) rig = rig_new_at(g_mkdtemp(g_strdup("/dev/shm/gatewayd-clock-XXXXXX")),
                                  "[limits]\ntimeline-age=3d\nevents=1000000\n");
  RigAsker node;
  gint64 now_ms = at("2027-06-30T12:00:00Z");
  guint n;

  rig->wall_ms = 5000; /* in 1970, what is recorded is not the oldest of all */
  rig->is_trusted = FALSE;
  rig_product(rig, "weather", RIG_TOLD);
  node = new_node(rig, "node");
  rig->is_trusted = TRUE;
  pass(rig, HOUR_MS, now_ms);
  rig_rule(rig, "any", rig_verified(rig, "weather", "5"), NULL);
  g_assert_true(ask_and_take(rig, &node));
  g_assert_false(ask_and_take(rig, &node)); /* heard with it */
  check_state(rig, "any", "completed");
  n = count_rows(rig, "node");
  g_assert_cmpuint(n, >, 4);
  for (int i = 0; i < 3; i++) {
    pass(rig, HOUR_MS, at("2057-06-30T12:00:00Z"));
    run_for(rig, 5 * HOUR_MS);
    restart(rig);
    g_assert_cmpuint(count_rows(rig, "node"), ==, n);
    pass(rig, HOUR_MS, now_ms);
    run_for(rig, 5 * HOUR_MS);
    g_assert_cmpuint(count_rows(rig, "node"), ==, n);
  }
  g_assert_cmpuint(rig_count_events(rig, "node.seen"), >, 0);
  run_for(rig, 2 * RIG_DAY_MS);
  g_assert_cmpuint(count_rows(rig, "node"), ==, n);
  run_for(rig, 3 * RIG_DAY_MS);
  g_assert_cmpuint(count_rows(rig, "node"), ==, 0);
}

/* ---- the machine is switched off ---- */

static void
switch_off_and_on(Rig *rig, gint64 off_ms)
{
  rig_stop_core(rig);
  rig_forget_boot(rig);
  rig->boot_ms = 20 * SECOND_MS;
  rig->wall_ms += off_ms;
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_connect_wan(rig);
}

/* Of an hour of waiting, what was left is left: the time that nobody measured does not count. */
static void
test_waits_outlive_reboots(void)
{
  g_autoptr(Rig) rig = site_at(at("2027-06-30T12:00:00Z"));
  RigAsker node = new_node(rig, "node");

  rig_rule(rig, "any", rig_verified(rig, "weather", "5"), NULL);
  g_free(rig_download(rig, &node, "5"));
  rig_report(rig, &node, GATEWAY_TELL_FAILED, "E1");
  go_to(rig, rig->wall_ms + 20 * MINUTE_MS);
  rig_expect_nothing(rig, &node, GATEWAY_REASON_RETRY_WAIT);
  for (int i = 0; i < 3; i++) {
    rig_settle(rig); /* how long this boot went on is on the disk */
    switch_off_and_on(rig, RIG_DAY_MS);
    go_to(rig, rig->wall_ms + 11 * MINUTE_MS);
    rig_expect_nothing(rig, &node, GATEWAY_REASON_RETRY_WAIT);
  }
  go_to(rig, rig->wall_ms + 8 * MINUTE_MS);
  g_assert_true(ask_and_take(rig, &node));
}

/* The day in which a node must come back: with reboots in it, it is no longer, and no shorter. */
static void
test_deadlines_outlive_reboots(void)
{
  g_autoptr(Rig) rig = site_at(at("2027-06-30T12:00:00Z"));
  RigAsker node = new_node(rig, "node");

  rig_rule(rig, "any", rig_verified(rig, "weather", "5"), NULL);
  g_free(rig_download(rig, &node, "5"));
  for (int i = 0; i < 3; i++) {
    for (int hour = 0; hour < 7; hour++)
      go_to(rig, rig->wall_ms + HOUR_MS);
    rig_assert_column(rig, "updates", "node", "node", "state", "downloaded");
    switch_off_and_on(rig, 40 * RIG_DAY_MS);
  }
  rig_assert_column(rig, "updates", "node", "node", "state", "downloaded");
  go_to(rig, rig->wall_ms + 4 * HOUR_MS);
  rig_assert_column(rig, "updates", "node", "node", "state", "failed");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/E4/a-year-of-windows", test_a_year_of_windows);
  g_test_add_func("/promise/E4/leap-second", test_leap_second);
  g_test_add_func("/promise/E4/one-hour-back", test_one_hour_back);
  g_test_add_func("/promise/E4/next-attempt-keeps-the-hours", test_next_attempt_keeps_the_hours);
  g_test_add_func("/promise/E4/thirty-years-on", test_thirty_years_on);
  g_test_add_func("/promise/E4/at-1970", test_at_1970);
  g_test_add_func("/promise/E4/history-outlives-jumps", test_history_outlives_jumps);
  g_test_add_func("/promise/E4/waits-outlive-reboots", test_waits_outlive_reboots);
  g_test_add_func("/promise/E4/deadlines-outlive-reboots", test_deadlines_outlive_reboots);
  return g_test_run();
}
