/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/rule-difference.h"
#include "base/error.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
  GPtrArray *lines;
  guint n; /* also those that found no room */
} Walk;

static void walk(Walk *it, const char *path, const json_t *old, const json_t *new);

static void
say(Walk *it, char *line)
{
  if (it->n++ < GW_DIFFERENCE_LINES_MAX)
    g_ptr_array_add(it->lines, line);
  else
    g_free(line);
}

static char *
value_text(const json_t *value)
{
  char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  char *owned = g_strdup(text ? text : "none");
  free(text);
  return owned;
}

static void
say_value(Walk *it, const char *path, const json_t *old, const json_t *new)
{
  g_autofree char *before = value_text(old);
  g_autofree char *after = value_text(new);
  say(it, g_strdup_printf("%s: %s -> %s", path, before, after));
}

/* An absent one is as good as an empty one. */
static gboolean
is_of(const json_t *a, const json_t *b, json_type type)
{
  return (!a || json_typeof(a) == type) && (!b || json_typeof(b) == type) && (a || b);
}

static gboolean
holds_texts(const json_t *list)
{
  return json_array_size(list) == 0 || json_is_string(json_array_get(list, 0));
}

static GHashTable *
texts_of(const json_t *list)
{
  GHashTable *texts = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize i = 0; i < json_array_size(list); i++)
    g_hash_table_add(texts, (gpointer)json_string_value(json_array_get(list, i)));
  return texts;
}

/* Those of @list that are not in @other. */
static void
say_texts(Walk *it, const char *path, const json_t *list, const json_t *other, char sign)
{
  g_autoptr(GHashTable) known = texts_of(other);
  for (gsize i = 0; i < json_array_size(list); i++) {
    const char *text = json_string_value(json_array_get(list, i));
    if (!g_hash_table_contains(known, text))
      say(it, g_strdup_printf("%s: %c %s", path, sign, text));
  }
}

static void
walk_objects(Walk *it, const char *path, const json_t *old, const json_t *new)
{
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)old, key, value)
  {
    g_autofree char *inner = g_strconcat(path, "/", key, NULL);
    walk(it, inner, value, json_object_get(new, key));
  }
  json_object_foreach((json_t *)new, key, value)
  {
    g_autofree char *inner = g_strconcat(path, "/", key, NULL);
    if (!json_object_get(old, key))
      walk(it, inner, NULL, value);
  }
}

static void
walk_elements(Walk *it, const char *path, const json_t *old, const json_t *new)
{
  gsize n = MAX(json_array_size(old), json_array_size(new));
  for (gsize i = 0; i < n; i++) {
    g_autofree char *inner = g_strdup_printf("%s/%" G_GSIZE_FORMAT, path, i);
    walk(it, inner, json_array_get(old, i), json_array_get(new, i));
  }
}

/* Nested no deeper than the documents, which base/json.h bounds. */
static void
walk(Walk *it, const char *path, const json_t *old, const json_t *new)
{
  if (old && new &&json_equal(old, new))
    return;
  if (is_of(old, new, JSON_OBJECT) && (json_object_size(old) || json_object_size(new)))
    walk_objects(it, path, old, new);
  else if (is_of(old, new, JSON_ARRAY) && holds_texts(old) && holds_texts(new)) {
    say_texts(it, path, old, new, '-');
    say_texts(it, path, new, old, '+');
  } else if (is_of(old, new, JSON_ARRAY))
    walk_elements(it, path, old, new);
  else
    say_value(it, path, old, new);
}

GPtrArray *
gw_rule_difference(const json_t *old, const json_t *new)
{
  Walk it = { .lines = g_ptr_array_new_with_free_func(g_free) };
  walk(&it, "", old, new);
  if (it.n > GW_DIFFERENCE_LINES_MAX)
    g_ptr_array_add(it.lines, g_strdup_printf("and %u more", it.n - GW_DIFFERENCE_LINES_MAX));
  return it.lines;
}

/* ---- what cannot change any more ---- */

static const struct {
  const char *key, *why;
} FIXED[] = {
  { "firmware", "nodes were offered it" },
  { "number", "nodes were told it" },
  { "override", "the number was chosen by it" },
  { "who", "the start was confirmed for these nodes" },
  { "groups", "the nodes were divided at the start" },
  { "targets", "the nodes were divided at the start" },
};

gboolean
gw_rule_difference_check_live(const json_t *old, const json_t *new, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS(FIXED); i++) {
    const json_t *before = json_object_get(old, FIXED[i].key), *after = json_object_get(new, FIXED[i].key);
    if (before == after || (before && after && json_equal(before, after)))
      continue;
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "/%s: cannot change after the start, for %s: give the document another name, and the new "
                   "rule a greater priority",
                   FIXED[i].key, FIXED[i].why);
  }
  return TRUE;
}
