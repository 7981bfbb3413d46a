/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A push rule: which nodes, which firmware, when, how many at once. Its written form is in
 * rule-form.h. Pure. */
#pragma once
#include "model/rollout.h"
#include "model/when.h"
#include "model/who.h"

typedef enum {
  GW_RULE_DRAFT = 1,
  GW_RULE_RUNNING,
  GW_RULE_PAUSED,
  GW_RULE_COMPLETED,
  GW_RULE_STOPPED
} GwRuleState;
const char *gw_rule_state_name(GwRuleState state);
gboolean gw_rule_state_parse(const char *name, GwRuleState *ret_state);

typedef struct {
  gint64 id;
  char *name; /* unique, [A-Za-z0-9._-]{1,64} */
  /* Ids (gint64), one or several: a mixed fleet moves together. No two are for the same product and type, so
   * that for a node and a part of it one of them is meant, or none. What the rule's products are follows. */
  GArray *firmwares;
  /* Where the make tells its nodes a number with each publication: that of this one, decimal; "" = the
   * version that nodes are told is the firmware's own. Such a rule has one firmware. */
  char *number;
  char *overrides; /* names of the numbering's limits that an operator overrode, "a,b"; "" = none */
  int priority;    /* greater wins; then the newest */
  GwRuleState state;
  char *pause_reason;

  GwWho who;
  GwWhen when;

  guint cap;                  /* open transfers of this rule at once; 0 = the gateway's */
  guint max_attempts;         /* 0 = default 3 */
  gboolean is_heard_required; /* inferred success does not count */
  GwRollout rollout;          /* groups, and how many in each place */
  gboolean is_push;           /* made by "push FILE NODE": one node, may use unverified firmware */
  gint64 notification;        /* id of what its nodes are told since it was started; 0 = it never was */
  gint64 created_ms, changed_ms;
} GwRule;

GwRule *gw_rule_new(const char *name);
void gw_rule_free(GwRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwRule, gw_rule_free)
/* By priority, then the newest: of two that are for the same node. Newest by number: when it was made, a
 * clock may have been wrong about. */
gboolean gw_rule_goes_before(const GwRule *a, const GwRule *b);
/* What nodes are told that @firmware is; borrowed. */
const char *gw_rule_version(const GwRule *rule, const GwFirmware *firmware);
/* Why @rule takes the place of @former (NULL = it is gone) on a node, with both names. Caller frees. */
char *gw_rule_supersedes(const GwRule *rule, const GwRule *former);
/* The list of firmware; 0 = there are not so many. */
void gw_rule_add_firmware(GwRule *rule, gint64 id);
gint64 gw_rule_firmware(const GwRule *rule, guint i);
gboolean gw_rule_has_firmware(const GwRule *rule, gint64 id);
/* Does @node belong to those that the rule has @firmware for? Everything but the current version.
 * @ret_reason (static text) when not. */
gboolean gw_rule_targets(const GwRule *rule, const GwNode *node, const GwFirmware *firmware,
                         const char **ret_reason);
/* Its current version: one of the rule's. An unknown one only if the rule includes it, or is a push: that
 * names its node. @product is the node's, or NULL = its versions have no order. */
gboolean gw_rule_takes_version(const GwRule *rule, const GwNode *node, const GwFirmware *firmware,
                               const GwProduct *product, const char **ret_reason);
