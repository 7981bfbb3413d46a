/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/rollouts-private.h"

#include "base/error.h"
#include "control/scheduler.h"
#include "control/windows.h"
#include "model/policy.h"

static void
rollout_free(gpointer data)
{
  GwRolloutState *rollout = data;

  gw_targets_free(rollout->targets);
  g_clear_pointer(&rollout->days, g_hash_table_unref);
  g_free(rollout);
}

GwRollouts *
gw_rollouts_new(void)
{
  GwRollouts *rollouts = g_new0(GwRollouts, 1);

  rollouts->by_rule = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, rollout_free);
  return rollouts;
}

void
gw_rollouts_free(GwRollouts *rollouts)
{
  if (!rollouts)
    return;
  g_hash_table_unref(rollouts->by_rule);
  g_free(rollouts);
}

GwRolloutState *
gw_rollout_find(const GwCore *core, gint64 rule_id)
{
  return g_hash_table_lookup(core->rollouts->by_rule, &rule_id);
}

/* Takes @targets; every group is closed. */
GwRolloutState *
gw_rollout_add(GwCore *core, gint64 rule_id, GwTargets *targets, guint n_groups)
{
  GwRolloutState *rollout = g_new0(GwRolloutState, 1);

  *rollout = (GwRolloutState){ .rule_id = rule_id, .targets = targets, .n_groups = n_groups };
  for (guint i = 0; i < n_groups; i++)
    rollout->groups[i].state = GW_GROUP_CLOSED;
  g_hash_table_replace(core->rollouts->by_rule, &rollout->rule_id, rollout);
  return rollout;
}

static void
put_all(GwCore *core, const GwRolloutState *rollout, GwChange *change)
{
  gw_rows_put_rollout(gw_change_batch(change), rollout->rule_id, rollout->targets);
  for (guint i = 0; i < rollout->n_groups; i++)
    gw_rollout_put_group(core, rollout, i, change);
}

/* ---- who ---- */

typedef enum { UNWANTED, SATISFIED, WANTED } Want;

/* Is the rule for @node with this firmware, and has it anything to do there? */
static Want
want_of_firmware(const GwCore *core, const GwRule *rule, const GwFirmware *firmware, const GwNode *node)
{
  const GwProduct *product = gw_products_find(core->firmwares, node->product);
  GwFirmware told;

  if (!firmware || !product || !gw_rule_targets(rule, node, firmware, NULL))
    return UNWANTED;
  told = *firmware;
  told.software_version = (char *)gw_rule_version(rule, firmware);
  switch (gw_policy_fits(node, &told, product, NULL)) {
  case GW_REASON_NONE:
    return gw_rule_takes_version(rule, node, firmware, product, NULL) ? WANTED : UNWANTED;
  case GW_REASON_UP_TO_DATE:
    return SATISFIED;
  default:
    return UNWANTED;
  }
}

static Want
want_of(const GwCore *core, const GwRule *rule, const GwNode *node)
{
  Want want = UNWANTED;

  for (guint i = 0; node->is_adopted && want != WANTED && i < rule->firmwares->len; i++)
    want = MAX(want, want_of_firmware(core, rule,
                                      gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i)), node));
  return want;
}

gboolean
gw_rollout_is_satisfied(const GwCore *core, const GwRule *rule, const GwNode *node)
{
  return want_of(core, rule, node) == SATISFIED;
}

GwTarget
gw_rollout_target(const GwRolloutState *rollout, const GwNode *node)
{
  return (GwTarget){ gw_rollout_hash(rollout->rule_id, node->id), (gpointer)node };
}

/* All nodes that the rule has something to do on: of GwTarget. */
static GArray *
collect(const GwCore *core, const GwRule *rule)
{
  GArray *found = g_array_new(FALSE, FALSE, sizeof(GwTarget));
  GHashTableIter iter;
  gpointer node;

  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &node)) {
    GwTarget target = { gw_rollout_hash(rule->id, ((GwNode *)node)->id), node };

    core->rollouts->n_looked++;
    if (want_of(core, rule, node) == WANTED)
      g_array_append_val(found, target);
  }
  return found;
}

GwRolloutState *
gw_rollout_divide(GwCore *core, const GwRule *rule, GwChange *change)
{
  g_autoptr(GArray) found = collect(core, rule);
  GwTargets *targets =
      gw_targets_new(&rule->rollout, (const GwTarget *)(const void *)found->data, found->len);
  GwRolloutState *rollout = gw_rollout_add(core, rule->id, targets, gw_rollout_count_groups(&rule->rollout));

  put_all(core, rollout, change);
  return rollout;
}

