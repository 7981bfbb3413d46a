/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rollout's part of the written form of a rule:
 *   "groups": [{"count": 1}, {"percent": 10, "success": 90, "errors": 10, "min-failures": 3,
 *               "health-wait": "1h", "approval": true}, {}],
 *   "jitter": "30min", "targets": "frozen", "once-a-day": true,
 *   "caps": {"transport": 8, "segment": 2, "location": 4},
 *   "retry": {"first": "1h", "max": "24h", "never-asked": "30d", "stalled": "15min", "not-back": "24h",
 *             "failures": 5}
 * A group without count and percent takes the rest; where none is written there is one with the thresholds of
 * the last. Pure. */
#pragma once
#include "base/json.h"
#include "model/rollout.h"

/* Is the member @key of a rule's document read here? */
gboolean gw_rollout_has_key(const char *key);
/* One group as a person types it: "1", "10%" or "rest", then what is unusual, "10%,success=95,approval". What
 * is wrong is found when the document is read. Caller owns the object. */
json_t *gw_rollout_group_from_text(const char *text);
/* Other members are not looked at. Errors begin with the path: "/groups/1/count: ...". */
gboolean gw_rollout_read(const json_t *document, GwRollout *ret_rollout, GError **error);
/* Sets the members that say something. What is written is read as the same. */
void gw_rollout_write(const GwRollout *rollout, json_t *document);
