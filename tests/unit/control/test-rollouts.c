/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules that go on, pause and end by themselves. */
#include "rig.h"

#include "control/core-private.h"

#include <string.h>

#include "base/error.h"

#define MINUTE_MS G_GINT64_CONSTANT(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define FLEET_MAX 24

static char names[FLEET_MAX][8];

/* Adopted nodes n0, n1... which were heard with version 3, and one attempt for each update. */
static Rig *
fleet(const char *config, int n)
{
  Rig *rig = rig_new(config);

  rig_product(rig, "weather", RIG_TOLD);
  for (int i = 0; i < n; i++) {
    RigAsker asker = { .plugin = RIG_TOLD, .node = names[i], .version = "3" };

    g_snprintf(names[i], sizeof(names[i]), "n%d", i);
    rig_expect_nothing(rig, &asker, GATEWAY_REASON_NOT_ADOPTED);
    rig_adopt(rig, names[i], "weather");
  }
  return rig;
}

static RigAsker
node(int i, const char *version)
{
  return (RigAsker){ .plugin = RIG_TOLD, .node = names[i], .version = version };
}

static void
succeed(Rig *rig, int i)
{
  RigAsker old = node(i, "3"), new = node(i, "5");
  GwAnswer answer;

  g_free(rig_download(rig, &old, "5"));
  answer = rig_ask(rig, &new);
  gw_answer_clear(&answer);
}

static void
refuse(Rig *rig, int i)
{
  RigAsker old = node(i, "3");

  g_free(rig_expect_offer(rig, &old, "5"));
  rig_report(rig, &old, GATEWAY_TELL_REFUSED, "no");
}

static void
test_pauses_itself(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 12);
  gint64 rule = rig_rule(rig, "all", rig_verified(rig, "weather", "5"), NULL);
  RigAsker last = node(11, "3");
  g_autofree char *lines = NULL, *reason = NULL;

  refuse(rig, 0);
  refuse(rig, 1);
  rig_assert_column(rig, "rules", "name", "all", "state", "running");
  refuse(rig, 2);
  rig_assert_column(rig, "rules", "name", "all", "state", "paused");
  reason = rig_column(rig, "rules", "name", "all", "pause-reason");
  g_assert_cmpstr(reason, ==, "too many failures: 3 of the 12 nodes of group 1");
  g_assert_cmpuint(rig_count_events(rig, "rule.paused"), ==, 1);
  rig_expect_nothing(rig, &last, GATEWAY_REASON_PAUSED);
  lines = rig_explain(rig, "n11");
  g_assert_nonnull(strstr(lines, "too many failures"));

  rig_stop_core(rig); /* it is still so after a restart */
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_expect_nothing(rig, &last, GATEWAY_REASON_PAUSED);
  g_assert_cmpuint(rig_count_events(rig, "rule.paused"), ==, 1);

  rig_run(rig, gw_command_rule_start(rig->core, &rig_caller, rule, rig_then())); /* in spite of those three */
  refuse(rig, 3);
  refuse(rig, 4);
  rig_assert_column(rig, "rules", "name", "all", "state", "running");
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_assert_column(rig, "rules", "name", "all", "state", "running");
  refuse(rig, 5);
  rig_assert_column(rig, "rules", "name", "all", "state", "paused");
}

static void
test_completes(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 3);
  gint64 firmware = rig_verified(rig, "weather", "5");
  RigAsker late = { .plugin = RIG_TOLD, .node = "late", .version = "3" };

  rig_rule(rig, "all", firmware, NULL);
  succeed(rig, 0);
  refuse(rig, 1);
  rig_assert_column(rig, "rules", "name", "all", "state", "running");
  rig_expect_nothing(rig, &late, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "late", "weather"); /* comes later, and is a target like the others */
  succeed(rig, 2);
  rig_assert_column(rig, "rules", "name", "all", "state", "running");
  g_free(rig_download(rig, &late, "5"));
  late.version = "5";
  rig_expect_nothing(rig, &late, GATEWAY_REASON_NO_RULE);
  rig_assert_column(rig, "rules", "name", "all", "state", "completed");
  g_assert_cmpuint(rig_count_events(rig, "rule.completed"), ==, 1);
}

