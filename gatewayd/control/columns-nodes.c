/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Columns of nodes and rules. */
#include <string.h>

#include "control/columns.h"
#include "control/verbs.h"

static GPtrArray *
values_of(GHashTableIter *iter)
{
  GPtrArray *items = g_ptr_array_new();
  gpointer value;

  while (g_hash_table_iter_next(iter, NULL, &value))
    g_ptr_array_add(items, value);
  return items;
}

#define TEXT(function, Type, member)                                                                         \
  static GVariant *function(GwCore *core, gconstpointer item)                                                \
  {                                                                                                          \
    return g_variant_new_string(((const Type *)item)->member);                                               \
  }
#define NUMBER(function, Type, member)                                                                       \
  static GVariant *function(GwCore *core, gconstpointer item)                                                \
  {                                                                                                          \
    return g_variant_new_int64((gint64)((const Type *)item)->member);                                        \
  }
#define FLAG(function, Type, member)                                                                         \
  static GVariant *function(GwCore *core, gconstpointer item)                                                \
  {                                                                                                          \
    return g_variant_new_boolean(((const Type *)item)->member);                                              \
  }

/* ---- nodes ---- */

TEXT(node_id, GwNode, id)
TEXT(node_product, GwNode, product)
TEXT(node_plugin, GwNode, plugin)
TEXT(node_location, GwNode, location)
TEXT(node_address, GwNode, address)
TEXT(node_mac, GwNode, mac)
FLAG(node_adopted, GwNode, is_adopted)
FLAG(node_group, GwNode, is_group)
FLAG(node_aside, GwNode, is_set_aside)
TEXT(node_aside_reason, GwNode, set_aside_reason)
FLAG(node_power_cycle, GwNode, needs_power_cycle)
NUMBER(node_first, GwNode, first_ms)
NUMBER(node_last, GwNode, last_ms)
NUMBER(node_contacts, GwNode, n_contacts)

/* Of the first part: most nodes have one. */
static const GwComponent *
first_component(gconstpointer item)
{
  const GwNode *node = item;

  return node->components->len ? &g_array_index(node->components, GwComponent, 0) : NULL;
}

static GVariant *
node_version(GwCore *core, gconstpointer item)
{
  const GwComponent *component = first_component(item);

  return g_variant_new_string(component ? component->software_version : "");
}

static GVariant *
node_type(GwCore *core, gconstpointer item)
{
  const GwComponent *component = first_component(item);

  return g_variant_new_string(component ? component->type : "");
}

static GVariant *
node_hardware(GwCore *core, gconstpointer item)
{
  const GwComponent *component = first_component(item);

  return g_variant_new_string(component ? component->hardware_version : "");
}

static GVariant *
node_source(GwCore *core, gconstpointer item)
{
  const GwComponent *component = first_component(item);

  return g_variant_new_string(gw_version_source_name(component ? component->source : GW_SOURCE_UNKNOWN));
}

static GVariant *
node_identity(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_identity_name(((const GwNode *)item)->identity));
}

static GVariant *
node_labels(GwCore *core, gconstpointer item)
{
  const GPtrArray *labels = ((const GwNode *)item)->labels;

  return g_variant_new_strv((const char *const *)labels->pdata, (gssize)labels->len);
}

static GVariant *
node_update(GwCore *core, gconstpointer item)
{
  const GwUpdate *update = gw_updates_open(core->updates, ((const GwNode *)item)->id, "");

  return g_variant_new_string(update ? gw_update_state_name(update->state) : "");
}

static const GwColumn NODES[] = {
  { "id", TRUE, node_id },
  { "adopted", TRUE, node_adopted },
  { "product", TRUE, node_product },
  { "version", TRUE, node_version },
  { "source", TRUE, node_source },
  { "hardware", FALSE, node_hardware },
  { "type", FALSE, node_type },
  { "update", TRUE, node_update },
  { "location", TRUE, node_location },
  { "labels", FALSE, node_labels },
  { "address", TRUE, node_address },
  { "mac", FALSE, node_mac },
  { "identity", TRUE, node_identity },
  { "plugin", FALSE, node_plugin },
  { "group", FALSE, node_group },
  { "set-aside", FALSE, node_aside },
  { "set-aside-reason", FALSE, node_aside_reason },
  { "needs-power-cycle", FALSE, node_power_cycle },
  { "first", FALSE, node_first },
  { "last", TRUE, node_last },
  { "contacts", FALSE, node_contacts },
  { NULL },
};

