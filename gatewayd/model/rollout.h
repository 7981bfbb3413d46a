/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many nodes of a rule at once, and what must be proven before the next: groups in sequence, what lets
 * the next one open, and what pauses the rule. Pure: counts and a time in, one step out. Which nodes belong
 * to a group is targets.h's. */
#pragma once
#include "base/clock.h"

#define GW_ROLLOUT_GROUPS_MAX 16 /* with the one that takes the rest */

/* What an operator wrote of one group. */
typedef struct {
  guint count;                 /* so many of the targets */
  guint percent;               /* or this share of all targets, rounded up; both 0 = all that are left */
  guint success_percent;       /* so many of the group must succeed before the next opens */
  guint error_percent;         /* so many failures of the group pause the rule, */
  guint min_failures;          /* if they are at least these */
  gint64 health_ms;            /* how long the group is watched before the next opens */
  gboolean is_approval_needed; /* a person must let the next open */
} GwGroupPlan;
/* 90 %, 10 %, 3, no watch, no approval. */
GwGroupPlan gw_group_plan_default(void);

/* Of GwRule. 0 everywhere: what the configuration says. */
typedef struct {
  GwGroupPlan groups[GW_ROLLOUT_GROUPS_MAX]; /* the last takes the rest */
  guint n_groups;                            /* 0 = all at once, as gw_group_plan_default() */
  gint64 jitter_ms;       /* the nodes of a group begin spread over this time after it opens */
  gboolean is_frozen;     /* nodes that match only after the start get nothing */
  gboolean is_once_a_day; /* at most one attempt is started for a node on a UTC day */
  guint cap_transport, cap_segment,
      cap_location; /* downloads at once in each of them; 0 = none of the rule's */
  gint64 retry_first_ms, retry_max_ms, never_asked_ms, stalled_ms, not_back_ms;
  guint
      max_failures; /* updates of any rule that failed one after the other, after which a node is set aside */
} GwRollout;

/* Adds the group of the rest where an operator did not write it. FALSE = there are too many groups. */
gboolean gw_rollout_complete(GwRollout *rollout);
/* Never 0. */
guint gw_rollout_count_groups(const GwRollout *rollout);
/* Of one group; past the last: of the last. */
GwGroupPlan gw_rollout_plan(const GwRollout *rollout, guint group);
/* How @n_targets are divided: gw_rollout_count_groups() sizes whose sum they are. A group that is not empty
 * by its plan gets a node as long as there is one. */
void gw_rollout_sizes(const GwRollout *rollout, guint n_targets, guint *ret_sizes);

/* The same for ever for one rule and node, and spread evenly. */
guint64 gw_rollout_hash(gint64 rule_id, const char *node);
/* How long after its group opened the node's turn comes: 0 <= it < jitter_ms, or 0. */
gint64 gw_rollout_jitter_ms(const GwRollout *rollout, guint64 hash);

typedef enum {
  GW_GROUP_CLOSED = 1,
  GW_GROUP_OPEN,    /* its nodes are served */
  GW_GROUP_WATCHED, /* enough of them succeeded; it is being watched */
  GW_GROUP_AWAITS,  /* a person must let the next open */
  GW_GROUP_PASSED,  /* the next may open; the rest of this one is served on */
} GwGroupState;
const char *gw_group_state_name(GwGroupState state);
gboolean gw_group_state_parse(const char *name, GwGroupState *ret_state);

/* May a node of the rule begin, as far as the rollout goes? */
typedef enum { GW_TURN_NOW, GW_TURN_LATER, GW_TURN_NEVER } GwTurnKind;
typedef struct {
  GwTurnKind kind;
  const char *text; /* why not; static, NULL for NOW */
  gint64 wait_ms;   /* LATER: time alone brings its turn then; 0 = something must happen */
} GwTurn;

/* Where one group stands. Counts are of the latest outcomes of its nodes; the others are under way or to
 * come. */
typedef struct {
  GwGroupState state;
  guint n_targets, n_succeeded, n_failed;
  guint n_ended; /* cancelled, superseded, expired: no success, and no failure of the image */
  guint n_let_failed, n_let_ended; /* of these an operator has let the rule go on in spite of */
  gint64 opened_ms, passed_ms;     /* wall, for people; 0 = not yet */
  GwDeadline spread;               /* the last of its nodes may begin */
  GwDeadline watched;              /* the end of the watch */
} GwGroup;

typedef enum {
  GW_STEP_NONE,
  GW_STEP_OPEN,     /* CLOSED -> OPEN */
  GW_STEP_WATCH,    /* OPEN -> WATCHED */
  GW_STEP_ASK,      /* OPEN or WATCHED -> AWAITS */
  GW_STEP_PASS,     /* OPEN or WATCHED -> PASSED */
  GW_STEP_PAUSE,    /* the rule */
  GW_STEP_COMPLETE, /* the rule: every target is final */
} GwStepKind;

typedef struct {
  GwStepKind kind;
  guint group;          /* that it is about */
  gboolean is_hopeless; /* PAUSE: it can no longer reach its threshold; else too many failed */
  gint64 edge_boot_ms;  /* NONE: time alone can bring the next step then; G_MAXINT64 = it cannot */
} GwStep;
/* The next thing to do; to be applied, and asked again until NONE. @groups: as many as the rollout has. */
GwStep gw_rollout_step(const GwRollout *rollout, const GwGroup *groups, gboolean is_paused, const GwNow *now);
/* So many must succeed, and so many failures pause, when @n nodes count. */
guint gw_group_plan_needs(const GwGroupPlan *plan, guint n);
gboolean gw_group_plan_is_too_bad(const GwGroupPlan *plan, guint n, guint n_failed);
