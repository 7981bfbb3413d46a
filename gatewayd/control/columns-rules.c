/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Columns of rules. What a rule says in full is its written form. */
#include "control/columns-private.h"

#include "control/rollouts.h"
#include "control/scheduler.h"

NUMBER(rule_id, GwRule, id)
TEXT(rule_name, GwRule, name)
NUMBER(rule_notification, GwRule, notification)
NUMBER(rule_priority, GwRule, priority)
TEXT(rule_pause_reason, GwRule, pause_reason)
TEXT(rule_number, GwRule, number)
TEXT(rule_overrides, GwRule, overrides)
NUMBER(rule_not_before, GwRule, when.not_before_ms)
NUMBER(rule_not_after, GwRule, when.not_after_ms)
NUMBER(rule_cap, GwRule, cap)
NUMBER(rule_attempts, GwRule, max_attempts)
FLAG(rule_unknown, GwRule, who.is_unknown_included)
FLAG(rule_cut, GwRule, when.is_cut_at_edge)
FLAG(rule_heard, GwRule, is_heard_required)
FLAG(rule_push, GwRule, is_push)
NUMBER(rule_created, GwRule, created_ms)
NUMBER(rule_changed, GwRule, changed_ms)

static GVariant *
rule_state(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_rule_state_name(((const GwRule *)item)->state));
}

/* The first; a rule for several products has more, see its written form. */
static GVariant *
rule_firmware(GwCore *core, gconstpointer item)
{
  return g_variant_new_int64(gw_rule_firmware(item, 0));
}

/* One text of each firmware, "5, 1.2". */
static GVariant *
each_firmware(GwCore *core, const GwRule *rule, gboolean is_product)
{
  g_autoptr(GString) line = g_string_new(NULL);

  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i));
    const char *text = !firmware ? "?" : is_product ? firmware->product : firmware->software_version;

    g_string_append_printf(line, "%s%s", i > 0 ? ", " : "", text);
  }
  return g_variant_new_string(line->str);
}

static GVariant *
rule_version(GwCore *core, gconstpointer item)
{
  return each_firmware(core, item, FALSE);
}

static GVariant *
rule_product(GwCore *core, gconstpointer item)
{
  return each_firmware(core, item, TRUE);
}

static GVariant *
rule_hours(GwCore *core, gconstpointer item)
{
  return g_variant_new_take_string(gw_when_hours_text(&((const GwRule *)item)->when));
}

static GVariant *
rule_when(GwCore *core, gconstpointer item)
{
  return g_variant_new_take_string(gw_when_text(&((const GwRule *)item)->when));
}

/* The members of a list, at most so many: the rest is in the written form. */
static GVariant *
list_of(GHashTable *set)
{
  GVariantBuilder builder;
  GHashTableIter iter;
  gpointer key;
  guint n = 0;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_STRING_ARRAY);
  if (set) {
    g_hash_table_iter_init(&iter, set);
    while (n++ < 1000 && g_hash_table_iter_next(&iter, &key, NULL))
      g_variant_builder_add(&builder, "s", key);
  }
  return g_variant_builder_end(&builder);
}

static GVariant *
rule_nodes(GwCore *core, gconstpointer item)
{
  return list_of(((const GwRule *)item)->who.nodes);
}

static GVariant *
rule_macs(GwCore *core, gconstpointer item)
{
  return list_of(((const GwRule *)item)->who.macs);
}

static GVariant *
rule_who(GwCore *core, gconstpointer item)
{
  return g_variant_new_take_string(gw_who_text(&((const GwRule *)item)->who));
}

static GVariant *
rule_transfers(GwCore *core, gconstpointer item)
{
  g_autofree char *place = g_strdup_printf(GW_PLACE_OF_RULE, ((const GwRule *)item)->id);

  return g_variant_new_int64(gw_slots_count_of(core->slots, place));
}

/* "1 passed 5/5, 2 open 3/20": how many of each succeeded; "" = it has not started. */
static GVariant *
rule_groups(GwCore *core, gconstpointer item)
{
  GString *text = g_string_new(NULL);
  guint n;
  const GwGroup *groups = gw_rollouts_groups(core, ((const GwRule *)item)->id, &n);

  for (guint i = 0; i < n; i++)
    g_string_append_printf(text, "%s%u %s %u/%u", i > 0 ? ", " : "", i + 1,
                           gw_group_state_name(groups[i].state), groups[i].n_succeeded, groups[i].n_targets);
  return g_variant_new_take_string(g_string_free(text, FALSE));
}

static GVariant *
sum_of(GwCore *core, gconstpointer item, gsize offset)
{
  guint n, sum = 0;
  const GwGroup *groups = gw_rollouts_groups(core, ((const GwRule *)item)->id, &n);

  for (guint i = 0; i < n; i++)
    sum += G_STRUCT_MEMBER(guint, &groups[i], offset);
  return g_variant_new_int64(sum);
}

static GVariant *
rule_targets(GwCore *core, gconstpointer item)
{
  return sum_of(core, item, G_STRUCT_OFFSET(GwGroup, n_targets));
}

static GVariant *
rule_succeeded(GwCore *core, gconstpointer item)
{
  return sum_of(core, item, G_STRUCT_OFFSET(GwGroup, n_succeeded));
}

static GVariant *
rule_failed(GwCore *core, gconstpointer item)
{
  return sum_of(core, item, G_STRUCT_OFFSET(GwGroup, n_failed));
}

static const GwColumn RULES[] = {
  { "id", TRUE, rule_id },
  { "name", TRUE, rule_name },
  { "state", TRUE, rule_state },
  { "firmware", TRUE, rule_firmware },
  { "version", TRUE, rule_version },
  { "product", TRUE, rule_product },
  { "include-unknown", FALSE, rule_unknown },
  { "hours", TRUE, rule_hours },
  { "nodes", FALSE, rule_nodes },
  { "macs", FALSE, rule_macs },
  { "who", FALSE, rule_who },
  { "when", FALSE, rule_when },
  { "not-before", FALSE, rule_not_before },
  { "not-after", FALSE, rule_not_after },
  { "cut-at-edge", FALSE, rule_cut },
  { "cap", TRUE, rule_cap },
  { "transfers", TRUE, rule_transfers },
  { "groups", FALSE, rule_groups },
  { "targets", FALSE, rule_targets },
  { "succeeded", FALSE, rule_succeeded },
  { "failed", FALSE, rule_failed },
  { "attempts", FALSE, rule_attempts },
  { "priority", FALSE, rule_priority },
  { "require-heard", FALSE, rule_heard },
  { "number", FALSE, rule_number },
  { "overridden", FALSE, rule_overrides },
  { "notification", FALSE, rule_notification },
  { "push", TRUE, rule_push },
  { "pause-reason", FALSE, rule_pause_reason },
  { "created", FALSE, rule_created },
  { "changed", FALSE, rule_changed },
  { NULL },
};

static GPtrArray *
rule_items(GwCore *core)
{
  GHashTableIter iter;

  gw_rules_iter(core->rules, &iter);
  return gw_columns_values(&iter);
}

const GwKind gw_columns_rules = { "rules", "id", RULES, rule_items };
