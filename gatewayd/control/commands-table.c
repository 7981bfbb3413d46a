/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table of nodes, as a spreadsheet writes it: checked in full before anything is changed, every complaint
 * with its line; then all of it, or nothing. */
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "control/bulk.h"
#include "control/commands-private.h"
#include "control/scheduler.h"

#define NODES_MAX 5000
#define COMPLAINTS_MAX 10

/* What is known of a node and cannot be said of it: passed over, so that what was exported can be taken back.
 */
static const char *const IGNORED[] = { "source", "adopted", "identity",  "mac",
                                       "plugin", "group",   "set-aside", "set-aside-reason",
                                       "first",  "last",    "contacts",  NULL };
static const char *const KNOWN[] = { "id",       "product", "labels",  "location",   "version",
                                     "hardware", "type",    "address", "credential", NULL };

typedef struct {
  guint line;
  char *id, *credential;
  GVariant *form;
} Row;

typedef struct {
  GwCore *core;
  GwChange *change;
  GArray *rows;
  GHashTable *ids; /* seen so far */
  GString *complaints;
  guint n_complaints, n_new, n_changed;
  gboolean is_dry_run;
  char *caller_name;
  GwThen then;
} Import;

static void
row_clear(gpointer data)
{
  Row *row = data;

  if (row->credential)
    explicit_bzero(row->credential, strlen(row->credential));
  g_free(row->id);
  g_free(row->credential);
  g_variant_unref(row->form);
}

static void
import_free(Import *import)
{
  g_clear_pointer(&import->change, gw_change_free);
  g_array_unref(import->rows);
  g_hash_table_unref(import->ids);
  g_string_free(import->complaints, TRUE);
  g_free(import->caller_name);
  g_free(import);
}

static void
complain(Import *import, guint line, const char *what)
{
  if (++import->n_complaints <= COMPLAINTS_MAX)
    g_string_append_printf(import->complaints, "%sline %u: %s", import->complaints->len ? "\n" : "", line,
                           what);
}

/* ---- from the table to forms ---- */

static GVariant *
labels_of(const char *cell)
{
  g_auto(GStrv) parts = g_strsplit(cell, ";", -1);
  GVariantBuilder labels;

  g_variant_builder_init(&labels, G_VARIANT_TYPE_STRING_ARRAY);
  for (char **part = parts; *part; part++)
    if (*g_strstrip(*part))
      g_variant_builder_add(&labels, "s", *part);
  return g_variant_builder_end(&labels);
}

/* An empty cell says nothing. */
static void
take_cell(Row *row, GVariantBuilder *form, const char *column, char *cell)
{
  g_strstrip(cell);
  if (strcmp(column, "id") == 0)
    row->id = g_strdup(cell);
  else if (!*cell || g_strv_contains(IGNORED, column))
    return;
  else if (strcmp(column, "credential") == 0)
    row->credential = g_strdup(cell);
  else if (strcmp(column, "labels") == 0)
    g_variant_builder_add(form, "{sv}", column, labels_of(cell));
  else
    g_variant_builder_add(form, "{sv}", column, g_variant_new_string(cell));
}

static void
take_row(Import *import, const GwCsvRow *head, const GwCsvRow *table_row)
{
  guint n = g_strv_length(head->fields);
  Row row = { .line = table_row->line };
  GVariantBuilder form;

  if (g_strv_length(table_row->fields) != n) {
    complain(import, table_row->line, "it has more or fewer columns than the first line");
    return;
  }
  g_variant_builder_init(&form, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < n; i++)
    take_cell(&row, &form, head->fields[i], table_row->fields[i]);
  row.form = g_variant_ref_sink(g_variant_builder_end(&form));
  g_array_append_val(import->rows, row);
}

static gboolean
check_head(const GwCsvRow *head, GError **error)
{
  g_autofree char *known = g_strjoinv(", ", (char **)KNOWN);

  for (char **column = head->fields; *column; column++) {
    g_strstrip(*column);
    if (!g_strv_contains(KNOWN, *column) && !g_strv_contains(IGNORED, *column))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "line %u: there is no column \"%.64s\"; it may have %s",
                     head->line, *column, known);
    for (char **other = head->fields; other < column; other++)
      if (strcmp(*other, *column) == 0)
        return gw_fail(error, GW_ERROR_BAD_INPUT, "line %u: the column %s stands there twice", head->line,
                       *column);
  }
  if (!g_strv_contains((const char *const *)head->fields, "id"))
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "line %u: the first line names the columns, and \"id\" must be one of them", head->line);
  return TRUE;
}

