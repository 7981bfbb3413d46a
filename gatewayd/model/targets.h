/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The nodes that a rule is for, each in its group and with its latest outcome, in seventeen bytes each.
 * Counts follow each change, so neither order nor repetition of what is said matters, and nobody need look at
 * the nodes to know how many wait. Pure. */
#pragma once
#include "model/rollout.h"

typedef enum {
  GW_OUTCOME_NONE,  /* to come: it waits */
  GW_OUTCOME_BEGUN, /* its download has begun */
  GW_OUTCOME_SUCCEEDED,
  GW_OUTCOME_FAILED,
  GW_OUTCOME_ENDED, /* cancelled, superseded, expired */
  GW_N_OUTCOMES,
} GwOutcome;

/* Of a node in one rule. */
typedef struct {
  guint64 hash;
  gpointer who; /* whatever finds the node; borrowed until it leaves. NULL = not known yet */
} GwTarget;

typedef struct GwTargets GwTargets;
/* Divides @n nodes, in any order, among the groups. A hash that stands there twice is one target. */
GwTargets *gw_targets_new(const GwRollout *rollout, const GwTarget *nodes, guint n);
void gw_targets_free(GwTargets *targets);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwTargets, gw_targets_free)

/* Which hash is in which group, as bytes to be kept; outcomes are not in it. Caller frees. */
guint8 *gw_targets_write(const GwTargets *targets, gsize *ret_size);
/* NULL = these are no such bytes, or of more than @n_groups groups. */
GwTargets *gw_targets_read(const void *bytes, gsize size, guint n_groups);

guint gw_targets_count(const GwTargets *targets);
/* -1 = it is none of them. */
int gw_targets_group(const GwTargets *targets, guint64 hash);
/* Into the last group, unless it is in one. TRUE = it was in none. */
gboolean gw_targets_join(GwTargets *targets, const GwTarget *node);
/* @node is where @old was, and nothing has become of it yet; @old is there no more. FALSE = @old was not. */
gboolean gw_targets_replace(GwTargets *targets, guint64 old, const GwTarget *node);
/* Who it is, of one that was read. FALSE = it is none of them. */
gboolean gw_targets_meet(GwTargets *targets, const GwTarget *node);
/* All of which nobody said who they are: they are there no more. */
void gw_targets_leave_unmet(GwTargets *targets);
/* It is there no more. */
void gw_targets_leave(GwTargets *targets, guint64 hash);
/* The latest one replaces the one before. FALSE = no such target, or nothing new. */
gboolean gw_targets_set(GwTargets *targets, guint64 hash, GwOutcome outcome);
GwOutcome gw_targets_outcome(const GwTargets *targets, guint64 hash);
/* Fills the counts of @group. */
void gw_targets_tell(const GwTargets *targets, guint number, GwGroup *group);
/* How many of the groups of @groups (bit n: group n) wait. */
guint gw_targets_count_waiting(const GwTargets *targets, guint groups);
/* The next of these whose hash is *hash or greater, which becomes that of the one after it. NULL = no more.
 */
gpointer gw_targets_next_waiting(const GwTargets *targets, guint groups, guint64 *hash);
