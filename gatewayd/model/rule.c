/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/rule.h"
#include <string.h>

const char *
gw_rule_state_name(GwRuleState state)
{
  static const char *const names[] = {
    [GW_RULE_DRAFT] = "draft",         [GW_RULE_RUNNING] = "running", [GW_RULE_PAUSED] = "paused",
    [GW_RULE_COMPLETED] = "completed", [GW_RULE_STOPPED] = "stopped",
  };
  if ((guint)state >= G_N_ELEMENTS(names) || !names[state])
    return "none";
  return names[state];
}

gboolean
gw_rule_state_parse(const char *name, GwRuleState *ret_state)
{
  for (GwRuleState state = GW_RULE_DRAFT; state <= GW_RULE_STOPPED; state++)
    if (strcmp(name, gw_rule_state_name(state)) == 0) {
      *ret_state = state;
      return TRUE;
    }
  return FALSE;
}

GwRule *
gw_rule_new(const char *name)
{
  GwRule *rule = g_new0(GwRule, 1);
  rule->name = g_strdup(name);
  rule->state = GW_RULE_DRAFT;
  rule->pause_reason = g_strdup("");
  rule->product = g_strdup("");
  rule->location = g_strdup("");
  return rule;
}

void
gw_rule_free(GwRule *rule)
{
  if (!rule)
    return;
  g_free(rule->name);
  g_free(rule->pause_reason);
  g_free(rule->product);
  g_free(rule->location);
  g_clear_pointer(&rule->nodes, g_hash_table_unref);
  g_clear_pointer(&rule->macs, g_hash_table_unref);
  g_clear_pointer(&rule->versions, g_hash_table_unref);
  g_free(rule);
}
