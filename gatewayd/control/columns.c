/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/columns-private.h"

#include <string.h>

#include "control/fetching.h"
#include "control/imports.h"
#include "control/upstreams.h"

GPtrArray *
gw_columns_values(GHashTableIter *iter)
{
  GPtrArray *items = g_ptr_array_new();
  gpointer value;

  while (g_hash_table_iter_next(iter, NULL, &value))
    g_ptr_array_add(items, value);
  return items;
}

/* ---- firmware ---- */

NUMBER(firmware_id, GwFirmware, id)
TEXT(firmware_product, GwFirmware, product)
TEXT(firmware_version, GwFirmware, software_version)
TEXT(firmware_hardware, GwFirmware, hardware_version)
TEXT(firmware_type, GwFirmware, type)
TEXT(firmware_name, GwFirmware, name)
TEXT(firmware_notes, GwFirmware, notes)
TEXT(firmware_reason, GwFirmware, reason)
TEXT(firmware_plugin, GwFirmware, plugin)
TEXT(firmware_upstream, GwFirmware, upstream)
FLAG(firmware_undigested, GwFirmware, is_undigested)
TEXT(firmware_url, GwFirmware, url)
TEXT(firmware_sha256, GwFirmware, sha256)
TEXT(firmware_trial, GwFirmware, verify_node)
TEXT(firmware_version_name, GwFirmware, version_name)
TEXT(firmware_proof, GwFirmware, proof)
TEXT(firmware_overrides, GwFirmware, overrides)
NUMBER(firmware_size, GwFirmware, size)
NUMBER(firmware_sequence, GwFirmware, sequence)
NUMBER(firmware_created, GwFirmware, created_ms)
NUMBER(firmware_changed, GwFirmware, state_changed_ms)
FLAG(firmware_signed, GwFirmware, is_signed)

static GVariant *
firmware_state(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_firmware_state_name(((const GwFirmware *)item)->state));
}

static GVariant *
firmware_step(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_verification_step_name(gw_firmware_step(item)));
}

static GVariant *
firmware_image(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_image_state_name(((const GwFirmware *)item)->image_state));
}

static GVariant *
firmware_received(GwCore *core, gconstpointer item)
{
  const GwFirmware *firmware = item;
  guint64 received = firmware->image_state == GW_IMAGE_SEALED ? firmware->size : 0;

  gw_fetching_gauge(core->fetching, firmware, &received);
  return g_variant_new_int64((gint64)received);
}

static const GwColumn FIRMWARE[] = {
  { "id", TRUE, firmware_id },
  { "product", TRUE, firmware_product },
  { "version", TRUE, firmware_version },
  { "type", FALSE, firmware_type },
  { "hardware", FALSE, firmware_hardware },
  { "state", TRUE, firmware_state },
  { "reason", TRUE, firmware_reason },
  { "image", TRUE, firmware_image },
  { "received", FALSE, firmware_received },
  { "size", TRUE, firmware_size },
  { "name", TRUE, firmware_name },
  { "notes", FALSE, firmware_notes },
  { "signed", TRUE, firmware_signed },
  { "undigested", TRUE, firmware_undigested },
  { "upstream", TRUE, firmware_upstream },
  { "plugin", FALSE, firmware_plugin },
  { "trial-node", FALSE, firmware_trial },
  { "verification", FALSE, firmware_step },
  { "proof", FALSE, firmware_proof },
  { "overrides", FALSE, firmware_overrides },
  { "version-name", FALSE, firmware_version_name },
  { "url", FALSE, firmware_url },
  { "sequence", FALSE, firmware_sequence },
  { "sha256", FALSE, firmware_sha256 },
  { "created", FALSE, firmware_created },
  { "changed", FALSE, firmware_changed },
  { NULL },
};

static GPtrArray *
firmware_items(GwCore *core)
{
  GHashTableIter iter;

  gw_firmwares_iter(core->firmwares, &iter);
  return gw_columns_values(&iter);
}

/* ---- cache: the images that are here, or on their way ---- */

static GVariant *
cache_needed(GwCore *core, gconstpointer item)
{
  return g_variant_new_boolean(gw_imports_is_needed(core, item));
}

static const GwColumn CACHE[] = {
  { "sha256", TRUE, firmware_sha256 },
  { "firmware", TRUE, firmware_id },
  { "product", TRUE, firmware_product },
  { "version", TRUE, firmware_version },
  { "image", TRUE, firmware_image },
  { "size", TRUE, firmware_size },
  { "received", TRUE, firmware_received },
  { "needed", TRUE, cache_needed },
  { NULL },
};

