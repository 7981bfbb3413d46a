/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an operator asked of nodes: a plugin's verb waits here until the node is heard. One per node; durable.
 * Main thread. */
#pragma once
#include "control/change.h"

typedef struct {
  char *plugin, *name, *argument;
} GwVerb;
void gw_verb_free(GwVerb *verb);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwVerb, gw_verb_free)

typedef struct GwVerbs GwVerbs;
GwVerbs *gw_verbs_new(void);
void gw_verbs_free(GwVerbs *verbs);
/* Takes @verb, in place of one that still waits. */
void gw_verbs_put(GwCore *core, const char *node, GwVerb *verb, GwChange *change);
/* The one that waits for the node, or NULL; yours, and gone from here. */
GwVerb *gw_verbs_take(GwCore *core, const char *node, GwChange *change);
const GwVerb *gw_verbs_peek(const GwVerbs *verbs, const char *node);
/* From a row of the core's small facts; others are passed over. */
void gw_verbs_load(GwVerbs *verbs, const char *key, const char *value);
