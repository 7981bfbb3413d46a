/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/json.h"

#include <string.h>

#include "base/error.h"

#define DEPTH_MAX 32

/* jansson's own limit (2048) is far too deep for our stacks and cannot be set. Only brackets outside of
 * strings count; text that is not JSON may be counted wrongly, and jansson refuses it afterwards. */
static gboolean
is_shallow(const char *data, gsize size)
{
  gboolean is_string = FALSE;
  gsize depth = 0;

  for (gsize i = 0; i < size; i++) {
    if (is_string && data[i] == '\\')
      i++;
    else if (data[i] == '"')
      is_string = !is_string;
    else if (!is_string && (data[i] == '[' || data[i] == '{'))
      depth++;
    else if (!is_string && (data[i] == ']' || data[i] == '}') && depth > 0)
      depth--;
    if (depth > DEPTH_MAX)
      return FALSE;
  }
  return TRUE;
}

json_t *
gw_json_parse(const char *data, gsize size, gsize max_size, GError **error)
{
  json_error_t where;
  json_t *root;

  if (size > max_size) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "larger than %" G_GSIZE_FORMAT " bytes", max_size);
    return NULL;
  }
  if (!is_shallow(data, size)) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "nested deeper than %d", DEPTH_MAX);
    return NULL;
  }
  root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &where);
  if (!root)
    gw_fail(error, GW_ERROR_BAD_INPUT, "line %d: %s", where.line, where.text);
  return root;
}

static gboolean
has_kind(const json_t *value, GwJsonKind kind)
{
  switch (kind) {
  case GW_JSON_STRING:
    return json_is_string(value);
  case GW_JSON_INTEGER:
    return json_is_integer(value);
  case GW_JSON_BOOLEAN:
    return json_is_boolean(value);
  case GW_JSON_OBJECT:
    return json_is_object(value);
  case GW_JSON_ARRAY:
    return json_is_array(value);
  case GW_JSON_ANY:
    return TRUE;
  }
  g_assert_not_reached();
}

static const char *
kind_name(GwJsonKind kind)
{
  static const char *const names[] = {
    [GW_JSON_STRING] = "a string",  [GW_JSON_INTEGER] = "an integer", [GW_JSON_BOOLEAN] = "true or false",
    [GW_JSON_OBJECT] = "an object", [GW_JSON_ARRAY] = "an array",     [GW_JSON_ANY] = "a value",
  };

  return names[kind];
}

/* What min and max are about. */
static gint64
extent(const json_t *value, GwJsonKind kind)
{
  switch (kind) {
  case GW_JSON_STRING:
    return (gint64)json_string_length(value);
  case GW_JSON_INTEGER:
    return json_integer_value(value);
  case GW_JSON_ARRAY:
    return (gint64)json_array_size(value);
  case GW_JSON_BOOLEAN:
  case GW_JSON_OBJECT:
  case GW_JSON_ANY:
    break;
  }
  return 0;
}

static gboolean
check_field(const json_t *value, const char *path, const GwJsonField *field, GError **error)
{
  const char *noun = field->kind == GW_JSON_STRING  ? "length "
                     : field->kind == GW_JSON_ARRAY ? "number of elements "
                                                    : "";
  gint64 n;

  if (!value && field->is_required)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s%s: missing", path, field->key);
  if (!value)
    return TRUE;
  if (!has_kind(value, field->kind))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s%s: is not %s", path, field->key, kind_name(field->kind));
  n = extent(value, field->kind);
  if ((field->min != 0 || field->max != 0) && (n < field->min || n > field->max))
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "%s%s: %s%" G_GINT64_FORMAT " is not within %" G_GINT64_FORMAT "..%" G_GINT64_FORMAT, path,
                   field->key, noun, n, field->min, field->max);
  return TRUE;
}

static void
store_field(const json_t *value, const GwJsonField *field, gpointer target)
{
  gpointer member = (char *)target + field->offset;

  switch (field->kind) {
  case GW_JSON_STRING:
    *(const char **)member = json_string_value(value);
    break;
  case GW_JSON_INTEGER:
    *(gint64 *)member = json_integer_value(value);
    break;
  case GW_JSON_BOOLEAN:
    *(gboolean *)member = json_is_true(value);
    break;
  case GW_JSON_OBJECT:
  case GW_JSON_ARRAY:
  case GW_JSON_ANY:
    *(json_t **)member = (json_t *)value;
    break;
  }
}

static gboolean
fail_unknown(const char *path, const char *key, const GwJsonField *fields, GError **error)
{
  g_autoptr(GString) known = g_string_new(NULL);

  for (const GwJsonField *field = fields; field->key; field++)
    g_string_append_printf(known, "%s%s", known->len ? ", " : "", field->key);
  return gw_fail(error, GW_ERROR_BAD_INPUT, "%s%.64s: unknown; known are: %s", path, key, known->str);
}

static gboolean
check_known(const json_t *object, const char *path, const GwJsonField *fields, GError **error)
{
  const char *key;
  json_t *value;

  json_object_foreach((json_t *)object, key, value)
  {
    const GwJsonField *field = fields;

    while (field->key && strcmp(field->key, key) != 0)
      field++;
    if (!field->key)
      return fail_unknown(path, key, fields, error);
  }
  return TRUE;
}

/* What the path of a member begins with. */
static char *
member_prefix(const char *path)
{
  if (!path || !*path)
    return g_strdup("");
  if (*path != '/')
    return g_strconcat(path, ".", NULL);
  return g_strconcat(path, path[1] ? "/" : "", NULL);
}

gboolean
gw_json_read(const json_t *object, const char *path, const GwJsonField *fields, gboolean allow_unknown,
             gpointer target, GError **error)
{
  g_autofree char *prefix = member_prefix(path);

  if (!json_is_object(object))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: is not an object", path && *path ? path : "document");
  if (!allow_unknown && !check_known(object, prefix, fields, error))
    return FALSE;
  for (const GwJsonField *field = fields; field->key; field++)
    if (!check_field(json_object_get(object, field->key), prefix, field, error))
      return FALSE;
  for (const GwJsonField *field = fields; field->key; field++)
    if (json_object_get(object, field->key))
      store_field(json_object_get(object, field->key), field, target);
  return TRUE;
}
