/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/rollout.h"
#include <string.h>

GwGroupPlan
gw_group_plan_default(void)
{
  return (GwGroupPlan){ .success_percent = 90, .error_percent = 10, .min_failures = 3 };
}

static gboolean
takes_rest(const GwGroupPlan *plan)
{
  return plan->count == 0 && plan->percent == 0;
}

gboolean
gw_rollout_complete(GwRollout *rollout)
{
  guint n = rollout->n_groups;
  if (n == 0 || takes_rest(&rollout->groups[n - 1]))
    return TRUE;
  if (n == GW_ROLLOUT_GROUPS_MAX)
    return FALSE;
  rollout->groups[n] = rollout->groups[n - 1];
  rollout->groups[n].count = rollout->groups[n].percent = 0;
  rollout->n_groups++;
  return TRUE;
}

guint
gw_rollout_count_groups(const GwRollout *rollout)
{
  return MAX(rollout->n_groups, 1);
}

GwGroupPlan
gw_rollout_plan(const GwRollout *rollout, guint group)
{
  if (rollout->n_groups == 0)
    return gw_group_plan_default();
  return rollout->groups[MIN(group, rollout->n_groups - 1)];
}

/* a * b / 100, rounded up. */
static guint
share(guint n, guint percent)
{
  return (guint)(((guint64)n * percent + 99) / 100);
}

void
gw_rollout_sizes(const GwRollout *rollout, guint n_targets, guint *ret_sizes)
{
  guint n = gw_rollout_count_groups(rollout), left = n_targets;
  for (guint i = 0; i < n; i++) {
    GwGroupPlan plan = gw_rollout_plan(rollout, i);
    guint size = plan.count ? plan.count : share(n_targets, plan.percent);
    ret_sizes[i] = i == n - 1 ? left : MIN(size, left);
    left -= ret_sizes[i];
  }
}