static gboolean
read_table(Import *import, const char *text, GError **error)
{
  g_autoptr(GPtrArray) rows = gw_csv_parse(text, strlen(text), error);

  if (!rows)
    return FALSE;
  if (rows->len == 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the table is empty");
  if (rows->len > NODES_MAX + 1)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "more than %d nodes at once: cut the table", NODES_MAX);
  if (!check_head(rows->pdata[0], error))
    return FALSE;
  for (guint i = 1; i < rows->len; i++)
    take_row(import, rows->pdata[0], rows->pdata[i]);
  return TRUE;
}

/* ---- the first pass: is every line right? ---- */

static gboolean
check_row(Import *import, const Row *row, GError **error)
{
  char mac[18];
  const char *id = gw_mac_normalize(row->id, mac) ? mac : row->id;

  if (!*id)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the id is missing");
  if (!g_hash_table_add(import->ids, g_strdup(id)))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s stands there twice", id);
  return gw_commands_check_node_form(import->core, row->id, row->form, error) &&
         (!row->credential || gw_commands_check_password(row->credential, error));
}

static void
check_each(gpointer job, guint index)
{
  Import *import = job;
  const Row *row = &g_array_index(import->rows, Row, index);
  const GwNode *node = gw_commands_node(import->core, row->id, NULL);
  g_autoptr(GError) error = NULL;

  if (!check_row(import, row, &error))
    complain(import, row->line, error->message);
  else if (!node)
    import->n_new++;
  else if (row->credential || !node->is_adopted || gw_commands_differs(import->core, node, row->form))
    import->n_changed++;
}

/* ---- the second pass ---- */

static void
apply_each(gpointer job, guint index)
{
  Import *import = job;
  const Row *row = &g_array_index(import->rows, Row, index);
  const GwNode *known = gw_commands_node(import->core, row->id, NULL);
  GwNode *node;

  if (known && !row->credential && known->is_adopted && !gw_commands_differs(import->core, known, row->form))
    return;
  node = gw_commands_enter_node(import->core, row->id, NULL);
  if (!node)
    return; /* a shared login took the name since it was checked */
  if (row->credential) {
    char digest[GW_SHA256_HEX_LEN + 1];

    gw_credentials_digest(import->core->credentials, node->id, row->credential, digest);
    gw_shared_text_set(&node->credential_digest, digest);
  }
  gw_commands_apply_node_form(import->core, node, row->form, import->caller_name, import->change);
}

static void
on_stopped(gpointer job)
{
  Import *import = job;
  g_autoptr(GError) error = NULL;

  gw_fail(&error, GW_ERROR_STOPPED, "the gateway is stopping");
  import->then.done(NULL, error, import->then.user);
  import_free(import);
}

static void
on_applied(gpointer job)
{
  Import *import = job;
  guint n = import->rows->len;

  gw_change_say(import->change, "daemon.nodes-imported", &(GwAbout){ 0 },
                "a table of %u nodes was taken: %u are new, %u changed", n, import->n_new, import->n_changed);
  gw_change_finish(
      g_steal_pointer(&import->change), import->then,
      g_variant_new("(uuu)", import->n_new, import->n_changed, n - import->n_new - import->n_changed));
  gw_scheduler_changed(import->core);
  import_free(import);
}

static void
end(Import *import, GError *error)
{
  guint n = import->rows->len;

  if (error)
    gw_then_fail(import->core, import->then, error);
  else
    gw_then_succeed(
        import->core, import->then,
        g_variant_new("(uuu)", import->n_new, import->n_changed, n - import->n_new - import->n_changed));
  import_free(import);
}

static void
on_checked(gpointer job)
{
  Import *import = job;
  const GwBulkWork work = { import->rows->len, apply_each, on_applied, on_stopped };
  GError *error = NULL;

  if (import->n_complaints > COMPLAINTS_MAX)
    g_string_append_printf(import->complaints, "\nand %u more", import->n_complaints - COMPLAINTS_MAX);
  if (import->n_complaints)
    gw_fail(&error, GW_ERROR_BAD_INPUT, "%s", import->complaints->str);
  if (error || import->is_dry_run || !gw_bulk_begin(import->core, &work, import, &error))
    end(import, error);
}

void
gw_command_nodes_import(GwCore *core, const GwCaller *caller, const char *text, gboolean is_dry_run,
                        GwThen then)
{
  Import *import = g_new0(Import, 1);
  GError *error = NULL;
  GwBulkWork work = { 0, check_each, on_checked, on_stopped };

  *import = (Import){ .core = core,
                      .change = gw_change_new(core, caller),
                      .rows = g_array_new(FALSE, FALSE, sizeof(Row)),
                      .ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                      .complaints = g_string_new(NULL),
                      .is_dry_run = is_dry_run,
                      .caller_name = g_strdup(caller->name),
                      .then = then };
  g_array_set_clear_func(import->rows, row_clear);
  if (read_table(import, text, &error)) {
    work.n = import->rows->len;
    if (gw_bulk_begin(core, &work, import, &error))
      return;
  }
  end(import, error);
}
