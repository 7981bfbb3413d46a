/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/list.h"

#include "base/error.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

#define PAGE 500

const GwArg gw_list_args[] = {
  { "filter", GW_ARG_TEXTS, NULL, "KEY=VALUE", "only rows whose column KEY is VALUE; * is any text" },
  { "sort", GW_ARG_TEXT, NULL, "COLUMN", "order by this column; -COLUMN: the other way round" },
  { "columns", GW_ARG_TEXT, NULL, "A,B,C", "these columns, in this order" },
  { "limit", GW_ARG_NUMBER, NULL, "N", "no more than N rows" },
  { NULL, 0, NULL, NULL, NULL },
};

typedef struct {
  const char *kind, *sort;
  char **columns;
  GVariant *filter;
  guint limit; /* 0 = all */
} Wanted;

/* Adds the rows of all pages to @rows; says how many rows there are in all. */
static gboolean
fetch(GwCtl *ctl, const Wanted *wanted, GVariantBuilder *rows, guint *ret_total, GError **error)
{
  g_autofree char *cursor = g_strdup("");
  guint n = 0;

  do {
    guint limit = wanted->limit > 0 ? MIN(wanted->limit - n, PAGE) : PAGE;
    g_autoptr(GVariant) result = NULL;
    g_autoptr(GVariant) page = NULL;

    if (!gw_ctl_simple(ctl, "List",
                       g_variant_new("(s^as@a{sv}ssu)", wanted->kind, wanted->columns, wanted->filter,
                                     wanted->sort, cursor, limit),
                       &result, error))
      return FALSE;
    g_clear_pointer(&cursor, g_free);
    g_variant_get(result, "(@aa{sv}su)", &page, &cursor, ret_total);
    for (gsize i = 0; i < g_variant_n_children(page); i++, n++) {
      g_autoptr(GVariant) row = g_variant_get_child_value(page, i);

      g_variant_builder_add_value(rows, row);
    }
  } while (*cursor && (wanted->limit == 0 || n < wanted->limit));
  return TRUE;
}

static void
print_rows(const GwCtl *ctl, const Wanted *wanted, GVariant *rows, guint total)
{
  gsize n = g_variant_n_children(rows);

  if (n == 0)
    g_printerr("no %s%s\n", wanted->kind,
               g_variant_n_children(wanted->filter) > 0 ? " that fit the filter" : "");
  else
    gw_table_print(rows, (const char *const *)wanted->columns, gw_ctl_width(ctl));
  if (n < total)
    g_printerr("(%" G_GSIZE_FORMAT " of %u shown)\n", n, total);
}

guint
gw_ctl_width(const GwCtl *ctl)
{
  return ctl->is_wide ? 0 : gw_terminal_width();
}

static gboolean
show(GwCtl *ctl, const Wanted *wanted, GError **error)
{
  g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
  g_autoptr(GVariant) rows = NULL;
  guint total = 0;

  if (!fetch(ctl, wanted, &builder, &total, error))
    return FALSE;
  rows = g_variant_ref_sink(g_variant_builder_end(&builder));
  if (ctl->is_json)
    gw_ctl_print_json(g_variant_new_parsed("{'rows': <%@aa{sv}>, 'total': <%u>}", rows, total));
  else
    print_rows(ctl, wanted, rows, total);
  return TRUE;
}

gboolean
gw_ctl_list_of(GwCtl *ctl, const char *kind, const GwListOf *of, GError **error)
{
  g_auto(GStrv) columns = g_strsplit(of->columns, ",", -1);
  g_autoptr(GVariant) filter = g_variant_ref_sink(of->filter);

  return show(ctl, &(Wanted){ kind, "", columns, filter, of->limit }, error);
}

gboolean
gw_ctl_list_page(GwCtl *ctl, const char *kind, const GwListOf *of, char **cursor, GVariant **ret_rows,
                 GError **error)
{
  g_auto(GStrv) columns = g_strsplit(of->columns, ",", -1);
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_simple(ctl, "List",
                     g_variant_new("(s^as@a{sv}ssu)", kind, columns, of->filter, "", *cursor, PAGE), &result,
                     error))
    return FALSE;
  g_clear_pointer(cursor, g_free);
  g_variant_get(result, "(@aa{sv}su)", ret_rows, cursor, NULL);
  return TRUE;
}

gboolean
gw_ctl_list(GwCtl *ctl, const char *kind, const GwArgs *args, GError **error)
{
  g_auto(GStrv) columns = g_strsplit(gw_args_text(args, "columns", ""), ",", -1);
  g_auto(GVariantBuilder) filter = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  Wanted wanted = { kind, gw_args_text(args, "sort", ""), columns, NULL, gw_args_number(args, "limit", 0) };
  g_autoptr(GVariant) filter_value = NULL;

  if (!gw_args_add_pairs(args, "filter", &filter, error))
    return FALSE;
  wanted.filter = filter_value = g_variant_ref_sink(g_variant_builder_end(&filter));
  return show(ctl, &wanted, error);
}

void
gw_ctl_print_details(const GwCtl *ctl, GVariant *details)
{
  if (ctl->is_json)
    gw_ctl_print_json(details);
  else
    gw_details_print(details, gw_ctl_width(ctl));
}

gboolean
gw_ctl_show(GwCtl *ctl, const char *kind, const char *id, GError **error)
{
  g_autoptr(GVariant) details = NULL;

  if (!gw_ctl_get(ctl, kind, id, &details, error))
    return FALSE;
  gw_ctl_print_details(ctl, details);
  return TRUE;
}

gboolean
gw_ctl_find(GwCtl *ctl, const char *kind, const char *name, gint64 *ret_id, GError **error)
{
  char *columns[] = { (char *)"id", NULL };
  g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
  g_autoptr(GVariant) filter = g_variant_ref_sink(g_variant_new_parsed("{'name': <%s>}", name));
  g_autoptr(GVariant) rows = NULL;
  g_autoptr(GVariant) row = NULL;
  guint total = 0;
  const Wanted wanted = { kind, "", columns, filter, 2 };

  if (!fetch(ctl, &wanted, &builder, &total, error))
    return FALSE;
  rows = g_variant_ref_sink(g_variant_builder_end(&builder));
  if (g_variant_n_children(rows) == 0)
    return gw_fail(error, GW_ERROR_NOT_FOUND, "none of the %s is called \"%s\"", kind, name);
  if (g_variant_n_children(rows) > 1)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "several of the %s are called \"%s\"; say the id", kind, name);
  row = g_variant_get_child_value(rows, 0);
  if (!g_variant_lookup(row, "id", "x", ret_id))
    return gw_fail(error, GW_ERROR_INTERNAL, "the list of %s has no ids", kind);
  return TRUE;
}
