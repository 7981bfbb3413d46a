/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists in one column: JSON, written by us, so that sqlite3 on a gateway shows something readable. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "store/rows-private.h"

#define MAX_LIST_SIZE ((gsize)64 * 1024 * 1024)

static json_t *
string_new(const char *text)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1);

  return json_string(valid);
}

static char *
take_dump(json_t *value)
{
  char *dump = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
  char *copy = g_strdup(dump);

  free(dump);
  json_decref(value);
  return copy;
}

char *
gw_rows_write_strings(const GPtrArray *strings)
{
  json_t *array = json_array();

  for (guint i = 0; i < strings->len; i++)
    (void)json_array_append_new(array, string_new(g_ptr_array_index(strings, i)));
  return take_dump(array);
}

static int
by_text(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *
gw_rows_write_set(GHashTable *set)
{
  g_autoptr(GPtrArray) texts = NULL;
  GHashTableIter iter;
  gpointer text;

  if (!set)
    return NULL;
  texts = g_ptr_array_new();
  g_hash_table_iter_init(&iter, set);
  while (g_hash_table_iter_next(&iter, &text, NULL))
    g_ptr_array_add(texts, text);
  g_ptr_array_sort(texts, by_text);
  return gw_rows_write_strings(texts);
}

char *
gw_rows_write_map(GHashTable *map)
{
  json_t *object = json_object();
  GHashTableIter iter;
  gpointer key, value;

  if (map)
    g_hash_table_iter_init(&iter, map);
  while (map && g_hash_table_iter_next(&iter, &key, &value)) {
    g_autofree char *valid = g_utf8_make_valid(key, -1);

    (void)json_object_set_new(object, valid, string_new(value));
  }
  return take_dump(object);
}

void
gw_rows_read_strings(const char *json, GPtrArray *strings)
{
  g_autoptr(json_t) array = gw_json_parse(json, strlen(json), MAX_LIST_SIZE, NULL);
  gsize i;
  json_t *value;

  json_array_foreach(array, i, value) if (json_is_string(value))
      g_ptr_array_add(strings, g_strdup(json_string_value(value)));
}

GHashTable *
gw_rows_read_set(const GwRow *row, int column)
{
  g_autoptr(GPtrArray) texts = NULL;
  GHashTable *set;

  if (gw_row_is_null(row, column))
    return NULL;
  set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  texts = g_ptr_array_new();
  gw_rows_read_strings(gw_row_text(row, column), texts);
  for (guint i = 0; i < texts->len; i++)
    g_hash_table_add(set, g_ptr_array_index(texts, i));
  return set;
}

void
gw_rows_read_map(const char *json, GHashTable *map)
{
  g_autoptr(json_t) object = gw_json_parse(json, strlen(json), MAX_LIST_SIZE, NULL);
  const char *key;
  json_t *value;

  json_object_foreach(object, key, value) if (json_is_string(value))
      g_hash_table_replace(map, g_strdup(key), g_strdup(json_string_value(value)));
}

void
gw_rows_read_text(char **member, const GwRow *row, int column)
{
  g_free(*member);
  *member = g_strdup(gw_row_text(row, column));
}

gint64
gw_rows_on_clock(gint64 boot_ms, const char *boot_id, gint64 written_ms, const GwNow *now)
{
  return strcmp(boot_id, gw_clock_boot_id()) == 0 ? boot_ms : now->boot_ms + (boot_ms - written_ms);
}
