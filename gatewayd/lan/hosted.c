/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/hosted.h"

#include <string.h>

#include "base/config.h"
#include "base/error.h"

#define PASSIVE_PORTS "passive-ports"
#define TEXT_MAX 512
#define NODE_MAX 64

/* Keys of [plugin NAME] that are the host's or the core's. */
static const char *const HOST_KEYS[] = {
  "enabled",         "listen",          "certificate",        "key",       "pin", "inference-requests",
  "inference-apart", "inference-bytes", "inference-not-back", "transfers", NULL
};

GwHosted *
gw_hosted_new(const GwPluginFile *file, guint number, GwGuard *guard)
{
  GwHosted *hosted = g_new0(GwHosted, 1);

  hosted->file = file;
  hosted->plugin = file->plugin;
  hosted->number = number;
  hosted->guard = guard;
  if (file->plugin->kind == GATEWAY_REQUEST)
    gw_loader_functions(file->plugin, &hosted->request, sizeof hosted->request);
  return hosted;
}

void
gw_hosted_free(GwHosted *hosted)
{
  if (!hosted)
    return;
  gw_passive_free(hosted->passive);
  gw_settings_free(hosted->settings);
  g_clear_pointer(&hosted->section, g_variant_unref);
  g_free(hosted);
}

/* A session plugin wants passive ports by having a setting for them. */
static gboolean
read_range(GwHosted *hosted, GError **error)
{
  const char *text = gw_settings_text(hosted->settings, PASSIVE_PORTS);

  hosted->wanted_range = (GwPortRange){ 0 };
  if (hosted->plugin->kind != GATEWAY_SESSION || !*text)
    return TRUE;
  return gw_port_range_parse(text, &hosted->wanted_range, error);
}

gboolean
gw_hosted_configure(GwHosted *hosted, GVariant *section, GError **error)
{
  g_autoptr(GVariant) values =
      g_variant_ref_sink(section ? section : g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));
  const GatewayPlugin *plugin = hosted->plugin;
  const char *enabled = "yes";
  gboolean is_enabled = TRUE;

  g_clear_pointer(&hosted->settings, gw_settings_free);
  g_clear_pointer(&hosted->section, g_variant_unref);
  hosted->section = g_variant_ref(values);
  (void)g_variant_lookup(values, "enabled", "&s", &enabled);
  if (!gw_parse_boolean(enabled, &is_enabled))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "enabled=%s is neither yes nor no", enabled);
  if (is_enabled)
    hosted->settings = gw_settings_new(plugin->settings, plugin->n_settings, values, HOST_KEYS, error);
  if (hosted->settings && !read_range(hosted, error))
    g_clear_pointer(&hosted->settings, gw_settings_free);
  return !is_enabled || hosted->settings;
}

gboolean
gw_hosted_open_ports(GwHosted *hosted, GwReactor *reactor, GError **error)
{
  GwPortRange range = hosted->settings ? hosted->wanted_range : (GwPortRange){ 0 };

  if (hosted->passive && range.first == hosted->passive_range.first &&
      range.last == hosted->passive_range.last)
    return TRUE;
  g_clear_pointer(&hosted->passive, gw_passive_free);
  if (range.first == 0)
    return TRUE;
  hosted->passive = gw_passive_new(reactor, &range, error);
  hosted->passive_range = range;
  return hosted->passive != NULL;
}

gboolean
gw_hosted_is_on(const GwHosted *hosted)
{
  return hosted->settings != NULL;
}

const char *
gw_hosted_option(const GwHosted *hosted, const char *key)
{
  const char *value = "";

  if (hosted->section)
    (void)g_variant_lookup(hosted->section, key, "&s", &value);
  return value;
}

/* ---- bounds ---- */

static gboolean
is_bounded(GatewayText text, size_t max)
{
  return text.size == 0 || (text.data && text.size <= max && !memchr(text.data, 0, text.size));
}

/* [A-Za-z0-9._:@-]{1,64}, as the registry names nodes. */
static gboolean
is_node(GatewayText name)
{
  if (name.size == 0 || name.size > NODE_MAX || !name.data)
    return FALSE;
  for (size_t i = 0; i < name.size; i++) {
    if (!g_ascii_isalnum(name.data[i]) && !strchr("._:@-", name.data[i]))
      return FALSE;
  }
  return !memchr(name.data, 0, name.size);
}