static GPtrArray *
cache_items(GwCore *core)
{
  GPtrArray *items = firmware_items(core);

  for (guint i = items->len; i > 0; i--) {
    GwImageState state = ((const GwFirmware *)items->pdata[i - 1])->image_state;

    if (state != GW_IMAGE_SEALED && state != GW_IMAGE_FETCHING)
      g_ptr_array_remove_index_fast(items, i - 1);
  }
  return items;
}

/* ---- products ---- */

TEXT(product_name, GwProduct, name)
TEXT(product_plugin, GwProduct, plugin)
NUMBER(product_series, GwProduct, series_chars)
FLAG(product_auto, GwProduct, is_auto_adopt)
FLAG(product_signature, GwProduct, is_require_signature)
FLAG(product_self_verifying, GwProduct, is_self_verifying)
FLAG(product_to_binary, GwProduct, is_to_binary)
TEXT(product_family, GwProduct, family)
TEXT(product_origin, GwProduct, origin)

static GVariant *
product_scheme(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_version_scheme_name(((const GwProduct *)item)->scheme));
}

static GVariant *
product_identity(GwCore *core, gconstpointer item)
{
  int identity = ((const GwProduct *)item)->least_identity;

  return g_variant_new_string(identity ? gw_identity_name((GwIdentity)identity) : "");
}

static GVariant *
product_labels(GwCore *core, gconstpointer item)
{
  const GPtrArray *labels = ((const GwProduct *)item)->labels;

  return g_variant_new_strv((const char *const *)labels->pdata, (gssize)labels->len);
}

static GVariant *
product_nodes(GwCore *core, gconstpointer item)
{
  GHashTableIter iter;
  gpointer node;
  gint64 n = 0;

  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &node))
    n += strcmp(((GwNode *)node)->product, ((const GwProduct *)item)->name) == 0 ? 1 : 0;
  return g_variant_new_int64(n);
}

static const GwColumn PRODUCTS[] = {
  { "name", TRUE, product_name },
  { "plugin", TRUE, product_plugin },
  { "scheme", TRUE, product_scheme },
  { "series-chars", TRUE, product_series },
  { "auto-adopt", TRUE, product_auto },
  { "least-identity", FALSE, product_identity },
  { "require-signature", TRUE, product_signature },
  { "self-verifying", FALSE, product_self_verifying },
  { "to-binary", FALSE, product_to_binary },
  { "family", TRUE, product_family },
  { "origin", FALSE, product_origin },
  { "labels", FALSE, product_labels },
  { "nodes", FALSE, product_nodes },
  { NULL },
};

static GPtrArray *
product_items(GwCore *core)
{
  GHashTableIter iter;

  gw_products_iter(core->firmwares, &iter);
  return gw_columns_values(&iter);
}

/* ---- upstreams ---- */

TEXT(upstream_name, GwUpstream, name)
NUMBER(upstream_sequence, GwUpstream, sequence)
NUMBER(upstream_expires, GwUpstream, expires_ms)
NUMBER(upstream_polled, GwUpstream, polled_ms)
NUMBER(upstream_changed, GwUpstream, changed_ms)
FLAG(upstream_stale, GwUpstream, is_stale)

static GVariant *
upstream_status(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_upstream_words(item));
}

static GVariant *
upstream_well(GwCore *core, gconstpointer item)
{
  const GwUpstream *upstream = item;

  return g_variant_new_boolean(upstream->is_well && !*upstream->problem && !upstream->is_stale);
}

static GVariant *
upstream_setting(GwCore *core, gconstpointer item, const char *key)
{
  const char *text = gw_config_text(core->config, "upstream", ((const GwUpstream *)item)->name, key);

  return g_variant_new_string(text ? text : "");
}

static GVariant *
upstream_type(GwCore *core, gconstpointer item)
{
  return upstream_setting(core, item, "type");
}

static GVariant *
upstream_signature(GwCore *core, gconstpointer item)
{
  return g_variant_new_boolean(
      gw_config_boolean(core->config, "upstream", ((const GwUpstream *)item)->name, "require-signature"));
}

static const GwColumn UPSTREAMS[] = {
  { "name", TRUE, upstream_name },
  { "type", TRUE, upstream_type },
  { "well", TRUE, upstream_well },
  { "status", TRUE, upstream_status },
  { "stale", TRUE, upstream_stale },
  { "sequence", TRUE, upstream_sequence },
  { "expires", FALSE, upstream_expires },
  { "polled", TRUE, upstream_polled },
  { "changed", FALSE, upstream_changed },
  { "require-signature", FALSE, upstream_signature },
  { "queued", TRUE, gw_columns_upstream_queued },
  { "refused", FALSE, gw_columns_upstream_refused },
  { "report-trouble", FALSE, gw_columns_upstream_trouble },
  { NULL },
};

