/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The written form of a push rule, one JSON document. It is what an operator keeps as a file, what the bus
 * takes and gives, and what the database holds: whatever door a rule comes through, this reads it. Pure.
 *
 *   { "name": "night", "firmware": 7, "who": { "locations": ["Plant 2"] }, "when": { "hours": ["22:00-04:30"]
 * } }
 *
 * Names of all keys are in docs/operator.md. What is absent is open; an unknown key, an empty list and a
 * value of another kind are errors, and the error begins with the path: "/when/hours/1: ...". Not in it: id,
 * state, notification and times, which the gateway keeps. */
#pragma once
#include "base/json.h"
#include "model/rule.h"

#define GW_RULE_FORM_MAX (8u * 1024 * 1024) /* bytes */
#define GW_RULE_FIRMWARES_MAX 32
#define GW_RULE_NUMBER_MAX ((gint64)1 << 53)

/* A draft without id and times. NULL = BAD_INPUT. */
GwRule *gw_rule_form_parse(const char *text, gsize size, GError **error);
GwRule *gw_rule_form_read(const json_t *document, GError **error);
/* The canonical document: the same rule gives the same bytes, and reads back as the same rule. */
json_t *gw_rule_form_write(const GwRule *rule);
/* The same as text: one line, or indented and ended by a line feed. Caller frees. */
char *gw_rule_form_text(const GwRule *rule, gboolean is_indented);
/* Takes from @other what the written form holds; the rest stays. */
void gw_rule_form_adopt(GwRule *rule, GwRule *other);
