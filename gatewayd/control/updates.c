/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/updates.h"

#include <string.h>

struct GwUpdates {
  GHashTable *by_id; /* &update->id -> GwUpdate, owned */
  GHashTable *of;    /* node -> GPtrArray of GwUpdate: those that are held, at most one open per component */
  GHashTable *ended; /* set of GwUpdate by (node, rule, firmware): a rule may have one for each part */
};

static guint
ended_hash(gconstpointer key)
{
  const GwUpdate *update = key;

  return (g_str_hash(update->node) * 31u + (guint)update->rule_id) * 31u + (guint)update->firmware_id;
}

static gboolean
ended_equal(gconstpointer a, gconstpointer b)
{
  const GwUpdate *left = a, *right = b;

  return left->rule_id == right->rule_id && left->firmware_id == right->firmware_id &&
         strcmp(left->node, right->node) == 0;
}

GwUpdates *
gw_updates_new(void)
{
  GwUpdates *updates = g_new0(GwUpdates, 1);

  updates->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)gw_update_free);
  updates->of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  updates->ended = g_hash_table_new(ended_hash, ended_equal);
  return updates;
}

void
gw_updates_free(GwUpdates *updates)
{
  if (!updates)
    return;
  g_hash_table_unref(updates->of);
  g_hash_table_unref(updates->ended);
  g_hash_table_unref(updates->by_id);
  g_free(updates);
}

static void
add_of_node(GwUpdates *updates, GwUpdate *update)
{
  GPtrArray *list = g_hash_table_lookup(updates->of, update->node);

  if (!list) {
    list = g_ptr_array_sized_new(1);
    g_hash_table_insert(updates->of, g_strdup(update->node), list);
  }
  g_ptr_array_add(list, update);
}

static void
remove_of_node(GwUpdates *updates, GwUpdate *update)
{
  GPtrArray *list = g_hash_table_lookup(updates->of, update->node);

  if (!list)
    return;
  g_ptr_array_remove(list, update);
  if (list->len == 0)
    g_hash_table_remove(updates->of, update->node);
}

GwUpdate *
gw_updates_add(GwUpdates *updates, GwUpdate *update)
{
  g_hash_table_insert(updates->by_id, &update->id, update);
  add_of_node(updates, update);
  if (gw_update_state_is_final(update->state))
    g_hash_table_replace(updates->ended, update, update);
  return update;
}

void
gw_updates_close(GwUpdates *updates, GwUpdate *update)
{
  g_hash_table_replace(updates->ended, update, update);
}

void
gw_updates_drop(GwUpdates *updates, GwUpdate *update)
{
  gint64 id = update->id;

  remove_of_node(updates, update);
  if (g_hash_table_lookup(updates->ended, update) == update)
    g_hash_table_remove(updates->ended, update);
  g_hash_table_remove(updates->by_id, &id);
}

GwUpdate *
gw_updates_find(const GwUpdates *updates, gint64 id)
{
  return g_hash_table_lookup(updates->by_id, &id);
}

const GPtrArray *
gw_updates_of_node(const GwUpdates *updates, const char *node)
{
  return g_hash_table_lookup(updates->of, node);
}

GwUpdate *
gw_updates_open(const GwUpdates *updates, const char *node, const char *type)
{
  const GPtrArray *list = gw_updates_of_node(updates, node);
  GwUpdate *found = NULL;

  for (guint i = 0; list && i < list->len; i++) {
    GwUpdate *update = list->pdata[i];

    if (gw_update_state_is_final(update->state))
      continue;
    if (strcmp(update->type, type) == 0)
      return update;
    if (!found && (!*type || !*update->type))
      found = update;
  }
  return found;
}

GwUpdate *
gw_updates_ended(const GwUpdates *updates, const char *node, gint64 rule_id, gint64 firmware_id)
{
  GwUpdate key = { .node = (char *)node, .rule_id = rule_id, .firmware_id = firmware_id };

  return g_hash_table_lookup(updates->ended, &key);
}

void
gw_updates_iter(const GwUpdates *updates, GHashTableIter *ret_iter)
{
  g_hash_table_iter_init(ret_iter, updates->by_id);
}

GPtrArray *
gw_updates_open_of_rule(const GwUpdates *updates, gint64 rule_id)
{
  GPtrArray *found = g_ptr_array_new();
  GHashTableIter iter;
  gpointer value;

  gw_updates_iter(updates, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwUpdate *update = value;

    if (!gw_update_state_is_final(update->state) && (!rule_id || update->rule_id == rule_id))
      g_ptr_array_add(found, update);
  }
  return found;
}