/* What another hand did counts, too; a node that is gone is waited for by nobody. */
static void
test_completes_without_doing(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 3);
  const char *const gone[] = { "n1", NULL };
  RigAsker by_hand;

  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), NULL);
  by_hand = node(0, "5");
  rig_expect_nothing(rig, &by_hand, GATEWAY_REASON_UP_TO_DATE);
  rig_run(rig, gw_command_forget(rig->core, &rig_caller, gone, rig_then()));
  rig_assert_column(rig, "rules", "name", "all", "state", "running");
  succeed(rig, 2);
  rig_assert_column(rig, "rules", "name", "all", "state", "completed");
}

static void
test_stopping_is_no_pause(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 5);
  gint64 rule = rig_rule(rig, "all", rig_verified(rig, "weather", "5"), NULL);

  for (int i = 0; i < 5; i++) {
    RigAsker asker = node(i, "3");

    g_free(rig_expect_offer(rig, &asker, "5"));
  }
  rig_run(rig, gw_command_rule_stop(rig->core, &rig_caller, rule, rig_then()));
  rig_assert_column(rig, "rules", "name", "all", "state", "stopped");
  g_assert_cmpuint(rig_count_events(rig, "rule.paused"), ==, 0);
  g_assert_cmpuint(rig_count_events(rig, "rule.completed"), ==, 0);
  rig_refused(rig, GW_ERROR_BAD_INPUT, "waits for no approval",
              gw_command_rule_approve(rig->core, &rig_caller, rule, rig_then()));
}

/* Two makes, two places: each has its own limit, and what is full is told. */
static void
test_caps_of_places(void)
{
  g_autoptr(Rig) rig =
      fleet("[limits]\nlocation-transfers=Plant 2/Roof:1,nonsense\n[plugin " RIG_TOLD "]\ntransfers=2\n", 4);
  RigAsker a = node(0, "3"), b = node(1, "3"), c = node(2, "3"), d = node(3, "3");
  g_autoptr(GVariant) roof = g_variant_ref_sink(g_variant_new_parsed("{'location': <'Plant 2/Roof/East'>}"));
  g_autoptr(GVariant) other = g_variant_ref_sink(g_variant_new_parsed("{'location': <'Plant 2/Roofs'>}"));
  g_autofree char *lines = NULL;

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, "n0", roof, rig_then()));
  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, "n1", roof, rig_then()));
  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, "n2", other, rig_then()));
  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), NULL);
  g_free(rig_expect_offer(rig, &a, "5"));
  rig_expect_nothing(rig, &b, GATEWAY_REASON_CAP);
  lines = rig_explain(rig, "n1");
  g_assert_nonnull(strstr(lines, "location Plant 2/Roof: 1"));
  g_free(rig_expect_offer(rig, &c, "5"));
  rig_expect_nothing(rig, &d, GATEWAY_REASON_CAP); /* its transport has two */
  rig_pass(rig, 11 * MINUTE_MS);                   /* nobody asked for a byte: the places lapse */
  g_free(rig_expect_offer(rig, &b, "5"));
  g_free(rig_expect_offer(rig, &d, "5"));
}

/* A rule's own limits: in each segment one at a time; and all of its waits. */
static void
test_limits_of_a_rule(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 3);
  RigAsker a = node(0, "3"), b = node(1, "3"), c = node(2, "3");
  g_autofree char *lines = NULL;

  b.address = "192.0.2.7";
  rig_rule(rig, "all", rig_verified(rig, "weather", "5"),
           "'cap-segment': <1>, 'retry-first': <'5min'>, 'never-asked': <'2h'>");
  g_free(rig_expect_offer(rig, &a, "5"));
  g_free(rig_expect_offer(rig, &b, "5"));
  rig_expect_nothing(rig, &c, GATEWAY_REASON_CAP);
  lines = rig_explain(rig, "n2");
  g_assert_nonnull(strstr(lines, "segment 127.0.0.0/24: 1"));
  rig_report(rig, &a, GATEWAY_TELL_FAILED, "E1");
  rig_pass(rig, 4 * MINUTE_MS);
  rig_expect_nothing(rig, &a, GATEWAY_REASON_RETRY_WAIT);
  rig_pass(rig, 2 * MINUTE_MS);
  g_free(rig_expect_offer(rig, &a, "5"));
  rig_pass(rig, 2 * HOUR_MS); /* b never asked for a byte */
  rig_assert_column(rig, "updates", "node", "n1", "state", "expired");
}

