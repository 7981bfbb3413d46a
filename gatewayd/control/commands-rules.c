/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A push rule is written and looked at. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/rule-entry.h"

#define RULES_MAX 10000
#define SAMPLE_MAX 20

/* ---- create ---- */

/* Does what it names exist, and can one rule have it all? */
static gboolean
check_firmwares(GwCore *core, const GwRule *rule, GError **error)
{
  g_autoptr(GHashTable) parts = gw_who_set_new();

  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = gw_commands_firmware(core, gw_rule_firmware(rule, i), error);
    char *part;

    if (!firmware) {
      g_prefix_error(error, rule->firmwares->len > 1 ? "/firmware/%u: " : "/firmware: ", i);
      return FALSE;
    }
    part = g_strdup_printf("%s, type \"%s\"", firmware->product, firmware->type);
    if (!g_hash_table_contains(parts, part)) {
      g_hash_table_add(parts, part);
      continue;
    }
    gw_fail(error, GW_ERROR_BAD_INPUT, "/firmware/%u: the rule has another firmware for %s already", i, part);
    g_free(part);
    return FALSE;
  }
  return TRUE;
}

static gboolean
has_product(GwCore *core, const GwRule *rule, const char *product)
{
  for (guint i = 0; i < rule->firmwares->len; i++)
    if (strcmp(gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i))->product, product) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
check_products(GwCore *core, const GwRule *rule, GError **error)
{
  GHashTableIter iter;
  gpointer product;

  if (!rule->who.products)
    return TRUE;
  g_hash_table_iter_init(&iter, rule->who.products);
  while (g_hash_table_iter_next(&iter, &product, NULL)) {
    if (!gw_products_find(core->firmwares, product))
      return gw_fail(error, GW_ERROR_NOT_FOUND, "/who/products: there is no product \"%.64s\"",
                     (char *)product);
    if (!has_product(core, rule, product))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "/who/products: no firmware of the rule is for product %s",
                     (char *)product);
  }
  return TRUE;
}

/* Each must be one for at least one of the products. */
static gboolean
check_versions(GwCore *core, const GwRule *rule, GError **error)
{
  GHashTableIter iter;
  gpointer text;

  if (!rule->who.versions)
    return TRUE;
  g_hash_table_iter_init(&iter, rule->who.versions);
  while (g_hash_table_iter_next(&iter, &text, NULL)) {
    const char *why = NULL;
    gboolean is_good = FALSE;

    for (guint i = 0; i < rule->firmwares->len && !is_good; i++) {
      const GwFirmware *firmware = gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i));
      const GwProduct *product = gw_products_find(core->firmwares, firmware->product);

      why = product ? gw_who_check_version(text, product->scheme) : NULL;
      is_good = why == NULL;
    }
    if (!is_good)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "/who/versions: \"%.64s\": %s", (char *)text, why);
  }
  return TRUE;
}

static gboolean
check_rule(GwCore *core, const GwRule *rule, GError **error)
{
  return check_firmwares(core, rule, error) && check_products(core, rule, error) &&
         check_versions(core, rule, error);
}

static gboolean
check_new(GwCore *core, const GwRule *rule, GError **error)
{
  if (gw_rules_find_name(core->rules, rule->name))
    return gw_fail(error, GW_ERROR_EXISTS, "there is a rule %s already", rule->name);
  if (gw_rules_count(core->rules) >= RULES_MAX)
    return gw_fail(error, GW_ERROR_NO_SPACE, "there are %d rules: delete some that have ended", RULES_MAX);
  return TRUE;
}

/* Takes @rule, a draft; returns its id. */
static gint64
add_rule(GwCore *core, GwRule *rule, GwChange *change)
{
  rule->id = gw_db_next_id(core->db, GW_SEQUENCE_RULE);
  rule->created_ms = rule->changed_ms = gw_core_now(core).wall_ms;
  gw_rows_put_rule(gw_change_batch(change), rule);
  gw_change_say(change, "rule.created",
                &(GwAbout){ .rule_id = rule->id, .firmware_id = gw_rule_firmware(rule, 0) },
                "rule %s was made, as a draft", rule->name);
  return gw_rules_add(core->rules, rule)->id;
}

