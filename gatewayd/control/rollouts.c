/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/rollouts.h"

#include "base/error.h"
#include "control/scheduler.h"
#include "model/policy.h"

typedef struct {
  gint64 rule_id;
  GwTargets *targets;
  guint n_groups;
  GwGroup groups[GW_ROLLOUT_GROUPS_MAX];
} Rollout;

struct GwRollouts {
  GHashTable *by_rule; /* &rollout->rule_id -> Rollout, owned */
};

static void
rollout_free(gpointer data)
{
  Rollout *rollout = data;

  gw_targets_free(rollout->targets);
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

static Rollout *
find(const GwCore *core, gint64 rule_id)
{
  return g_hash_table_lookup(core->rollouts->by_rule, &rule_id);
}

/* Takes @targets; every group is closed. */
static Rollout *
add(GwCore *core, gint64 rule_id, GwTargets *targets, guint n_groups)
{
  Rollout *rollout = g_new0(Rollout, 1);

  *rollout = (Rollout){ .rule_id = rule_id, .targets = targets, .n_groups = n_groups };
  for (guint i = 0; i < n_groups; i++)
    rollout->groups[i].state = GW_GROUP_CLOSED;
  g_hash_table_replace(core->rollouts->by_rule, &rollout->rule_id, rollout);
  return rollout;
}

static void
put_group(GwCore *core, const Rollout *rollout, guint number, GwChange *change)
{
  GwNow now = gw_core_now(core);

  gw_rows_put_group(gw_change_batch(change),
                    &(GwGroupRow){ rollout->rule_id, number, &rollout->groups[number] }, &now);
}

static void
put_all(GwCore *core, const Rollout *rollout, GwChange *change)
{
  gw_rows_put_rollout(gw_change_batch(change), rollout->rule_id, rollout->targets);
  for (guint i = 0; i < rollout->n_groups; i++)
    put_group(core, rollout, i, change);
}

static void
count(Rollout *rollout)
{
  for (guint i = 0; i < rollout->n_groups; i++)
    gw_targets_tell(rollout->targets, i, &rollout->groups[i]);
}

/* ---- who ---- */

typedef enum { UNWANTED, WANTED, SATISFIED } Want;

/* Is the rule for @node, and has it anything to do there? */
static Want
want_of(const GwCore *core, const GwRule *rule, const GwNode *node)
{
  const GwFirmware *firmware = gw_firmwares_find(core->firmwares, rule->firmware_id);
  const GwProduct *product = gw_products_find(core->firmwares, node->product);
  GwFirmware told;

  if (!firmware || !product || !node->is_adopted || !gw_rule_targets(rule, node, firmware, NULL))
    return UNWANTED;
  told = *firmware;
  told.software_version = (char *)gw_rule_version(rule, firmware);
  switch (gw_policy_fits(node, &told, product, NULL)) {
  case GW_REASON_NONE:
    return gw_rule_takes_version(rule, node, firmware, NULL) ? WANTED : UNWANTED;
  case GW_REASON_UP_TO_DATE:
    return SATISFIED;
  default:
    return UNWANTED;
  }
}

/* The hashes of all nodes that the rule has something to do on. */
static GArray *
collect(const GwCore *core, const GwRule *rule)
{
  GArray *hashes = g_array_new(FALSE, FALSE, sizeof(guint64));
  GHashTableIter iter;
  gpointer node;

  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &node)) {
    guint64 hash = gw_rollout_hash(rule->id, ((GwNode *)node)->id);

    if (want_of(core, rule, node) == WANTED)
      g_array_append_val(hashes, hash);
  }
  return hashes;
}

static Rollout *
divide(GwCore *core, const GwRule *rule, GwChange *change)
{
  g_autoptr(GArray) hashes = collect(core, rule);
  GwTargets *targets = gw_targets_new(&rule->rollout, (const guint64 *)hashes->data, hashes->len);
  Rollout *rollout = add(core, rule->id, targets, gw_rollout_count_groups(&rule->rollout));

  put_all(core, rollout, change);
  return rollout;
}

/* Nodes that match only now. TRUE = there are some. */
static gboolean
join_newcomers(const GwCore *core, const GwRule *rule, Rollout *rollout)
{
  g_autoptr(GArray) hashes = rule->rollout.is_frozen ? NULL : collect(core, rule);
  gboolean is_any = FALSE;

  for (guint i = 0; hashes && i < hashes->len; i++)
    is_any |= gw_targets_join(rollout->targets, g_array_index(hashes, guint64, i));
  return is_any;
}

