/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes, when they were heard, and their timeline. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "store/rows-private.h"

#define MAX_COMPONENTS_SIZE ((gsize)256 * 1024)

/* [[type, hardware, software, source, since_ms], ...] */
static char *
write_components(const GwNode *node)
{
  json_t *array = json_array();
  char *dump, *copy;

  for (guint i = 0; i < node->components->len; i++) {
    const GwComponent *component = &g_array_index(node->components, GwComponent, i);
    g_autofree char *type = g_utf8_make_valid(component->type, -1);
    g_autofree char *hardware = g_utf8_make_valid(component->hardware_version, -1);
    g_autofree char *software = g_utf8_make_valid(component->software_version, -1);

    (void)json_array_append_new(array, json_pack("[s,s,s,s,I]", type, hardware, software,
                                                 gw_version_source_name(component->source),
                                                 (json_int_t)component->since_ms));
  }
  dump = json_dumps(array, JSON_COMPACT);
  copy = g_strdup(dump);
  free(dump);
  json_decref(array);
  return copy;
}

static GwVersionSource
source_of(const char *name)
{
  for (GwVersionSource source = GW_SOURCE_UNKNOWN; source <= GW_SOURCE_HEARD; source++)
    if (strcmp(name, gw_version_source_name(source)) == 0)
      return source;
  return GW_SOURCE_UNKNOWN;
}

static void
read_components(const char *json, GwNode *node)
{
  g_autoptr(json_t) array = gw_json_parse(json, strlen(json), MAX_COMPONENTS_SIZE, NULL);
  gsize i;
  json_t *value;

  json_array_foreach(array, i, value)
  {
    const char *type, *hardware, *software, *source;
    json_int_t since_ms;
    GwComponent *component;

    if (json_unpack(value, "[s,s,s,s,I]", &type, &hardware, &software, &source, &since_ms) < 0)
      continue;
    component = gw_node_add_component(node, type);
    if (!component)
      continue;
    gw_shared_text_set(&component->hardware_version, hardware);
    gw_component_set(component, software, source_of(source), since_ms);
    component->since_ms = since_ms;
  }
}

void
gw_rows_put_contact(GwBatch *batch, const GwNode *node)
{
  gw_batch_add(batch, "INSERT OR REPLACE INTO contact VALUES (?, ?, ?, ?)", "siii", node->id, node->last_ms,
               (gint64)node->n_contacts, (gint64)node->habit);
}

void
gw_rows_put_node(GwBatch *batch, const GwNode *node)
{
  g_autofree char *aliases = gw_rows_write_strings(node->aliases);
  g_autofree char *labels = gw_rows_write_strings(node->labels);
  g_autofree char *attributes = gw_rows_write_map(node->attributes);
  g_autofree char *components = write_components(node);

  gw_batch_add(
      batch,
      "INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      "sssssssssssiiisisiiii", node->id, node->product, node->plugin, node->location, node->address,
      node->mac, aliases, labels, attributes, components, gw_identity_name(node->identity),
      (gint64)node->is_adopted, (gint64)node->is_group, (gint64)node->is_set_aside, node->set_aside_reason,
      (gint64)node->needs_power_cycle, node->credential_digest, node->first_ms, node->told_number,
      node->told_firmware, (gint64)node->n_failures);
  gw_rows_put_contact(batch, node);
}

void
gw_rows_put_told(GwBatch *batch, const GwNode *node)
{
  gw_batch_add(batch, "UPDATE node SET told_number = ?, told_firmware = ? WHERE id = ?", "iis",
               node->told_number, node->told_firmware, node->id);
}

void
gw_rows_delete_node(GwBatch *batch, const char *id)
{
  gw_batch_add(batch, "DELETE FROM history WHERE node_update IN (SELECT id FROM node_update WHERE node = ?)",
               "s", id);
  gw_batch_add(batch, "DELETE FROM node_update WHERE node = ?", "s", id);
  gw_batch_add(batch, "DELETE FROM pin WHERE node = ?", "s", id);
  gw_batch_add(batch, "DELETE FROM timeline WHERE node = ?", "s", id);
  gw_batch_add(batch, "DELETE FROM contact WHERE node = ?", "s", id);
  gw_batch_add(batch, "DELETE FROM node WHERE id = ?", "s", id);
}

