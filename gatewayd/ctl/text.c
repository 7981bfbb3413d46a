/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/text.h"

#include <string.h>

#include "base/log.h"

/* Milliseconds below this are durations, not dates. */
#define DATE_MIN_MS G_GINT64_CONSTANT(100000000000)

char *
gw_text_size(guint64 bytes)
{
  static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
  double value = (double)bytes;
  gsize unit = 0;

  if (bytes < 1024)
    return g_strdup_printf("%u B", (guint)bytes);
  value /= 1024;
  while (value >= 1023.95 && unit + 1 < G_N_ELEMENTS(units)) {
    value /= 1024;
    unit++;
  }
  return g_strdup_printf("%.1f %s", value, units[unit]);
}

char *
gw_text_time(gint64 wall_ms)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(wall_ms / 1000);

  return wall_ms != 0 && time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("-");
}

char *
gw_text_span(gint64 ms)
{
  gint64 s = ms / 1000;

  if (ms < 0)
    return g_strdup("");
  if (s >= 2 * 86400)
    return g_strdup_printf("%" G_GINT64_FORMAT " d", s / 86400);
  if (s >= 2 * 3600)
    return g_strdup_printf("%" G_GINT64_FORMAT " h", s / 3600);
  if (s >= 120)
    return g_strdup_printf("%" G_GINT64_FORMAT " min", s / 60);
  return g_strdup_printf("%" G_GINT64_FORMAT " s", s);
}

/* --- what a number means --- */

static gboolean
is_listed(const char *const *list, const char *key)
{
  return g_strv_contains(list, key);
}

static gboolean
has_end(const char *const *ends, const char *key)
{
  for (; *ends; ends++)
    if (g_str_has_suffix(key, *ends))
      return TRUE;
  return FALSE;
}

static gboolean
is_time(const char *key, gint64 value) /* 0: it never was */
{
  static const char *const keys[] = { "created", "changed",    "finished",  "first",  "last",
                                      "until",   "expires",    "started",   "polled", "checked",
                                      "next",    "not-before", "not-after", NULL };
  static const char *const ends[] = { "time", "since", "restored", NULL };

  return (value == 0 || value >= DATE_MIN_MS) && key && (is_listed(keys, key) || has_end(ends, key));
}

static gboolean
is_size(const char *key)
{
  static const char *const keys[] = { "acked", "gauge", "received", "cache-max", NULL };
  static const char *const ends[] = { "size", "bytes", "used", "free", NULL };

  return key && (is_listed(keys, key) || has_end(ends, key));
}

static gboolean
integer_of(GVariant *value, gint64 *ret_n)
{
  switch (g_variant_classify(value)) {
  case G_VARIANT_CLASS_BYTE:
    *ret_n = g_variant_get_byte(value);
    return TRUE;
  case G_VARIANT_CLASS_UINT16:
    *ret_n = g_variant_get_uint16(value);
    return TRUE;
  case G_VARIANT_CLASS_INT32:
    *ret_n = g_variant_get_int32(value);
    return TRUE;
  case G_VARIANT_CLASS_UINT32:
    *ret_n = g_variant_get_uint32(value);
    return TRUE;
  case G_VARIANT_CLASS_INT64:
    *ret_n = g_variant_get_int64(value);
    return TRUE;
  case G_VARIANT_CLASS_UINT64:
    *ret_n = (gint64)MIN(g_variant_get_uint64(value), (guint64)G_MAXINT64);
    return TRUE;
  default:
    return FALSE;
  }
}

static char *
number_text(const char *key, gint64 n)
{
  if (is_time(key, n))
    return n ? gw_text_time(n) : g_strdup("");
  if (is_size(key) && n >= 0)
    return gw_text_size((guint64)n);
  return g_strdup_printf("%" G_GINT64_FORMAT, n);
}

gboolean
gw_text_is_rigid(GVariant *value)
{
  gint64 n;

  return value && integer_of(value, &n);
}

gboolean
gw_text_is_number(const char *key, GVariant *value)
{
  gint64 n;

  return value && integer_of(value, &n) && !is_time(key, n);
}

/* --- one value --- */

static char *
list_text(GVariant *value)
{
  GString *text = g_string_new(NULL);

  for (gsize i = 0; i < g_variant_n_children(value); i++) {
    g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
    g_autofree char *child_text = gw_text_value(NULL, child);

    g_string_append(text, i == 0 ? "" : ", ");
    g_string_append(text, child_text);
  }
  return g_string_free(text, FALSE);
}

