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
  rule->number = g_strdup("");
  rule->overrides = g_strdup("");
  rule->firmwares = g_array_new(FALSE, FALSE, sizeof(gint64));
  return rule;
}

void
gw_rule_free(GwRule *rule)
{
  if (!rule)
    return;
  g_free(rule->name);
  g_free(rule->pause_reason);
  g_free(rule->number);
  g_free(rule->overrides);
  g_array_unref(rule->firmwares);
  gw_who_clear(&rule->who);
  gw_when_clear(&rule->when);
  g_free(rule);
}

gboolean
gw_rule_goes_before(const GwRule *a, const GwRule *b)
{
  return a->priority != b->priority ? a->priority > b->priority : a->id > b->id;
}

const char *
gw_rule_version(const GwRule *rule, const GwFirmware *firmware)
{
  return *rule->number ? rule->number : firmware->software_version;
}

char *
gw_rule_supersedes(const GwRule *rule, const GwRule *former)
{
  const char *why = !former                                 ? "which is gone"
                    : former == rule                        ? "with another firmware"
                    : rule->is_push && !former->is_push     ? "a push goes before all others"
                    : rule->priority > former->priority     ? "its priority is greater"
                    : former->state != GW_RULE_RUNNING      ? "which does not run"
                    : rule->created_ms > former->created_ms ? "it is newer"
                                                            : "which has nothing more for the node";
  return g_strdup_printf("rule %s takes the place of %s%s: %s", rule->name, former ? "rule " : "its rule",
                         former ? former->name : "", why);
}

void
gw_rule_add_firmware(GwRule *rule, gint64 id)
{
  g_array_append_val(rule->firmwares, id);
}

gint64
gw_rule_firmware(const GwRule *rule, guint i)
{
  return i < rule->firmwares->len ? g_array_index(rule->firmwares, gint64, i) : 0;
}

gboolean
gw_rule_has_firmware(const GwRule *rule, gint64 id)
{
  for (guint i = 0; i < rule->firmwares->len; i++)
    if (gw_rule_firmware(rule, i) == id)
      return TRUE;
  return FALSE;
}

gboolean
gw_rule_targets(const GwRule *rule, const GwNode *node, const GwFirmware *firmware, const char **ret_reason)
{
  /* A push names its node; whether the firmware may go there, also within a family, is asked before. */
  if (rule->is_push || strcmp(node->product, firmware->product) == 0)
    return gw_who_fits(&rule->who, node, gw_node_component_for(node, firmware->type), ret_reason);
  if (ret_reason)
    *ret_reason = "the rule is for another product";
  return FALSE;
}

gboolean
gw_rule_takes_version(const GwRule *rule, const GwNode *node, const GwFirmware *firmware,
                      const GwProduct *product, const char **ret_reason)
{
  const GwComponent *component = gw_node_component_for(node, firmware->type);
  return rule->is_push || gw_who_takes_version(&rule->who, component,
                                               product ? product->scheme : GW_VERSION_OPAQUE, ret_reason);
}
