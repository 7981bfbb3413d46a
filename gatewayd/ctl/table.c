/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/table.h"

#include <string.h>

#include "ctl/text.h"

#define GAP 2
#define COLUMN_MIN 12 /* columns are not made narrower, nor narrower than their titles */
#define LABEL_MAX 24

typedef struct {
  const char *key;
  GPtrArray *cells;   /* texts */
  guint width, least; /* least: what it may be narrowed to so that others can stay */
  gboolean is_number, is_rigid, is_empty;
} Column;

static void
column_free(Column *column)
{
  g_ptr_array_unref(column->cells);
  g_free(column);
}

/* --- columns --- */

static gboolean
has_key(const GPtrArray *keys, const char *key)
{
  for (guint i = 0; i < keys->len; i++)
    if (strcmp(g_ptr_array_index(keys, i), key) == 0)
      return TRUE;
  return FALSE;
}

/* Every key that a row has, in the order in which they come. Borrowed from @rows. */
static GPtrArray *
keys_of(GVariant *rows)
{
  GPtrArray *keys = g_ptr_array_new();

  for (gsize i = 0; i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
    GVariantIter iter;
    const char *key;

    g_variant_iter_init(&iter, row);
    while (g_variant_iter_next(&iter, "{&sv}", &key, NULL))
      if (!has_key(keys, key))
        g_ptr_array_add(keys, (char *)key);
  }
  return keys;
}

static Column *
column_new(GVariant *rows, const char *key)
{
  Column *column = g_new0(Column, 1);

  column->key = key;
  column->cells = g_ptr_array_new_with_free_func(g_free);
  column->width = gw_text_width(key);
  column->is_empty = TRUE;
  for (gsize i = 0; i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
    g_autoptr(GVariant) value = g_variant_lookup_value(row, key, NULL);
    char *text = gw_text_value(key, value);

    column->is_empty = column->is_empty && !*text;
    column->is_rigid = column->is_rigid || gw_text_is_rigid(value);
    column->is_number = column->is_number || gw_text_is_number(key, value);
    column->width = MAX(column->width, gw_text_width(text));
    g_ptr_array_add(column->cells, text);
  }
  column->least = column->is_rigid ? column->width : MIN(column->width, MAX(gw_text_width(key), COLUMN_MIN));
  return column;
}

static guint
total_width(const GPtrArray *columns)
{
  guint width = columns->len > 0 ? GAP * (columns->len - 1) : 0;

  for (guint i = 0; i < columns->len; i++)
    width += ((Column *)g_ptr_array_index(columns, i))->width;
  return width;
}

/* The widest that may still be narrowed. */
static Column *
widest(const GPtrArray *columns)
{
  Column *widest = NULL;

  for (guint i = 0; i < columns->len; i++) {
    Column *column = g_ptr_array_index(columns, i);

    if (column->width > column->least && (!widest || column->width > widest->width))
      widest = column;
  }
  return widest;
}

static guint
least_width(const GPtrArray *columns)
{
  guint width = total_width(columns);

  for (guint i = 0; i < columns->len; i++) {
    const Column *column = g_ptr_array_index(columns, i);

    width -= column->width - column->least;
  }
  return width;
}

/* Returns how many columns had to go. */
static guint
fit(GPtrArray *columns, guint width)
{
  guint n_gone = 0;
  Column *column;

  while (columns->len > 1 && least_width(columns) > width) {
    g_ptr_array_set_size(columns, (int)columns->len - 1);
    n_gone++;
  }
  while (total_width(columns) > width && (column = widest(columns)) != NULL)
    column->width--;
  return n_gone;
}

/* --- printing --- */

static void
print_cell(const Column *column, const char *text, GwColour colour, gboolean is_last)
{
  g_autofree char *cut = gw_text_cut(text, column->width);
  int padding = (int)(column->width - gw_text_width(cut));

  if (column->is_number)
    g_print("%*s", padding, "");
  g_print("%s%s%s", gw_terminal_begin(colour), cut, gw_terminal_end(colour));
  if (!is_last)
    g_print("%*s", (column->is_number ? 0 : padding) + GAP, "");
}