static GwOutcome
outcome_of(const GwRule *rule, const GwUpdate *update)
{
  switch (update->state) {
  case GW_UPDATE_SUCCEEDED:
    return update->is_inferred && rule->is_heard_required ? GW_OUTCOME_ENDED : GW_OUTCOME_SUCCEEDED;
  case GW_UPDATE_FAILED:
  case GW_UPDATE_REFUSED:
    return GW_OUTCOME_FAILED;
  case GW_UPDATE_CANCELLED:
  case GW_UPDATE_SUPERSEDED:
  case GW_UPDATE_EXPIRED:
    return GW_OUTCOME_ENDED;
  default:
    return GW_OUTCOME_NONE;
  }
}

/* ---- steps ---- */

static void
put_rule(GwCore *core, GwRule *rule, GwRuleState state, GwChange *change)
{
  rule->state = state;
  rule->changed_ms = gw_core_now(core).wall_ms;
  gw_rows_put_rule(gw_change_batch(change), rule);
  gw_rules_reindex(core->rules);
  gw_scheduler_watch_rule(core, rule);
}

static void
open_group(GwCore *core, const GwRule *rule, Rollout *rollout, guint number, GwChange *change)
{
  GwNow now = gw_core_now(core);
  GwGroup *group = &rollout->groups[number];

  group->state = GW_GROUP_OPEN;
  group->opened_ms = now.wall_ms;
  group->spread = gw_deadline_in(&now, rule->rollout.jitter_ms);
  if (rollout->n_groups > 1)
    gw_change_say(change, "rule.group-opened", &(GwAbout){ .rule_id = rule->id },
                  "rule %s: group %u of %u is open: %u nodes", rule->name, number + 1, rollout->n_groups,
                  group->n_targets);
}

static void
pass_group(GwCore *core, const GwRule *rule, Rollout *rollout, guint number, GwChange *change)
{
  GwGroup *group = &rollout->groups[number];

  group->state = GW_GROUP_PASSED;
  group->passed_ms = gw_core_now(core).wall_ms;
  if (number + 1 < rollout->n_groups)
    gw_change_say(change, "rule.group-passed", &(GwAbout){ .rule_id = rule->id },
                  "rule %s: group %u of %u has passed: %u of %u succeeded", rule->name, number + 1,
                  rollout->n_groups, group->n_succeeded, group->n_targets);
}

static void
pause_rule(GwCore *core, GwRule *rule, const Rollout *rollout, const GwStep *step, GwChange *change)
{
  const GwGroup *group = &rollout->groups[step->group];
  guint n_new = group->n_failed - MIN(group->n_let_failed, group->n_failed);
  char *reason =
      step->is_hopeless
          ? g_strdup_printf("group %u can no longer pass: %u of %u failed, %u ended without an outcome",
                            step->group + 1, group->n_failed, group->n_targets, group->n_ended)
          : g_strdup_printf("too many failures: %u of the %u nodes of group %u", n_new, group->n_targets,
                            step->group + 1);

  g_free(rule->pause_reason);
  rule->pause_reason = reason;
  put_rule(core, rule, GW_RULE_PAUSED, change);
  gw_change_say(change, "rule.paused", &(GwAbout){ .rule_id = rule->id, .reason = reason },
                "rule %s paused itself: %s", rule->name, reason);
}

void
gw_rollouts_complete(GwCore *core, GwRule *rule, const char *why, GwChange *change)
{
  Rollout *rollout = find(core, rule->id);
  GwGroup sum = { 0 };

  for (guint i = 0; rollout && i < rollout->n_groups; i++) {
    count(rollout);
    sum.n_targets += rollout->groups[i].n_targets;
    sum.n_succeeded += rollout->groups[i].n_succeeded;
    sum.n_failed += rollout->groups[i].n_failed;
  }
  put_rule(core, rule, GW_RULE_COMPLETED, change);
  gw_change_say(change, "rule.completed", &(GwAbout){ .rule_id = rule->id },
                "rule %s is over: %s; of %u nodes %u succeeded, %u failed", rule->name, why, sum.n_targets,
                sum.n_succeeded, sum.n_failed);
}

static void
ask_approval(const GwRule *rule, const Rollout *rollout, guint number, GwChange *change)
{
  gw_change_say(change, "rule.awaits-approval", &(GwAbout){ .rule_id = rule->id },
                "rule %s: %u of the %u nodes of group %u succeeded; \"gatewayctl rules approve %s\" lets the "
                "next group begin",
                rule->name, rollout->groups[number].n_succeeded, rollout->groups[number].n_targets,
                number + 1, rule->name);
}

