/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lists of updates and of the timeline: the database holds them all, and lists them. What nodes asked in
 * the last minutes is not there yet: it stands in front of what is known of one node. */
#include <string.h>

#include "base/error.h"
#include "control/columns.h"
#include "control/timeline.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 500
#define CURSOR_MAX 4096

typedef struct {
  GwCore *core;
  char **columns;
  char *sort;
  char *node;   /* whose newest asks are to be added, or NULL */
  gint64 total; /* as counted for the first page; -1 = not counted */
  guint limit;
  GwThen then;
} UpdateList;

static void
update_list_free(UpdateList *list)
{
  g_strfreev(list->columns);
  g_free(list->sort);
  g_free(list->node);
  g_free(list);
}

static void
add_update_row(GVariantBuilder *rows, GVariant *row, char **columns)
{
  if (!columns || !*columns) {
    g_variant_builder_add_value(rows, row);
    return;
  }
  g_variant_builder_open(rows, G_VARIANT_TYPE_VARDICT);
  for (char **name = columns; *name; name++) {
    g_autoptr(GVariant) value = g_variant_lookup_value(row, *name, NULL);

    if (value)
      g_variant_builder_add(rows, "{sv}", *name, value);
  }
  g_variant_builder_close(rows);
}

static char *
update_cursor(const GPtrArray *rows, const UpdateList *list)
{
  const char *by = *list->sort == '-' ? list->sort + 1 : list->sort;
  GVariant *last = rows->len == list->limit ? rows->pdata[rows->len - 1] : NULL;
  g_autoptr(GVariant) value = last ? g_variant_lookup_value(last, by, NULL) : NULL;
  g_autoptr(GVariant) place = NULL;
  gint64 id = 0;

  if (!value || !g_variant_lookup(last, "id", "x", &id))
    return g_strdup("");
  place = g_variant_ref_sink(g_variant_new("(vxx)", value, id, list->total));
  return g_variant_print(place, TRUE);
}

/* ---- what is not written yet ---- */

typedef struct {
  GPtrArray *rows; /* newest first */
  GHashTable *ids; /* set of their ids */
} Unwritten;

static void
take_unwritten(const GwTimelineRow *row, gpointer user)
{
  Unwritten *unwritten = user;

  g_ptr_array_insert(
      unwritten->rows, 0,
      g_variant_ref_sink(g_variant_new_parsed(
          "{'id': <%x>, 'node': <%s>, 'kind': <%s>, 'text': <%s>, 'first': <%x>, 'last': <%x>, "
          "'count': <%x>, 'final': <false>}",
          row->id, row->node, row->kind, row->text, row->first_ms, row->last_ms, (gint64)row->count)));
  g_hash_table_add(unwritten->ids, g_memdup2(&row->id, sizeof row->id));
}

/* The newest of the node, first; a row of the disk that has grown since is left out. */
static void
add_rows(GVariantBuilder *builder, const GPtrArray *rows, UpdateList *list)
{
  g_autoptr(GPtrArray) newest = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
  g_autoptr(GHashTable) ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  Unwritten unwritten = { newest, ids };
  gint64 id = 0;

  if (list->node)
    gw_timeline_unwritten(list->core->timeline, list->node, take_unwritten, &unwritten);
  for (guint i = 0; i < newest->len; i++)
    add_update_row(builder, newest->pdata[i], list->columns);
  list->total += list->node ? newest->len : 0;
  for (guint i = 0; i < rows->len; i++)
    if (newest->len && g_variant_lookup(rows->pdata[i], "id", "x", &id) && g_hash_table_contains(ids, &id))
      list->total--;
    else
      add_update_row(builder, rows->pdata[i], list->columns);
}

static void
on_updates(const GPtrArray *rows, gint64 total, const GError *error, gpointer user)
{
  UpdateList *list = user;
  g_autofree char *cursor = NULL;
  g_autoptr(GVariant) result = NULL;
  GVariantBuilder builder;

  if (!error) {
    if (total >= 0)
      list->total = total;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
    add_rows(&builder, rows, list);
    cursor = update_cursor(rows, list);
    result = g_variant_ref_sink(g_variant_new("(aa{sv}su)", &builder, cursor, (guint32)MAX(list->total, 0)));
  }
  list->then.done(result, error, list->then.user);
  update_list_free(list);
}

/* ---- the question ---- */

