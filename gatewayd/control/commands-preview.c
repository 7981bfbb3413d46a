/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom would a rule concern, and what should its operator know before it starts? */
#include "base/error.h"
#include "control/commands-private.h"
#include "control/plugins.h"
#include "model/habit.h"

#define SAMPLE_MAX 20

typedef struct {
  GwCore *core;
  const GwRule *rule;
  GwNow now;
  guint32 hours; /* of the rule, a bit each */
  guint n_matching, n_unknown, n_unheard, n_silent, n_hardware, n_up_to_date, n_out_of_hours;
  GHashTable *uncut; /* plugins whose downloads cannot be cut */
  GPtrArray *sample; /* ids, borrowed */
} Preview;

/* Among those that match: what may come in between. */
static void
note_odds(Preview *preview, const GwNode *node)
{
  const GatewayPlugin *plugin = gw_plugins_find(preview->core->plugins, node->plugin);

  preview->n_unheard += node->last_ms ? 0 : 1;
  if (node->last_ms && !(gw_habit_hours(node->habit, preview->now.wall_ms) & preview->hours))
    preview->n_out_of_hours++;
  if (preview->rule->when.is_cut_at_edge && plugin && plugin->traits & GATEWAY_NEVER_CUT)
    g_hash_table_add(preview->uncut, (gpointer)node->plugin);
}

static void
preview_node(Preview *preview, const GwFirmware *firmware, const GwNode *node)
{
  const GwProduct *product = gw_products_find(preview->core->firmwares, node->product);
  const char *text = NULL;
  GwReason reason;

  if (!node->is_adopted || node->is_set_aside || !gw_rule_targets(preview->rule, node, firmware, &text))
    return;
  reason = gw_policy_fits(node, firmware, product, &text);
  preview->n_hardware += reason == GW_REASON_WRONG_HARDWARE ? 1 : 0;
  preview->n_up_to_date += reason == GW_REASON_UP_TO_DATE ? 1 : 0;
  if (reason)
    return;
  if (!gw_component_is_known(gw_node_component_for(node, firmware->type)))
    preview->n_unknown++;
  if (!gw_rule_takes_version(preview->rule, node, firmware, product, &text))
    return;
  if (!gw_who_was_heard(&preview->rule->who, node, &preview->now)) {
    preview->n_silent++;
    return;
  }
  preview->n_matching++;
  note_odds(preview, node);
  if (preview->sample->len < SAMPLE_MAX)
    g_ptr_array_add(preview->sample, node->id);
}

/* ---- warnings ---- */

static void G_GNUC_PRINTF(2, 3) warn(GVariantBuilder *warnings, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_variant_builder_add_value(warnings, g_variant_new_take_string(g_strdup_vprintf(format, args)));
  va_end(args);
}

static void
warn_left_out(const Preview *preview, GVariantBuilder *warnings)
{
  if (preview->n_unknown)
    warn(warnings, "%u have an unknown version, and are %s", preview->n_unknown,
         preview->rule->who.is_unknown_included ? "included" : "left out: see include-unknown");
  if (preview->n_silent)
    warn(warnings, "%u were not heard lately enough, and are not counted", preview->n_silent);
  if (preview->n_hardware)
    warn(warnings, "%u are of another hardware version or series, and are left out", preview->n_hardware);
  if (preview->n_up_to_date)
    warn(warnings, "%u run this version or a newer one: nothing is done with them", preview->n_up_to_date);
}

static void
warn_odds(const Preview *preview, GVariantBuilder *warnings)
{
  guint n_uncut = g_hash_table_size(preview->uncut);

  if (preview->n_unheard)
    warn(warnings, "%u were never heard", preview->n_unheard);
  if (preview->n_out_of_hours)
    warn(warnings, "%u of %u have never asked inside these hours in %d days", preview->n_out_of_hours,
         preview->n_matching, GW_HABIT_DAYS);
  if (n_uncut)
    warn(warnings,
         n_uncut == 1 ? "%u make cannot be cut at the window's edge"
                      : "%u makes cannot be cut at the window's edge",
         n_uncut);
}

static void
warn_unverified(const Preview *preview, GVariantBuilder *warnings)
{
  for (guint i = 0; i < preview->rule->firmwares->len; i++) {
    const GwFirmware *firmware =
        gw_firmwares_find(preview->core->firmwares, gw_rule_firmware(preview->rule, i));

    if (!gw_firmware_is_for_rules(firmware))
      warn(warnings,
           "firmware %" G_GINT64_FORMAT " is not verified: the rule cannot start before it was proven on one "
           "node and confirmed",
           firmware->id);
  }
}

/* ---- the answer ---- */

/* The number under which it would be published, or why there is none. */
static void
preview_number(const Preview *preview, GVariantBuilder *result, GVariantBuilder *warnings)
{
  const GwRule *rule = preview->rule;
  const GwFirmware *firmware = gw_firmwares_find(preview->core->firmwares, gw_rule_firmware(rule, 0));
  g_autoptr(GError) error = NULL;
  g_autofree char *number = NULL;
  GwNumberScope scope;

  if (rule->firmwares->len > 1)
    return;
  gw_commands_number_scope(preview->core, rule, firmware, &scope);
  if (rule->state != GW_RULE_DRAFT)
    number = g_strdup(rule->number);
  else if (!gw_number_pick(&scope, rule->number, rule->overrides, &number, &error))
    warn(warnings, "%s", error->message);
  if (number && *number)
    g_variant_builder_add(result, "{sv}", "number", g_variant_new_string(number));
}

static GVariant *
preview_result(const Preview *preview)
{
  GVariantBuilder result, warnings;

  g_variant_builder_init(&warnings, G_VARIANT_TYPE_STRING_ARRAY);
  g_variant_builder_init(&result, G_VARIANT_TYPE_VARDICT);
  warn_left_out(preview, &warnings);
  warn_odds(preview, &warnings);
  warn_unverified(preview, &warnings);
  preview_number(preview, &result, &warnings);
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
  g_autoptr(GHashTable) uncut = g_hash_table_new(g_str_hash, g_str_equal);
  Preview preview = {
    .core = core, .rule = rule, .now = gw_core_now(core), .uncut = uncut, .sample = sample
  };
  GHashTableIter iter;
  gpointer node;

  if (!rule || !gw_commands_check_firmwares(core, rule, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  preview.hours = gw_when_hours_mask(&rule->when);
  gw_registry_iter(core->registry, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &node))
    for (guint i = 0; i < rule->firmwares->len; i++)
      preview_node(&preview, gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i)), node);
  gw_then_succeed(core, then, preview_result(&preview));
}
