/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/registry.h"

#include <string.h>

#define ALIASES_MAX 8
#define ADDRESSES_MAX 16 /* of one node: who takes more is asked about anew */
#define ALIAS_MAX_SIZE 128

/* Stands in by_mac for a MAC that is nobody's own. */
static GwNode SHARED;

struct GwRegistry {
  GHashTable *by_id;    /* id, borrowed from the node -> GwNode, owned */
  GHashTable *by_mac;   /* MAC -> GwNode or &SHARED */
  GHashTable *by_alias; /* alias -> GwNode */
  GHashTable *at;       /* address -> GwNode */
  GHashTable *n_at;     /* GwNode -> at how many addresses: it may have two, and moves */
  guint n_adopted;
};

GwRegistry *
gw_registry_new(void)
{
  GwRegistry *registry = g_new0(GwRegistry, 1);

  registry->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_node_free);
  registry->by_mac = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  registry->by_alias = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  registry->at = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  registry->n_at = g_hash_table_new(NULL, NULL);
  return registry;
}

void
gw_registry_free(GwRegistry *registry)
{
  if (!registry)
    return;
  g_hash_table_unref(registry->at);
  g_hash_table_unref(registry->n_at);
  g_hash_table_unref(registry->by_alias);
  g_hash_table_unref(registry->by_mac);
  g_hash_table_unref(registry->by_id);
  g_free(registry);
}

GwNode *
gw_registry_find(const GwRegistry *registry, const char *id)
{
  return g_hash_table_lookup(registry->by_id, id);
}

GwNode *
gw_registry_find_mac(const GwRegistry *registry, const char *mac)
{
  GwNode *node = g_hash_table_lookup(registry->by_mac, mac);

  return node == &SHARED ? NULL : node;
}

GwNode *
gw_registry_find_alias(const GwRegistry *registry, const char *alias)
{
  return g_hash_table_lookup(registry->by_alias, alias);
}

/* A MAC that a second named node shows belongs to a router in between. */
static void
index_mac(GwRegistry *registry, GwNode *node)
{
  GwNode *holder = *node->mac ? g_hash_table_lookup(registry->by_mac, node->mac) : NULL;

  if (*node->mac && holder != node)
    g_hash_table_insert(registry->by_mac, g_strdup(node->mac), holder ? &SHARED : node);
}

static void
unindex_mac(GwRegistry *registry, const GwNode *node)
{
  if (*node->mac && g_hash_table_lookup(registry->by_mac, node->mac) == node)
    g_hash_table_remove(registry->by_mac, node->mac);
}

GwNode *
gw_registry_add(GwRegistry *registry, GwNode *node)
{
  g_assert(!g_hash_table_contains(registry->by_id, node->id));
  g_hash_table_insert(registry->by_id, node->id, node);
  index_mac(registry, node);
  for (guint i = 0; i < node->aliases->len; i++)
    g_hash_table_insert(registry->by_alias, g_strdup(node->aliases->pdata[i]), node);
  registry->n_adopted += node->is_adopted ? 1 : 0;
  return node;
}

/* ---- addresses ---- */

static void
count_at(GwRegistry *registry, GwNode *node, int change)
{
  int n = GPOINTER_TO_INT(g_hash_table_lookup(registry->n_at, node)) + change;

  if (n > 0)
    g_hash_table_insert(registry->n_at, node, GINT_TO_POINTER(n));
  else
    g_hash_table_remove(registry->n_at, node);
}

GwNode *
gw_registry_at(const GwRegistry *registry, const char *address)
{
  return g_hash_table_lookup(registry->at, address);
}

void
gw_registry_forget_at(GwRegistry *registry, const char *address)
{
  GwNode *node = gw_registry_at(registry, address);

  if (!node)
    return;
  g_hash_table_remove(registry->at, address);
  count_at(registry, node, -1);
}

static gboolean
is_same(gpointer key, gpointer value, gpointer user)
{
  return value == user;
}

/* Most nodes are at the one address that they were heard from last. */
static void
leave_addresses(GwRegistry *registry, GwNode *node)
{
  if (gw_registry_at(registry, node->address) == node)
    gw_registry_forget_at(registry, node->address);
  if (!g_hash_table_contains(registry->n_at, node))
    return;
  g_hash_table_foreach_remove(registry->at, is_same, node);
  g_hash_table_remove(registry->n_at, node);
}

void
gw_registry_set_at(GwRegistry *registry, const char *address, GwNode *node)
{
  if (gw_registry_at(registry, address) == node)
    return;
  gw_registry_forget_at(registry, address);
  if (GPOINTER_TO_INT(g_hash_table_lookup(registry->n_at, node)) >= ADDRESSES_MAX)
    leave_addresses(registry, node);
  g_hash_table_insert(registry->at, g_strdup(address), node);
  count_at(registry, node, 1);
}

/* ---- the end of a node ---- */

void
gw_registry_remove(GwRegistry *registry, GwNode *node)
{
  unindex_mac(registry, node);
  for (guint i = 0; i < node->aliases->len; i++)
    if (gw_registry_find_alias(registry, node->aliases->pdata[i]) == node)
      g_hash_table_remove(registry->by_alias, node->aliases->pdata[i]);
  leave_addresses(registry, node);
  registry->n_adopted -= node->is_adopted ? 1 : 0;
  g_hash_table_remove(registry->by_id, node->id);
}

void
gw_registry_set_mac(GwRegistry *registry, GwNode *node, const char *mac)
{
  if (strcmp(node->mac, mac) == 0)
    return;
  unindex_mac(registry, node);
  g_strlcpy(node->mac, mac, sizeof node->mac);
  index_mac(registry, node);
}

gboolean
gw_registry_add_alias(GwRegistry *registry, GwNode *node, const char *alias)
{
  if (node->aliases->len >= ALIASES_MAX || strlen(alias) > ALIAS_MAX_SIZE ||
      gw_registry_find_alias(registry, alias))
    return FALSE;
  g_ptr_array_add(node->aliases, g_strdup(alias));
  g_hash_table_insert(registry->by_alias, g_strdup(alias), node);
  return TRUE;
}

void
gw_registry_iter(const GwRegistry *registry, GHashTableIter *ret_iter)
{
  g_hash_table_iter_init(ret_iter, registry->by_id);
}

guint
gw_registry_count(const GwRegistry *registry)
{
  return g_hash_table_size(registry->by_id);
}

guint
gw_registry_count_adopted(const GwRegistry *registry)
{
  return registry->n_adopted;
}

void
gw_registry_set_adopted(GwRegistry *registry, GwNode *node, gboolean is_adopted)
{
  if (node->is_adopted == is_adopted)
    return;
  node->is_adopted = is_adopted;
  registry->n_adopted += is_adopted ? 1 : -1u;
}

static int
compare_last(gconstpointer a, gconstpointer b)
{
  const GwNode *left = *(const GwNode *const *)a, *right = *(const GwNode *const *)b;

  return left->last_ms < right->last_ms ? -1 : left->last_ms > right->last_ms;
}

GPtrArray *
gw_registry_strangers_beyond(const GwRegistry *registry, guint max)
{
  GPtrArray *strangers = g_ptr_array_new();
  GHashTableIter iter;
  gpointer node;

  gw_registry_iter(registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &node))
    if (!((GwNode *)node)->is_adopted)
      g_ptr_array_add(strangers, node);
  g_ptr_array_sort(strangers, compare_last);
  g_ptr_array_set_size(strangers, strangers->len > max ? (int)(strangers->len - max) : 0);
  return strangers;
}
