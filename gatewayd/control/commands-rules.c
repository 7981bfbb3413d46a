/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A push rule is written. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/rule-entry.h"

#define RULES_MAX 10000

/* Does what it names exist, and can one rule have it all? */
gboolean
gw_commands_check_firmwares(GwCore *core, const GwRule *rule, GError **error)
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

gboolean
gw_commands_check_rule(GwCore *core, const GwRule *rule, GError **error)
{
  return gw_commands_check_firmwares(core, rule, error) && check_products(core, rule, error) &&
         check_versions(core, rule, error);
}

gboolean
gw_commands_check_new_rule(GwCore *core, const GwRule *rule, GError **error)
{
  if (gw_rules_find_name(core->rules, rule->name))
    return gw_fail(error, GW_ERROR_EXISTS, "there is a rule %s already", rule->name);
  if (gw_rules_count(core->rules) >= RULES_MAX)
    return gw_fail(error, GW_ERROR_NO_SPACE, "there are %d rules: delete some that have ended", RULES_MAX);
  return TRUE;
}

gint64
gw_commands_add_rule(GwCore *core, GwRule *rule, GwChange *change)
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

  if (!rule || !gw_commands_check_new_rule(core, rule, &error) ||
      !gw_commands_check_rule(core, rule, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  id = gw_commands_add_rule(core, g_steal_pointer(&rule), change);
  gw_change_finish(change, then, g_variant_new("(x)", id));
}
