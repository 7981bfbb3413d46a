/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the rollouts share. Private to them. */
#pragma once
#include "control/rollouts.h"

typedef struct {
  gint64 rule_id;
  GwTargets *targets;
  guint n_groups;
  GwGroup groups[GW_ROLLOUT_GROUPS_MAX];
  gint64 missed_ms;        /* wall: up to here it was said which windows passed unused; 0 = from now on */
  gboolean is_window_open; /* at the last look */
  guint64 wake_from;       /* hash of the next to be told to ask, while they are told */
  GHashTable *days;        /* once a day: what was done for whom -> UTC day; NULL = nothing yet */
} GwRolloutState;

struct GwRollouts {
  GHashTable *by_rule; /* &rollout->rule_id -> GwRolloutState, owned */
  guint64 n_looked;    /* nodes that were looked at one by one: what a change must cost little of */
};

GwRolloutState *gw_rollout_find(const GwCore *core, gint64 rule_id);
/* Takes @targets; every group is closed. */
GwRolloutState *gw_rollout_add(GwCore *core, gint64 rule_id, GwTargets *targets, guint n_groups);
/* The rule's targets of now, in their groups, written. */
GwRolloutState *gw_rollout_divide(GwCore *core, const GwRule *rule, GwChange *change);
/* Nodes that match only now. TRUE = there are some. */
gboolean gw_rollout_join_newcomers(const GwCore *core, const GwRule *rule, GwRolloutState *rollout);
/* Those that are served, bit n: group n. */
guint gw_rollout_open_groups(const GwRolloutState *rollout);
GwTarget gw_rollout_target(const GwRolloutState *rollout, const GwNode *node);
/* Runs @node already what the rule wants? */
gboolean gw_rollout_is_satisfied(const GwCore *core, const GwRule *rule, const GwNode *node);
void gw_rollout_set_day(GwRolloutState *rollout, gint64 key, gint64 day);
GwOutcome gw_rollout_outcome(const GwRule *rule, const GwUpdate *update);
void gw_rollout_count(GwRolloutState *rollout);
void gw_rollout_put_group(GwCore *core, const GwRolloutState *rollout, guint number, GwChange *change);
/* The next group may open. To be put by the caller. */
void gw_rollout_pass_group(GwCore *core, const GwRule *rule, GwRolloutState *rollout, guint number,
                           GwChange *change);
/* All steps that are due, and the alarm for the next. */
void gw_rollout_go_on(GwCore *core, GwRule *rule, GwRolloutState *rollout, GwChange *change);
