/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export ...: everything of one kind, page by page onto the standard output, for other programs. As CSV what
 * nodes and clouds said is harmless in a spreadsheet; as JSON it is as it came. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/error.h"
#include "ctl/command.h"
#include "ctl/list.h"
#include "ctl/statistics.h"

#define NODE_COLUMNS                                                                                         \
  "id,product,labels,location,version,type,source,hardware,adopted,identity,address,mac,plugin,group,set-"   \
  "aside,"                                                                                                   \
  "set-aside-reason,first,last,contacts"
#define UPDATE_COLUMNS                                                                                       \
  "id,node,group,type,product,release,version,version-before,location,rule,firmware,state,inferred,cause,"   \
  "reason,attempts,acked,size,downloads,created,changed,finished,former"
#define TIMELINE_COLUMNS "id,node,first,last,count,kind,text,final"
#define TALLY_COLUMNS                                                                                        \
  "updates,open,scheduled,offered,downloading,downloaded,installing,reported,succeeded,inferred,failed,"     \
  "refused,expired,cancelled,superseded,success-percent,median-ms,p90-ms,causes,groups,group-downloads"

typedef struct {
  GwCtl *ctl;
  char **columns;
  gboolean is_json, has_rows;
} Export;

static void
export_clear(Export *export)
{
  g_strfreev(export->columns);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Export, export_clear)

/* ---- one value ---- */

static char *
number_text(const char *column, gint64 n)
{
  static const char *const TIMES[] = { "created", "changed", "finished", "first", "last", NULL };

  if (g_strv_contains(TIMES, column))
    return n ? gw_clock_format(n) : g_strdup("");
  return n < 0 ? g_strdup("") : g_strdup_printf("%" G_GINT64_FORMAT, n);
}

static char *
value_text(const char *column, GVariant *value)
{
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
    return g_variant_dup_string(value, NULL);
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
    return g_strdup(g_variant_get_boolean(value) ? "yes" : "no");
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64))
    return number_text(column, g_variant_get_int64(value));
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT32))
    return number_text(column, g_variant_get_int32(value));
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY)) {
    g_autofree const char **texts = g_variant_get_strv(value, NULL);

    return g_strjoinv("; ", (char **)texts);
  }
  return g_variant_print(value, FALSE);
}

static char *
cell(GVariant *row, const char *column)
{
  g_autoptr(GVariant) value = g_variant_lookup_value(row, column, NULL);

  if (!value)
    return g_strdup("");
  return strcmp(column, "causes") == 0 ? gw_ctl_causes(row) : value_text(column, value);
}

/* ---- rows ---- */

static void
print_csv_row(const Export *export, GVariant *row)
{
  g_autoptr(GString) line = g_string_new(NULL);

  for (char **column = export->columns; *column; column++) {
    g_autofree char *text = row ? cell(row, *column) : g_strdup(*column);

    gw_csv_add(line, text);
  }
  gw_csv_end_line(line);
  fputs(line->str, stdout);
}

static void
begin(const Export *export)
{
  if (export->is_json)
    fputs("[\n", stdout);
  else
    print_csv_row(export, NULL);
}

static gboolean
print_page(Export *export, GVariant *rows, GError **error)
{
  for (gsize i = 0; i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

    if (!export->is_json) {
      print_csv_row(export, row);
      continue;
    }
    fputs(export->has_rows ? "," : " ", stdout);
    fflush(stdout);
    gw_ctl_print_json_line(row);
    export->has_rows = TRUE;
  }
  return fflush(stdout) == 0 ||
         gw_fail(error, GW_ERROR_NO_SPACE, "the output could not be written: %s", g_strerror(errno));
}

static gboolean
read_format(Export *export, const GwArgs *args, const char *columns, GError **error)
{
  const char *format = gw_args_text(args, "format", export->ctl->is_json ? "json" : "csv");

  if (strcmp(format, "csv") != 0 && strcmp(format, "json") != 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "--format=%s: expected csv or json", format);
  export->is_json = strcmp(format, "json") == 0;
  export->columns = g_strsplit(columns, ",", -1);
  return TRUE;
}

