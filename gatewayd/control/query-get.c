/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One thing in full, with its history. */
#include <string.h>

#include "base/error.h"
#include "control/columns.h"
#include "control/commands-private.h"
#include "control/timeline.h"
#include "control/verbs.h"
#include "control/workers.h"
#include "model/rule-form.h"

#define HISTORY_MAX 200

/* A question that the database answers in part: what is known already waits in the builder. */
typedef struct {
  GwCore *core;
  char *node; /* whose timeline is still to come, or NULL */
  GVariantBuilder details;
  GwThen then;
} Get;

static Get *
get_new(GwCore *core, GwThen then)
{
  Get *get = g_new(Get, 1);

  get->core = core;
  get->node = NULL;
  get->then = then;
  g_variant_builder_init(&get->details, G_VARIANT_TYPE_VARDICT);
  return get;
}

static void
get_finish(Get *get, const GError *error)
{
  g_autoptr(GVariant) details = g_variant_ref_sink(g_variant_builder_end(&get->details));
  g_autoptr(GVariant) result = g_variant_ref_sink(g_variant_new("(@a{sv})", details));

  get->then.done(error ? NULL : result, error, get->then.user);
  g_free(get->node);
  g_free(get);
}

static GVariant *
rows_variant(const GPtrArray *rows)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
  for (guint i = 0; i < rows->len; i++)
    g_variant_builder_add_value(&builder, rows->pdata[i]);
  return g_variant_builder_end(&builder);
}

static void
ask_database(Get *get, GwTable table, const char *key, GVariant *value, GwListingDone done)
{
  GVariantBuilder builder;
  g_autoptr(GVariant) filter = NULL;
  g_autoptr(GError) error = NULL;
  GwListing listing = { .table = table, .sort = "-id", .limit = HISTORY_MAX };

  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add(&builder, "{sv}", key, value);
  filter = g_variant_ref_sink(g_variant_builder_end(&builder));
  listing.filter = filter;
  if (table == GW_TABLE_HISTORY)
    listing.sort = "id";
  if (!gw_rows_list(get->core->db, &listing, done, get, &error))
    get_finish(get, error);
}

/* ---- an update: its row, then its history ---- */

static void
on_history(const GPtrArray *rows, gint64 total, const GError *error, gpointer user)
{
  Get *get = user;

  if (!error)
    g_variant_builder_add(&get->details, "{sv}", "history", rows_variant(rows));
  get_finish(get, error);
}

static void
add_gauge(Get *get, gint64 id)
{
  const GwPin *pin = gw_pins_of_update(get->core->pins, id);
  guint64 acked;

  g_variant_builder_add(&get->details, "{sv}", "number", g_variant_new_int32(gw_update_number(id)));
  if (pin && get->core->workers && gw_workers_gauge(get->core->workers, pin->token, &acked))
    g_variant_builder_add(&get->details, "{sv}", "gauge", g_variant_new_int64((gint64)acked));
}

static void
on_update(const GPtrArray *rows, gint64 total, const GError *error, gpointer user)
{
  Get *get = user;
  g_autoptr(GError) why = NULL;
  GVariantIter iter;
  const char *key;
  GVariant *value;
  gint64 id = 0;

  if (!error && rows->len == 0)
    gw_fail(&why, GW_ERROR_NOT_FOUND, "there is no such update; see \"updates list\"");
  if (error || why) {
    get_finish(get, error ? error : why);
    return;
  }
  g_variant_iter_init(&iter, rows->pdata[0]);
  while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
    g_variant_builder_add(&get->details, "{sv}", key, value);
    g_variant_unref(value);
  }
  g_variant_lookup(rows->pdata[0], "id", "x", &id);
  add_gauge(get, id);
  ask_database(get, GW_TABLE_HISTORY, "update", g_variant_new_int64(id), on_history);
}

static void
get_update(GwCore *core, const char *text, GwThen then)
{
  gint64 id = 0;

  g_ascii_string_to_signed(text, 10, 1, G_MAXINT64, &id, NULL);
  ask_database(get_new(core, then), GW_TABLE_UPDATES, "id", g_variant_new_int64(id), on_update);
}

/* ---- a node: what is known, its updates, its timeline ---- */

static void
on_timeline(const GPtrArray *rows, gint64 total, const GError *error, gpointer user)
{
  Get *get = user;

  if (!error)
    g_variant_builder_add(&get->details, "{sv}", "timeline", rows_variant(rows));
  get_finish(get, error);
}

static void
add_components(GVariantBuilder *details, const GwNode *node)
{
  GVariantBuilder rows;

  g_variant_builder_init(&rows, G_VARIANT_TYPE("aa{sv}"));
  for (guint i = 0; i < node->components->len; i++) {
    const GwComponent *component = &g_array_index(node->components, GwComponent, i);

    g_variant_builder_open(&rows, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&rows, "{sv}", "type", g_variant_new_string(component->type));
    g_variant_builder_add(&rows, "{sv}", "version", g_variant_new_string(component->software_version));
    g_variant_builder_add(&rows, "{sv}", "hardware", g_variant_new_string(component->hardware_version));
    g_variant_builder_add(&rows, "{sv}", "source",
                          g_variant_new_string(gw_version_source_name(component->source)));
    g_variant_builder_add(&rows, "{sv}", "since", g_variant_new_int64(component->since_ms));
    g_variant_builder_close(&rows);
  }
  g_variant_builder_add(details, "{sv}", "components", g_variant_builder_end(&rows));
}