/* Nodes that match only now. TRUE = there are some. */
gboolean
gw_rollout_join_newcomers(const GwCore *core, const GwRule *rule, GwRolloutState *rollout)
{
  g_autoptr(GArray) found = rule->rollout.is_frozen ? NULL : collect(core, rule);
  gboolean is_any = FALSE;

  for (guint i = 0; found && i < found->len; i++)
    is_any |= gw_targets_join(rollout->targets, &g_array_index(found, GwTarget, i));
  return is_any;
}

/* ---- what happens ---- */

/* An operator goes on in spite of what he sees. */
static void
let_be(GwCore *core, GwRolloutState *rollout, GwChange *change)
{
  gw_rollout_count(rollout);
  for (guint i = 0; i < rollout->n_groups; i++) {
    GwGroup *group = &rollout->groups[i];

    group->n_let_failed = group->n_failed;
    group->n_let_ended = group->n_ended;
    gw_rollout_put_group(core, rollout, i, change);
  }
}

void
gw_rollouts_start(GwCore *core, GwRule *rule, GwChange *change)
{
  GwRolloutState *rollout = gw_rollout_find(core, rule->id);

  if (rule->is_push)
    return;
  if (rollout && rollout->n_groups == gw_rollout_count_groups(&rule->rollout))
    let_be(core, rollout, change);
  else
    rollout = gw_rollout_divide(core, rule, change);
  gw_windows_look(core, rule, change);
  gw_rollout_go_on(core, rule, rollout, change);
}

void
gw_rollouts_forget(GwCore *core, gint64 rule_id, GwChange *change)
{
  gw_rows_delete_rollout(gw_change_batch(change), rule_id);
  g_hash_table_remove(core->rollouts->by_rule, &rule_id);
  gw_core_alarm(core, GW_ALARM_ROLLOUT, rule_id, G_MAXINT64);
}

gboolean
gw_rollouts_approve(GwCore *core, GwRule *rule, GwChange *change, GError **error)
{
  GwRolloutState *rollout = gw_rollout_find(core, rule->id);

  for (guint i = 0; rollout && rule->state == GW_RULE_RUNNING && i < rollout->n_groups; i++) {
    if (rollout->groups[i].state != GW_GROUP_AWAITS)
      continue;
    gw_change_say(change, "rule.approved", &(GwAbout){ .rule_id = rule->id },
                  "rule %s: the group after group %u may begin", rule->name, i + 1);
    gw_rollout_pass_group(core, rule, rollout, i, change);
    gw_rollout_put_group(core, rollout, i, change);
    gw_rollout_go_on(core, rule, rollout, change);
    return TRUE;
  }
  return gw_fail(error, GW_ERROR_BAD_INPUT, "rule %s is %s and waits for no approval", rule->name,
                 gw_rule_state_name(rule->state));
}

void
gw_rollouts_update(GwCore *core, const GwUpdate *update, GwChange *change)
{
  GwRule *rule = gw_rules_find(core->rules, update->rule_id);
  GwRolloutState *rollout = rule ? gw_rollout_find(core, rule->id) : NULL;
  const GwNode *node = gw_registry_find(core->registry, update->node);
  GwTarget target;

  if (!rollout || !node)
    return;
  target = gw_rollout_target(rollout, node);
  if (!rule->rollout.is_frozen)
    gw_targets_join(rollout->targets, &target);
  if (gw_targets_set(rollout->targets, target.hash, gw_rollout_outcome(rule, update)))
    gw_rollout_go_on(core, rule, rollout, change);
}

void
gw_rollouts_satisfied(GwCore *core, const GwRule *rule, const GwNode *node, GwChange *change)
{
  GwRolloutState *rollout = gw_rollout_find(core, rule->id);
  guint64 hash = gw_rollout_hash(rule->id, node->id);

  if (rollout && gw_targets_group(rollout->targets, hash) >= 0 &&
      gw_targets_outcome(rollout->targets, hash) <= GW_OUTCOME_BEGUN &&
      gw_targets_set(rollout->targets, hash, GW_OUTCOME_SUCCEEDED))
    gw_rollout_go_on(core, gw_rules_find(core->rules, rule->id), rollout, change);
}

void
gw_rollouts_node_replaced(GwCore *core, const GwNode *old, GwNode *new, GwChange *change)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init(&iter, core->rollouts->by_rule);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwRolloutState *rollout = value;
    GwTarget target = { gw_rollout_hash(rollout->rule_id, new->id), new };

    if (!gw_targets_replace(rollout->targets, gw_rollout_hash(rollout->rule_id, old->id), &target))
      continue;
    put_all(core, rollout, change);
    gw_rows_put_missed(gw_change_batch(change), rollout->rule_id, rollout->missed_ms);
  }
}

void
gw_rollouts_node_gone(GwCore *core, const char *node)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init(&iter, core->rollouts->by_rule);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwRolloutState *rollout = value;

    gw_targets_leave(rollout->targets, gw_rollout_hash(rollout->rule_id, node));
  }
}

