/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A push rule: which nodes, which firmware, when, how many at once. First form; pure. */
#pragma once
#include "model/firmware.h"
#include "model/node.h"
#include "model/rollout.h"

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
  gint64 firmware_id;
  /* Where the make tells its nodes a number with each publication: that of this one, decimal; "" = the
   * version that nodes are told is the firmware's own. */
  char *number;
  char *overrides; /* names of the numbering's limits that an operator overrode, "a,b"; "" = none */
  int priority;    /* greater wins; then the newest */
  GwRuleState state;
  char *pause_reason;

  /* who: all that are set must hold */
  char *product;                /* "" = the firmware's */
  GHashTable *nodes;            /* set of ids, or NULL */
  GHashTable *macs;             /* set of normalised MACs, or NULL: of the node or its alias "mac=" */
  char *location;               /* path with a glob per level, "Guangdong / *"; "" = any */
  GHashTable *versions;         /* set of current versions, or NULL = any older one */
  gboolean is_unknown_included; /* nodes whose version is unknown, too */

  /* when: dates in wall ms (0 = open), hours in minutes of the UTC day, 0..1440; from == until = all day;
   * from > until crosses midnight. Begun downloads finish unless is_cut_at_edge and the transport can be cut.
   */
  gint64 not_before_ms, not_after_ms;
  guint from_minute, until_minute;
  gboolean is_cut_at_edge;

  guint cap;                  /* open transfers of this rule at once; 0 = the gateway's */
  guint max_attempts;         /* 0 = default 3 */
  gboolean is_heard_required; /* inferred success does not count */
  GwRollout rollout;          /* groups, and how many in each place */
  gboolean is_push;           /* made by "push FILE NODE": one node, may use unverified firmware */
  gint64 created_ms, changed_ms;
} GwRule;

GwRule *gw_rule_new(const char *name);
void gw_rule_free(GwRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwRule, gw_rule_free)
/* What nodes are told that @firmware is; borrowed. */
const char *gw_rule_version(const GwRule *rule, const GwFirmware *firmware);
/* "Who" alone: does @node belong to the rule's targets? @ret_reason (static text) when not. Both halves
 * below. */
gboolean gw_rule_matches(const GwRule *rule, const GwNode *node, const GwFirmware *firmware,
                         const char **ret_reason);
/* Product, nodes, MACs, location: what does not change when the node is updated. */
gboolean gw_rule_targets(const GwRule *rule, const GwNode *node, const GwFirmware *firmware,
                         const char **ret_reason);
/* Its current version: one of the rule's. An unknown one only if the rule includes it, or is a push: that
 * names its node. */
gboolean gw_rule_takes_version(const GwRule *rule, const GwNode *node, const GwFirmware *firmware,
                               const char **ret_reason);
/* Path match, level by level; * and ? within a level; a last level of two stars is any rest, also none. Case
 * and blanks count. A pattern of no characters matches everything; a node without a location matches that
 * and two stars only. */
gboolean gw_location_match(const char *pattern, const char *location);

typedef struct {
  gboolean is_open;
  gint64 edge_ms; /* wall: when is_open next changes; G_MAXINT64 = never */
} GwWindow;
/* The hours within the dates. not_after_ms is the first instant outside, and so is until_minute. */
GwWindow gw_rule_window(const GwRule *rule, gint64 wall_ms);
/* Has it hours or dates at all? Such a rule waits for a trusted clock. */
gboolean gw_rule_is_timed(const GwRule *rule);
