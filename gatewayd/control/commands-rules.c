/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A push rule is written and looked at. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/form.h"

#define RULES_MAX 10000
#define LIST_MAX 100000 /* ids or MACs in one rule */
#define SAMPLE_MAX 20

/* ---- create ---- */

static const GwFormKey RULE_KEYS[] = {
  { "name", 's' },       { "firmware", 'i' },  { "product", 's' },  { "nodes", 'a' },
  { "macs", 'a' },       { "location", 's' },  { "versions", 'a' }, { "include-unknown", 'b' },
  { "not-before", 's' }, { "not-after", 's' }, { "hours", 's' },    { "cut-at-edge", 'b' },
  { "cap", 'i' },        { "attempts", 'i' },  { "priority", 'i' }, { "require-heard", 'b' },
  { "number", 'i' },     { "override", 'a' },  { NULL, 0 },
};

static GHashTable *
set_new(void)
{
  return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* NULL when the form has no such list. */
static gboolean
take_set(GVariant *form, const char *key, gboolean is_mac, GHashTable **ret_set, GError **error)
{
  g_auto(GStrv) list = gw_form_list(form, key);
  g_autoptr(GHashTable) set = list ? set_new() : NULL;
  guint n = 0;

  for (char **text = list; list && *text; text++) {
    char mac[18];

    if (++n > LIST_MAX)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: more than %d", key, LIST_MAX);
    if (is_mac && !gw_mac_normalize(*text, mac))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: line %u: \"%.64s\" is no MAC address", key, n, *text);
    g_hash_table_add(set, g_strdup(is_mac ? mac : *text));
  }
  *ret_set = g_steal_pointer(&set);
  return TRUE;
}

static gboolean
take_time(GVariant *form, const char *key, gint64 *ret_ms, GError **error)
{
  const char *text = gw_form_text(form, key, "");

  if (!*text || gw_clock_parse(text, ret_ms, error))
    return TRUE;
  g_prefix_error(error, "%s: ", key);
  return FALSE;
}

static gboolean
read_minute(const char *text, guint *ret_minute, const char **ret_end)
{
  guint hour, minute;
  int n = 0;

  if (sscanf(text, "%2u:%2u%n", &hour, &minute, &n) != 2 || n == 0 || hour > 24 || minute > 59 ||
      (hour == 24 && minute > 0))
    return FALSE;
  *ret_minute = (hour * 60 + minute) % (24 * 60);
  *ret_end = text + n;
  return TRUE;
}

static gboolean
take_hours(GVariant *form, GwRule *rule, GError **error)
{
  const char *text = gw_form_text(form, "hours", "");
  const char *end = text;

  if (!*text)
    return TRUE;
  if (read_minute(text, &rule->from_minute, &end) && *end == '-' &&
      read_minute(end + 1, &rule->until_minute, &end) && !*end)
    return TRUE;
  return gw_fail(error, GW_ERROR_BAD_INPUT, "hours: expected \"22:00-04:30\" (UTC), not \"%.64s\"", text);
}

static gboolean
take_number(GVariant *form, const char *key, gint64 min, gint64 max, gint64 *ret_value, GError **error)
{
  gint64 value = gw_form_integer(form, key, *ret_value);

  if (value < min || value > max)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: expected %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, key,
                   min, max);
  *ret_value = value;
  return TRUE;
}

static gboolean
take_numbers(GVariant *form, GwRule *rule, GError **error)
{
  gint64 cap = 0, attempts = 0, priority = 0;

  if (!take_number(form, "cap", 0, 1000000, &cap, error) ||
      !take_number(form, "attempts", 0, 100, &attempts, error) ||
      !take_number(form, "priority", -1000000, 1000000, &priority, error))
    return FALSE;
  rule->cap = (guint)cap;
  rule->max_attempts = (guint)attempts;
  rule->priority = (int)priority;
  rule->is_unknown_included = gw_form_flag(form, "include-unknown", FALSE);
  rule->is_cut_at_edge = gw_form_flag(form, "cut-at-edge", FALSE);
  rule->is_heard_required = gw_form_flag(form, "require-heard", FALSE);
  return TRUE;
}

