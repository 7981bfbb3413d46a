/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plugins that the workers brought: their words as data, and the checks and numbers that follow from
 * them. The core never loads a plugin. Main thread. */
#pragma once
#include "base/config.h"
#include "link/table.h"
#include "model/firmware.h"
#include "model/inference.h"

typedef struct GwPlugins GwPlugins;
GwPlugins *gw_plugins_new(void);
void gw_plugins_free(GwPlugins *plugins);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPlugins, gw_plugins_free)
/* What worker @worker ("lan net", "wan") brought (aa{sv}, or NULL); replaces what it brought before. Returns
 * how many of its tables made no sense; each is named in @ret_problems (texts; caller frees). */
guint gw_plugins_learn(GwPlugins *plugins, const char *worker, GVariant *tables, GPtrArray **ret_problems);
/* What is refused or held back just now: texts for people. Caller frees. */
GPtrArray *gw_plugins_problems(const GwPlugins *plugins);
/* The constant of a transport or upstream, or NULL while nobody has brought it. */
const GatewayPlugin *gw_plugins_find(const GwPlugins *plugins, const char *name);
/* name -> GwPluginTable, and the worker it came from. */
void gw_plugins_iter(const GwPlugins *plugins, GHashTableIter *ret_iter);
GwPluginTable *gw_plugins_table(const GwPlugins *plugins, const char *name);
const char *gw_plugins_worker(const GwPlugins *plugins, const char *name);
/* Why a worker did not let it in; NULL = it did. Borrowed. */
const char *gw_plugins_refusal(const GwPlugins *plugins, const char *name);
/* Of all, refused ones too; borrowed until the next hello. Caller frees the array. */
GPtrArray *gw_plugins_names(const GwPlugins *plugins);

/* Numbers of a silent make: the operator's, else the plugin's, else one hour of caution. */
GwInferenceRule gw_plugin_inference(const GatewayPlugin *plugin, const char *name, const GwConfig *config);
/* A pin without bytes for so long may be given up for a newer firmware. */
gint64 gw_plugin_pin_ms(const GatewayPlugin *plugin, const char *name, const GwConfig *config);

/* Do the form's values fit the plugin's fields? BAD_INPUT names the field and what is expected. */
gboolean gw_plugin_check_form(const GatewayPlugin *plugin, const GwFirmware *firmware, GError **error);
/* Does the image fit? @head: its first bytes (all, if it is shorter). */
gboolean gw_plugin_check_image(const GatewayPlugin *plugin, const GwFirmware *firmware, GBytes *head,
                               GError **error);
/* How many bytes of head the rules look at. */
gsize gw_plugin_head_size(const GatewayPlugin *plugin);
