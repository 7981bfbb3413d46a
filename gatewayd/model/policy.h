/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one decision: may this node have a firmware now, which, and if not, why not. Pure: reads only its
 * arguments. Slots and caps are the scheduler's; what it decides is added to the verdict as a reason there.
 */
#pragma once
#include "model/rule.h"
#include "model/update.h"

typedef enum {
  GW_REASON_NONE = 0, /* the numbers are those of the plugin contract */
  GW_REASON_NOT_ADOPTED,
  GW_REASON_NO_RULE,
  GW_REASON_UP_TO_DATE,
  GW_REASON_WINDOW,
  GW_REASON_CAP,
  GW_REASON_PAUSED,
  GW_REASON_SET_ASIDE,
  GW_REASON_BEING_FETCHED,
  GW_REASON_WITHDRAWN,
  GW_REASON_UNKNOWN_PRODUCT,
  GW_REASON_WRONG_HARDWARE,
  GW_REASON_BUSY,
  GW_REASON_RETRY_WAIT,
} GwReason;
const char *gw_reason_name(GwReason reason);
/* One sentence for a person, with what to do about it. Static. */
const char *gw_reason_advice(GwReason reason);

typedef struct {
  /* What the core knows, by id; NULL = gone. */
  const GwFirmware *(*firmware)(gpointer user, gint64 id);
  const GwProduct *(*product)(gpointer user, const char *name);
  gpointer user;
} GwCatalogView;

typedef struct {
  const GwNode *node;
  const char *type;           /* component asked for, "" = sole */
  const GwRule *const *rules; /* those that could concern the node */
  gsize n_rules;
  const GwUpdate *open_update; /* of this node and component, or NULL */
  const GwCatalogView *catalog;
} GwQuestion;

typedef struct {
  gboolean is_offer;
  GwReason reason;
  const GwRule *rule;         /* the rule that decided, or came closest; borrowed from the question */
  const GwFirmware *firmware; /* with is_offer */
  gint64 until_wall_ms; /* the answer cannot change by the clock alone before this; G_MAXINT64 = never */
  gint64 wait_ms;       /* RETRY_WAIT: how long; else 0 */
} GwVerdict;
GwVerdict gw_policy_decide(const GwQuestion *question, const GwNow *now);

/* Why @firmware cannot go to @node at all (product, type, hardware version, series, downgrade); NONE = it
 * can.
 * @ret_text (static or NULL) says it. Used by rules, push and preview alike. */
GwReason gw_policy_fits(const GwNode *node, const GwFirmware *firmware, const GwProduct *product,
                        const char **ret_text);