static gboolean
check_update_columns(const GwListQuery *query, GwTable table, GError **error)
{
  const char *const *known = gw_table_columns(table);
  g_autofree char *names = NULL;

  for (const char *const *name = query->columns; name && *name; name++)
    if (!g_strv_contains(known, *name)) {
      names = g_strjoinv(", ", (char **)known);
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s have no column \"%.64s\"; they have %s", query->kind,
                     *name, names);
    }
  return TRUE;
}

/* Doors that know no types pass texts. */
static GVariant *
typed_filter(GVariant *filter)
{
  static const char *const NUMBERS[] = { "first",   "last",     "count",     "id",   "firmware",
                                         "rule",    "attempts", "acked",     "size", "created",
                                         "changed", "finished", "downloads", NULL };
  static const char *const FLAGS[] = { "inferred", "open", "group", "final", NULL };
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_iter_init(&iter, filter);
  while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
    g_autoptr(GVariant) owned = value;
    gboolean is_text = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING), flag;
    gint64 number;

    if (is_text && g_strv_contains(NUMBERS, key) &&
        g_ascii_string_to_signed(g_variant_get_string(value, NULL), 10, G_MININT64, G_MAXINT64, &number,
                                 NULL))
      g_variant_builder_add(&builder, "{sv}", key, g_variant_new_int64(number));
    else if (is_text && g_strv_contains(FLAGS, key) &&
             gw_parse_boolean(g_variant_get_string(value, NULL), &flag))
      g_variant_builder_add(&builder, "{sv}", key, g_variant_new_boolean(flag));
    else
      g_variant_builder_add(&builder, "{sv}", key, value);
  }
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

/* The one node whose story is asked for from its newest end, or NULL. Caller frees. */
static char *
sole_node(const GwListQuery *query, GVariant *filter)
{
  const char *node = NULL;

  if (strcmp(query->kind, "timeline") != 0 || *query->cursor || !filter ||
      g_variant_n_children(filter) != 1 || (*query->sort && strcmp(query->sort, "-id") != 0) ||
      !g_variant_lookup(filter, "node", "&s", &node) || strpbrk(node, "*?"))
    return NULL;
  return g_strdup(node);
}

/* The total is counted for the first page and goes along with the cursor: to count costs more than a page. */
static gboolean
read_cursor(const char *cursor, GVariant **ret_after, gint64 *ret_total, GError **error)
{
  g_autoptr(GVariant) place = NULL;
  g_autoptr(GVariant) value = NULL;
  gint64 id;

  if (!*cursor)
    return TRUE;
  if (strlen(cursor) <= CURSOR_MAX)
    place = g_variant_parse(G_VARIANT_TYPE("(vxx)"), cursor, NULL, NULL, NULL);
  if (!place)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the cursor is not one of this list");
  g_variant_get(place, "(vxx)", &value, &id, ret_total);
  *ret_after = g_variant_ref_sink(g_variant_new("(vx)", value, id));
  return TRUE;
}

/* Newest first, unless asked otherwise. */
void
gw_query_list_updates(GwCore *core, const GwListQuery *query, GwThen then)
{
  GwTable table = strcmp(query->kind, "timeline") == 0 ? GW_TABLE_TIMELINE : GW_TABLE_UPDATES;
  g_autoptr(GVariant) after = NULL;
  g_autoptr(GVariant) filter = query->filter ? typed_filter(query->filter) : NULL;
  g_autoptr(GError) error = NULL;
  gint64 total = -1;
  UpdateList *list;
  GwListing listing;

  if (!read_cursor(query->cursor, &after, &total, &error) || !check_update_columns(query, table, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  list = g_new(UpdateList, 1);
  *list = (UpdateList){ .core = core,
                        .columns = g_strdupv((char **)query->columns),
                        .sort = g_strdup(*query->sort ? query->sort : "-id"),
                        .node = sole_node(query, filter),
                        .total = total,
                        .limit = query->limit ? MIN(query->limit, LIMIT_MAX) : LIMIT_DEFAULT,
                        .then = then };
  listing = (GwListing){ .table = table,
                         .filter = filter,
                         .sort = list->sort,
                         .after = after,
                         .limit = list->limit,
                         .is_counted = !after };
  if (gw_rows_list(core->db, &listing, on_updates, list, &error))
    return;
  update_list_free(list);
  gw_then_fail(core, then, g_steal_pointer(&error));
}