static char *
groups_of(Rig *rig)
{
  return rig_column(rig, "rules", "name", "all", "groups");
}

#define assert_groups(rig, expected)                                                                         \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *groups = groups_of(rig);                                                                \
    g_assert_cmpstr(groups, ==, expected);                                                                   \
  }                                                                                                          \
  G_STMT_END

/* Which of the first @n nodes are offered something now; the first of them in *ret_first. */
static guint
count_offers(Rig *rig, int n, int *ret_first)
{
  guint n_offers = 0;

  for (int i = n - 1; i >= 0; i--) {
    RigAsker asker = node(i, "3");
    GwAnswer answer = rig_ask(rig, &asker);

    if (answer.kind == GATEWAY_ANSWER_OFFER) {
      n_offers++;
      *ret_first = i;
    } else {
      g_assert_cmpint(answer.reason, ==, GATEWAY_REASON_GROUP);
    }
    gw_answer_clear(&answer);
  }
  return n_offers;
}

static void
restart(Rig *rig)
{
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
}

/* One node first, watched for an hour; then a person says yes; then all the others. */
static void
test_two_groups(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 6);
  gint64 rule =
      rig_rule(rig, "all", rig_verified(rig, "weather", "5"), "'groups': <['1,health-wait=1h,approval']>");
  g_autofree char *lines = NULL;
  int first = -1, other = -1;

  assert_groups(rig, "1 open 0/1, 2 closed 0/5");
  g_assert_cmpuint(count_offers(rig, 6, &first), ==, 1);
  lines = rig_explain(rig, first == 0 ? "n1" : "n0");
  g_assert_nonnull(strstr(lines, "the one before must prove the firmware first"));
  succeed(rig, first);
  assert_groups(rig, "1 watched 1/1, 2 closed 0/5");
  rig_pass(rig, 59 * MINUTE_MS);
  restart(rig); /* the rest of the watch is kept */
  assert_groups(rig, "1 watched 1/1, 2 closed 0/5");
  rig_pass(rig, 2 * MINUTE_MS);
  assert_groups(rig, "1 awaits-approval 1/1, 2 closed 0/5");
  g_assert_cmpuint(rig_count_events(rig, "rule.awaits-approval"), ==, 1);
  restart(rig);
  rig_run(rig, gw_command_rule_approve(rig->core, &rig_caller, rule, rig_then()));
  assert_groups(rig, "1 passed 1/1, 2 open 0/5");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "waits for no approval",
              gw_command_rule_approve(rig->core, &rig_caller, rule, rig_then()));
  for (int i = 0; i < 6; i++)
    if (i != first)
      succeed(rig, other = i);
  rig_assert_column(rig, "rules", "name", "all", "state", "completed");
  g_assert_cmpuint(rig_count_events(rig, "rule.group-opened"), ==, 2);
  g_assert_cmpint(other, >=, 0);
}

/* The one that tries it fails: nobody else gets it, until an operator goes on in spite of that. */
static void
test_first_fails(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 4);
  gint64 rule = rig_rule(rig, "all", rig_verified(rig, "weather", "5"), "'groups': <['1', 'rest']>");
  int first = -1;

  g_assert_cmpuint(count_offers(rig, 4, &first), ==, 1);
  refuse(rig, first);
  rig_assert_column(rig, "rules", "name", "all", "state", "paused");
  rig_assert_column(rig, "rules", "name", "all", "pause-reason",
                    "group 1 can no longer pass: 1 of 1 failed, 0 ended without an outcome");
  restart(rig);
  rig_assert_column(rig, "rules", "name", "all", "state", "paused");
  rig_run(rig, gw_command_rule_start(rig->core, &rig_caller, rule, rig_then()));
  assert_groups(rig, "1 passed 0/1, 2 open 0/3");
}

