/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All push rules, and an index of the live ones, so that the question "which rules could concern this node"
 * looks at those alone. Main thread. */
#pragma once
#include "control/firmwares.h"
#include "model/rule.h"

typedef struct GwRules GwRules;
GwRules *gw_rules_new(const GwFirmwares *firmwares);
void gw_rules_free(GwRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwRules, gw_rules_free)

/* Takes @rule; returned: the same, borrowed until removed. */
GwRule *gw_rules_add(GwRules *rules, GwRule *rule);
void gw_rules_remove(GwRules *rules, GwRule *rule);
GwRule *gw_rules_find(const GwRules *rules, gint64 id);
GwRule *gw_rules_find_name(const GwRules *rules, const char *name);
/* Every rule: gint64 * -> GwRule. */
void gw_rules_iter(const GwRules *rules, GHashTableIter *ret_iter);
guint gw_rules_count(const GwRules *rules);

/* Running or paused. */
gboolean gw_rule_is_live(const GwRule *rule);
/* Call after a rule's state, or a firmware's product, changed; what did not change costs next to nothing. A
 * rule of which something else changes is removed before, and added again. */
void gw_rules_reindex(GwRules *rules);
/* Adds the live rules that could concern @node, each once, in no order. */
void gw_rules_collect(const GwRules *rules, const GwNode *node, GPtrArray *found);
guint gw_rules_count_live(const GwRules *rules);
/* Adds all live rules: for those who want to know why none of them does. */
void gw_rules_collect_live(const GwRules *rules, GPtrArray *found);
