/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The updates that still matter: the open ones, and those that ended under a rule that is still live (such a
 * rule does not begin again with that node). Older ones are in the database alone. Main thread. */
#pragma once
#include "model/update.h"

typedef struct GwUpdates GwUpdates;
GwUpdates *gw_updates_new(void);
void gw_updates_free(GwUpdates *updates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwUpdates, gw_updates_free)

/* Takes @update; returned: the same, borrowed until dropped. At most one is open per node and type. */
GwUpdate *gw_updates_add(GwUpdates *updates, GwUpdate *update);
void gw_updates_drop(GwUpdates *updates, GwUpdate *update);
GwUpdate *gw_updates_find(const GwUpdates *updates, gint64 id);
/* Every update of a node that is held, open or ended, in no order. NULL = none; borrowed until the next
 * change. */
const GPtrArray *gw_updates_of_node(const GwUpdates *updates, const char *node);
/* The open update of a node's component: of that very type; else type "" finds one of any type, and an update
 * of type "" is found by any. */
GwUpdate *gw_updates_open(const GwUpdates *updates, const char *node, const char *type);
/* How this firmware of the rule ended on this node the last time, or NULL. */
GwUpdate *gw_updates_ended(const GwUpdates *updates, const char *node, gint64 rule_id, gint64 firmware_id);
/* Call after its state became final. */
void gw_updates_close(GwUpdates *updates, GwUpdate *update);
/* Every update held: gint64 * -> GwUpdate. */
void gw_updates_iter(const GwUpdates *updates, GHashTableIter *ret_iter);
/* The open updates of one rule (0 = of all). Caller frees the array; the updates are borrowed. */
GPtrArray *gw_updates_open_of_rule(const GwUpdates *updates, gint64 rule_id);
