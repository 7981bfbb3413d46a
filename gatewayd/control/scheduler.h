/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When and how many: asks the policy about a node, keeps the slots and their alarms, and tells the LAN
 * workers which of their cached answers are void. Main thread. */
#pragma once
#include "control/core-private.h"
#include "model/policy.h"

typedef struct {
  const GwNode *node;
  const char *type;
  const GwUpdate *update; /* its open one, or for bytes the pin's; or NULL */
  gboolean is_never_cut, is_silent, is_one_step, is_for_bytes;
  gboolean is_foreseen; /* a person asks: rules that are not for the node may tell why */
} GwSituation;
GwVerdict gw_scheduler_decide(GwCore *core, const GwSituation *situation, const GwNow *now);

/* A node that asks for metadata again, long after it was given some and without having asked for bytes, may
 * have newer firmware instead. */
gboolean gw_scheduler_is_stale(const GwCore *core, const GwNode *node, const GwPin *pin, const GwNow *now);
/* What its next ask will come to, as far as that can be known now; room for one more transfer is not looked
 * at. *ret_update: its open one, or NULL. */
GwVerdict gw_scheduler_foresee(GwCore *core, const GwNode *node, const GwNow *now,
                               const GwUpdate **ret_update);

/* The place in which downloads of a rule count. */
#define GW_PLACE_OF_RULE "rule %" G_GINT64_FORMAT
/* Room for one more download by @node? @ret_full (or NULL), to be freed: where there is none, for people;
 * "" = in the whole gateway. */
gboolean gw_scheduler_has_room(const GwCore *core, const GwNode *node, const GwRule *rule, char **ret_full);
/* Takes a slot, or renews the one held. FALSE = the caps are full; never with @is_forced. */
gboolean gw_scheduler_take(GwCore *core, const GwUpdate *update, const GwRule *rule, gboolean is_forced);
void gw_scheduler_release(GwCore *core, gint64 update_id);
/* A transfer of the update began, or ended before its last byte. */
void gw_scheduler_begin(GwCore *core, const GwUpdate *update, const GwRule *rule);
void gw_scheduler_lapse(GwCore *core, gint64 update_id);

/* Every cached answer is void. / Those about one node are. */
void gw_scheduler_changed(GwCore *core);
void gw_scheduler_node_changed(GwCore *core, const char *node);
void gw_scheduler_nodes_changed(GwCore *core, const char *const *nodes);
/* Something may be due for a node whose session is open: it is told to ask. Others ask in their own rhythm.
 */
void gw_scheduler_wake(GwCore *core, const GwNode *node);
/* The rule's dates, and when its images are due: sets its alarm; when it is over, ends what it has not begun.
 */
void gw_scheduler_watch_rule(GwCore *core, const GwRule *rule);
void gw_scheduler_rule_alarm(GwCore *core, gint64 rule_id);
/* Fetches what the rule will need, if it runs and its window is open, or opens within the lead. */
void gw_scheduler_fetch_rule(GwCore *core, const GwRule *rule);
/* Fetches what running rules will need. */
void gw_scheduler_fetch_needed(GwCore *core);