static gboolean
are_bounded(const GatewayPair *pairs, uint32_t n)
{
  if (n > GATEWAY_MAX_PAIRS)
    return FALSE;
  for (uint32_t i = 0; i < n; i++) {
    if (!is_bounded(pairs[i].key, TEXT_MAX) || !is_bounded(pairs[i].value, TEXT_MAX))
      return FALSE;
  }
  return TRUE;
}

gboolean
gw_ask_is_bounded(const GatewayAsk *ask)
{
  const GatewayText texts[] = { ask->credential,       ask->product,  ask->type,       ask->hardware_version,
                                ask->software_version, ask->token,    ask->image_name, ask->code,
                                ask->detail,           ask->cache_key };
  gboolean is_named = ask->identity > GATEWAY_IDENTITY_ADDRESS;

  if (ask->kind < GATEWAY_ASK_NOTHING || ask->kind > GATEWAY_ASK_RELAY ||
      ask->n_relay_headers > GATEWAY_MAX_PAIRS)
    return FALSE;
  /* A token alone says who asks. */
  if (is_named ? !is_node(ask->node) : ask->node.size > 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    if (!is_bounded(texts[i], TEXT_MAX))
      return FALSE;
  }
  for (guint i = 0; i < ask->n_relay_headers; i++) {
    if (!is_bounded(ask->relay_headers[i], TEXT_MAX))
      return FALSE;
  }
  return ask->identity <= GATEWAY_IDENTITY_CREDENTIAL && are_bounded(ask->aliases, ask->n_aliases) &&
         are_bounded(ask->attributes, ask->n_attributes);
}

/* ---- calls ---- */

gboolean
gw_hosted_read(GwHosted *hosted, const GatewayRequest *request, GatewayAsk *ret_ask)
{
  GatewayScratch scratch = { hosted->scratch[0], GW_HOSTED_SCRATCH, 0, false };
  bool is_understood;

  memset(ret_ask, 0, sizeof *ret_ask);
  ret_ask->size = sizeof *ret_ask;
  gw_guard_enter(hosted->guard, hosted->plugin->name, request->peer.data, NULL, 0);
  is_understood = hosted->request.read(gw_settings_view(hosted->settings), request, &scratch, ret_ask) &&
                  !scratch.is_full;
  gw_guard_leave(hosted->guard);
  if (ret_ask->identity == 0)
    ret_ask->identity = GATEWAY_IDENTITY_ADDRESS;
  return is_understood && gw_ask_is_bounded(ret_ask);
}

void
gw_hosted_write(GwHosted *hosted, const GatewayRequest *request, const GatewayAsk *ask,
                const GatewayAnswer *answer, GatewayReply *ret_reply)
{
  GatewayScratch scratch = { hosted->scratch[1], GW_HOSTED_SCRATCH, 0, false };

  memset(ret_reply, 0, sizeof *ret_reply);
  ret_reply->size = sizeof *ret_reply;
  gw_guard_enter(hosted->guard, hosted->plugin->name, request->peer.data, ask->node.data, ask->node.size);
  hosted->request.write(gw_settings_view(hosted->settings), request, ask, answer, &scratch, ret_reply);
  gw_guard_leave(hosted->guard);
  if (scratch.is_full || ret_reply->n_headers > GATEWAY_MAX_PAIRS)
    *ret_reply = (GatewayReply){ .size = sizeof *ret_reply, .status = 500 };
  if (ret_reply->body_is_image && (!answer || answer->kind != GATEWAY_ANSWER_BYTES))
    *ret_reply = (GatewayReply){ .size = sizeof *ret_reply, .status = 500 };
}

static gboolean
is_lead_bounded(const GatewayLead *lead)
{
  const GatewayText texts[] = { lead->url,  lead->type,  lead->hardware_version, lead->software_version,
                                lead->name, lead->sha256 };

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    if (!is_bounded(texts[i], TEXT_MAX))
      return FALSE;
  }
  return TRUE;
}

gboolean
gw_hosted_learn(GwHosted *hosted, const GatewayRequest *request, const GatewayAnswer *relayed,
                GatewayLead *ret_lead)
{
  GatewayScratch scratch = { hosted->scratch[1], GW_HOSTED_SCRATCH, 0, false };
  bool is_lead;

  if (!hosted->request.learn)
    return FALSE;
  *ret_lead = (GatewayLead){ .size = sizeof *ret_lead };
  gw_guard_enter(hosted->guard, hosted->plugin->name, request->peer.data, NULL, 0);
  is_lead = hosted->request.learn(gw_settings_view(hosted->settings), request, relayed, &scratch, ret_lead);
  gw_guard_leave(hosted->guard);
  return is_lead && !scratch.is_full && is_lead_bounded(ret_lead);
}
