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
  GW_REASON_SENT,
  GW_REASON_GROUP,
} GwReason;
const char *gw_reason_name(GwReason reason);
/* One sentence for a person, with what to do about it. Static. */
const char *gw_reason_advice(GwReason reason);

typedef struct {
  /* What the core knows, by id; NULL = gone. */
  const GwFirmware *(*firmware)(gpointer user, gint64 id);
  const GwProduct *(*product)(gpointer user, const char *name);
  /* The latest ended update of this node to this firmware under this rule, or NULL. May be absent (NULL):
   * then a rule that is through with a node would begin anew. */
  const GwUpdate *(*ended)(gpointer user, gint64 rule_id, const GwNode *node, gint64 firmware_id);
  /* Its place in the rule's rollout. May be absent (NULL): then it is always its turn. */
  GwTurn (*turn)(gpointer user, const GwRule *rule, const GwNode *node);
  gpointer user;
} GwCatalogView;

typedef struct {
  const GwNode *node;
  const char *type;           /* component asked for, "" = sole */
  const GwRule *const *rules; /* those that could concern the node, in any order, and that of open_update */
  gsize n_rules;
  const GwUpdate *open_update; /* of this node and component, or NULL; for bytes: the pin's, also ended */
  const GwCatalogView *catalog;
  gboolean is_never_cut, is_silent, is_one_step; /* traits of the transport that asks */
  gboolean is_for_bytes;                         /* it asks for the image's bytes, not whether there is one */
} GwQuestion;

typedef struct {
  gboolean is_offer;
  GwReason reason;
  const char *text;   /* the reason in particular, for "explain"; static, NULL = the advice says it all */
  const GwRule *rule; /* the rule that decided, or came closest; borrowed from the question, or NULL */
  const GwFirmware *firmware; /* what is offered, or would be; NULL = none */
  gint64 until_wall_ms; /* the answer cannot change by the clock alone before this; G_MAXINT64 = never */
  gint64 wait_ms;       /* RETRY_WAIT, GROUP: how long, where time alone ends it; else 0 */
} GwVerdict;
/* One rule is in charge of a node and component: among those that run or are paused, whose targets it belongs
 * to and whose firmware fits it, a push before the others, then the greatest priority, then the newest. It
 * holds the node also while it is paused or outside its hours; a rule whose dates are over or still to come,
 * whose firmware is withdrawn, or that has brought its update to an end on this node (succeeded, failed,
 * refused, cancelled) leaves it to the next. A node that runs what its rule wants is up to date, and no
 * lesser rule moves it.
 *
 * An open update that was offered is pinned: the node stays with its firmware whatever the rules say now, and
 * control cancels the update where it must end. While one is merely scheduled the rules decide afresh; a
 * verdict with another rule than the update's means that control supersedes it first.
 *
 * With is_for_bytes a pin was found, and it alone is judged; no rule can begin anything. A transfer that
 * began may be resumed outside the hours unless the rule cuts at the edge. A never-cut transport gets every
 * byte of what it was offered as long as the image is here, and only not being adopted or being set aside
 * stops it. A silent make that has all bytes hears the same offer until its inference closes; bytes again are
 * a new attempt and keep the hours. */
GwVerdict gw_policy_decide(const GwQuestion *question, const GwNow *now);

/* Why @firmware cannot go to @node at all (product, transport, type, hardware version, series, downgrade);
 * NONE = it can. What is not known of the node (type, hardware, version) does not stand in the way here;
 * unknown versions are the rules' business. @ret_text (static or NULL) says it. Used by rules, push and
 * preview alike. */
GwReason gw_policy_fits(const GwNode *node, const GwFirmware *firmware, const GwProduct *product,
                        const char **ret_text);
/* The running version against @firmware's: LESS = the firmware is newer; UNKNOWN = not comparable or not
 * known. A push of firmware that is older must be asked for as a downgrade, whatever is_downgrade_allowed
 * says. */
GwOrder gw_policy_order(const GwNode *node, const GwFirmware *firmware, const GwProduct *product);
