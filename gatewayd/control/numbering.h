/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes whose nodes are told a number with each publication: which is next, and which would be too much. What
 * is too much stands in the make's table (GatewayNumbering). Main thread. */
#pragma once
#include "control/core-private.h"

/* The numbering of the make that @firmware is for; NULL = it has none, or its transport is away. */
const GatewayNumbering *gw_numbering_of(const GwCore *core, const GwFirmware *firmware);

/* The nodes of one publication, as far as their numbers matter. */
typedef struct {
  const GatewayNumbering *numbering;
  const char *type;    /* of the firmware */
  gint64 told;         /* greatest that one of them was told, or runs; 0 = none */
  guint64 are_limited; /* bit n: limit n is for one of them */
} GwNumberScope;
void gw_number_scope_add(GwNumberScope *scope, const GwNode *node);
/* Greater than all that were told: perhaps beyond a limit, and then gw_number_check() refuses it. */
gint64 gw_number_propose(const GwNumberScope *scope);
/* @overrides: names of limits, "a,b". The error says what is expected, and how a limit is overridden. */
gboolean gw_number_check(const GwNumberScope *scope, gint64 number, const char *overrides, GError **error);
/* The number of a publication to these nodes: @entered, decimal, or the next ("" = none was entered). "" for
 * a make without numbers, for which none may be entered. */
gboolean gw_number_pick(const GwNumberScope *scope, const char *entered, const char *overrides,
                        char **ret_number, GError **error);
/* What an operator's form says: number (i), override (as). Caller frees both. */
void gw_number_read_form(GVariant *form, char **ret_entered, char **ret_overrides);

/* Why the rule's number is none for this node now; static text. NULL = it is, or its make has no numbers. */
const char *gw_number_why_not(const GwCore *core, const GwNode *node, const GwRule *rule,
                              const GwFirmware *firmware);
/* The node was offered it, with the rule's number. FALSE = its make has no numbers. */
gboolean gw_number_told(GwNode *node, const GwRule *rule);
