/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a product is: its make, how its versions are ordered, which of its nodes are adopted by themselves. */
#include <string.h>

#include "base/error.h"
#include "base/word.h"
#include "control/commands-private.h"
#include "control/form.h"
#include "control/imports.h"
#include "control/scheduler.h"
#include "control/workers.h"

#define LABELS_MAX 32
#define ORIGIN_MAX 500

static const GwFormKey PRODUCT_KEYS[] = {
  { "plugin", 's' },     { "scheme", 's' },         { "series-chars", 'i' },
  { "auto-adopt", 'b' }, { "least-identity", 's' }, { "require-signature", 'b' },
  { "family", 's' },     { "labels", 'a' },         { "self-verifying", 'b' },
  { "to-binary", 'b' },  { "origin", 's' },         { NULL, 0 },
};

static gboolean
is_transport(const GatewayPlugin *plugin)
{
  return plugin && (plugin->kind == GATEWAY_REQUEST || plugin->kind == GATEWAY_SESSION);
}

/* Where no LAN worker is there yet, nobody knows which there are. */
static gboolean
check_plugin(const GwCore *core, const char *name, GError **error)
{
  GwClosest closest = gw_closest(name);
  GHashTableIter iter;
  gpointer other;

  if (!*name || !core->workers || !gw_workers_has_lan(core->workers) ||
      is_transport(gw_plugins_find(core->plugins, name)))
    return TRUE;
  gw_plugins_iter(core->plugins, &iter);
  while (g_hash_table_iter_next(&iter, &other, NULL))
    if (is_transport(gw_plugins_find(core->plugins, other)))
      gw_closest_consider(&closest, other);
  return gw_fail(error, GW_ERROR_BAD_INPUT,
                 "plugin: there is no transport \"%.64s\"%s%s%s; see \"gatewayctl plugins\"", name,
                 closest.best ? "; did you mean \"" : "", closest.best ? closest.best : "",
                 closest.best ? "\"?" : "");
}

static gboolean
check_product(GwCore *core, const char *name, GVariant *form, GwProduct *ret_values, GError **error)
{
  const char *scheme = gw_form_text(form, "scheme", NULL);
  const char *identity = gw_form_text(form, "least-identity", NULL);
  gint64 series_chars = gw_form_integer(form, "series-chars", 0);
  g_auto(GStrv) labels = gw_form_list(form, "labels");
  GwIdentity least = GW_IDENTITY_CLAIMED;

  const char *family = gw_form_text(form, "family", "");
  const char *origin = gw_form_text(form, "origin", "");

  if (!gw_name_check("product", name, error) || !gw_form_check(form, PRODUCT_KEYS, NULL, error))
    return FALSE;
  if (!check_plugin(core, gw_form_text(form, "plugin", ""), error))
    return FALSE;
  if (scheme && !gw_version_scheme_parse(scheme, &ret_values->scheme))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "scheme: expected opaque, integer, byte, lex8 or dotted");
  if (identity && !gw_identity_parse(identity, &least))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "least-identity: expected address, mac, claimed or credential");
  if (series_chars < 0 || series_chars > 64)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "series-chars: expected 0 to 64");
  if (*family && !gw_name_check("family", family, error))
    return FALSE;
  if (!g_str_is_ascii(origin) || strlen(origin) > ORIGIN_MAX || strpbrk(origin, "/:,"))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "origin: expected names of hosts, separated by blanks");
  if (labels && g_strv_length(labels) > LABELS_MAX)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "labels: at most %d", LABELS_MAX);
  ret_values->series_chars = (guint)series_chars;
  ret_values->least_identity = (int)least;
  return TRUE;
}

static void
take_labels(GwProduct *product, GVariant *form)
{
  g_auto(GStrv) labels = gw_form_list(form, "labels");

  if (!labels)
    return;
  g_ptr_array_set_size(product->labels, 0);
  for (char **label = labels; *label; label++)
    g_ptr_array_add(product->labels, g_strdup(*label));
}

static void
take_product_form(GwCore *core, GwProduct *product, GVariant *form, const GwProduct *values)
{
  const GatewayPlugin *plugin;

  gw_form_take(form, "plugin", &product->plugin);
  plugin = gw_plugins_find(core->plugins, product->plugin);
  if (gw_form_has(form, "scheme"))
    product->scheme = values->scheme;
  else if (plugin && gw_form_has(form, "plugin"))
    product->scheme = (GwVersionScheme)plugin->versioning.scheme;
  if (gw_form_has(form, "series-chars"))
    product->series_chars = values->series_chars;
  else if (plugin && gw_form_has(form, "plugin"))
    product->series_chars = plugin->versioning.series_chars;
  if (gw_form_has(form, "least-identity"))
    product->least_identity = values->least_identity;
  product->is_auto_adopt = gw_form_flag(form, "auto-adopt", product->is_auto_adopt);
  product->is_require_signature = gw_form_flag(form, "require-signature", product->is_require_signature);
  product->is_self_verifying = gw_form_flag(form, "self-verifying", product->is_self_verifying);
  product->is_to_binary = gw_form_flag(form, "to-binary", product->is_to_binary);
  gw_form_take(form, "family", &product->family);
  gw_form_take(form, "origin", &product->origin);
  take_labels(product, form);
}

void
gw_command_product_set(GwCore *core, const GwCaller *caller, const char *name, GVariant *form, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwChange) change = NULL;
  GwProduct values = { 0 };
  GwProduct *product;

  if (!check_product(core, name, form, &values, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  product = gw_imports_product(core, name, change);
  take_product_form(core, product, form, &values);
  gw_firmwares_reindex(core->firmwares);
  gw_rows_put_product(gw_change_batch(change), product);
  gw_change_say(
      change, "product.set", &(GwAbout){ .name = name }, "product %s: transport %s, versions %s%s", name,
      *product->plugin ? product->plugin : "not known yet", gw_version_scheme_name(product->scheme),
      product->is_self_verifying ? "; what its one node proved is verified without a person's word" : "");
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_changed(core);
}
