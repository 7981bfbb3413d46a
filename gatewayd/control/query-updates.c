/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of updates: the database holds them all, and lists them. */
#include <string.h>

#include "base/error.h"
#include "control/columns.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 500
#define CURSOR_MAX 4096

typedef struct {
  GwCore *core;
  char **columns;
  char *sort;
  guint limit;
  GwThen then;
} UpdateList;

static void
update_list_free(UpdateList *list)
{
  g_strfreev(list->columns);
  g_free(list->sort);
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
  place = g_variant_ref_sink(g_variant_new("(vx)", value, id));
  return g_variant_print(place, TRUE);
}

static void
on_updates(const GPtrArray *rows, gint64 total, const GError *error, gpointer user)
{
  UpdateList *list = user;
  g_autofree char *cursor = NULL;
  g_autoptr(GVariant) result = NULL;
  GVariantBuilder builder;

  if (!error) {
    cursor = update_cursor(rows, list);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < rows->len; i++)
      add_update_row(&builder, rows->pdata[i], list->columns);
    result = g_variant_ref_sink(g_variant_new("(aa{sv}su)", &builder, cursor, (guint32)MAX(total, 0)));
  }
  list->then.done(result, error, list->then.user);
  update_list_free(list);
}

static gboolean
check_update_columns(const char *const *columns, GError **error)
{
  const char *const *known = gw_table_columns(GW_TABLE_UPDATES);
  g_autofree char *names = NULL;

  for (const char *const *name = columns; name && *name; name++)
    if (!g_strv_contains(known, *name)) {
      names = g_strjoinv(", ", (char **)known);
      return gw_fail(error, GW_ERROR_BAD_INPUT, "updates have no column \"%.64s\"; they have %s", *name,
                     names);
    }
  return TRUE;
}

/* Doors that know no types pass texts. */
static GVariant *
typed_filter(GVariant *filter)
{
  static const char *const NUMBERS[] = { "id",   "firmware", "rule",    "attempts", "acked",
                                         "size", "created",  "changed", "finished", NULL };
  static const char *const FLAGS[] = { "inferred", "open", NULL };
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

/* Newest first, unless asked otherwise. */
void
gw_query_list_updates(GwCore *core, const GwListQuery *query, GwThen then)
{
  g_autoptr(GVariant) after = NULL;
  g_autoptr(GVariant) filter = query->filter ? typed_filter(query->filter) : NULL;
  g_autoptr(GError) error = NULL;
  UpdateList *list;
  GwListing listing;

  if (*query->cursor && strlen(query->cursor) <= CURSOR_MAX)
    after = g_variant_parse(G_VARIANT_TYPE("(vx)"), query->cursor, NULL, NULL, NULL);
  if (*query->cursor && !after)
    gw_fail(&error, GW_ERROR_BAD_INPUT, "the cursor is not one of this list");
  if (error || !check_update_columns(query->columns, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  list = g_new(UpdateList, 1);
  *list =
      (UpdateList){ core, g_strdupv((char **)query->columns), g_strdup(*query->sort ? query->sort : "-id"),
                    query->limit ? MIN(query->limit, LIMIT_MAX) : LIMIT_DEFAULT, then };
  listing = (GwListing){ .table = GW_TABLE_UPDATES,
                         .filter = filter,
                         .sort = list->sort,
                         .after = after,
                         .limit = list->limit,
                         .is_counted = TRUE };
  if (gw_rows_list(core->db, &listing, on_updates, list, &error))
    return;
  update_list_free(list);
  gw_then_fail(core, then, g_steal_pointer(&error));
}