/* Frozen: who comes later gets nothing. Spread: not all at once. */
static void
test_frozen_and_spread(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 8);
  RigAsker late = { .plugin = RIG_TOLD, .node = "late", .version = "3" };
  int first = -1;
  guint n;

  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), "'targets': <'frozen'>, 'jitter': <'1h'>");
  rig_expect_nothing(rig, &late, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "late", "weather");
  n = count_offers(rig, 8, &first);
  g_assert_cmpuint(n, <, 8);
  rig_pass(rig, HOUR_MS / 2);
  g_assert_cmpuint(count_offers(rig, 8, &first), >, n);
  rig_pass(rig, HOUR_MS / 2);
  g_assert_cmpuint(count_offers(rig, 8, &first), ==, 8);
  rig_expect_nothing(rig, &late, GATEWAY_REASON_NO_RULE);
}

/* Whoever takes the place of a target is one, in its group, also after a restart. */
static void
test_heir_of_a_frozen_target(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 3);
  RigAsker heir = { .plugin = RIG_TOLD, .node = "heir", .version = "3" };
  int first = -1;

  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), "'targets': <'frozen'>, 'groups': <['1', 'rest']>");
  g_assert_cmpuint(count_offers(rig, 3, &first), ==, 1);
  rig_expect_nothing(rig, &heir, GATEWAY_REASON_NOT_ADOPTED);
  rig_run(rig, gw_command_node_replace(rig->core, &rig_caller, names[first], "heir", rig_then()));
  restart(rig);
  assert_groups(rig, "1 open 0/1, 2 closed 0/2");
  g_free(rig_expect_offer(rig, &heir, "5"));
}

/* A day is one attempt, and the answers are as many as are asked for. */
static void
test_once_a_day(void)
{
  g_autoptr(Rig) rig = fleet("[limits]\nretry-first=1min\n", 1);
  RigAsker asker = node(0, "3");

  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), "'once-a-day': <true>");
  for (int i = 0; i < 3; i++)
    g_free(rig_expect_offer(rig, &asker, "5"));
  rig_report(rig, &asker, GATEWAY_TELL_FAILED, "E1");
  rig_pass(rig, HOUR_MS);
  rig_expect_nothing(rig, &asker, GATEWAY_REASON_RETRY_WAIT);
  rig_pass(rig, RIG_DAY_MS - rig->wall_ms % RIG_DAY_MS + 1000); /* the next UTC day */
  g_free(rig_expect_offer(rig, &asker, "5"));
}

/* Each of a node's parts has an attempt on that day. */
static void
test_once_a_day_for_each_part(void)
{
  g_autoptr(Rig) rig = fleet("[limits]\nretry-first=1min\n", 1);
  static const char *const TYPES[] = { "mcu", "radio" };
  RigAsker asker = node(0, "3");

  g_autoptr(GVariant) both = g_variant_ref_sink(
      g_variant_new_parsed("{'name': <'all'>, 'firmware': <[int64 1, 2]>, 'include-unknown': <true>,"
                           " 'once-a-day': <true>}"));

  for (guint i = 0; i < 2; i++) {
    g_autofree char *text =
        g_strdup_printf("{'product': <'weather'>, 'version': <'5'>, 'type': <'%s'>}", TYPES[i]);
    g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed(text));
    rig_run(rig, gw_command_import(rig->core, &rig_caller, rig_image(5000, TYPES[i][0]), form, rig_then()));
    gw_firmware_prove(gw_firmwares_find(rig->core->firmwares, i + 1), "on a bench");
  }
  rig_run(rig, gw_command_rule_create(rig->core, &rig_caller, both, rig_then()));
  rig_run(rig, gw_command_rule_start(rig->core, &rig_caller, 1, rig_then()));
  for (guint i = 0; i < 2; i++) {
    asker.type = TYPES[i];
    g_free(rig_expect_offer(rig, &asker, "5"));
    rig_report(rig, &asker, GATEWAY_TELL_FAILED, "E1");
    rig_pass(rig, HOUR_MS);
    rig_expect_nothing(rig, &asker, GATEWAY_REASON_RETRY_WAIT);
  }
}

