/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/rule.h"
#include <string.h>

#define MINUTE_MS ((gint64)60 * 1000)
#define DAY_MINUTES 1440u
#define DAY_MS (DAY_MINUTES * MINUTE_MS)

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
  g_free(rule->number);
  g_free(rule->overrides);
  g_free(rule->product);
  g_free(rule->location);
  g_clear_pointer(&rule->nodes, g_hash_table_unref);
  g_clear_pointer(&rule->macs, g_hash_table_unref);
  g_clear_pointer(&rule->versions, g_hash_table_unref);
  g_free(rule);
}

const char *
gw_rule_version(const GwRule *rule, const GwFirmware *firmware)
{
  return *rule->number ? rule->number : firmware->software_version;
}

static gboolean
has_listed_mac(const GwRule *rule, const GwNode *node)
{
  if (g_hash_table_contains(rule->macs, node->mac))
    return TRUE;
  for (guint i = 0; i < node->aliases->len; i++) {
    const char *alias = g_ptr_array_index(node->aliases, i);
    if (g_str_has_prefix(alias, "mac=") && g_hash_table_contains(rule->macs, alias + strlen("mac=")))
      return TRUE;
  }
  return FALSE;
}

gboolean
gw_rule_targets(const GwRule *rule, const GwNode *node, const GwFirmware *firmware, const char **ret_reason)
{
  const char *product = *rule->product ? rule->product : firmware->product;
  const char *reason = NULL;
  if (strcmp(node->product, product) != 0)
    reason = "the rule is for another product";
  else if (rule->nodes && !g_hash_table_contains(rule->nodes, node->id))
    reason = "the node is not in the rule's list of nodes";
  else if (rule->macs && !has_listed_mac(rule, node))
    reason = "the node's MAC is not in the rule's list";
  else if (!gw_location_match(rule->location, node->location))
    reason = "the rule is for another location";
  if (reason && ret_reason)
    *ret_reason = reason;
  return reason == NULL;
}

gboolean
gw_rule_takes_version(const GwRule *rule, const GwNode *node, const GwFirmware *firmware,
                      const char **ret_reason)
{
  const GwComponent *component = gw_node_component_for(node, firmware->type);
  const char *reason = NULL;
  if (!gw_component_is_known(component)) {
    if (!rule->is_unknown_included && !rule->is_push)
      reason = "the node's version is unknown, and the rule does not include such nodes";
  } else if (rule->versions && !g_hash_table_contains(rule->versions, component->software_version)) {
    reason = "the rule is for nodes that run other versions";
  }
  if (reason && ret_reason)
    *ret_reason = reason;
  return reason == NULL;
}

gboolean
gw_rule_matches(const GwRule *rule, const GwNode *node, const GwFirmware *firmware, const char **ret_reason)
{
  return gw_rule_targets(rule, node, firmware, ret_reason) &&
         gw_rule_takes_version(rule, node, firmware, ret_reason);
}

/* One character further, whole UTF-8 sequences at a time, never past the NUL. */
static const char *
next_char(const char *text)
{
  text++;
  while ((*text & 0xC0) == 0x80)
    text++;
  return text;
}

static gboolean
same_char(const char *a, const char *b)
{
  gsize size = (gsize)(next_char(a) - a);
  return size == (gsize)(next_char(b) - b) && memcmp(a, b, size) == 0;
}

/* One level of a path, both without '/'. Goes back to the last star only, so it is never exponential. */
static gboolean
level_match(const char *pattern, const char *pattern_end, const char *text, const char *text_end)
{
  const char *star = NULL, *star_text = NULL;
  while (text < text_end) {
    if (pattern < pattern_end && *pattern == '*') {
      star = ++pattern;
      star_text = text;
    } else if (pattern < pattern_end && (*pattern == '?' || same_char(pattern, text))) {
      pattern = next_char(pattern);
      text = next_char(text);
    } else if (star) {
      pattern = star;
      text = star_text = next_char(star_text);
    } else {
      return FALSE;
    }
  }
  while (pattern < pattern_end && *pattern == '*')
    pattern++;
  return pattern == pattern_end;
}

gboolean
gw_location_match(const char *pattern, const char *location)
{
  if (*pattern == '\0')
    return TRUE;
  if (*location == '\0') /* no levels at all, which is not one level of no characters */
    return strcmp(pattern, "**") == 0;
  for (;;) {
    if (strcmp(pattern, "**") == 0)
      return TRUE;
    const char *pattern_end = strchrnul(pattern, '/');
    const char *location_end = strchrnul(location, '/');
    if (!level_match(pattern, pattern_end, location, location_end))
      return FALSE;
    if (*location_end == '\0')
      return *pattern_end == '\0' || strcmp(pattern_end, "/**") == 0;
    if (*pattern_end == '\0')
      return FALSE;
    pattern = pattern_end + 1;
    location = location_end + 1;
  }
}

gboolean
gw_rule_is_timed(const GwRule *rule)
{
  return rule->not_before_ms != 0 || rule->not_after_ms != 0 ||
         rule->from_minute % DAY_MINUTES != rule->until_minute % DAY_MINUTES;
}

/* The hours of the day alone. 24:00 is 00:00 of the next day, so both ends are taken modulo a day. */
static GwWindow
hours_at(const GwRule *rule, gint64 wall_ms)
{
  gint64 from_ms = rule->from_minute % DAY_MINUTES * MINUTE_MS;
  gint64 until_ms = rule->until_minute % DAY_MINUTES * MINUTE_MS;
  if (from_ms == until_ms)
    return (GwWindow){ .is_open = TRUE, .edge_ms = G_MAXINT64 };
  gint64 into_ms = wall_ms % DAY_MS;
  if (into_ms < 0)
    into_ms += DAY_MS;
  gboolean is_open = from_ms < until_ms ? into_ms >= from_ms && into_ms < until_ms
                                        : into_ms >= from_ms || into_ms < until_ms;
  gint64 edge_ms = wall_ms - into_ms + (is_open ? until_ms : from_ms);
  if (edge_ms <= wall_ms)
    edge_ms += DAY_MS;
  return (GwWindow){ .is_open = is_open, .edge_ms = edge_ms };
}

GwWindow
gw_rule_window(const GwRule *rule, gint64 wall_ms)
{
  const GwWindow never = { .is_open = FALSE, .edge_ms = G_MAXINT64 };
  gint64 end_ms = rule->not_after_ms ? rule->not_after_ms : G_MAXINT64;
  if (wall_ms >= end_ms)
    return never;
  GwWindow window;
  if (rule->not_before_ms && wall_ms < rule->not_before_ms) {
    window = hours_at(rule, rule->not_before_ms);
    if (window.is_open)
      window.edge_ms = rule->not_before_ms;
    window.is_open = FALSE;
  } else {
    window = hours_at(rule, wall_ms);
  }
  if (window.is_open)
    window.edge_ms = MIN(window.edge_ms, end_ms);
  else if (window.edge_ms >= end_ms)
    return never;
  return window;
}
