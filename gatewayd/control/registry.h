/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All nodes that are known, found by name, MAC, alias or address. It holds and finds them; who an asker is,
 * is decided in identity.c; what is durable is written by those who change a node. Main thread. */
#pragma once
#include "model/node.h"

typedef struct GwRegistry GwRegistry;
GwRegistry *gw_registry_new(void);
void gw_registry_free(GwRegistry *registry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwRegistry, gw_registry_free)

/* Takes @node, whose id must be new, with its MAC and aliases. Returned: the same, borrowed until removed. */
GwNode *gw_registry_add(GwRegistry *registry, GwNode *node);
void gw_registry_remove(GwRegistry *registry, GwNode *node);
GwNode *gw_registry_find(const GwRegistry *registry, const char *id);
/* NULL also for a MAC that several named nodes share: they sit behind one router. */
GwNode *gw_registry_find_mac(const GwRegistry *registry, const char *mac);
GwNode *gw_registry_find_alias(const GwRegistry *registry, const char *alias);

/* These keep the indexes right. */
void gw_registry_set_mac(GwRegistry *registry, GwNode *node, const char *mac);
/* At most 8 aliases of at most 128 bytes; more are left out. TRUE = it is new. */
gboolean gw_registry_add_alias(GwRegistry *registry, GwNode *node, const char *alias);

/* Which node asks from an address that says no name of its own. NULL = not seen, or forgotten. */
GwNode *gw_registry_at(const GwRegistry *registry, const char *address);
void gw_registry_set_at(GwRegistry *registry, const char *address, GwNode *node);
/* What was at @address is unknown from now on. */
void gw_registry_forget_at(GwRegistry *registry, const char *address);

/* Every node, in no order. */
void gw_registry_iter(const GwRegistry *registry, GHashTableIter *ret_iter);
guint gw_registry_count(const GwRegistry *registry);
/* The longest unheard nodes that are not adopted, so many that at most @max of these stay. Caller frees the
 * array; the nodes are borrowed. */
GPtrArray *gw_registry_strangers_beyond(const GwRegistry *registry, guint max);
void gw_registry_set_adopted(GwRegistry *registry, GwNode *node, gboolean is_adopted);
guint gw_registry_count_adopted(const GwRegistry *registry);