/* The clock may be unknown when the attempt fails, and the gateway may start anew in between. */
static void
test_once_a_day_outlives_restarts(void)
{
  g_autoptr(Rig) rig = fleet("[limits]\nretry-first=1min\n", 1);
  RigAsker asker = node(0, "3");
  g_autofree char *lines = NULL;

  rig_pass(rig, RIG_DAY_MS - rig->wall_ms % RIG_DAY_MS + HOUR_MS); /* one in the morning */
  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), "'once-a-day': <true>");
  g_free(rig_expect_offer(rig, &asker, "5"));
  rig->is_trusted = FALSE;
  restart(rig);
  rig_report(rig, &asker, GATEWAY_TELL_FAILED, "E1");
  restart(rig);
  rig->is_trusted = TRUE;
  rig_pass(rig, 2 * HOUR_MS);
  rig_expect_nothing(rig, &asker, GATEWAY_REASON_RETRY_WAIT);
  rig_pass(rig, 20 * HOUR_MS); /* eleven in the evening, and the clock is set back: the day is longer */
  rig->wall_ms -= 4 * HOUR_MS;
  rig_pass(rig, 4 * HOUR_MS);
  rig_expect_nothing(rig, &asker, GATEWAY_REASON_RETRY_WAIT);
  lines = rig_explain(rig, "n0");
  g_assert_nonnull(strstr(lines, "one attempt a day"));
  rig_pass(rig, 2 * HOUR_MS);
  g_free(rig_expect_offer(rig, &asker, "5"));
}

static gboolean
is_woken_again(Rig *rig, gint64 rule)
{
  rig_run(rig, gw_command_rule_pause(rig->core, &rig_caller, rule, "a look", rig_then()));
  rig_forget_messages(rig);
  rig_run(rig, gw_command_rule_start(rig->core, &rig_caller, rule, rig_then()));
  g_autoptr(RigMessage) wake = rig_take(rig, TRUE, GW_MESSAGE_WAKE);
  return wake != NULL;
}

/* Nobody is told to ask twice on a day, and that is on disk before it is done. */
static void
test_woken_once_a_day(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  RigAsker asker = { .plugin = RIG_SESSION, .node = "modem", .version = "3" };
  gint64 rule;

  rig_product(rig, "weather", RIG_SESSION);
  rig_expect_nothing(rig, &asker, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "modem", "weather");
  rule = rig_verified(rig, "weather", "5");
  rig_forget_messages(rig);
  rule = rig_rule(rig, "all", rule, "'once-a-day': <true>");
  {
    g_autoptr(RigMessage) wake = rig_take(rig, TRUE, GW_MESSAGE_WAKE);
    g_assert_nonnull(wake);
  }
  g_assert_false(is_woken_again(rig, rule));
  restart(rig);
  g_assert_false(is_woken_again(rig, rule));
  rig_pass(rig, RIG_DAY_MS - rig->wall_ms % RIG_DAY_MS);
  rig->is_trusted = FALSE; /* which day it is nobody knows */
  g_assert_false(is_woken_again(rig, rule));
  rig->is_trusted = TRUE;
  g_assert_true(is_woken_again(rig, rule));
  restart(rig);
  g_assert_false(is_woken_again(rig, rule));
}