static void
finish(const Export *export)
{
  if (export->is_json)
    fputs("]\n", stdout);
}

static gboolean
export_list(GwCtl *ctl, const char *kind, const char *columns, const GwArgs *args, GError **error)
{
  g_auto(Export) export = { .ctl = ctl };
  g_auto(GVariantBuilder) pairs = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
  g_autofree char *cursor = g_strdup("");
  g_autoptr(GVariant) filter = NULL;

  if (!read_format(&export, args, columns, error) || !gw_args_add_pairs(args, "filter", &pairs, error))
    return FALSE;
  filter = g_variant_ref_sink(g_variant_builder_end(&pairs));
  for (gboolean is_first = TRUE; is_first || *cursor; is_first = FALSE) {
    g_autoptr(GVariant) rows = NULL;

    if (!gw_ctl_list_page(ctl, kind, &(GwListOf){ filter, columns, 0 }, &cursor, &rows, error))
      return FALSE;
    if (is_first)
      begin(&export);
    if (!print_page(&export, rows, error))
      return FALSE;
  }
  finish(&export);
  return TRUE;
}

static gboolean
run_nodes(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return export_list(ctl, "nodes", NODE_COLUMNS, args, error);
}

static gboolean
run_updates(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return export_list(ctl, "updates", UPDATE_COLUMNS, args, error);
}

static gboolean
run_timeline(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return export_list(ctl, "timeline", TIMELINE_COLUMNS, args, error);
}

static gboolean
run_statistics(GwCtl *ctl, const GwArgs *args, GError **error)
{
  const char *by = gw_args_text(args, "by", "rule");
  g_autofree char *columns =
      g_strdup_printf("%s%s," TALLY_COLUMNS, by, strcmp(by, "rule") == 0 ? ",name" : "");
  g_auto(Export) export = { .ctl = ctl };
  g_autofree char *cursor = g_strdup("");

  if (!read_format(&export, args, columns, error))
    return FALSE;
  for (gboolean is_first = TRUE; is_first || *cursor; is_first = FALSE) {
    g_autoptr(GVariant) rows = NULL;

    if (!gw_ctl_fetch_statistics(ctl, by, &cursor, &rows, error))
      return FALSE;
    if (is_first)
      begin(&export);
    if (!print_page(&export, rows, error))
      return FALSE;
  }
  finish(&export);
  return TRUE;
}

#define FORMAT_ARG                                                                                           \
  {                                                                                                          \
    "format", GW_ARG_TEXT, NULL, "csv|json", "csv (the usual one), or json"                                  \
  }

static const GwArg LIST_ARGS[] = {
  FORMAT_ARG,
  { "filter", GW_ARG_TEXTS, NULL, "KEY=VALUE", "only rows whose column KEY is VALUE; * is any text" },
  { NULL, 0, NULL, NULL, NULL },
};

static const GwArg STATISTICS_ARGS[] = {
  FORMAT_ARG,
  { "by", GW_ARG_TEXT, NULL, "WHAT", "rule (the usual one), product, location or version" },
  { NULL, 0, NULL, NULL, NULL },
};

const GwCommand gw_commands_export[] = {
  { "export", "nodes", "", 0, 0, LIST_ARGS, "all nodes, as a table for other programs",
    "CSV as in RFC 4180, in UTF-8, times in UTC. A text that a spreadsheet would take for a formula is "
    "preceded by "
    "an apostrophe; \"nodes import\" takes it away again.\n\n"
    "  gatewayctl export nodes > nodes.csv",
    run_nodes },
  { "export", "updates", "", 0, 0, LIST_ARGS, "all updates, newest first",
    "  gatewayctl export updates --filter=state=failed --format=json", run_updates },
  { "export", "statistics", "", 0, 0, STATISTICS_ARGS, "how updates went",
    "  gatewayctl export statistics --by=location", run_statistics },
  { "export", "timeline", "", 0, 0, LIST_ARGS, "what nodes asked, and what happened to them",
    "What was asked in the last ten minutes may not be in it yet.\n\n"
    "  gatewayctl export timeline --filter=node=sensor-1",
    run_timeline },
  { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