/* FNV-1a, then the last mixing steps of splitmix64: neighbours in a list of names are strangers here. */
guint64
gw_rollout_hash(gint64 rule_id, const char *node)
{
  guint64 hash = G_GUINT64_CONSTANT(0xcbf29ce484222325) ^ (guint64)rule_id;
  for (; *node; node++)
    hash = (hash ^ (guint8)*node) * G_GUINT64_CONSTANT(0x100000001b3);
  hash = (hash ^ (hash >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  hash = (hash ^ (hash >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return hash ^ (hash >> 31);
}

/* The low bits: the high ones decided the group. */
gint64
gw_rollout_jitter_ms(const GwRollout *rollout, guint64 hash)
{
  return rollout->jitter_ms > 0 ? (gint64)((hash & 0xffffffff) % (guint64)rollout->jitter_ms) : 0;
}

static const char *const state_names[] = {
  [GW_GROUP_CLOSED] = "closed",          [GW_GROUP_OPEN] = "open",     [GW_GROUP_WATCHED] = "watched",
  [GW_GROUP_AWAITS] = "awaits-approval", [GW_GROUP_PASSED] = "passed",
};

const char *
gw_group_state_name(GwGroupState state)
{
  return (guint)state < G_N_ELEMENTS(state_names) && state_names[state] ? state_names[state] : "none";
}

gboolean
gw_group_state_parse(const char *name, GwGroupState *ret_state)
{
  for (GwGroupState state = GW_GROUP_CLOSED; state <= GW_GROUP_PASSED; state++)
    if (strcmp(name, gw_group_state_name(state)) == 0) {
      *ret_state = state;
      return TRUE;
    }
  return FALSE;
}

guint
gw_group_plan_needs(const GwGroupPlan *plan, guint n)
{
  return share(n, plan->success_percent);
}

gboolean
gw_group_plan_is_too_bad(const GwGroupPlan *plan, guint n, guint n_failed)
{
  return n_failed > 0 && n_failed >= plan->min_failures &&
         (guint64)n_failed * 100 >= (guint64)n * plan->error_percent;
}

/* A group without what an operator has let pass. */
typedef struct {
  guint n, n_succeeded, n_failed, n_ended;
} Balance;

static Balance
balance_of(const GwGroup *group)
{
  guint let_failed = MIN(group->n_let_failed, group->n_failed);
  guint let_ended = MIN(group->n_let_ended, group->n_ended);
  return (Balance){
    .n = group->n_targets - let_failed - let_ended,
    .n_succeeded = group->n_succeeded,
    .n_failed = group->n_failed - let_failed,
    .n_ended = group->n_ended - let_ended,
  };
}

/* Some targets, and all of them are through. */
static gboolean
is_all_final(const GwGroup *groups, guint n)
{
  guint n_targets = 0;
  for (guint i = 0; i < n; i++) {
    const GwGroup *group = &groups[i];
    if (group->n_succeeded + group->n_failed + group->n_ended < group->n_targets)
      return FALSE;
    n_targets += group->n_targets;
  }
  return n_targets > 0;
}

static GwStep
step(GwStepKind kind, guint group)
{
  return (GwStep){ .kind = kind, .group = group, .edge_boot_ms = G_MAXINT64 };
}

/* The group has what it needs: its watch, then an approval, then the next. */
static GwStep
step_reached(const GwRollout *rollout, const GwGroup *groups, guint i, const GwNow *now)
{
  GwGroupPlan plan = gw_rollout_plan(rollout, i);
  gboolean is_last = i == gw_rollout_count_groups(rollout) - 1, is_empty = groups[i].n_targets == 0;
  gint64 due_ms = groups[i].state == GW_GROUP_WATCHED ? gw_deadline_boot_ms(&groups[i].watched, now) : 0;
  if (groups[i].state == GW_GROUP_OPEN && plan.health_ms > 0 && !is_last && !is_empty)
    return step(GW_STEP_WATCH, i);
  if (now->boot_ms < due_ms)
    return (GwStep){ .kind = GW_STEP_NONE, .group = i, .edge_boot_ms = due_ms };
  return step(plan.is_approval_needed && !is_last && !is_empty ? GW_STEP_ASK : GW_STEP_PASS, i);
}

/* One group that is open and has not passed. */
static GwStep
step_open(const GwRollout *rollout, const GwGroup *groups, guint i, const GwNow *now)
{
  GwGroupPlan plan = gw_rollout_plan(rollout, i);
  Balance balance = balance_of(&groups[i]);
  guint n_needed = gw_group_plan_needs(&plan, balance.n);
  if (balance.n_succeeded >= n_needed)
    return step_reached(rollout, groups, i, now);
  GwStep hopeless = step(GW_STEP_PAUSE, i);
  hopeless.is_hopeless = TRUE;
  gboolean can_reach = balance.n - balance.n_failed - balance.n_ended >= n_needed;
  return can_reach || i == gw_rollout_count_groups(rollout) - 1 ? step(GW_STEP_NONE, i) : hopeless;
}

static gboolean
is_too_bad(const GwRollout *rollout, const GwGroup *groups, guint i)
{
  GwGroupPlan plan = gw_rollout_plan(rollout, i);
  Balance balance = balance_of(&groups[i]);
  return groups[i].state != GW_GROUP_CLOSED && gw_group_plan_is_too_bad(&plan, balance.n, balance.n_failed);
}

GwStep
gw_rollout_step(const GwRollout *rollout, const GwGroup *groups, gboolean is_paused, const GwNow *now)
{
  guint n = gw_rollout_count_groups(rollout), i = 0;
  if (is_all_final(groups, n))
    return step(GW_STEP_COMPLETE, n - 1);
  if (is_paused)
    return step(GW_STEP_NONE, 0);
  for (guint bad = 0; bad < n; bad++)
    if (is_too_bad(rollout, groups, bad))
      return step(GW_STEP_PAUSE, bad);
  while (i < n && groups[i].state == GW_GROUP_PASSED)
    i++;
  if (i == n || groups[i].state == GW_GROUP_AWAITS)
    return step(GW_STEP_NONE, MIN(i, n - 1));
  if (groups[i].state == GW_GROUP_CLOSED)
    return step(GW_STEP_OPEN, i);
  return step_open(rollout, groups, i, now);
}