void
gw_command_rule_create(GwCore *core, const GwCaller *caller, GVariant *form, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwRule) rule = gw_rule_from_form(form, &error);
  GwChange *change;
  gint64 id;

  if (!rule || !check_new(core, rule, &error) || !check_rule(core, rule, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  id = add_rule(core, g_steal_pointer(&rule), change);
  gw_change_finish(change, then, g_variant_new("(x)", id));
}

/* ---- preview ---- */

typedef struct {
  guint n_matching, n_unknown, n_unheard, n_hardware;
  GPtrArray *sample;
} Preview;

static void
preview_node(GwCore *core, const GwRule *rule, const GwFirmware *firmware, const GwNode *node,
             Preview *preview)
{
  const GwProduct *product = gw_products_find(core->firmwares, node->product);
  const char *text = NULL;
  GwReason reason;

  if (!node->is_adopted || node->is_set_aside || !gw_rule_targets(rule, node, firmware, &text))
    return;
  reason = gw_policy_fits(node, firmware, product, &text);
  preview->n_hardware += reason == GW_REASON_WRONG_HARDWARE ? 1 : 0;
  if (reason)
    return;
  if (!gw_component_is_known(gw_node_component_for(node, firmware->type)))
    preview->n_unknown++;
  if (!gw_rule_takes_version(rule, node, firmware, product, &text))
    return;
  preview->n_matching++;
  preview->n_unheard += node->last_ms ? 0 : 1;
  if (preview->sample->len < SAMPLE_MAX)
    g_ptr_array_add(preview->sample, node->id);
}

static void
warn(GVariantBuilder *warnings, guint n, const char *text)
{
  if (n)
    g_variant_builder_add_value(warnings, g_variant_new_take_string(g_strdup_printf("%u %s", n, text)));
}

/* The number under which it would be published, or why there is none. */
static void
preview_number(const GwCore *core, const GwRule *rule, const GwFirmware *firmware, GVariantBuilder *result,
               GVariantBuilder *warnings)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *number = NULL;
  GwNumberScope scope;

  if (rule->firmwares->len > 1)
    return;
  gw_commands_number_scope(core, rule, firmware, &scope);
  if (rule->state != GW_RULE_DRAFT)
    number = g_strdup(rule->number);
  else if (!gw_number_pick(&scope, rule->number, rule->overrides, &number, &error))
    g_variant_builder_add(warnings, "s", error->message);
  if (number && *number)
    g_variant_builder_add(result, "{sv}", "number", g_variant_new_string(number));
}

static void
warn_unverified(const GwCore *core, const GwRule *rule, GVariantBuilder *warnings)
{
  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i));
    g_autofree char *text = NULL;

    if (gw_firmware_is_for_rules(firmware))
      continue;
    text =
        g_strdup_printf("firmware %" G_GINT64_FORMAT " is not verified: the rule cannot start before it was "
                        "proven on one node and confirmed",
                        firmware->id);
    g_variant_builder_add(warnings, "s", text);
  }
}

static GVariant *
preview_result(const GwCore *core, const GwRule *rule, const Preview *preview)
{
  GVariantBuilder result, warnings;

  g_variant_builder_init(&warnings, G_VARIANT_TYPE_STRING_ARRAY);
  if (!rule->who.is_unknown_included)
    warn(&warnings, preview->n_unknown, "with an unknown version are left out: see include-unknown");
  warn(&warnings, preview->n_unheard, "were never heard");
  warn(&warnings, preview->n_hardware, "are of another hardware version or series, and are left out");
  warn_unverified(core, rule, &warnings);
  g_variant_builder_init(&result, G_VARIANT_TYPE_VARDICT);
  preview_number(core, rule, gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, 0)), &result,
                 &warnings);
  g_variant_builder_add(&result, "{sv}", "matching", g_variant_new_uint32(preview->n_matching));
  g_variant_builder_add(&result, "{sv}", "unknown", g_variant_new_uint32(preview->n_unknown));
  g_variant_builder_add(
      &result, "{sv}", "sample",
      g_variant_new_strv((const char *const *)preview->sample->pdata, (gssize)preview->sample->len));
  g_variant_builder_add(&result, "{sv}", "warnings", g_variant_builder_end(&warnings));
  return g_variant_new("(@a{sv})", g_variant_builder_end(&result));
}

void
gw_command_rule_preview(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwRule *rule = gw_commands_rule(core, id, &error);
  g_autoptr(GPtrArray) sample = g_ptr_array_new();
  Preview preview = { .sample = sample };
  GHashTableIter iter;
  gpointer node;

  if (!rule || !check_firmwares(core, rule, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &node))
    for (guint i = 0; i < rule->firmwares->len; i++)
      preview_node(core, rule, gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i)), node, &preview);
  gw_then_succeed(core, then, preview_result(core, rule, &preview));
}
