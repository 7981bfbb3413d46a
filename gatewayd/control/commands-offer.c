/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What would this node read now? The words are its make's (GatewayPlugin.offer_text), the decision is the one
 * of its next ask; to look at it promises nothing. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "control/commands-private.h"
#include "control/scheduler.h"

static char *
fill_in(const char *text, const GwFirmware *firmware, const char *version)
{
  g_autofree char *name = gw_log_inert(firmware->name);
  g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, firmware->size);
  const struct {
    const char *word, *value;
  } words[] = { { "{name}", name }, { "{size}", size }, { "{version}", version } };
  GString *filled = g_string_new(NULL);

  while (*text) {
    gsize i = 0;

    while (i < G_N_ELEMENTS(words) && !g_str_has_prefix(text, words[i].word))
      i++;
    if (i == G_N_ELEMENTS(words)) {
      g_string_append_c(filled, *text++);
      continue;
    }
    g_string_append(filled, words[i].value);
    text += strlen(words[i].word);
  }
  return g_string_free(filled, FALSE);
}

static gboolean
has_room(const GwCore *core, const GwNode *node, const GwUpdate *update, const GwRule *rule)
{
  return (update && gw_slots_is_held(core->slots, update->id)) ||
         gw_scheduler_has_room(core, node, rule, NULL);
}

static char *
word_offer(GwCore *core, const GwNode *node, const GatewayPlugin *plugin)
{
  GwNow now = gw_core_now(core);
  const GwUpdate *update;
  GwVerdict verdict = gw_scheduler_foresee(core, node, &now, &update);
  gboolean is_begun = update && update->state != GW_UPDATE_SCHEDULED;
  const char *version;

  if (!verdict.is_offer || (!is_begun && !has_room(core, node, update, verdict.rule)))
    return g_strdup(plugin->nothing_text);
  version = verdict.rule ? gw_rule_version(verdict.rule, verdict.firmware)
            : is_begun   ? gw_firmwares_version_of(core->firmwares, update)
                         : verdict.firmware->software_version;
  return fill_in(plugin->offer_text, verdict.firmware, version);
}

static const GatewayPlugin *
plugin_of(const GwCore *core, const GwNode *node, GError **error)
{
  const GwProduct *product = gw_products_find(core->firmwares, node->product);
  const char *name = *node->plugin ? node->plugin : product ? product->plugin : "";
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, name);

  if (!plugin)
    gw_fail(error, GW_ERROR_BUSY, "what node %s speaks is not known, or that transport is away", node->id);
  else if (!plugin->offer_text || !plugin->nothing_text)
    gw_fail(error, GW_ERROR_UNSUPPORTED, "nodes of transport %s are told nothing that a person would read",
            name);
  return plugin && plugin->offer_text && plugin->nothing_text ? plugin : NULL;
}

void
gw_command_offer(GwCore *core, const GwCaller *caller, const char *id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  const GwNode *node = gw_commands_node(core, id, &error);
  const GatewayPlugin *plugin = node ? plugin_of(core, node, &error) : NULL;
  g_autofree char *text = NULL;

  if (!plugin) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  text = word_offer(core, node, plugin);
  gw_then_succeed(core, then, g_variant_new("(s)", text));
}