static gboolean
take_rule_form(GVariant *form, GwRule *rule, GError **error)
{
  gw_form_take(form, "product", &rule->product);
  gw_form_take(form, "location", &rule->location);
  if (!take_set(form, "nodes", FALSE, &rule->nodes, error) ||
      !take_set(form, "macs", TRUE, &rule->macs, error) ||
      !take_set(form, "versions", FALSE, &rule->versions, error) ||
      !take_time(form, "not-before", &rule->not_before_ms, error) ||
      !take_time(form, "not-after", &rule->not_after_ms, error) || !take_hours(form, rule, error) ||
      !take_numbers(form, rule, error))
    return FALSE;
  g_free(rule->number);
  g_free(rule->overrides);
  gw_number_read_form(form, &rule->number, &rule->overrides);
  if (rule->not_after_ms && rule->not_after_ms <= rule->not_before_ms)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "not-after is not after not-before");
  return TRUE;
}

static gboolean
check_rule(GwCore *core, GVariant *form, GError **error)
{
  const char *name = gw_form_text(form, "name", "");
  const char *product = gw_form_text(form, "product", "");

  if (!gw_form_check(form, RULE_KEYS, NULL, error) || !gw_name_check("rule", name, error))
    return FALSE;
  if (gw_rules_find_name(core->rules, name))
    return gw_fail(error, GW_ERROR_EXISTS, "there is a rule %s already", name);
  if (gw_rules_count(core->rules) >= RULES_MAX)
    return gw_fail(error, GW_ERROR_NO_SPACE, "there are %d rules: delete some that have ended", RULES_MAX);
  if (!gw_form_has(form, "firmware"))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "firmware is missing");
  if (*product && !gw_products_find(core->firmwares, product))
    return gw_fail(error, GW_ERROR_NOT_FOUND, "there is no product \"%.64s\"", product);
  return gw_commands_firmware(core, gw_form_integer(form, "firmware", 0), error) != NULL;
}

void
gw_command_rule_create(GwCore *core, const GwCaller *caller, GVariant *form, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwRule) rule = NULL;
  g_autoptr(GwChange) change = NULL;

  if (check_rule(core, form, &error)) {
    rule = gw_rule_new(gw_form_text(form, "name", ""));
    take_rule_form(form, rule, &error);
  }
  if (error) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  rule->id = gw_db_next_id(core->db, GW_SEQUENCE_RULE);
  rule->firmware_id = gw_form_integer(form, "firmware", 0);
  rule->created_ms = rule->changed_ms = gw_core_now(core).wall_ms;
  change = gw_change_new(core, caller);
  gw_rows_put_rule(gw_change_batch(change), rule);
  gw_change_say(change, "rule.created", &(GwAbout){ .rule_id = rule->id, .firmware_id = rule->firmware_id },
                "rule %s was made, as a draft", rule->name);
  gw_change_finish(g_steal_pointer(&change), then, g_variant_new("(x)", rule->id));
  gw_rules_add(core->rules, g_steal_pointer(&rule));
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
  if (!gw_rule_takes_version(rule, node, firmware, &text))
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

  gw_commands_number_scope(core, rule, firmware, &scope);
  if (rule->state != GW_RULE_DRAFT)
    number = g_strdup(rule->number);
  else if (!gw_number_pick(&scope, rule->number, rule->overrides, &number, &error))
    g_variant_builder_add(warnings, "s", error->message);
  if (number && *number)
    g_variant_builder_add(result, "{sv}", "number", g_variant_new_string(number));
}

static GVariant *
preview_result(const GwCore *core, const GwRule *rule, const GwFirmware *firmware, const Preview *preview)
{
  GVariantBuilder result, warnings;

  g_variant_builder_init(&warnings, G_VARIANT_TYPE_STRING_ARRAY);
  if (!rule->is_unknown_included)
    warn(&warnings, preview->n_unknown, "with an unknown version are left out: see include-unknown");
  warn(&warnings, preview->n_unheard, "were never heard");
  warn(&warnings, preview->n_hardware, "are of another hardware version or series, and are left out");
  if (!gw_firmware_is_for_rules(firmware))
    g_variant_builder_add(&warnings, "s",
                          "the firmware is not verified: the rule cannot start before it was proven on one "
                          "node and confirmed");
  g_variant_builder_init(&result, G_VARIANT_TYPE_VARDICT);
  preview_number(core, rule, firmware, &result, &warnings);
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
  GwFirmware *firmware = rule ? gw_commands_firmware(core, rule->firmware_id, &error) : NULL;
  g_autoptr(GPtrArray) sample = g_ptr_array_new();
  Preview preview = { .sample = sample };
  GHashTableIter iter;
  gpointer node;

  if (!firmware) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &node))
    preview_node(core, rule, firmware, node, &preview);
  gw_then_succeed(core, then, preview_result(core, rule, firmware, &preview));
}