static void
print_line(const GPtrArray *columns, int row)
{
  for (guint i = 0; i < columns->len; i++) {
    const Column *column = g_ptr_array_index(columns, i);
    g_autofree char *title = row < 0 ? g_ascii_strup(column->key, -1) : NULL;
    const char *text = title ? title : g_ptr_array_index(column->cells, row);
    GwColour colour = title ? GW_COLOUR_BOLD : gw_text_colour(column->key, text);

    print_cell(column, text, colour, i + 1 == columns->len);
  }
  g_print("\n");
}

static GPtrArray *
choose_columns(GVariant *rows, const char *const *keys)
{
  GPtrArray *columns = g_ptr_array_new_with_free_func((GDestroyNotify)column_free);
  g_autoptr(GPtrArray) own = keys && *keys ? NULL : keys_of(rows);

  for (; !own && *keys; keys++)
    g_ptr_array_add(columns, column_new(rows, *keys));
  for (guint i = 0; own && i < own->len; i++)
    g_ptr_array_add(columns, column_new(rows, g_ptr_array_index(own, i)));
  return columns;
}

static void
drop_empty(GPtrArray *columns)
{
  for (guint i = columns->len; i > 0 && columns->len > 1; i--)
    if (((Column *)g_ptr_array_index(columns, i - 1))->is_empty)
      g_ptr_array_remove_index(columns, i - 1);
}

void
gw_table_print(GVariant *rows, const char *const *keys, guint width)
{
  g_autoptr(GPtrArray) columns = choose_columns(rows, keys);
  guint n_gone;

  if (!keys || !*keys)
    drop_empty(columns);
  n_gone = width > 0 ? fit(columns, width) : 0;
  print_line(columns, -1);
  for (gsize i = 0; i < g_variant_n_children(rows); i++)
    print_line(columns, (int)i);
  if (n_gone > 0)
    g_printerr("(--wide shows %u more column%s)\n", n_gone, n_gone == 1 ? "" : "s");
}

/* --- details --- */

static gboolean
is_table(GVariant *value)
{
  return g_variant_is_of_type(value, G_VARIANT_TYPE("aa{sv}"));
}

static gboolean
is_paragraph(GVariant *value, const char *text)
{
  return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
         (strchr(g_variant_get_string(value, NULL), '\n') || (strchr(text, ' ') && gw_text_width(text) > 50));
}

static void
print_detail(const char *key, GVariant *value, guint label_width, guint width)
{
  g_autofree char *text = is_table(value) ? NULL : gw_text_value(key, value);
  GwColour colour = text ? gw_text_colour(key, text) : GW_COLOUR_NONE;

  if (is_table(value)) {
    g_print("\n%s%s%s\n", gw_terminal_begin(GW_COLOUR_BOLD), key, gw_terminal_end(GW_COLOUR_BOLD));
    gw_table_print(value, NULL, width);
  } else if (is_paragraph(value, text)) {
    g_print("%s:\n", key);
    gw_text_print_lines(g_variant_get_string(value, NULL), 2, width);
  } else {
    g_print("%s:%*s%s%s%s\n", key, (int)(label_width - MIN(strlen(key), label_width)) + 1, "",
            gw_terminal_begin(colour), text, gw_terminal_end(colour));
  }
}

static gboolean
says_nothing(const char *key, GVariant *value)
{
  g_autofree char *text = is_table(value) ? NULL : gw_text_value(key, value);

  return text ? !*text : g_variant_n_children(value) == 0;
}

static void
print_all(GVariant *details, gboolean is_tables, guint label_width, guint width)
{
  GVariantIter iter;
  GVariant *value;
  const char *key;

  g_variant_iter_init(&iter, details);
  while (g_variant_iter_loop(&iter, "{&sv}", &key, &value))
    if (is_table(value) == is_tables && !says_nothing(key, value))
      print_detail(key, value, label_width, width);
}

void
gw_details_print(GVariant *details, guint width)
{
  guint label_width = 0;
  GVariantIter iter;
  const char *key;

  g_variant_iter_init(&iter, details);
  while (g_variant_iter_next(&iter, "{&sv}", &key, NULL))
    label_width = MAX(label_width, (guint)MIN(strlen(key), LABEL_MAX));
  print_all(details, FALSE, label_width, width);
  print_all(details, TRUE, label_width, width);
}
