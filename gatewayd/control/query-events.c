/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events: the newest from memory, older ones from the database. */
#include <string.h>

#include "base/error.h"
#include "control/core-private.h"
#include "control/form.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 500

static const GwFormKey FILTER_KEYS[] = {
  { "type", 's' }, { "node", 's' }, { "firmware", 'i' }, { "rule", 'i' }, { "final", 'b' }, { NULL, 0 },
};

static gboolean
passes(const GwEvent *event, GVariant *filter)
{
  const char *type = gw_form_text(filter, "type", NULL), *node = gw_form_text(filter, "node", NULL);

  return (!type || g_pattern_match_simple(type, event->type)) && (!node || strcmp(node, event->node) == 0) &&
         gw_form_integer(filter, "firmware", event->firmware_id) == event->firmware_id &&
         gw_form_integer(filter, "rule", event->rule_id) == event->rule_id &&
         gw_form_flag(filter, "final", event->is_final) == event->is_final;
}

/* @last is where to go on: the last that was looked at, whether it passed or not. */
static GVariant *
from_memory(const GwEvents *events, gint64 after_id, GVariant *filter, guint limit)
{
  gint64 last = MAX(after_id, 0);
  GVariantBuilder rows;
  guint n = 0;

  g_variant_builder_init(&rows, G_VARIANT_TYPE("aa{sv}"));
  for (const GList *link = gw_events_after(events, after_id); link && n < limit; link = link->next) {
    const GwEvent *event = link->data;

    last = event->id;
    if (!passes(event, filter))
      continue;
    g_variant_builder_add_value(&rows, gw_event_variant(event));
    n++;
  }
  return g_variant_new("(aa{sv}x)", &rows, last);
}

typedef struct {
  GwCore *core;
  gint64 after_id, newest;
  guint limit;
  GwThen then;
} Old;

static void
on_rows(const GPtrArray *rows, gint64 total, const GError *error, gpointer user)
{
  g_autofree Old *old = user;
  g_autoptr(GVariant) result = NULL;
  gboolean is_newest = old->after_id < 0; /* read backwards, told forwards */
  GVariantBuilder builder;
  gint64 last = old->newest, id = 0;

  if (!error) {
    g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < rows->len; i++)
      g_variant_builder_add_value(&builder,
                                  gw_event_variant_from_row(rows->pdata[is_newest ? rows->len - 1 - i : i]));
    if (rows->len > 0)
      g_variant_lookup(rows->pdata[is_newest ? 0 : rows->len - 1], "id", "x", &id);
    last = rows->len == old->limit && !is_newest ? id : MAX(last, id);
    result = g_variant_ref_sink(g_variant_new("(aa{sv}x)", &builder, MAX(last, old->after_id)));
  }
  old->then.done(result, error, old->then.user);
}

static GVariant *
database_filter(gint64 after_id, GVariant *filter)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add(&builder, "{sv}", "after-id", g_variant_new_int64(after_id));
  for (const GwFormKey *row = FILTER_KEYS; row->key; row++) {
    if (!gw_form_has(filter, row->key))
      continue;
    if (row->kind == 's')
      g_variant_builder_add(&builder, "{sv}", row->key,
                            g_variant_new_string(gw_form_text(filter, row->key, "")));
    else if (row->kind == 'i')
      g_variant_builder_add(&builder, "{sv}", row->key,
                            g_variant_new_int64(gw_form_integer(filter, row->key, 0)));
    else
      g_variant_builder_add(&builder, "{sv}", row->key,
                            g_variant_new_boolean(gw_form_flag(filter, row->key, FALSE)));
  }
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

void
gw_query_events(GwCore *core, gint64 after_id, GVariant *filter, guint limit, GwThen then)
{
  g_autoptr(GVariant) old_filter = NULL;
  g_autoptr(GError) error = NULL;
  guint n = limit ? MIN(limit, LIMIT_MAX) : LIMIT_DEFAULT;
  Old *old;

  if (!gw_form_check(filter, FILTER_KEYS, NULL, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  if (after_id + 1 >= gw_events_oldest_held(core->events)) {
    gw_then_succeed(core, then, from_memory(core->events, after_id, filter, n));
    return;
  }
  old_filter = database_filter(after_id, filter);
  old = g_new(Old, 1);
  *old = (Old){ core, after_id, gw_events_newest(core->events), n, then };
  if (gw_rows_list(core->db,
                   &(GwListing){ .table = GW_TABLE_EVENTS,
                                 .filter = old_filter,
                                 .sort = after_id < 0 ? "-id" : "id",
                                 .limit = n },
                   on_rows, old, &error))
    return;
  g_free(old);
  gw_then_fail(core, then, g_steal_pointer(&error));
}

void
gw_core_set_listener(GwCore *core, void (*newest)(gint64 event_id, gpointer user), gpointer user)
{
  gw_events_set_listener(core->events, newest, user);
}