static void
test_set_aside_after_failures(void)
{
  g_autoptr(Rig) rig = fleet("[limits]\nattempts=1\nfailures=2\n", 1);
  gint64 firmware = rig_verified(rig, "weather", "5");
  RigAsker asker = node(0, "3");
  g_autoptr(GVariant) back = g_variant_ref_sink(g_variant_new_parsed("{'set-aside': <false>}"));

  for (int i = 0; i < 2; i++) {
    rig_push(rig, firmware, "n0");
    g_free(rig_expect_offer(rig, &asker, "5"));
    rig_report(rig, &asker, GATEWAY_TELL_FAILED, "E1");
    restart(rig);
  }
  g_assert_cmpuint(rig_count_events(rig, "node.set-aside"), ==, 1);
  rig_expect_nothing(rig, &asker, GATEWAY_REASON_SET_ASIDE);
  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, "n0", back, rig_then()));
  rig_push(rig, firmware, "n0");
  g_free(rig_expect_offer(rig, &asker, "5"));
  rig_report(rig, &asker, GATEWAY_TELL_FAILED, "E1"); /* counted anew */
  g_assert_cmpuint(rig_count_events(rig, "node.set-aside"), ==, 1);
}

/* Each window is said once, whatever the clock does; nodes that began are not in it. */
static void
test_missed_windows(void)
{
  g_autoptr(Rig) rig = fleet(NULL, 3);
  RigAsker asker = node(0, "3");
  gint64 midnight_ms = rig->wall_ms - rig->wall_ms % RIG_DAY_MS + RIG_DAY_MS;

  rig_pass(rig, midnight_ms - rig->wall_ms);
  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), "'hours': <'01:00-02:00'>");
  rig_pass(rig, 90 * MINUTE_MS);
  g_free(rig_download(rig, &asker, "5"));
  g_assert_cmpuint(rig_count_events(rig, "node.missed"), ==, 0);
  rig_pass(rig, 31 * MINUTE_MS); /* 02:01 */
  g_assert_cmpuint(rig_count_events(rig, "node.missed"), ==, 2);
  rig->wall_ms -= HOUR_MS; /* the clock goes back: the window ends again, and was said */
  rig_pass(rig, HOUR_MS + MINUTE_MS);
  g_assert_cmpuint(rig_count_events(rig, "node.missed"), ==, 2);
  restart(rig);
  rig_pass(rig, HOUR_MS);
  g_assert_cmpuint(rig_count_events(rig, "node.missed"), ==, 2);
  rig_stop_core(rig); /* away for three nights: one event for them, for each node */
  rig->wall_ms += 3 * RIG_DAY_MS;
  rig->boot_ms += 3 * RIG_DAY_MS;
  rig_start_core(rig);
  rig_connect_lan(rig);
  g_assert_cmpuint(rig_count_events(rig, "node.missed"), ==, 4); /* n0 has every byte, and is awaited */
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/rollouts/pauses-itself", test_pauses_itself);
  g_test_add_func("/control/rollouts/completes", test_completes);
  g_test_add_func("/control/rollouts/completes-without-doing", test_completes_without_doing);
  g_test_add_func("/control/rollouts/stopping-is-no-pause", test_stopping_is_no_pause);
  g_test_add_func("/control/rollouts/caps-of-places", test_caps_of_places);
  g_test_add_func("/control/rollouts/limits-of-a-rule", test_limits_of_a_rule);
  g_test_add_func("/control/rollouts/two-groups", test_two_groups);
  g_test_add_func("/control/rollouts/first-fails", test_first_fails);
  g_test_add_func("/control/rollouts/frozen-and-spread", test_frozen_and_spread);
  g_test_add_func("/control/rollouts/heir-of-a-frozen-target", test_heir_of_a_frozen_target);
  g_test_add_func("/control/rollouts/once-a-day", test_once_a_day);
  g_test_add_func("/control/rollouts/once-a-day-for-each-part", test_once_a_day_for_each_part);
  g_test_add_func("/promise/E4/one-attempt-a-day", test_once_a_day_outlives_restarts);
  g_test_add_func("/promise/E4/woken-once-a-day", test_woken_once_a_day);
  g_test_add_func("/control/rollouts/set-aside-after-failures", test_set_aside_after_failures);
  g_test_add_func("/promise/E4/missed-windows", test_missed_windows);
  return g_test_run();
}
