/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What another document would change of a rule, for a person to read before it does. Pure. */
#pragma once
#include "base/json.h"

#define GW_DIFFERENCE_LINES_MAX 1000

/* One line for each difference, "/cap: 4 -> 8", "/who/nodes: + sensor-9", "/when/hours: none -> [...]", in
 * the order of the documents; what is beyond the maximum is one line that counts it. @old NULL = there was no
 * rule. char *; caller frees the array. */
GPtrArray *gw_rule_difference(const json_t *old, const json_t *new);
/* BAD_INPUT = the difference holds what cannot change of a rule that was started, with the path and why. */
gboolean gw_rule_difference_check_live(const json_t *old, const json_t *new, GError **error);
