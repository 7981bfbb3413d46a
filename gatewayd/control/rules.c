/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/rules.h"

#include <string.h>

#include "control/rule-index.h"

struct GwRules {
  const GwFirmwares *firmwares;
  GHashTable *by_id; /* &rule->id -> GwRule, owned */
  GHashTable *marks; /* GwRule -> of what it was put in the index by; those alone stand there */
  GwRuleIndex *index;
};

GwRules *
gw_rules_new(const GwFirmwares *firmwares)
{
  GwRules *rules = g_new0(GwRules, 1);

  rules->firmwares = firmwares;
  rules->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)gw_rule_free);
  rules->marks = g_hash_table_new(NULL, NULL);
  rules->index = gw_rule_index_new();
  return rules;
}

void
gw_rules_free(GwRules *rules)
{
  if (!rules)
    return;
  gw_rule_index_free(rules->index);
  g_hash_table_unref(rules->marks);
  g_hash_table_unref(rules->by_id);
  g_free(rules);
}

gboolean
gw_rule_is_live(const GwRule *rule)
{
  return rule->state == GW_RULE_RUNNING || rule->state == GW_RULE_PAUSED;
}

/* Another one when the rule would stand elsewhere; 0 = it stands nowhere. */
static gsize
mark_of(const GwRules *rules, const GwRule *rule)
{
  gsize mark = 1;

  if (!gw_rule_is_live(rule))
    return 0;
  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = gw_firmwares_find(rules->firmwares, gw_rule_firmware(rule, i));

    mark = mark * 31 + (firmware ? g_str_hash(firmware->product) : 0);
  }
  return MAX(mark, 1);
}

static void
index_rule(GwRules *rules, GwRule *rule)
{
  gsize old_mark = GPOINTER_TO_SIZE(g_hash_table_lookup(rules->marks, rule)), mark = mark_of(rules, rule);

  if (mark == old_mark)
    return;
  if (old_mark)
    gw_rule_index_remove(rules->index, rule);
  if (mark)
    gw_rule_index_add(rules->index, rule, rules->firmwares);
  if (mark)
    g_hash_table_insert(rules->marks, rule, GSIZE_TO_POINTER(mark));
  else
    g_hash_table_remove(rules->marks, rule);
}

void
gw_rules_reindex(GwRules *rules)
{
  GHashTableIter iter;
  gpointer rule;

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

  gw_rule_index_remove(rules->index, rule);
  g_hash_table_remove(rules->marks, rule);
  g_hash_table_remove(rules->by_id, &id);
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

void
gw_rules_collect(const GwRules *rules, const GwNode *node, GPtrArray *found)
{
  gw_rule_index_collect(rules->index, node, found);
}

guint
gw_rules_count_live(const GwRules *rules)
{
  return g_hash_table_size(rules->marks);
}

void
gw_rules_collect_live(const GwRules *rules, GPtrArray *found)
{
  GHashTableIter iter;
  gpointer rule;

  g_hash_table_iter_init(&iter, rules->marks);
  while (g_hash_table_iter_next(&iter, &rule, NULL))
    g_ptr_array_add(found, rule);
}
