/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What follows from where a rollout stands: groups open and pass, the rule pauses or is completed. */
#include "control/rollouts-private.h"

#include "control/scheduler.h"

void
gw_rollout_count(GwRolloutState *rollout)
{
  for (guint i = 0; i < rollout->n_groups; i++)
    gw_targets_tell(rollout->targets, i, &rollout->groups[i]);
}

void
gw_rollout_put_group(GwCore *core, const GwRolloutState *rollout, guint number, GwChange *change)
{
  GwNow now = gw_core_now(core);

  gw_rows_put_group(gw_change_batch(change),
                    &(GwGroupRow){ rollout->rule_id, number, &rollout->groups[number] }, &now);
}

GwOutcome
gw_rollout_outcome(const GwRule *rule, const GwUpdate *update)
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
    return update->state >= GW_UPDATE_DOWNLOADING ? GW_OUTCOME_BEGUN : GW_OUTCOME_NONE;
  }
}

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
open_group(GwCore *core, const GwRule *rule, GwRolloutState *rollout, guint number, GwChange *change)
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

void
gw_rollout_pass_group(GwCore *core, const GwRule *rule, GwRolloutState *rollout, guint number,
                      GwChange *change)
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
pause_rule(GwCore *core, GwRule *rule, const GwRolloutState *rollout, const GwStep *step, GwChange *change)
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
  GwRolloutState *rollout = gw_rollout_find(core, rule->id);
  GwGroup sum = { 0 };

  for (guint i = 0; rollout && i < rollout->n_groups; i++) {
    gw_rollout_count(rollout);
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
ask_approval(const GwRule *rule, const GwRolloutState *rollout, guint number, GwChange *change)
{
  gw_change_say(change, "rule.awaits-approval", &(GwAbout){ .rule_id = rule->id },
                "rule %s: %u of the %u nodes of group %u succeeded; \"gatewayctl rules approve %s\" lets the "
                "next group begin",
                rule->name, rollout->groups[number].n_succeeded, rollout->groups[number].n_targets,
                number + 1, rule->name);
}

/* What concerns the rule is written; what concerns a group is left to the caller. */
static void
apply(GwCore *core, GwRule *rule, GwRolloutState *rollout, const GwStep *step, GwChange *change)
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
    gw_rollout_pass_group(core, rule, rollout, step->group, change);
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
  gw_rollout_put_group(core, rollout, step->group, change);
}

/* The next step; before the rule is completed, whoever has come meanwhile is counted in. */
static GwStep
next_step(const GwCore *core, const GwRule *rule, GwRolloutState *rollout)
{
  GwNow now = gw_core_now(core);
  gboolean is_paused = rule->state == GW_RULE_PAUSED;
  GwStep step;

  gw_rollout_count(rollout);
  step = gw_rollout_step(&rule->rollout, rollout->groups, is_paused, &now);
  if (step.kind != GW_STEP_COMPLETE || !gw_rollout_join_newcomers(core, rule, rollout))
    return step;
  gw_rollout_count(rollout);
  return gw_rollout_step(&rule->rollout, rollout->groups, is_paused, &now);
}

void
gw_rollout_go_on(GwCore *core, GwRule *rule, GwRolloutState *rollout, GwChange *change)
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
    gw_rollouts_wake_all(core, rule);
  }
}
