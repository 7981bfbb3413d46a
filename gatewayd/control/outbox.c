/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/outbox.h"

#include <string.h>

#define GONE "the upstream is not configured any more"

struct GwOutbox {
  char *name;
  gint64 since_id;
  GTree *items;         /* event id -> GwOutboxItem */
  GHashTable *readings; /* update id -> GwOutboxItem: the newest, living */
  guint n_dead;
};

static int
compare_ids(gconstpointer a, gconstpointer b, gpointer user)
{
  gint64 left = *(const gint64 *)a, right = *(const gint64 *)b;

  return left < right ? -1 : left > right;
}

static void
item_free(gpointer data)
{
  GwOutboxItem *item = data;

  gw_event_free(item->event);
  g_free(item->error);
  g_free(item);
}

GwOutbox *
gw_outbox_new(const char *upstream, gint64 since_id)
{
  GwOutbox *outbox = g_new0(GwOutbox, 1);

  outbox->name = g_strdup(upstream);
  outbox->since_id = since_id;
  outbox->items = g_tree_new_full(compare_ids, NULL, NULL, item_free);
  outbox->readings = g_hash_table_new(g_int64_hash, g_int64_equal);
  return outbox;
}

void
gw_outbox_free(GwOutbox *outbox)
{
  if (!outbox)
    return;
  g_hash_table_unref(outbox->readings);
  g_tree_unref(outbox->items);
  g_free(outbox->name);
  g_free(outbox);
}

const char *
gw_outbox_name(const GwOutbox *outbox)
{
  return outbox->name;
}

/* ---- rows ---- */

/* "update.downloading": a state on the way. That an attempt failed is a fact of its own. */
static gboolean
is_reading(const GwEvent *event)
{
  GwUpdateState state;

  return event->update_id && !event->is_final && g_str_has_prefix(event->type, "update.") &&
         gw_update_state_parse(event->type + strlen("update."), &state);
}

static void
put_row(const GwOutbox *outbox, GwBatch *batch, const GwOutboxItem *item)
{
  const GwEvent *event = item->event;
  g_autofree char *replace_key = is_reading(event) && !item->is_dead
                                     ? g_strdup_printf("update %" G_GINT64_FORMAT, event->update_id)
                                     : g_strdup("");
  GwOutboxRow row = {
    .upstream = outbox->name,
    .event_id = event->id,
    .order_key = event->node,
    .replace_key = replace_key,
    .is_final = event->is_final,
    .is_dead = item->is_dead,
    .n_tries = item->n_tries,
    .last_error = item->error ? item->error : "",
  };

  gw_rows_put_outbox(batch, &row);
}

void
gw_outbox_put(const GwOutbox *outbox, GwBatch *batch, const GwEvent *event)
{
  const GwOutboxItem item = { .event = (GwEvent *)event };

  put_row(outbox, batch, &item);
}

/* ---- items ---- */

static GwOutboxItem *
find(const GwOutbox *outbox, gint64 event_id)
{
  return g_tree_lookup(outbox->items, &event_id);
}

static void
forget_reading(GwOutbox *outbox, const GwOutboxItem *item)
{
  if (g_hash_table_lookup(outbox->readings, &item->event->update_id) == item)
    g_hash_table_remove(outbox->readings, &item->event->update_id);
}

static void
remove_item(GwOutbox *outbox, GwOutboxItem *item)
{
  forget_reading(outbox, item);
  outbox->n_dead -= item->is_dead;
  g_tree_remove(outbox->items, &item->event->id);
}

static void
note_reading(GwOutbox *outbox, GwOutboxItem *item)
{
  GwOutboxItem *older = g_hash_table_lookup(outbox->readings, &item->event->update_id);

  if (older && older != item)
    remove_item(outbox, older);
  g_hash_table_insert(outbox->readings, &item->event->update_id, item);
}

static GwOutboxItem *
insert(GwOutbox *outbox, GwEvent *event)
{
  GwOutboxItem *item = g_new0(GwOutboxItem, 1);

  item->upstream = outbox->name;
  item->event = event;
  g_tree_replace(outbox->items, &event->id, item);
  return item;
}

void
gw_outbox_add(GwOutbox *outbox, GwEvent *event)
{
  GwOutboxItem *item;

  if (event->id <= outbox->since_id)
    return;
  item = insert(outbox, gw_event_ref(event));
  if (is_reading(event))
    note_reading(outbox, item);
}

void
gw_outbox_load(GwOutbox *outbox, const GwOutboxRow *row, const GwEventRow *event)
{
  GwOutboxItem *item = insert(outbox, gw_event_from_row(event));

  item->is_dead = row->is_dead;
  item->n_tries = row->n_tries;
  item->error = g_strdup(row->last_error);
  outbox->n_dead += row->is_dead;
  if (!row->is_dead && is_reading(item->event))
    note_reading(outbox, item);
}

/* ---- picking ---- */

static gsize
size_of(const GwEvent *event)
{
  return strlen(event->data) + strlen(event->type) + strlen(event->subject) + strlen(event->node) + 256;
}

