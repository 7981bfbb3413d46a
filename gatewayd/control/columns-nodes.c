/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Columns of nodes. */
#include <string.h>

#include "control/columns-private.h"

#include "control/scheduler.h"
#include "control/verbs.h"

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
  return gw_columns_values(&iter);
}

const GwKind gw_columns_nodes = { "nodes", "id", NODES, node_items };
