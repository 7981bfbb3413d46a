/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a change costs at a site of any size: how many nodes are looked at, which is counted, and no time. */
#include <string.h>

#include "control/rollouts-private.h"
#include "rig.h"

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
restart(Rig *rig)
{
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
}

/* Adopted nodes without the way there. */
static void
enter_nodes(Rig *rig, const char *plugin, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *id = g_strdup_printf("m%u", i);
    GwNode *entered = gw_registry_add(rig->core->registry, gw_node_new(id));

    gw_shared_text_set(&entered->product, "weather");
    gw_shared_text_set(&entered->plugin, plugin);
    gw_component_set(gw_node_add_component(entered, ""), "3", GW_SOURCE_HEARD, 1);
    gw_registry_set_adopted(rig->core->registry, entered, TRUE);
  }
}

static guint64
count_looks(Rig *rig, gint64 pass_ms)
{
  guint64 before = rig->core->rollouts->n_looked;

  rig_pass(rig, pass_ms);
  return rig->core->rollouts->n_looked - before;
}

/* At the edges of a rule's hours its nodes are counted, not looked at; only few are named. */
static void
test_edges_look_at_nobody(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  gint64 midnight_ms = rig->wall_ms - rig->wall_ms % RIG_DAY_MS + RIG_DAY_MS;
  gint64 firmware;
  const char *some[501] = { NULL };

  rig_product(rig, "weather", RIG_TOLD);
  firmware = rig_verified(rig, "weather", "5");
  enter_nodes(rig, RIG_TOLD, 500);
  rig_pass(rig, midnight_ms - rig->wall_ms);
  rig_rule(rig, "all", firmware, "'hours': <'01:00-02:00'>");
  g_assert_cmpuint(count_looks(rig, HOUR_MS), ==, 0);             /* it opens */
  g_assert_cmpuint(count_looks(rig, HOUR_MS + MINUTE_MS), ==, 0); /* it closes: 500 have missed it */
  g_assert_cmpuint(rig_count_events(rig, "rule.missed"), ==, 1);
  for (guint i = 0; i < 485; i++) {
    g_autofree char *id = g_strdup_printf("m%u", i);

    some[i] = g_intern_string(id);
  }
  rig_run(rig, gw_command_forget(rig->core, &rig_caller, some, rig_then()));
  g_assert_cmpuint(count_looks(rig, RIG_DAY_MS), <=, 15);
  g_assert_cmpuint(rig_count_events(rig, "node.missed"), ==, 15);
}

static guint
count_wakes(Rig *rig)
{
  RigMessage *message;
  guint n = 0;

  while ((message = rig_take(rig, TRUE, GW_MESSAGE_WAKE))) {
    rig_message_free(message);
    n++;
  }
  return n;
}

/* All that wait are told to ask, some at a time. */
static void
test_wakes_some_at_a_time(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  gint64 firmware;
  guint n, sum;

  rig_product(rig, "weather", RIG_SESSION);
  firmware = rig_verified(rig, "weather", "5");
  enter_nodes(rig, RIG_SESSION, 600);
  rig_forget_messages(rig);
  rig_rule(rig, "all", firmware, NULL);
  n = sum = count_wakes(rig);
  g_assert_cmpuint(n, >, 0);
  g_assert_cmpuint(n, <, 300);
  for (guint i = 0; i < 10 && sum < 600; i++) {
    rig->boot_ms += 1000;
    gw_core_turn(rig->core);
    sum += n = count_wakes(rig);
    g_assert_cmpuint(n, <, 300);
  }
  g_assert_cmpuint(sum, ==, 600);
  g_assert_cmpuint(count_looks(rig, MINUTE_MS), ==, 0);
}

static gboolean
is_served(const GwRolloutState *rollout, const GwNode *entered)
{
  int group = gw_targets_group(rollout->targets, gw_rollout_target(rollout, entered).hash);

  return group >= 0 && rollout->groups[group].state != GW_GROUP_CLOSED;
}

/* What a reader finds who looks at every node. */
static guint
count_waiting(const GwCore *core, gint64 rule, gint64 firmware)
{
  const GwRolloutState *rollout = gw_rollout_find(core, rule);
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwNode *entered = value;
    const GwUpdate *open = gw_updates_open(core->updates, entered->id, "");
    const GwComponent *component = gw_node_component(entered, "");

    n += is_served(rollout, entered) && strcmp(component->software_version, "3") == 0 &&
                 !gw_updates_ended(core->updates, entered->id, rule, firmware) &&
                 !(open && open->rule_id == rule && open->state >= GW_UPDATE_DOWNLOADING)
             ? 1
             : 0;
  }
  return n;
}

static void
go_on_somehow(Rig *rig, int i, gint64 what)
{
  RigAsker old = node(i, "3"), new = node(i, "5");
  const char *const gone[] = { names[i], NULL };
  GwAnswer answer = rig_ask(rig, what == 3 ? &new : &old);
  gboolean is_offer = answer.kind == GATEWAY_ANSWER_OFFER;
  g_autofree char *token = g_strdup(answer.token);

  gw_answer_clear(&answer);
  if (is_offer && what <= 2)
    rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  if (is_offer && what == 2)
    rig_tell(rig, GW_TOLD_COMPLETE, token, 100);
  if (what == 4)
    rig_report(rig, &old, GATEWAY_TELL_FAILED, "E1");
  if (what == 5)
    rig_run(rig, gw_command_forget(rig->core, &rig_caller, gone, rig_then()));
  if (what == 5)
    rig_expect_nothing(rig, &old, GATEWAY_REASON_NOT_ADOPTED);
  if (what == 5)
    rig_adopt(rig, names[i], "weather");
}

/* Whatever happens, what is counted along is what one would find by looking. */
static void
test_counted_along(void)
{
  g_autoptr(Rig) rig = fleet("[limits]\nattempts=3\nretry-first=1min\n", FLEET_MAX);
  g_autoptr(GRand) chance = g_rand_new_with_seed(23);
  gint64 firmware = rig_verified(rig, "weather", "5");
  gint64 rule =
      rig_rule(rig, "all", firmware,
               "'groups': <['20,errors=100,success=50', 'rest,errors=100']>, 'hours': <'00:00-23:00'>");

  for (guint i = 0; i < 60; i++) {
    go_on_somehow(rig, g_rand_int_range(chance, 0, FLEET_MAX), g_rand_int_range(chance, 0, 6));
    if (i % 20 == 19)
      restart(rig);
    g_assert_cmpuint(gw_rollouts_count_waiting(rig->core, rule), ==,
                     count_waiting(rig->core, rule, firmware));
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/scale/edges-look-at-nobody", test_edges_look_at_nobody);
  g_test_add_func("/control/scale/wakes-some-at-a-time", test_wakes_some_at_a_time);
  g_test_add_func("/control/scale/counted-along", test_counted_along);
  return g_test_run();
}