void
gw_rows_replace_node(GwBatch *batch, const char *old, const char *new)
{
  gw_batch_add(batch, "UPDATE node_update SET node = ?, former = ? WHERE node = ?", "sss", new, old, old);
  gw_batch_add(batch, "UPDATE timeline SET node = ? WHERE node = ?", "ss", new, old);
  gw_batch_add(batch, "DELETE FROM pin WHERE node = ?", "s", old);
  gw_batch_add(batch, "DELETE FROM contact WHERE node = ?", "s", old);
  gw_batch_add(batch, "DELETE FROM node WHERE id = ?", "s", old);
}

typedef struct {
  void (*each)(GwNode *node, gpointer user);
  gpointer user;
} NodeReader;

static void
read_node(const GwRow *row, gpointer user)
{
  const NodeReader *reader = user;
  GwNode *node = gw_node_new(gw_row_text(row, 0));

  gw_shared_text_set(&node->product, gw_row_text(row, 1));
  gw_shared_text_set(&node->plugin, gw_row_text(row, 2));
  gw_shared_text_set(&node->location, gw_row_text(row, 3));
  gw_rows_read_text(&node->address, row, 4);
  g_strlcpy(node->mac, gw_row_text(row, 5), sizeof node->mac);
  gw_rows_read_strings(gw_row_text(row, 6), node->aliases);
  gw_rows_read_strings(gw_row_text(row, 7), node->labels);
  if (strcmp(gw_row_text(row, 8), "{}") != 0) {
    node->attributes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    gw_rows_read_map(gw_row_text(row, 8), node->attributes);
  }
  read_components(gw_row_text(row, 9), node);
  (void)gw_identity_parse(gw_row_text(row, 10), &node->identity);
  node->is_adopted = gw_row_int(row, 11) != 0;
  node->is_group = gw_row_int(row, 12) != 0;
  node->is_set_aside = gw_row_int(row, 13) != 0;
  gw_shared_text_set(&node->set_aside_reason, gw_row_text(row, 14));
  node->needs_power_cycle = gw_row_int(row, 15) != 0;
  gw_shared_text_set(&node->credential_digest, gw_row_text(row, 16));
  node->first_ms = gw_row_int(row, 17);
  node->told_number = gw_row_int(row, 18);
  node->told_firmware = gw_row_int(row, 19);
  node->n_failures = (guint)gw_row_int(row, 20);
  node->last_ms = gw_row_int(row, 22); /* 21 is contact.node */
  node->n_contacts = (guint64)gw_row_int(row, 23);
  node->habit = (guint64)gw_row_int(row, 24);
  reader->each(node, reader->user);
}

gboolean
gw_rows_load_nodes(GwDb *db, void (*each)(GwNode *node, gpointer user), gpointer user, GError **error)
{
  NodeReader reader = { each, user };

  return gw_db_load(db, "SELECT * FROM node LEFT JOIN contact ON contact.node = node.id ORDER BY node.id",
                    read_node, &reader, error);
}

void
gw_rows_put_timeline(GwBatch *batch, const GwTimelineRow *row)
{
  gw_batch_add(batch, "INSERT OR REPLACE INTO timeline VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "isssiiii", row->id,
               row->node, row->kind, row->text, row->first_ms, row->last_ms, (gint64)row->count,
               (gint64)row->is_final);
}

void
gw_rows_trim_timeline_of(GwBatch *batch, const char *node, guint max)
{
  gw_batch_add(batch,
               "DELETE FROM timeline WHERE id IN (SELECT id FROM timeline WHERE node = ? "
               "ORDER BY is_final DESC, last_ms DESC, id DESC LIMIT -1 OFFSET ?)",
               "si", node, (gint64)max);
}

void
gw_rows_trim_timeline(GwBatch *batch, gint64 before_id, gint64 before_ms, guint max)
{
  gw_batch_add(batch, "DELETE FROM timeline WHERE id < ? AND last_ms < ?", "ii", before_id, before_ms);
  gw_batch_add(
      batch,
      "DELETE FROM timeline WHERE NOT is_final AND id <= (SELECT id FROM timeline WHERE NOT is_final "
      "ORDER BY id DESC LIMIT 1 OFFSET ?)",
      "i", (gint64)max);
  gw_batch_add(batch,
               "DELETE FROM timeline WHERE is_final AND id <= (SELECT id FROM timeline WHERE is_final "
               "ORDER BY id DESC LIMIT 1 OFFSET ?)",
               "i", (gint64)max);
}
