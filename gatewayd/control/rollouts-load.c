/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* After a start: the rows, and what became of the targets, as their updates tell it. */
#include "control/rollouts-private.h"
#include "control/windows.h"

static void
take_rollout(const GwRolloutRow *row, gpointer user)
{
  gw_rollout_add(user, row->rule_id, row->targets, 0)->missed_ms = row->missed_ms;
}

static void
take_group(const GwGroupRow *row, gpointer user)
{
  GwRolloutState *rollout = gw_rollout_find(user, row->rule_id);

  if (!rollout || row->number != rollout->n_groups || row->number >= GW_ROLLOUT_GROUPS_MAX)
    return;
  rollout->groups[rollout->n_groups++] = *row->group;
}

static void
take_day(gint64 rule_id, gint64 key, gint64 day, gpointer user)
{
  GwRolloutState *rollout = gw_rollout_find(user, rule_id);

  if (rollout)
    gw_rollout_set_day(rollout, key, day);
}

gboolean
gw_rollouts_load(GwCore *core, GError **error)
{
  GwNow now = gw_core_now(core);

  return gw_rows_load_rollouts(core->db, &now, take_rollout, take_group, core, error) &&
         gw_rows_load_days(core->db, take_day, core, error);
}

static void
take_outcomes(GwCore *core)
{
  GHashTableIter iter;
  gpointer value;

  gw_updates_iter(core->updates, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwUpdate *update = value, *open = gw_updates_open(core->updates, update->node, update->type);
    const GwRule *rule = gw_rules_find(core->rules, update->rule_id);
    GwRolloutState *rollout = rule ? gw_rollout_find(core, rule->id) : NULL;
    const GwNode *node = gw_registry_find(core->registry, update->node);
    GwTarget target;

    if (!rollout || !node || (open && open != update && open->rule_id == update->rule_id))
      continue; /* it is at it again */
    target = gw_rollout_target(rollout, node);
    if (!rule->rollout.is_frozen)
      gw_targets_join(rollout->targets, &target);
    gw_targets_set(rollout->targets, target.hash, gw_rollout_outcome(rule, update));
  }
}

/* Who the targets are, and which of them run what the rule wants without an update of it. Nodes that were
 * removed are none any more. */
static void
take_nodes(GwCore *core, const GwRule *rule, GwRolloutState *rollout)
{
  GHashTableIter iter;
  gpointer value;

  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwNode *node = value;
    GwTarget target = gw_rollout_target(rollout, node);

    if (gw_targets_meet(rollout->targets, &target) &&
        gw_targets_outcome(rollout->targets, target.hash) == GW_OUTCOME_NONE &&
        !gw_updates_open(core->updates, node->id, "") && gw_rollout_is_satisfied(core, rule, node))
      gw_targets_set(rollout->targets, target.hash, GW_OUTCOME_SUCCEEDED);
  }
  gw_targets_leave_unmet(rollout->targets);
}

void
gw_rollouts_resume(GwCore *core, GwChange *change)
{
  g_autoptr(GPtrArray) rules = g_ptr_array_new();
  GHashTableIter iter;
  gpointer value;

  gw_rules_iter(core->rules, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    if (gw_rule_is_live(value) && !((GwRule *)value)->is_push)
      g_ptr_array_add(rules, value);
  for (guint i = 0; i < rules->len; i++) {
    const GwRule *rule = rules->pdata[i];
    const GwRolloutState *rollout = gw_rollout_find(core, rule->id);

    if (!rollout || rollout->n_groups != gw_rollout_count_groups(&rule->rollout))
      gw_rollout_divide(core, rule, change);
  }
  take_outcomes(core);
  for (guint i = 0; i < rules->len; i++) {
    GwRule *rule = rules->pdata[i];
    GwRolloutState *rollout = gw_rollout_find(core, rule->id);

    take_nodes(core, rule, rollout);
    gw_windows_look(core, rule, change);
    gw_rollout_go_on(core, rule, rollout, change);
  }
}
