/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists that are too long for memory: filtered, sorted and cut by the database. Column names come from the
 * tables here and nowhere else; values are always bound. */
#include <string.h>

#include "base/error.h"
#include "store/db-private.h"
#include "store/rows-private.h"

#define MAX_LIMIT 500

typedef struct {
  const char *name; /* as asked for; ended by NULL */
  const char *sql;
  char type; /* x, b or s */
} Column;

static const Column UPDATES[] = {
  { "id", "id", 'x' },
  { "node", "node", 's' },
  { "type", "type", 's' },
  { "firmware", "firmware", 'x' },
  { "rule", "rule", 'x' },
  { "state", "state", 's' },
  { "reason", "reason", 's' },
  { "inferred", "is_inferred", 'b' },
  { "attempts", "n_attempts", 'x' },
  { "version", "version", 's' },
  { "version-before", "version_before", 's' },
  { "acked", "acked", 'x' },
  { "size", "size", 'x' },
  { "created", "created_ms", 'x' },
  { "changed", "changed_ms", 'x' },
  { "finished", "finished_ms", 'x' },
  { "open", "is_open", 'b' },
  { "product", "product", 's' },
  { "location", "location", 's' },
  { "release", "release", 's' },
  { "cause", "cause", 's' },
  { "group", "is_group", 'b' },
  { "downloads", "n_downloads", 'x' },
  { "former", "former", 's' },
  { NULL },
};

static const Column HISTORY[] = {
  { "id", "id", 'x' },
  { "update", "node_update", 'x' },
  { "time", "wall_ms", 'x' },
  { "state", "state", 's' },
  { "fact", "fact", 's' },
  { "detail", "detail", 's' },
  { NULL },
};

static const Column EVENTS[] = {
  { "id", "id", 'x' },
  { "time", "wall_ms", 'x' },
  { "type", "type", 's' },
  { "subject-kind", "subject_kind", 's' },
  { "subject", "subject_id", 's' },
  { "node", "node", 's' },
  { "firmware", "firmware", 'x' },
  { "rule", "rule", 'x' },
  { "update", "node_update", 'x' },
  { "data", "data", 's' },
  { "final", "is_final", 'b' },
  { NULL },
};

static const Column TIMELINE[] = {
  { "id", "id", 'x' },       { "node", "node", 's' },      { "kind", "kind", 's' },
  { "text", "text", 's' },   { "first", "first_ms", 'x' }, { "last", "last_ms", 'x' },
  { "count", "count", 'x' }, { "final", "is_final", 'b' }, { NULL },
};

static const struct {
  const char *table;
  const Column *columns;
} TABLES[] = {
  [GW_TABLE_UPDATES] = { "node_update", UPDATES },
  [GW_TABLE_HISTORY] = { "history", HISTORY },
  [GW_TABLE_EVENTS] = { "event", EVENTS },
  [GW_TABLE_TIMELINE] = { "timeline", TIMELINE },
};

const char *const *
gw_table_columns(GwTable table)
{
  static const char *names[G_N_ELEMENTS(TABLES)][G_N_ELEMENTS(UPDATES)];
  static gsize is_filled;

  if (g_once_init_enter(&is_filled)) {
    for (guint t = GW_TABLE_UPDATES; t < G_N_ELEMENTS(TABLES); t++)
      for (guint i = 0; TABLES[t].columns[i].name; i++)
        names[t][i] = TABLES[t].columns[i].name;
    g_once_init_leave(&is_filled, 1);
  }
  return names[table];
}

static const Column *
find_column(const Column *columns, const char *name, GError **error)
{
  for (const Column *column = columns; column->name; column++)
    if (strcmp(column->name, name) == 0)
      return column;
  gw_fail(error, GW_ERROR_BAD_INPUT, "there is no column \"%s\"", name);
  return NULL;
}

static gboolean
integer_of(GVariant *value, gint64 *ret_integer)
{
  switch (g_variant_classify(value)) {
  case G_VARIANT_CLASS_BOOLEAN:
    *ret_integer = g_variant_get_boolean(value);
    return TRUE;
  case G_VARIANT_CLASS_INT32:
    *ret_integer = g_variant_get_int32(value);
    return TRUE;
  case G_VARIANT_CLASS_UINT32:
    *ret_integer = g_variant_get_uint32(value);
    return TRUE;
  case G_VARIANT_CLASS_INT64:
    *ret_integer = g_variant_get_int64(value);
    return TRUE;
  default:
    return FALSE;
  }
}

/* --- the conditions, and the values they bind, in order --- */

typedef struct {
  const Column *columns;
  GString *where;
  GArray *values; /* GwDbValue; bytes are borrowed from the listing's variants or owned by texts */
  GPtrArray *texts;
} Question;

static void
add_integer(Question *question, gint64 integer)
{
  GwDbValue value = { .kind = 'i', .integer = integer };

  g_array_append_val(question->values, value);
}

static void
add_text(Question *question, char *text)
{
  GwDbValue value = { .kind = 's', .bytes = text, .size = strlen(text) };

  g_ptr_array_add(question->texts, text);
  g_array_append_val(question->values, value);
}

/* Binds @value as one for @column, whatever integer type it came in. */
static gboolean
add_value(Question *question, const Column *column, GVariant *value, GError **error)
{
  gboolean is_text = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING);
  gint64 integer;

  if (column->type == 's' && is_text)
    add_text(question, g_variant_dup_string(value, NULL));
  else if (column->type != 's' && integer_of(value, &integer))
    add_integer(question, integer);
  else
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the value for \"%s\" is not %s", column->name,
                   column->type == 's' ? "a text" : "a number");
  return TRUE;
}

/* SQLite's globs know [ as well; ours do not. */
static char *
escape_glob(const char *text)
{
  g_auto(GStrv) parts = g_strsplit(text, "[", -1);

  return g_strjoinv("[[]", parts);
}