/* Those that are configured; what is known of others rests in the database. */
static GPtrArray *
upstream_items(GwCore *core)
{
  g_auto(GStrv) names = gw_config_instances(core->config, "upstream");
  GPtrArray *items = g_ptr_array_new();

  for (char **name = names; *name; name++)
    g_ptr_array_add(items, gw_upstreams_get(core->upstreams, *name));
  return items;
}

/* ---- plugins: items are their names ---- */

static const GatewayPlugin *
plugin_of(GwCore *core, gconstpointer item)
{
  return gw_plugins_find(core->plugins, item);
}

static GVariant *
plugin_name(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(item);
}

static GVariant *
plugin_title(GwCore *core, gconstpointer item)
{
  const GatewayPlugin *plugin = plugin_of(core, item);

  return g_variant_new_string(plugin ? plugin->title : "");
}

static GVariant *
plugin_version(GwCore *core, gconstpointer item)
{
  const GatewayPlugin *plugin = plugin_of(core, item);

  return g_variant_new_string(plugin ? plugin->version : "");
}

static GVariant *
plugin_kind(GwCore *core, gconstpointer item)
{
  static const char *const NAMES[] = { "", "request", "session", "datagram", "upstream", "outlet", "format" };
  const GatewayPlugin *plugin = plugin_of(core, item);
  guint32 kind = plugin ? plugin->kind : 0;

  return g_variant_new_string(kind < G_N_ELEMENTS(NAMES) ? NAMES[kind] : "");
}

static GVariant *
plugin_worker(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_plugins_worker(core->plugins, item));
}

static char *
held_reason(GwCore *core, gconstpointer item)
{
  const GwPluginTable *table = gw_plugins_table(core->plugins, item);
  char *reason = NULL;

  return table && gw_plugin_table_is_held(table, &reason) ? reason : NULL;
}

static GVariant *
plugin_state(GwCore *core, gconstpointer item)
{
  g_autofree char *reason = held_reason(core, item);
  gboolean is_refused = gw_plugins_refusal(core->plugins, item) != NULL;

  return g_variant_new_string(is_refused ? "refused" : reason ? "held" : "running");
}

static GVariant *
plugin_reason(GwCore *core, gconstpointer item)
{
  const char *refusal = gw_plugins_refusal(core->plugins, item);
  g_autofree char *reason = held_reason(core, item);

  return g_variant_new_string(refusal ? refusal : reason ? reason : "");
}

static const GwColumn PLUGINS[] = {
  { "name", TRUE, plugin_name },     { "title", TRUE, plugin_title },
  { "kind", TRUE, plugin_kind },     { "version", TRUE, plugin_version },
  { "worker", TRUE, plugin_worker }, { "state", TRUE, plugin_state },
  { "reason", TRUE, plugin_reason }, { NULL },
};

static GPtrArray *
plugin_items(GwCore *core)
{
  return gw_plugins_names(core->plugins);
}

/* ---- kinds ---- */

static const GwKind KINDS[] = {
  { "firmware", "id", FIRMWARE, firmware_items },  { "cache", "sha256", CACHE, cache_items },
  { "products", "name", PRODUCTS, product_items }, { "upstreams", "name", UPSTREAMS, upstream_items },
  { "plugins", "name", PLUGINS, plugin_items },
};

const GwKind *
gw_columns_kind(const char *name)
{
  if (strcmp(name, "nodes") == 0)
    return &gw_columns_nodes;
  if (strcmp(name, "rules") == 0)
    return &gw_columns_rules;
  if (strcmp(name, "accounts") == 0)
    return &gw_columns_accounts;
  if (strcmp(name, "outlets") == 0)
    return &gw_columns_outlets;
  if (strcmp(name, "deadletters") == 0)
    return &gw_columns_deadletters;
  for (gsize i = 0; i < G_N_ELEMENTS(KINDS); i++)
    if (strcmp(KINDS[i].name, name) == 0)
      return &KINDS[i];
  return NULL;
}

void
gw_columns_add_all(GwCore *core, const GwKind *kind, gconstpointer item, GVariantBuilder *builder)
{
  for (const GwColumn *column = kind->columns; column->name; column++)
    g_variant_builder_add(builder, "{sv}", column->name, column->value(core, item));
}
