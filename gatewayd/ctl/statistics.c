/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* statistics: what the gateway counted, as a table for people. */
#include "ctl/statistics.h"

#include <string.h>

#include "ctl/list.h"
#include "ctl/table.h"
#include "ctl/text.h"

gboolean
gw_ctl_fetch_statistics(GwCtl *ctl, const char *by, char **cursor, GVariant **ret_rows, GError **error)
{
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_simple(ctl, "GetStatistics", g_variant_new("(ss)", by, *cursor), &result, error))
    return FALSE;
  g_clear_pointer(cursor, g_free);
  g_variant_get(result, "(@aa{sv}s)", ret_rows, cursor);
  return TRUE;
}

static gint64
number_of(GVariant *row, const char *key)
{
  gint64 n = 0;

  g_variant_lookup(row, key, "x", &n);
  return n;
}

static void
add_text(GVariantBuilder *line, const char *key, char *text)
{
  g_variant_builder_add(line, "{sv}", key, g_variant_new_take_string(text));
}

static void
add_number(GVariantBuilder *line, const char *key, gint64 n)
{
  g_variant_builder_add(line, "{sv}", key, g_variant_new_int64(n));
}

/* "stalled 3, not-back 1" */
char *
gw_ctl_causes(GVariant *row)
{
  g_autoptr(GVariant) causes = g_variant_lookup_value(row, "causes", G_VARIANT_TYPE("a{sx}"));
  GString *text = g_string_new(NULL);
  GVariantIter iter;
  const char *cause;
  gint64 n;

  if (!causes)
    return g_string_free(text, FALSE);
  g_variant_iter_init(&iter, causes);
  while (g_variant_iter_next(&iter, "{&sx}", &cause, &n))
    g_string_append_printf(text, "%s%s %" G_GINT64_FORMAT, text->len ? ", " : "", cause, n);
  return g_string_free(text, FALSE);
}

static void
add_line(GVariantBuilder *lines, const char *by, GVariant *row)
{
  g_autoptr(GVariant) key = g_variant_lookup_value(row, strcmp(by, "rule") == 0 ? "name" : by, NULL);
  gint32 percent = -1;

  g_variant_lookup(row, "success-percent", "i", &percent);
  g_variant_builder_open(lines, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add(lines, "{sv}", by, key ? key : g_variant_new_string(""));
  add_number(lines, "updates", number_of(row, "updates"));
  add_number(lines, "open", number_of(row, "open"));
  add_number(lines, "good", number_of(row, "succeeded"));
  add_number(lines, "bad", number_of(row, "failed") + number_of(row, "refused") + number_of(row, "expired"));
  add_text(lines, "rate", percent < 0 ? g_strdup("") : g_strdup_printf("%d %%", percent));
  add_text(lines, "median", gw_text_span(number_of(row, "median-ms")));
  add_text(lines, "p90", gw_text_span(number_of(row, "p90-ms")));
  add_text(lines, "why", gw_ctl_causes(row));
  g_variant_builder_close(lines);
}

static void
say_groups(gint64 n_groups, gint64 n_downloads)
{
  if (n_groups)
    g_printerr("(%" G_GINT64_FORMAT " more of logins that several nodes share: %" G_GINT64_FORMAT
               " downloads were counted, and nothing is claimed of any of those nodes)\n",
               n_groups, n_downloads);
}

/* Adds the rows of all pages, and a line for each to @lines. */
static gboolean
fetch_all(GwCtl *ctl, const char *by, GPtrArray *rows, GVariantBuilder *lines, GError **error)
{
  g_autofree char *cursor = g_strdup("");

  do {
    g_autoptr(GVariant) page = NULL;

    if (!gw_ctl_fetch_statistics(ctl, by, &cursor, &page, error))
      return FALSE;
    for (gsize i = 0; i < g_variant_n_children(page); i++) {
      GVariant *row = g_variant_get_child_value(page, i);

      g_ptr_array_add(rows, row);
      add_line(lines, by, row);
    }
  } while (*cursor);
  return TRUE;
}

gboolean
gw_ctl_statistics(GwCtl *ctl, const GwArgs *args, GError **error)
{
  const char *by = gw_args_text(args, "by", "rule");
  g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
  g_auto(GVariantBuilder) lines = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
  g_autoptr(GVariant) table = NULL;
  gint64 n_groups = 0, n_downloads = 0;

  if (!fetch_all(ctl, by, rows, &lines, error))
    return FALSE;
  table = g_variant_ref_sink(g_variant_builder_end(&lines));
  for (guint i = 0; i < rows->len; i++) {
    n_groups += number_of(rows->pdata[i], "groups");
    n_downloads += number_of(rows->pdata[i], "group-downloads");
  }
  if (ctl->is_json)
    gw_ctl_print_json(g_variant_new_parsed(
        "{'rows': <%@aa{sv}>}",
        g_variant_new_array(G_VARIANT_TYPE_VARDICT, (GVariant **)rows->pdata, rows->len)));
  else if (rows->len == 0)
    g_printerr("no updates yet\n");
  else
    gw_table_print(table, NULL, gw_ctl_width(ctl));
  if (!ctl->is_json)
    say_groups(n_groups, n_downloads);
  return TRUE;
}
