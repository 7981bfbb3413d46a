/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One section of the configuration as its plugin sees it: checked against the plugin's own table, with the
 * table's defaults filled in. Immutable; any thread. */
#pragma once
#include <glib.h>

#include "gateway-plugin.h"

typedef struct GwSettings GwSettings;
/* @table is borrowed for ever (plugins are never unloaded). @values: a{ss}, what was written; keys in @others
 * (NULL-terminated, or NULL) are somebody else's and passed over. An unknown key or a bad value is
 * GW_ERROR_BAD_INPUT and names it. */
GwSettings *gw_settings_new(const GatewaySetting *table, guint n_table, GVariant *values,
                            const char *const *others, GError **error);
void gw_settings_free(GwSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSettings, gw_settings_free)

/* For the plugin: secrets read as NULL, keys that its table does not hold as NULL, 0, false. */
const GatewaySettings *gw_settings_view(const GwSettings *settings);

/* For the host, which knows some keys by name: what was written, else the fallback, else ""; secrets too. A
 * key that the table does not hold reads as "" and as @absent. */
const char *gw_settings_text(const GwSettings *settings, const char *key);
gint64 gw_settings_number(const GwSettings *settings, const char *key, gint64 absent);