GPtrArray *
gw_outbox_pick(const GwOutbox *outbox, const GwOutboxPick *pick)
{
  GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)gw_event_free);
  gsize n_bytes = 0;

  for (GTreeNode *node = g_tree_node_first(outbox->items); node && events->len < pick->max_events;
       node = g_tree_node_next(node)) {
    const GwOutboxItem *item = g_tree_node_value(node);

    if (item->is_dead)
      continue;
    n_bytes += size_of(item->event);
    if (events->len > 0 && n_bytes > pick->max_bytes)
      break;
    g_ptr_array_add(events, gw_event_ref(item->event));
  }
  return events;
}

/* ---- what became of them ---- */

static void
erase(GwOutbox *outbox, GwOutboxItem *item, GwBatch *batch)
{
  gw_rows_delete_outbox(batch, outbox->name, item->event->id);
  remove_item(outbox, item);
}

void
gw_outbox_taken(GwOutbox *outbox, gint64 event_id, GwBatch *batch)
{
  GwOutboxItem *item = find(outbox, event_id);

  if (item)
    erase(outbox, item, batch);
}

void
gw_outbox_refused(GwOutbox *outbox, gint64 event_id, const char *why, GwBatch *batch)
{
  GwOutboxItem *item = find(outbox, event_id);

  if (!item || item->is_dead)
    return;
  forget_reading(outbox, item);
  item->is_dead = TRUE;
  item->n_tries++;
  g_free(item->error);
  item->error = g_strdup(why);
  outbox->n_dead++;
  put_row(outbox, batch, item);
}

static GwOutboxItem *
find_dead(const GwOutbox *outbox, gint64 event_id)
{
  GwOutboxItem *item = find(outbox, event_id);

  return item && item->is_dead ? item : NULL;
}

static gboolean
is_outdated(const GwOutbox *outbox, const GwOutboxItem *item)
{
  const GwOutboxItem *newest = g_hash_table_lookup(outbox->readings, &item->event->update_id);

  return newest && is_reading(item->event) && newest->event->id > item->event->id;
}

gboolean
gw_outbox_revive(GwOutbox *outbox, gint64 event_id, GwBatch *batch)
{
  GwOutboxItem *item = find_dead(outbox, event_id);

  if (!item)
    return FALSE;
  if (is_outdated(outbox, item)) {
    erase(outbox, item, batch);
    return TRUE;
  }
  item->is_dead = FALSE;
  outbox->n_dead--;
  put_row(outbox, batch, item);
  if (is_reading(item->event))
    note_reading(outbox, item);
  return TRUE;
}

gboolean
gw_outbox_drop(GwOutbox *outbox, gint64 event_id, GwBatch *batch)
{
  GwOutboxItem *item = find_dead(outbox, event_id);

  if (item)
    erase(outbox, item, batch);
  return item != NULL;
}

/* Ids of all (FALSE), or of those that died with their upstream. */
static GArray *
ids_of(const GwOutbox *outbox, gboolean is_gone)
{
  GArray *ids = g_array_new(FALSE, FALSE, sizeof(gint64));

  for (GTreeNode *node = g_tree_node_first(outbox->items); node; node = g_tree_node_next(node)) {
    const GwOutboxItem *item = g_tree_node_value(node);

    if (!is_gone || (item->is_dead && g_strcmp0(item->error, GONE) == 0))
      g_array_append_val(ids, item->event->id);
  }
  return ids;
}

guint
gw_outbox_retire(GwOutbox *outbox, GwBatch *batch)
{
  g_autoptr(GArray) ids = ids_of(outbox, FALSE);
  guint n = 0;

  for (guint i = 0; i < ids->len; i++) {
    GwOutboxItem *item = find(outbox, g_array_index(ids, gint64, i));

    if (item->is_dead)
      continue;
    n += item->event->is_final;
    if (item->event->is_final)
      gw_outbox_refused(outbox, item->event->id, GONE, batch);
    else
      erase(outbox, item, batch);
  }
  return n;
}

void
gw_outbox_return(GwOutbox *outbox, gint64 since_id, GwBatch *batch)
{
  g_autoptr(GArray) ids = ids_of(outbox, TRUE);

  outbox->since_id = MAX(outbox->since_id, since_id);
  for (guint i = 0; i < ids->len; i++)
    (void)gw_outbox_revive(outbox, g_array_index(ids, gint64, i), batch);
}

guint
gw_outbox_trim(GwOutbox *outbox, guint max, GwBatch *batch)
{
  guint n = gw_outbox_count(outbox), n_gone = 0;
  GTreeNode *node = g_tree_node_first(outbox->items);

  if (n <= max)
    return 0;
  while (node && n - n_gone > max - max / 16) {
    GwOutboxItem *item = g_tree_node_value(node);

    node = g_tree_node_next(node);
    if (item->event->is_final)
      continue;
    erase(outbox, item, batch);
    n_gone++;
  }
  return n_gone;
}

/* ---- questions ---- */

guint
gw_outbox_count(const GwOutbox *outbox)
{
  return (guint)g_tree_nnodes(outbox->items);
}

guint
gw_outbox_count_dead(const GwOutbox *outbox)
{
  return outbox->n_dead;
}

void
gw_outbox_list_dead(const GwOutbox *outbox, GPtrArray *items)
{
  if (outbox->n_dead == 0)
    return;
  for (GTreeNode *node = g_tree_node_first(outbox->items); node; node = g_tree_node_next(node)) {
    GwOutboxItem *item = g_tree_node_value(node);

    if (item->is_dead)
      g_ptr_array_add(items, item);
  }
}