void
gw_rollouts_alarm(GwCore *core, gint64 rule_id)
{
  GwRule *rule = gw_rules_find(core->rules, rule_id);
  GwRolloutState *rollout = gw_rollout_find(core, rule_id);
  g_autoptr(GwChange) change = NULL;

  if (!rule || !rollout || !gw_rule_is_live(rule))
    return;
  change = gw_change_new(core, NULL);
  gw_rollout_go_on(core, rule, rollout, change);
  gw_change_commit_if_any(g_steal_pointer(&change));
}

/* ---- what others ask ---- */

static GwTurn
turn_of_closed(const GwRolloutState *rollout)
{
  for (guint i = 0; i < rollout->n_groups; i++)
    if (rollout->groups[i].state == GW_GROUP_AWAITS)
      return (GwTurn){ GW_TURN_LATER, "its group is not open: a person must approve that the next one begins",
                       0 };
  return (GwTurn){ GW_TURN_LATER, "its group is not open yet: the one before must prove the firmware first",
                   0 };
}

GwTurn
gw_rollouts_turn(const GwCore *core, const GwRule *rule, const GwNode *node, const GwNow *now)
{
  const GwRolloutState *rollout = gw_rollout_find(core, rule->id);
  guint64 hash = rollout ? gw_rollout_hash(rule->id, node->id) : 0;
  int number = rollout ? gw_targets_group(rollout->targets, hash) : 0;
  const GwGroup *group;
  gint64 wait_ms;

  if (!rollout)
    return (GwTurn){ GW_TURN_NOW, NULL, 0 };
  if (number < 0 && rule->rollout.is_frozen)
    return (GwTurn){ GW_TURN_NEVER, "the rule's targets were fixed when it started, and the node is none",
                     0 };
  group = &rollout->groups[number < 0 ? rollout->n_groups - 1 : (guint)number];
  if (group->state == GW_GROUP_CLOSED)
    return turn_of_closed(rollout);
  wait_ms = *group->spread.boot_id ? gw_deadline_boot_ms(&group->spread, now) - now->boot_ms -
                                         rule->rollout.jitter_ms + gw_rollout_jitter_ms(&rule->rollout, hash)
                                   : 0;
  if (rule->rollout.jitter_ms && wait_ms > 0)
    return (GwTurn){ GW_TURN_LATER, "its group is open, and its own turn is a little later", wait_ms };
  return (GwTurn){ GW_TURN_NOW, NULL, 0 };
}

const GwGroup *
gw_rollouts_groups(const GwCore *core, gint64 rule_id, guint *ret_n)
{
  GwRolloutState *rollout = gw_rollout_find(core, rule_id);

  *ret_n = rollout ? rollout->n_groups : 0;
  if (!rollout)
    return NULL;
  gw_rollout_count(rollout);
  return rollout->groups;
}

guint
gw_rollout_open_groups(const GwRolloutState *rollout)
{
  guint groups = 0;

  for (guint i = 0; i < rollout->n_groups; i++)
    groups |= rollout->groups[i].state != GW_GROUP_CLOSED ? 1u << i : 0;
  return groups;
}

guint
gw_rollouts_count_waiting(const GwCore *core, gint64 rule_id)
{
  const GwRolloutState *rollout = gw_rollout_find(core, rule_id);

  return rollout ? gw_targets_count_waiting(rollout->targets, gw_rollout_open_groups(rollout)) : 0;
}

const GwNode *
gw_rollouts_next_waiting(const GwCore *core, gint64 rule_id, guint64 *cursor)
{
  const GwRolloutState *rollout = gw_rollout_find(core, rule_id);
  const GwNode *node =
      rollout ? gw_targets_next_waiting(rollout->targets, gw_rollout_open_groups(rollout), cursor) : NULL;

  core->rollouts->n_looked += node ? 1 : 0;
  return node;
}

gboolean
gw_rollouts_look_window(const GwCore *core, gint64 rule_id, gboolean is_open)
{
  GwRolloutState *rollout = gw_rollout_find(core, rule_id);
  gboolean is_new = rollout && is_open && !rollout->is_window_open;

  if (rollout)
    rollout->is_window_open = is_open;
  return is_new;
}

gint64
gw_rollouts_missed_ms(const GwCore *core, gint64 rule_id)
{
  const GwRolloutState *rollout = gw_rollout_find(core, rule_id);

  return rollout ? rollout->missed_ms : 0;
}

void
gw_rollouts_set_missed(GwCore *core, gint64 rule_id, gint64 wall_ms, GwChange *change)
{
  GwRolloutState *rollout = gw_rollout_find(core, rule_id);

  if (!rollout)
    return;
  rollout->missed_ms = wall_ms;
  gw_rows_put_missed(gw_change_batch(change), rule_id, wall_ms);
}
