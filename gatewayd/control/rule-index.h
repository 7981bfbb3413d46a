/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which live rules could concern a node. A rule stands under the narrowest thing that it asks for: the names
 * it lists, else its labels, else the places its locations begin with, else its products. Main thread. */
#pragma once
#include "control/firmwares.h"
#include "model/rule.h"

typedef struct GwRuleIndex GwRuleIndex;
GwRuleIndex *gw_rule_index_new(void);
void gw_rule_index_free(GwRuleIndex *index);

/* Borrows @rule until it is removed, which must be before anything of its "who" or its products changes. */
void gw_rule_index_add(GwRuleIndex *index, GwRule *rule, const GwFirmwares *firmwares);
void gw_rule_index_remove(GwRuleIndex *index, GwRule *rule);
/* Adds each rule once; those that ask for a product alone come last, as gw_rule_goes_before() orders them. */
void gw_rule_index_collect(const GwRuleIndex *index, const GwNode *node, GPtrArray *found);
