/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/events.h"

#include <string.h>

#include "base/json.h"

#define DATA_MAX 16384
#define HELD_MAX 2000
#define LISTENER_INTERVAL_MS 250

struct GwEvents {
  GMainContext *context;
  GQueue held; /* GwEvent, oldest first */
  gint64 newest, told_us;
  void (*listener)(gint64 id, gpointer user);
  gpointer listener_user;
  GSource *pending;
};

GwEvent *
gw_event_ref(GwEvent *event)
{
  event->n_refs++;
  return event;
}

void
gw_event_free(GwEvent *event)
{
  if (!event || event->n_refs-- > 0)
    return;
  g_free(event->type);
  g_free(event->subject_kind);
  g_free(event->subject);
  g_free(event->node);
  g_free(event->data);
  g_free(event);
}

GwEvent *
gw_event_from_row(const GwEventRow *row)
{
  GwEvent *event = g_new0(GwEvent, 1);

  event->id = row->id;
  event->wall_ms = row->wall_ms;
  event->type = g_strdup(row->type);
  event->subject_kind = g_strdup(row->subject_kind);
  event->subject = g_strdup(row->subject_id);
  event->node = g_strdup(row->node);
  event->firmware_id = row->firmware_id;
  event->rule_id = row->rule_id;
  event->update_id = row->update_id;
  event->data = g_strdup(row->data);
  event->is_final = row->is_final;
  return event;
}

void
gw_event_put(GwBatch *batch, const GwEvent *event)
{
  GwEventRow row = {
    .id = event->id,
    .wall_ms = event->wall_ms,
    .type = event->type,
    .subject_kind = event->subject_kind,
    .subject_id = event->subject,
    .node = event->node,
    .firmware_id = event->firmware_id,
    .rule_id = event->rule_id,
    .update_id = event->update_id,
    .data = event->data,
    .is_final = event->is_final,
  };

  gw_rows_put_event(batch, &row);
}

static void
add_text(GVariantBuilder *builder, const char *key, const char *text)
{
  if (*text)
    g_variant_builder_add(builder, "{sv}", key, g_variant_new_string(text));
}

static void
add_number(GVariantBuilder *builder, const char *key, gint64 number)
{
  if (number)
    g_variant_builder_add(builder, "{sv}", key, g_variant_new_int64(number));
}

static void
add_data(GVariantBuilder *builder, const char *data)
{
  g_autoptr(json_t) object = gw_json_parse(data, strlen(data), DATA_MAX, NULL);
  const char *key;
  json_t *value;

  if (!object)
    return;
  json_object_foreach(object, key, value) if (json_is_string(value))
      add_text(builder, key, json_string_value(value));
}

GVariant *
gw_event_variant(const GwEvent *event)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  add_number(&builder, "id", event->id);
  add_number(&builder, "time", event->wall_ms);
  add_text(&builder, "type", event->type);
  add_text(&builder, "subject-kind", event->subject_kind);
  add_text(&builder, "subject", event->subject);
  add_text(&builder, "node", event->node);
  add_number(&builder, "firmware", event->firmware_id);
  add_number(&builder, "rule", event->rule_id);
  add_number(&builder, "update", event->update_id);
  if (event->is_final)
    g_variant_builder_add(&builder, "{sv}", "final", g_variant_new_boolean(TRUE));
  add_data(&builder, event->data);
  return g_variant_builder_end(&builder);
}

GVariant *
gw_event_variant_from_row(GVariant *row)
{
  char *none = (char *)""; /* borrowed texts, all of them */
  GwEvent event = { .type = none, .subject_kind = none, .subject = none, .node = none, .data = none };

  g_variant_lookup(row, "id", "x", &event.id);
  g_variant_lookup(row, "time", "x", &event.wall_ms);
  g_variant_lookup(row, "type", "&s", &event.type);
  g_variant_lookup(row, "subject-kind", "&s", &event.subject_kind);
  g_variant_lookup(row, "subject", "&s", &event.subject);
  g_variant_lookup(row, "node", "&s", &event.node);
  g_variant_lookup(row, "firmware", "x", &event.firmware_id);
  g_variant_lookup(row, "rule", "x", &event.rule_id);
  g_variant_lookup(row, "update", "x", &event.update_id);
  g_variant_lookup(row, "final", "b", &event.is_final);
  g_variant_lookup(row, "data", "&s", &event.data);
  return gw_event_variant(&event);
}

GwEvents *
gw_events_new(GMainContext *context)
{
  GwEvents *events = g_new0(GwEvents, 1);

  events->context = context;
  g_queue_init(&events->held);
  return events;
}

static void
cancel_pending(GwEvents *events)
{
  if (!events->pending)
    return;
  g_source_destroy(events->pending);
  g_clear_pointer(&events->pending, g_source_unref);
}

void
gw_events_free(GwEvents *events)
{
  if (!events)
    return;
  cancel_pending(events);
  g_queue_clear_full(&events->held, (GDestroyNotify)gw_event_free);
  g_free(events);
}

static gboolean
tell_listener(gpointer user)
{
  GwEvents *events = user;

  cancel_pending(events);
  events->told_us = g_get_monotonic_time();
  if (events->listener)
    events->listener(events->newest, events->listener_user);
  return G_SOURCE_REMOVE;
}

static void
schedule_listener(GwEvents *events)
{
  gint64 since_ms = (g_get_monotonic_time() - events->told_us) / 1000;

  if (!events->listener || events->pending)
    return;
  events->pending =
      g_timeout_source_new(since_ms >= LISTENER_INTERVAL_MS ? 0 : (guint)(LISTENER_INTERVAL_MS - since_ms));
  g_source_set_callback(events->pending, tell_listener, events, NULL);
  g_source_attach(events->pending, events->context);
}

void
gw_events_tell(GwEvents *events, GwEvent *event)
{
  g_queue_push_tail(&events->held, event);
  events->newest = MAX(events->newest, event->id);
  if (g_queue_get_length(&events->held) > HELD_MAX)
    gw_event_free(g_queue_pop_head(&events->held));
  schedule_listener(events);
}

void
gw_events_set_listener(GwEvents *events, void (*newest)(gint64 id, gpointer user), gpointer user)
{
  events->listener = newest;
  events->listener_user = user;
}

gint64
gw_events_newest(const GwEvents *events)
{
  return events->newest;
}

void
gw_events_set_newest(GwEvents *events, gint64 id)
{
  events->newest = id;
}

gint64
gw_events_oldest_held(const GwEvents *events)
{
  const GwEvent *oldest = g_queue_peek_head((GQueue *)&events->held);

  return oldest ? oldest->id : events->newest + 1;
}

const GList *
gw_events_after(const GwEvents *events, gint64 after_id)
{
  const GList *link = events->held.tail;

  while (link && link->prev && ((const GwEvent *)link->prev->data)->id > after_id)
    link = link->prev;
  return link && ((const GwEvent *)link->data)->id > after_id ? link : NULL;
}
