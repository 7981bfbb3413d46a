/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plugin's words as data, on the link: GatewayPlugin <-> a{sv}, and a read-only view of it for the core,
 * which never loads a plugin. */
#pragma once
#include "gateway-plugin.h"
#include <glib.h>

/* A constant may hold so many rows of each table. */
#define GW_TABLE_MAX_ROWS 64
#define GW_TABLE_MAX_LISTENS 16
#define GW_TABLE_MAX_CODES 512

/* Everything of the constant but its functions; floating a{sv}. */
GVariant *gw_plugin_table_pack(const GatewayPlugin *plugin);

typedef struct GwPluginTable GwPluginTable; /* immutable */
/* Bounded and checked; NULL and error for a table that makes no sense (BAD_INPUT), and for the row that a
 * worker sends of a file it refused (DENIED; the error says which file and why). */
GwPluginTable *gw_plugin_table_unpack(GVariant *table, GError **error);
void gw_plugin_table_free(GwPluginTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPluginTable, gw_plugin_table_free)
/* The constant as the plugin wrote it, `functions` NULL; all texts owned by the table. */
const GatewayPlugin *gw_plugin_table_constant(const GwPluginTable *table);
/* The raw a{sv}, for D-Bus. Borrowed. */
GVariant *gw_plugin_table_variant(const GwPluginTable *table);
/* The worker did not load it, because it died of it too often: why (caller frees). */
gboolean gw_plugin_table_is_held(const GwPluginTable *table, char **ret_reason);
