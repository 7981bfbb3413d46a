/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules that go on, pause and end by themselves. */
#include "rig.h"

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

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/rollouts/pauses-itself", test_pauses_itself);
  g_test_add_func("/control/rollouts/completes", test_completes);
  g_test_add_func("/control/rollouts/completes-without-doing", test_completes_without_doing);
  g_test_add_func("/control/rollouts/stopping-is-no-pause", test_stopping_is_no_pause);
  g_test_add_func("/control/rollouts/caps-of-places", test_caps_of_places);
  return g_test_run();
}