static void
add_table(GVariantBuilder *details, const char *key, GHashTable *table)
{
  GVariantBuilder pairs;
  GHashTableIter iter;
  gpointer name, value;

  g_variant_builder_init(&pairs, G_VARIANT_TYPE("a{ss}"));
  if (table)
    g_hash_table_iter_init(&iter, table);
  while (table && g_hash_table_iter_next(&iter, &name, &value))
    g_variant_builder_add(&pairs, "{ss}", name, value);
  g_variant_builder_add(details, "{sv}", key, g_variant_builder_end(&pairs));
}

static void
add_last_run(GVariantBuilder *details, const GwCore *core, const GwNode *node)
{
  GwTimelineRow run;

  if (!gw_timeline_last(core->timeline, node->id, &run))
    return;
  g_variant_builder_add(details, "{sv}", "asks-now", g_variant_new_string(run.text));
  g_variant_builder_add(details, "{sv}", "asks-since", g_variant_new_int64(run.first_ms));
  g_variant_builder_add(details, "{sv}", "asks-count", g_variant_new_int64((gint64)run.count));
}

static void
on_node_updates(const GPtrArray *rows, gint64 total, const GError *error, gpointer user)
{
  Get *get = user;

  if (error) {
    get_finish(get, error);
    return;
  }
  g_variant_builder_add(&get->details, "{sv}", "updates", rows_variant(rows));
  ask_database(get, GW_TABLE_TIMELINE, "node", g_variant_new_string(get->node), on_timeline);
}

static void
get_node(GwCore *core, const char *id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwNode *node = gw_commands_node(core, id, &error);
  const GwVerb *verb;
  Get *get;

  if (!node) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  get = get_new(core, then);
  get->node = g_strdup(node->id);
  gw_columns_add_all(core, &gw_columns_nodes, node, &get->details);
  add_components(&get->details, node);
  add_table(&get->details, "attributes", node->attributes);
  add_last_run(&get->details, core, node);
  g_variant_builder_add(
      &get->details, "{sv}", "aliases",
      g_variant_new_strv((const char *const *)node->aliases->pdata, (gssize)node->aliases->len));
  verb = gw_verbs_peek(core->verbs, node->id);
  if (verb)
    g_variant_builder_add(&get->details, "{sv}", "verb",
                          g_variant_new_take_string(g_strdup_printf("%s %s", verb->name, verb->argument)));
  ask_database(get, GW_TABLE_UPDATES, "node", g_variant_new_string(node->id), on_node_updates);
}

/* ---- the others are in memory ---- */

static gconstpointer
find_item(GwCore *core, const GwKind *kind, const char *id)
{
  g_autoptr(GPtrArray) items = kind->items(core);

  for (guint i = 0; i < items->len; i++) {
    g_autoptr(GVariant) key = g_variant_ref_sink(kind->columns[0].value(core, items->pdata[i]));
    g_autofree char *text = g_variant_is_of_type(key, G_VARIANT_TYPE_STRING) ? g_variant_dup_string(key, NULL)
                                                                             : g_variant_print(key, FALSE);

    if (strcmp(text, id) == 0)
      return items->pdata[i];
  }
  return NULL;
}

/* Everything that the plugin brought as data. */
static void
add_plugin(GwCore *core, const char *name, GVariantBuilder *details)
{
  const GwPluginTable *table = gw_plugins_table(core->plugins, name);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  if (!table)
    return; /* refused: nothing is known of it */
  g_variant_iter_init(&iter, gw_plugin_table_variant(table));
  while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
    if (!g_str_equal(key, "name") && !g_str_equal(key, "title") && !g_str_equal(key, "version") &&
        !g_str_equal(key, "kind") && !g_str_equal(key, "state") && !g_str_equal(key, "reason"))
      g_variant_builder_add(details, "{sv}", key, value);
    g_variant_unref(value);
  }
}

static GVariant *
details_of(GwCore *core, const GwKind *kind, gconstpointer item)
{
  GVariantBuilder details;

  g_variant_builder_init(&details, G_VARIANT_TYPE_VARDICT);
  gw_columns_add_all(core, kind, item, &details);
  if (strcmp(kind->name, "firmware") == 0)
    add_table(&details, "attributes", ((const GwFirmware *)item)->attributes);
  if (strcmp(kind->name, "rules") == 0)
    g_variant_builder_add(&details, "{sv}", "form",
                          g_variant_new_take_string(gw_rule_form_text(item, FALSE)));
  if (strcmp(kind->name, "plugins") == 0)
    add_plugin(core, item, &details);
  return g_variant_new("(@a{sv})", g_variant_builder_end(&details));
}

void
gw_query_get(GwCore *core, const char *kind_name, const char *id, GwThen then)
{
  const GwKind *kind = gw_columns_kind(kind_name);
  gconstpointer item = NULL;
  g_autoptr(GError) error = NULL;

  if (strcmp(kind_name, "updates") == 0) {
    get_update(core, id, then);
    return;
  }
  if (strcmp(kind_name, "nodes") == 0) {
    get_node(core, id, then);
    return;
  }
  if (!kind)
    gw_fail(&error, GW_ERROR_BAD_INPUT, "nothing is of the kind \"%.64s\"; expected " GW_KINDS, kind_name);
  else if (!(item = find_item(core, kind, id)))
    gw_fail(&error, GW_ERROR_NOT_FOUND, "among the %s is no \"%.64s\"", kind->name, id);
  if (error)
    gw_then_fail(core, then, g_steal_pointer(&error));
  else
    gw_then_succeed(core, then, details_of(core, kind, item));
}