static char *
entry_text(GVariant *entry)
{
  g_autoptr(GVariant) key = g_variant_get_child_value(entry, 0);
  g_autoptr(GVariant) value = g_variant_get_child_value(entry, 1);
  const char *name =
      g_variant_is_of_type(key, G_VARIANT_TYPE_STRING) ? g_variant_get_string(key, NULL) : NULL;
  g_autofree char *key_text = gw_text_value(NULL, key);
  g_autofree char *value_text = gw_text_value(name, value);

  return g_strconcat(key_text, "=", value_text, NULL);
}

char *
gw_text_value(const char *key, GVariant *value)
{
  gint64 n;

  if (!value)
    return g_strdup("");
  if (integer_of(value, &n))
    return number_text(key, n);
  switch (g_variant_classify(value)) {
  case G_VARIANT_CLASS_STRING:
    return gw_log_inert(g_variant_get_string(value, NULL));
  case G_VARIANT_CLASS_BOOLEAN:
    return g_strdup(g_variant_get_boolean(value) ? "yes" : "no");
  case G_VARIANT_CLASS_DOUBLE:
    return g_strdup_printf("%.2f", g_variant_get_double(value));
  case G_VARIANT_CLASS_VARIANT: {
    g_autoptr(GVariant) inner = g_variant_get_variant(value);

    return gw_text_value(key, inner);
  }
  case G_VARIANT_CLASS_DICT_ENTRY:
    return entry_text(value);
  case G_VARIANT_CLASS_ARRAY:
  case G_VARIANT_CLASS_TUPLE:
    return list_text(value);
  default:
    return g_variant_print(value, FALSE);
  }
}

GwColour
gw_text_colour(const char *key, const char *text)
{
  static const char *const good[] = { "succeeded", "verified", "sealed", "running", "completed", NULL };
  static const char *const bad[] = { "failed", "refused", "rejected", "withdrawn", NULL };
  static const char *const warn[] = { "paused", "unverified", "draft", "verifying", "missed", NULL };

  if (!key || (strcmp(key, "state") != 0 && !g_str_has_suffix(key, "-state")))
    return GW_COLOUR_NONE;
  if (g_strv_contains(good, text))
    return GW_COLOUR_GOOD;
  if (g_strv_contains(bad, text))
    return GW_COLOUR_BAD;
  return g_strv_contains(warn, text) ? GW_COLOUR_WARN : GW_COLOUR_NONE;
}

/* --- width --- */

static guint
char_width(gunichar c)
{
  if (g_unichar_iszerowidth(c))
    return 0;
  return g_unichar_iswide(c) ? 2 : 1;
}

guint
gw_text_width(const char *text)
{
  guint width = 0;

  for (const char *p = text; *p; p = g_utf8_next_char(p))
    width += char_width(g_utf8_get_char(p));
  return width;
}

static const char *
cut_mark(void)
{
  return g_get_charset(NULL) ? "\u2026" : "~";
}

char *
gw_text_cut(const char *text, guint width)
{
  const char *end = text;
  guint used = 0;

  if (gw_text_width(text) <= width)
    return g_strdup(text);
  while (used + char_width(g_utf8_get_char(end)) + 1 <= width) {
    used += char_width(g_utf8_get_char(end));
    end = g_utf8_next_char(end);
  }
  return g_strdup_printf("%.*s%s", (int)(end - text), text, cut_mark());
}

void
gw_text_print_words(const char *text, guint column, guint hang, guint width)
{
  g_auto(GStrv) words = g_strsplit(text, " ", -1);
  gboolean is_begin = TRUE;

  for (char **word = words; *word; word++) {
    guint size = gw_text_width(*word);
    gboolean is_full = !is_begin && width > 0 && column + 1 + size > width;

    if (is_full)
      g_print("\n%*s%s", (int)hang, "", *word);
    else
      g_print("%s%s", is_begin ? "" : " ", *word);
    column = (is_full ? hang : column + (is_begin ? 0 : 1)) + size;
    is_begin = FALSE;
  }
  g_print("\n");
}

void
gw_text_print_lines(const char *text, guint indent, guint width)
{
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

  for (char **line = lines; *line; line++) {
    g_autofree char *inert = gw_log_inert(*line);

    guint own = indent + (guint)strspn(inert, " ");

    if (*inert || line[1])
      g_print("%*s", *inert ? (int)own : 0, "");
    if (*inert || line[1])
      gw_text_print_words(inert + (own - indent), own, own, width);
  }
}
