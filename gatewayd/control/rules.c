/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/rules.h"

#include <string.h>

/* A live rule stands in exactly one of the three: under each id it lists, under each MAC it lists, or under
 * its products. */
struct GwRules {
  const GwFirmwares *firmwares;
  GHashTable *by_id;                         /* &rule->id -> GwRule, owned */
  GHashTable *of_node, *of_mac, *of_product; /* text -> GPtrArray of GwRule */
};

static GHashTable *
index_new(void)
{
  return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
}

GwRules *
gw_rules_new(const GwFirmwares *firmwares)
{
  GwRules *rules = g_new0(GwRules, 1);

  rules->firmwares = firmwares;
  rules->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)gw_rule_free);
  rules->of_node = index_new();
  rules->of_mac = index_new();
  rules->of_product = index_new();
  return rules;
}

void
gw_rules_free(GwRules *rules)
{
  if (!rules)
    return;
  g_hash_table_unref(rules->of_node);
  g_hash_table_unref(rules->of_mac);
  g_hash_table_unref(rules->of_product);
  g_hash_table_unref(rules->by_id);
  g_free(rules);
}

gboolean
gw_rule_is_live(const GwRule *rule)
{
  return rule->state == GW_RULE_RUNNING || rule->state == GW_RULE_PAUSED;
}

static void
index_under(GHashTable *index, const char *key, GwRule *rule)
{
  GPtrArray *list = g_hash_table_lookup(index, key);

  if (!list) {
    list = g_ptr_array_new();
    g_hash_table_insert(index, g_strdup(key), list);
  }
  g_ptr_array_add(list, rule);
}

static void
index_under_all(GHashTable *index, GHashTable *keys, GwRule *rule)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init(&iter, keys);
  while (g_hash_table_iter_next(&iter, &key, NULL))
    index_under(index, key, rule);
}

static gboolean
is_product_before(const GwRules *rules, const GwRule *rule, guint n, const char *product)
{
  for (guint i = 0; i < n; i++) {
    const GwFirmware *firmware = gw_firmwares_find(rules->firmwares, gw_rule_firmware(rule, i));

    if (firmware && strcmp(firmware->product, product) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Under the product of each of its firmwares, once. */
static void
index_under_products(GwRules *rules, GwRule *rule)
{
  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = gw_firmwares_find(rules->firmwares, gw_rule_firmware(rule, i));

    if (firmware && !is_product_before(rules, rule, i, firmware->product))
      index_under(rules->of_product, firmware->product, rule);
  }
}

static void
index_rule(GwRules *rules, GwRule *rule)
{
  const GwWho *who = &rule->who;

  if (!gw_rule_is_live(rule))
    return;
  if (who->nodes && !who->macs && !who->imeis && !who->prefixes)
    index_under_all(rules->of_node, who->nodes, rule);
  else if (who->macs && !who->nodes && !who->imeis && !who->prefixes)
    index_under_all(rules->of_mac, who->macs, rule);
  else
    index_under_products(rules, rule);
}

void
gw_rules_reindex(GwRules *rules)
{
  GHashTableIter iter;
  gpointer rule;

  g_hash_table_remove_all(rules->of_node);
  g_hash_table_remove_all(rules->of_mac);
  g_hash_table_remove_all(rules->of_product);
  g_hash_table_iter_init(&iter, rules->by_id);
  while (g_hash_table_iter_next(&iter, NULL, &rule))
    index_rule(rules, rule);
}

GwRule *
gw_rules_add(GwRules *rules, GwRule *rule)
{
  g_hash_table_insert(rules->by_id, &rule->id, rule);
  index_rule(rules, rule);
  return rule;
}

void
gw_rules_remove(GwRules *rules, GwRule *rule)
{
  gint64 id = rule->id;

  g_hash_table_remove(rules->by_id, &id);
  gw_rules_reindex(rules);
}

GwRule *
gw_rules_find(const GwRules *rules, gint64 id)
{
  return g_hash_table_lookup(rules->by_id, &id);
}

GwRule *
gw_rules_find_name(const GwRules *rules, const char *name)
{
  GHashTableIter iter;
  gpointer rule;

  g_hash_table_iter_init(&iter, rules->by_id);
  while (g_hash_table_iter_next(&iter, NULL, &rule))
    if (strcmp(((GwRule *)rule)->name, name) == 0)
      return rule;
  return NULL;
}

void
gw_rules_iter(const GwRules *rules, GHashTableIter *ret_iter)
{
  g_hash_table_iter_init(ret_iter, rules->by_id);
}

guint
gw_rules_count(const GwRules *rules)
{
  return g_hash_table_size(rules->by_id);
}

static void
collect(GHashTable *index, const char *key, GPtrArray *found)
{
  const GPtrArray *list = *key ? g_hash_table_lookup(index, key) : NULL;

  for (guint i = 0; list && i < list->len; i++)
    g_ptr_array_add(found, list->pdata[i]);
}

/* A rule may list several MACs of one node. */
static void
collect_new(GHashTable *index, const char *key, GPtrArray *found)
{
  const GPtrArray *list = g_hash_table_lookup(index, key);

  for (guint i = 0; list && i < list->len; i++)
    if (!g_ptr_array_find(found, list->pdata[i], NULL))
      g_ptr_array_add(found, list->pdata[i]);
}

void
gw_rules_collect(const GwRules *rules, const GwNode *node, GPtrArray *found)
{
  collect(rules->of_node, node->id, found);
  collect(rules->of_mac, node->mac, found);
  for (guint i = 0; i < node->aliases->len; i++) {
    const char *alias = node->aliases->pdata[i];

    if (g_str_has_prefix(alias, "mac=") && strcmp(alias + strlen("mac="), node->mac) != 0)
      collect_new(rules->of_mac, alias + strlen("mac="), found);
  }
  collect(rules->of_product, node->product, found);
}
