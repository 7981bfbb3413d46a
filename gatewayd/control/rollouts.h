/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where each rule's rollout stands: who is in which group, what became of them, and what follows: the next
 * group opens, the rule pauses by itself, or it is completed. What happens is decided by model/rollout.h; it
 * is made durable here in the very change that caused it. Main thread. */
#pragma once
#include "control/core-private.h"
#include "model/targets.h"

GwRollouts *gw_rollouts_new(void);
void gw_rollouts_free(GwRollouts *rollouts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwRollouts, gw_rollouts_free)
/* The rows; then, when everything else is loaded, what became of the targets, and what follows from that. */
gboolean gw_rollouts_load(GwCore *core, GError **error);
void gw_rollouts_resume(GwCore *core, GwChange *change);

/* The rule runs: for the first time, and its targets are divided; or on, in spite of what failed so far. */
void gw_rollouts_start(GwCore *core, GwRule *rule, GwChange *change);
void gw_rollouts_forget(GwCore *core, gint64 rule_id, GwChange *change);
/* An operator lets the next group open. FALSE = the rule does not wait for that. */
gboolean gw_rollouts_approve(GwCore *core, GwRule *rule, GwChange *change, GError **error);

/* The update has another state. Newcomers join the last group. */
void gw_rollouts_update(GwCore *core, const GwUpdate *update, GwChange *change);
/* The node runs already what the rule wants: nothing is to be done. */
void gw_rollouts_satisfied(GwCore *core, const GwRule *rule, const GwNode *node, GwChange *change);
/* @new is a target where @old was one, in the same group. */
void gw_rollouts_node_replaced(GwCore *core, const GwNode *old, GwNode *new, GwChange *change);
void gw_rollouts_node_gone(GwCore *core, const char *node);
void gw_rollouts_alarm(GwCore *core, gint64 rule_id);
/* The rule is over: with its numbers, once. */
void gw_rollouts_complete(GwCore *core, GwRule *rule, const char *why, GwChange *change);

/* What a rule of "once a day" starts for a node once on a UTC day: an attempt with a firmware of that type;
 * or telling it to ask, @firmware NULL. How long that must wait until the next day; 0 = it may be now, and
 * always where the rule knows no days. */
gint64 gw_rollouts_day_wait_ms(const GwCore *core, const GwRule *rule, const char *node,
                               const GwFirmware *firmware);
/* It is done as soon as @change is on disk. */
void gw_rollouts_use_day(GwCore *core, const GwRule *rule, const char *node, const GwFirmware *firmware,
                         GwChange *change);
/* Tells the node to ask for what the rule has, where it can be told and the rule's day allows it. */
void gw_rollouts_wake(GwCore *core, const GwRule *rule, const GwNode *node);
/* Something may be due for nodes of the rule that have an open session and whose turn has come: they are told
 * to ask, some in each turn of the core. Others ask in their own rhythm. */
void gw_rollouts_wake_all(GwCore *core, const GwRule *rule);
void gw_rollouts_wake_alarm(GwCore *core, gint64 rule_id);
/* The same for all rules that have this firmware. */
void gw_rollouts_wake_firmware(GwCore *core, const GwFirmware *firmware);
/* Whose turn has come, and who have not begun. */
guint gw_rollouts_count_waiting(const GwCore *core, gint64 rule_id);
/* The next of them, from *cursor on, which is 0 at first. NULL = no more. */
const GwNode *gw_rollouts_next_waiting(const GwCore *core, gint64 rule_id, guint64 *cursor);
/* TRUE = a window has opened since the last look. */
gboolean gw_rollouts_look_window(const GwCore *core, gint64 rule_id, gboolean is_open);
/* Up to which wall time it was said which windows passed unused; 0 = nothing yet, or no rollout. */
gint64 gw_rollouts_missed_ms(const GwCore *core, gint64 rule_id);
void gw_rollouts_set_missed(GwCore *core, gint64 rule_id, gint64 wall_ms, GwChange *change);

GwTurn gw_rollouts_turn(const GwCore *core, const GwRule *rule, const GwNode *node, const GwNow *now);
/* NULL and 0 = the rule has not started. */
const GwGroup *gw_rollouts_groups(const GwCore *core, gint64 rule_id, guint *ret_n);
