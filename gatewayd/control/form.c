/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/form.h"

#include <string.h>

#include "base/error.h"

#define TEXT_MAX 4096
#define KEYS_MAX 128

static gboolean
is_integer(GVariant *value)
{
  return strchr("ynqiuxt", *g_variant_get_type_string(value)) != NULL && g_variant_get_size(value) > 0;
}

static gint64
to_integer(GVariant *value)
{
  switch (*g_variant_get_type_string(value)) {
  case 'y':
    return g_variant_get_byte(value);
  case 'n':
    return g_variant_get_int16(value);
  case 'q':
    return g_variant_get_uint16(value);
  case 'i':
    return g_variant_get_int32(value);
  case 'u':
    return g_variant_get_uint32(value);
  case 't':
    return (gint64)MIN(g_variant_get_uint64(value), (guint64)G_MAXINT64);
  default:
    return g_variant_get_int64(value);
  }
}

static gboolean
is_clean(const char *text)
{
  if (strlen(text) > TEXT_MAX)
    return FALSE;
  for (const char *c = text; *c; c++)
    if (((guchar)*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
      return FALSE;
  return TRUE;
}

static gboolean
are_clean(GVariant *list)
{
  g_autofree const char **texts = g_variant_get_strv(list, NULL);

  for (const char **text = texts; *text; text++)
    if (!is_clean(*text))
      return FALSE;
  return TRUE;
}

static gboolean
is_of_kind(GVariant *value, char kind)
{
  switch (kind) {
  case 's':
    return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) && is_clean(g_variant_get_string(value, NULL));
  case 'b':
    return g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN);
  case 'i':
    return is_integer(value);
  case 'n':
    return is_integer(value) || g_variant_is_of_type(value, G_VARIANT_TYPE("ax"));
  default:
    return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY) && are_clean(value);
  }
}

static const char *
kind_name(char kind)
{
  return kind == 's'   ? "a text without control characters"
         : kind == 'b' ? "yes or no"
         : kind == 'i' ? "a whole number"
         : kind == 'n' ? "a whole number, or a list of them"
                       : "a list of texts";
}

static char
find_kind(const GwFormKey *known, const char *const *more, const char *key)
{
  for (const GwFormKey *row = known; row->key; row++)
    if (strcmp(row->key, key) == 0)
      return row->kind;
  return more && g_strv_contains(more, key) ? 's' : 0;
}

static gboolean
fail_unknown(const GwFormKey *known, const char *const *more, const char *key, GError **error)
{
  g_autoptr(GString) names = g_string_new(NULL);
  g_autofree char *shown = g_strescape(key, NULL);

  for (const GwFormKey *row = known; row->key; row++)
    g_string_append_printf(names, "%s%s", names->len ? ", " : "", row->key);
  for (const char *const *name = more; name && *name; name++)
    g_string_append_printf(names, "%s%s", names->len ? ", " : "", *name);
  return gw_fail(error, GW_ERROR_BAD_INPUT, "unknown key \"%.64s\"; known are: %s", shown, names->str);
}

gboolean
gw_form_check(GVariant *form, const GwFormKey *known, const char *const *more, GError **error)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;

  if (!form)
    return TRUE;
  if (g_variant_n_children(form) > KEYS_MAX)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "more than %d keys", KEYS_MAX);
  g_variant_iter_init(&iter, form);
  while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
    g_autoptr(GVariant) owned = value;
    char kind = find_kind(known, more, key);

    if (!kind)
      return fail_unknown(known, more, key, error);
    if (!is_of_kind(owned, kind))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: expected %s", key, kind_name(kind));
  }
  return TRUE;
}

static GVariant *
lookup(GVariant *form, const char *key)
{
  return form ? g_variant_lookup_value(form, key, NULL) : NULL;
}

gboolean
gw_form_has(GVariant *form, const char *key)
{
  g_autoptr(GVariant) value = lookup(form, key);

  return value != NULL;
}

const char *
gw_form_text(GVariant *form, const char *key, const char *fallback)
{
  const char *text = fallback;

  if (form)
    g_variant_lookup(form, key, "&s", &text);
  return text;
}

gint64
gw_form_integer(GVariant *form, const char *key, gint64 fallback)
{
  g_autoptr(GVariant) value = lookup(form, key);

  return value && is_integer(value) ? to_integer(value) : fallback;
}

gboolean
gw_form_flag(GVariant *form, const char *key, gboolean fallback)
{
  gboolean flag = fallback;

  if (form)
    g_variant_lookup(form, key, "b", &flag);
  return flag;
}

char **
gw_form_list(GVariant *form, const char *key)
{
  char **list = NULL;

  if (form)
    g_variant_lookup(form, key, "^as", &list);
  return list;
}

void
gw_form_take(GVariant *form, const char *key, char **text)
{
  const char *value = gw_form_text(form, key, NULL);

  if (!value)
    return;
  g_free(*text);
  *text = g_strdup(value);
}