static gboolean
add_condition(Question *question, const char *name, GVariant *value, GError **error)
{
  gboolean is_after = strcmp(name, "after-id") == 0;
  const Column *column = find_column(question->columns, is_after ? "id" : name, error);

  if (!column)
    return FALSE;
  if (column->type == 's' && g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
      strpbrk(g_variant_get_string(value, NULL), "*?")) {
    g_string_append_printf(question->where, " AND %s GLOB ?", column->sql);
    add_text(question, escape_glob(g_variant_get_string(value, NULL)));
    return TRUE;
  }
  g_string_append_printf(question->where, " AND %s %s ?", column->sql, is_after ? ">" : "=");
  return add_value(question, column, value, error);
}

static gboolean
add_filter(Question *question, GVariant *filter, GError **error)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init(&iter, filter);
  while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
    g_autoptr(GVariant) owned = value;

    if (!add_condition(question, name, owned, error))
      return FALSE;
  }
  return TRUE;
}

/* What comes after the last row that was seen. */
static gboolean
add_after(Question *question, const Column *sort, gboolean is_down, GVariant *after, GError **error)
{
  g_autoptr(GVariant) value = NULL;
  gint64 id;

  g_variant_get(after, "(vx)", &value, &id);
  g_string_append_printf(question->where, " AND (%s, id) %s (?, ?)", sort->sql, is_down ? "<" : ">");
  if (!add_value(question, sort, value, error))
    return FALSE;
  add_integer(question, id);
  return TRUE;
}

static void
ask(GwBatch *batch, const Question *question, const char *sql)
{
  const GwDbStatement statement = {
    .sql = gw_batch_own(batch, g_strdup(sql)),
    .n_values = question->values->len,
    .values = (const GwDbValue *)(gpointer)question->values->data,
  };

  gw_batch_add_statement(batch, &statement);
}

static void
ask_count(GwBatch *batch, const Question *question, const char *table)
{
  g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM %s WHERE 1%s", table, question->where->str);

  ask(batch, question, sql);
}

static gboolean
ask_rows(GwBatch *batch, Question *question, const GwListing *listing, GError **error)
{
  gboolean is_down = listing->sort && *listing->sort == '-';
  const char *name = listing->sort && *listing->sort ? listing->sort + is_down : "id";
  const Column *sort = find_column(question->columns, name, error);
  const char *direction = is_down ? "DESC" : "ASC";
  g_autoptr(GString) sql = g_string_new("SELECT ");

  if (!sort || (listing->after && !add_after(question, sort, is_down, listing->after, error)))
    return FALSE;
  for (const Column *column = question->columns; column->name; column++)
    g_string_append_printf(sql, "%s%s", column == question->columns ? "" : ", ", column->sql);
  g_string_append_printf(sql, " FROM %s WHERE 1%s ORDER BY %s %s, id %s LIMIT %u",
                         TABLES[listing->table].table, question->where->str, sort->sql, direction, direction,
                         CLAMP(listing->limit, 1, MAX_LIMIT));
  ask(batch, question, sql->str);
  return TRUE;
}

static GwBatch *
questions_of(const GwListing *listing, GError **error)
{
  g_autoptr(GwBatch) batch = gw_batch_new();
  g_autoptr(GString) where = g_string_new(NULL);
  g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(GwDbValue));
  g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
  Question question = { TABLES[listing->table].columns, where, values, texts };

  if (listing->filter && !add_filter(&question, listing->filter, error))
    return NULL;
  if (listing->is_counted)
    ask_count(batch, &question, TABLES[listing->table].table);
  if (!ask_rows(batch, &question, listing, error))
    return NULL;
  return g_steal_pointer(&batch);
}

/* --- the answer --- */

typedef struct {
  const Column *columns;
  gboolean is_counted;
  GwListingDone done;
  gpointer user;
} Pending;

static GVariant *
dictionary_of(const Column *columns, GVariant *row)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  for (gsize i = 0; columns[i].name; i++) {
    g_autoptr(GVariant) value = NULL;

    g_variant_get_child(row, i, "v", &value);
    if (columns[i].type == 'b' && g_variant_is_of_type(value, G_VARIANT_TYPE_INT64))
      g_variant_builder_add(&builder, "{sv}", columns[i].name,
                            g_variant_new_boolean(g_variant_get_int64(value) != 0));
    else
      g_variant_builder_add(&builder, "{sv}", columns[i].name, value);
  }
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static void
on_rows(GPtrArray *rows, const GError *error, gpointer user)
{
  const Pending *pending = user;
  g_autoptr(GPtrArray) owned = rows;
  g_autoptr(GPtrArray) answer = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
  gint64 total = -1;

  for (guint i = 0; owned && i < owned->len; i++) {
    GVariant *row = g_ptr_array_index(owned, i);
    g_autoptr(GVariant) count = NULL;

    if (i > 0 || !pending->is_counted) {
      g_ptr_array_add(answer, dictionary_of(pending->columns, row));
      continue;
    }
    g_variant_get_child(row, 0, "v", &count);
    total = g_variant_get_int64(count);
  }
  pending->done(error ? NULL : answer, total, error, pending->user);
}

gboolean
gw_rows_list(GwDb *db, const GwListing *listing, GwListingDone done, gpointer user, GError **error)
{
  GwBatch *questions = questions_of(listing, error);
  Pending *pending;

  if (!questions)
    return FALSE;
  pending = gw_batch_own(questions, g_new(Pending, 1));
  *pending = (Pending){ TABLES[listing->table].columns, listing->is_counted, done, user };
  gw_db_query_batch(db, questions, MAX_LIMIT, on_rows, pending);
  return TRUE;
}