/* What concerns the rule is written; what concerns a group is left to the caller. */
static void
apply(GwCore *core, GwRule *rule, Rollout *rollout, const GwStep *step, GwChange *change)
{
  GwGroup *group = &rollout->groups[step->group];
  GwNow now = gw_core_now(core);

  switch (step->kind) {
  case GW_STEP_OPEN:
    open_group(core, rule, rollout, step->group, change);
    break;
  case GW_STEP_WATCH:
    group->state = GW_GROUP_WATCHED;
    group->watched = gw_deadline_in(&now, gw_rollout_plan(&rule->rollout, step->group).health_ms);
    break;
  case GW_STEP_ASK:
    group->state = GW_GROUP_AWAITS;
    ask_approval(rule, rollout, step->group, change);
    break;
  case GW_STEP_PASS:
    pass_group(core, rule, rollout, step->group, change);
    break;
  case GW_STEP_PAUSE:
    pause_rule(core, rule, rollout, step, change);
    return;
  case GW_STEP_COMPLETE:
    gw_rollouts_complete(core, rule, "every target is through", change);
    return;
  case GW_STEP_NONE:
    return;
  }
  put_group(core, rollout, step->group, change);
}

/* The next step; before the rule is completed, whoever has come meanwhile is counted in. */
static GwStep
next_step(const GwCore *core, const GwRule *rule, Rollout *rollout)
{
  GwNow now = gw_core_now(core);
  gboolean is_paused = rule->state == GW_RULE_PAUSED;
  GwStep step;

  count(rollout);
  step = gw_rollout_step(&rule->rollout, rollout->groups, is_paused, &now);
  if (step.kind != GW_STEP_COMPLETE || !join_newcomers(core, rule, rollout))
    return step;
  count(rollout);
  return gw_rollout_step(&rule->rollout, rollout->groups, is_paused, &now);
}

static void
go_on(GwCore *core, GwRule *rule, Rollout *rollout, GwChange *change)
{
  gboolean is_changed = FALSE;
  GwStep step = { .edge_boot_ms = G_MAXINT64 };

  while (gw_rule_is_live(rule) && (step = next_step(core, rule, rollout)).kind != GW_STEP_NONE) {
    apply(core, rule, rollout, &step, change);
    is_changed = TRUE;
  }
  gw_core_alarm(core, GW_ALARM_ROLLOUT, rule->id,
                gw_rule_is_live(rule) && step.kind == GW_STEP_NONE ? step.edge_boot_ms : G_MAXINT64);
  if (is_changed && core->workers) {
    gw_scheduler_changed(core);
    gw_scheduler_wake_rule(core, rule);
  }
}

/* ---- what happens ---- */

/* An operator goes on in spite of what he sees. */
static void
let_be(GwCore *core, Rollout *rollout, GwChange *change)
{
  count(rollout);
  for (guint i = 0; i < rollout->n_groups; i++) {
    GwGroup *group = &rollout->groups[i];

    group->n_let_failed = group->n_failed;
    group->n_let_ended = group->n_ended;
    put_group(core, rollout, i, change);
  }
}

void
gw_rollouts_start(GwCore *core, GwRule *rule, GwChange *change)
{
  Rollout *rollout = find(core, rule->id);

  if (rule->is_push)
    return;
  if (rollout && rollout->n_groups == gw_rollout_count_groups(&rule->rollout))
    let_be(core, rollout, change);
  else
    rollout = divide(core, rule, change);
  go_on(core, rule, rollout, change);
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
  Rollout *rollout = find(core, rule->id);

  for (guint i = 0; rollout && rule->state == GW_RULE_RUNNING && i < rollout->n_groups; i++) {
    if (rollout->groups[i].state != GW_GROUP_AWAITS)
      continue;
    gw_change_say(change, "rule.approved", &(GwAbout){ .rule_id = rule->id },
                  "rule %s: the group after group %u may begin", rule->name, i + 1);
    pass_group(core, rule, rollout, i, change);
    put_group(core, rollout, i, change);
    go_on(core, rule, rollout, change);
    return TRUE;
  }
  return gw_fail(error, GW_ERROR_BAD_INPUT, "rule %s is %s and waits for no approval", rule->name,
                 gw_rule_state_name(rule->state));
}