static GPtrArray *
node_items(GwCore *core)
{
  GHashTableIter iter;

  gw_registry_iter(core->registry, &iter);
  return values_of(&iter);
}

const GwKind gw_columns_nodes = { "nodes", "id", NODES, node_items };

/* ---- rules ---- */

NUMBER(rule_id, GwRule, id)
TEXT(rule_name, GwRule, name)
NUMBER(rule_firmware, GwRule, firmware_id)
NUMBER(rule_priority, GwRule, priority)
TEXT(rule_pause_reason, GwRule, pause_reason)
TEXT(rule_product, GwRule, product)
TEXT(rule_location, GwRule, location)
TEXT(rule_number, GwRule, number)
TEXT(rule_overrides, GwRule, overrides)
NUMBER(rule_not_before, GwRule, not_before_ms)
NUMBER(rule_not_after, GwRule, not_after_ms)
NUMBER(rule_cap, GwRule, cap)
NUMBER(rule_attempts, GwRule, max_attempts)
FLAG(rule_unknown, GwRule, is_unknown_included)
FLAG(rule_cut, GwRule, is_cut_at_edge)
FLAG(rule_heard, GwRule, is_heard_required)
FLAG(rule_push, GwRule, is_push)
NUMBER(rule_created, GwRule, created_ms)
NUMBER(rule_changed, GwRule, changed_ms)

static GVariant *
rule_state(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(gw_rule_state_name(((const GwRule *)item)->state));
}

static GVariant *
rule_version(GwCore *core, gconstpointer item)
{
  const GwFirmware *firmware = gw_firmwares_find(core->firmwares, ((const GwRule *)item)->firmware_id);

  return g_variant_new_string(firmware ? firmware->software_version : "");
}

static GVariant *
rule_hours(GwCore *core, gconstpointer item)
{
  const GwRule *rule = item;

  if (rule->from_minute == rule->until_minute)
    return g_variant_new_string("");
  return g_variant_new_take_string(g_strdup_printf("%02u:%02u-%02u:%02u", rule->from_minute / 60,
                                                   rule->from_minute % 60, rule->until_minute / 60,
                                                   rule->until_minute % 60));
}

/* The members of a list, at most so many: the rest is a number. */
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
  return list_of(((const GwRule *)item)->nodes);
}

static GVariant *
rule_macs(GwCore *core, gconstpointer item)
{
  return list_of(((const GwRule *)item)->macs);
}

static GVariant *
rule_versions(GwCore *core, gconstpointer item)
{
  return list_of(((const GwRule *)item)->versions);
}

static GVariant *
rule_transfers(GwCore *core, gconstpointer item)
{
  return g_variant_new_int64(gw_slots_count_of(core->slots, ((const GwRule *)item)->id));
}

static const GwColumn RULES[] = {
  { "id", TRUE, rule_id },
  { "name", TRUE, rule_name },
  { "state", TRUE, rule_state },
  { "firmware", TRUE, rule_firmware },
  { "version", TRUE, rule_version },
  { "product", TRUE, rule_product },
  { "location", FALSE, rule_location },
  { "nodes", FALSE, rule_nodes },
  { "macs", FALSE, rule_macs },
  { "versions", FALSE, rule_versions },
  { "include-unknown", FALSE, rule_unknown },
  { "hours", TRUE, rule_hours },
  { "not-before", FALSE, rule_not_before },
  { "not-after", FALSE, rule_not_after },
  { "cut-at-edge", FALSE, rule_cut },
  { "cap", TRUE, rule_cap },
  { "transfers", TRUE, rule_transfers },
  { "attempts", FALSE, rule_attempts },
  { "priority", FALSE, rule_priority },
  { "require-heard", FALSE, rule_heard },
  { "number", FALSE, rule_number },
  { "overridden", FALSE, rule_overrides },
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
  return values_of(&iter);
}

const GwKind gw_columns_rules = { "rules", "id", RULES, rule_items };
