/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "site.h"
#include <string.h>

void
set(char **text, const char *value)
{
  g_free(*text);
  *text = g_strdup(value);
}

GHashTable *
set_of(const char *member)
{
  GHashTable *set = gw_who_set_new();
  g_hash_table_add(set, g_strdup(member));
  return set;
}

static const GwFirmware *
find_firmware(gpointer user, gint64 id)
{
  Site *site = user;
  return id >= 1 && id <= 3 ? site->firmware[id - 1] : NULL;
}

static const GwProduct *
find_product(gpointer user, const char *name)
{
  Site *site = user;
  return site->product && strcmp(site->product->name, name) == 0 ? site->product : NULL;
}

static const GwUpdate *
find_ended(gpointer user, gint64 rule_id, const GwNode *node, gint64 firmware_id)
{
  Site *site = user;
  g_assert_true(node == site->node);
  return site->ended && site->ended->rule_id == rule_id && site->ended->firmware_id == firmware_id
             ? site->ended
             : NULL;
}

static GwFirmware *
firmware_new(gint64 id, const char *version)
{
  GwFirmware *firmware = gw_firmware_new();
  firmware->id = id;
  set(&firmware->product, "pump");
  set(&firmware->hardware_version, "A");
  set(&firmware->software_version, version);
  gw_firmware_prove(firmware, "seen");
  firmware->image_state = GW_IMAGE_SEALED;
  return firmware;
}

static GwRule *
rule_new(gint64 id, gint64 firmware_id)
{
  GwRule *rule = gw_rule_new("rule");
  rule->id = id;
  gw_rule_add_firmware(rule, firmware_id);
  rule->state = GW_RULE_RUNNING;
  rule->created_ms = id * DAY;
  return rule;
}

void
site_up(Site *site, gconstpointer data)
{
  site->node = gw_node_new("pump-7");
  gw_shared_text_set(&site->node->product, "pump");
  site->node->is_adopted = TRUE;
  GwComponent *component = gw_node_add_component(site->node, "");
  gw_shared_text_set(&component->hardware_version, "A");
  gw_component_set(component, "5", GW_SOURCE_HEARD, 0);
  site->product = gw_product_new("pump");
  site->product->scheme = GW_VERSION_INTEGER;
  site->firmware[0] = firmware_new(1, "5");
  site->firmware[1] = firmware_new(2, "6");
  site->firmware[2] = firmware_new(3, "7");
  site->rules[0] = rule_new(1, 2);
  site->rules[1] = rule_new(2, 3);
  site->open = gw_update_new();
  site->open->id = 1;
  site->open->firmware_id = 2;
  site->open->rule_id = 1;
  site->catalog = (GwCatalogView){ find_firmware, find_product, find_ended, NULL, site };
  site->question = (GwQuestion){
    .node = site->node,
    .type = "",
    .rules = (const GwRule *const *)site->rules,
    .n_rules = 2,
    .catalog = &site->catalog,
  };
  site->now = (GwNow){ .boot_ms = HOUR, .wall_ms = NOON, .is_trusted = TRUE };
}

void
site_down(Site *site, gconstpointer data)
{
  gw_node_free(site->node);
  gw_product_free(site->product);
  for (int i = 0; i < 3; i++)
    gw_firmware_free(site->firmware[i]);
  for (int i = 0; i < 2; i++)
    gw_rule_free(site->rules[i]);
  gw_update_free(site->open);
  gw_update_free(site->ended);
}

GwVerdict
decide(Site *site)
{
  return gw_policy_decide(&site->question, &site->now);
}

void
open_in(Site *site, GwUpdateState state)
{
  site->open->state = state;
  site->question.open_update = site->open;
}

void
end_in(Site *site, GwUpdateState state)
{
  gw_update_free(site->ended);
  site->ended = gw_update_new();
  site->ended->rule_id = 2;
  site->ended->firmware_id = 3;
  site->ended->state = state;
}

void
only_first(Site *site)
{
  site->question.n_rules = 1;
}

void
assert_offer(Site *site, gint64 firmware_id, gint64 rule_id)
{
  GwVerdict verdict = decide(site);
  g_assert_cmpstr(gw_reason_name(verdict.reason), ==, "none");
  g_assert_true(verdict.is_offer);
  g_assert_nonnull(verdict.firmware);
  g_assert_cmpint(verdict.firmware->id, ==, firmware_id);
  g_assert_nonnull(verdict.rule);
  g_assert_cmpint(verdict.rule->id, ==, rule_id);
  g_assert_cmpint(verdict.wait_ms, ==, 0);
}

GwVerdict
assert_no(Site *site, GwReason reason)
{
  GwVerdict verdict = decide(site);
  g_assert_cmpstr(gw_reason_name(verdict.reason), ==, gw_reason_name(reason));
  g_assert_false(verdict.is_offer);
  return verdict;
}

void
assert_text(GwVerdict verdict, const char *part)
{
  g_assert_nonnull(verdict.text);
  if (!strstr(verdict.text, part))
    g_error("\"%s\" does not say \"%s\"", verdict.text, part);
}