void
gw_rollouts_update(GwCore *core, const GwUpdate *update, GwChange *change)
{
  GwRule *rule = gw_rules_find(core->rules, update->rule_id);
  Rollout *rollout = rule ? find(core, rule->id) : NULL;
  guint64 hash;

  if (!rollout)
    return;
  hash = gw_rollout_hash(rule->id, update->node);
  if (!rule->rollout.is_frozen)
    gw_targets_join(rollout->targets, hash);
  if (gw_targets_set(rollout->targets, hash, outcome_of(rule, update)))
    go_on(core, rule, rollout, change);
}

void
gw_rollouts_satisfied(GwCore *core, const GwRule *rule, const GwNode *node, GwChange *change)
{
  Rollout *rollout = find(core, rule->id);
  guint64 hash = gw_rollout_hash(rule->id, node->id);

  if (rollout && gw_targets_group(rollout->targets, hash) >= 0 &&
      gw_targets_outcome(rollout->targets, hash) == GW_OUTCOME_NONE &&
      gw_targets_set(rollout->targets, hash, GW_OUTCOME_SUCCEEDED))
    go_on(core, gw_rules_find(core->rules, rule->id), rollout, change);
}

void
gw_rollouts_node_gone(GwCore *core, const char *node)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init(&iter, core->rollouts->by_rule);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    Rollout *rollout = value;

    gw_targets_leave(rollout->targets, gw_rollout_hash(rollout->rule_id, node));
  }
}

void
gw_rollouts_alarm(GwCore *core, gint64 rule_id)
{
  GwRule *rule = gw_rules_find(core->rules, rule_id);
  Rollout *rollout = find(core, rule_id);
  g_autoptr(GwChange) change = NULL;

  if (!rule || !rollout || !gw_rule_is_live(rule))
    return;
  change = gw_change_new(core, NULL);
  go_on(core, rule, rollout, change);
  gw_change_commit_if_any(g_steal_pointer(&change));
}

/* ---- after a start ---- */

static void
take_rollout(gint64 rule_id, GwTargets *targets, gpointer user)
{
  add(user, rule_id, targets, 0);
}

static void
take_group(const GwGroupRow *row, gpointer user)
{
  Rollout *rollout = find(user, row->rule_id);

  if (!rollout || row->number != rollout->n_groups || row->number >= GW_ROLLOUT_GROUPS_MAX)
    return;
  rollout->groups[rollout->n_groups++] = *row->group;
}

gboolean
gw_rollouts_load(GwCore *core, GError **error)
{
  GwNow now = gw_core_now(core);

  return gw_rows_load_rollouts(core->db, &now, take_rollout, take_group, core, error);
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
    Rollout *rollout = rule ? find(core, rule->id) : NULL;
    guint64 hash = rollout ? gw_rollout_hash(rule->id, update->node) : 0;

    if (!rollout || (open && open != update && open->rule_id == update->rule_id))
      continue; /* it is at it again */
    if (!rule->rollout.is_frozen)
      gw_targets_join(rollout->targets, hash);
    gw_targets_set(rollout->targets, hash, outcome_of(rule, update));
  }
}

/* Nodes that run what the rule wants without an update of it. */
static void
take_satisfied(GwCore *core, const GwRule *rule, Rollout *rollout)
{
  GHashTableIter iter;
  gpointer value;

  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwNode *node = value;
    guint64 hash = gw_rollout_hash(rule->id, node->id);

    if (gw_targets_group(rollout->targets, hash) >= 0 &&
        gw_targets_outcome(rollout->targets, hash) == GW_OUTCOME_NONE &&
        !gw_updates_open(core->updates, node->id, "") && want_of(core, rule, node) == SATISFIED)
      gw_targets_set(rollout->targets, hash, GW_OUTCOME_SUCCEEDED);
  }
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
    const Rollout *rollout = find(core, rule->id);

    if (!rollout || rollout->n_groups != gw_rollout_count_groups(&rule->rollout))
      divide(core, rule, change);
  }
  take_outcomes(core);
  for (guint i = 0; i < rules->len; i++) {
    GwRule *rule = rules->pdata[i];
    Rollout *rollout = find(core, rule->id);

    take_satisfied(core, rule, rollout);
    go_on(core, rule, rollout, change);
  }
}

/* ---- what others ask ---- */

static GwTurn
turn_of_closed(const Rollout *rollout)
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
  const Rollout *rollout = find(core, rule->id);
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
  Rollout *rollout = find(core, rule_id);

  *ret_n = rollout ? rollout->n_groups : 0;
  if (!rollout)
    return NULL;
  count(rollout);
  return rollout->groups;
}
