/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/change.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "control/alerts.h"
#include "control/core-private.h"
#include "control/relay.h"
#include "control/timeline.h"

struct GwChange {
  GwCore *core;
  char *who, *door, *address; /* of the caller, or NULL */
  GwBatch *batch;             /* NULL = nothing to write so far */
  GPtrArray *events;          /* GwEvent */
  gint64 wall_ms;
  GwDbDone done;
  gpointer user;
  GwThen then;
  GVariant *result;
};

GwChange *
gw_change_new(GwCore *core, const GwCaller *caller)
{
  GwChange *change = g_new0(GwChange, 1);

  change->core = core;
  if (caller) {
    change->who = g_strdup(caller->name);
    change->door = g_strdup(caller->door);
    change->address = g_strdup(caller->address);
  }
  change->events = g_ptr_array_new_with_free_func((GDestroyNotify)gw_event_free);
  change->wall_ms = gw_core_now(core).wall_ms;
  return change;
}

void
gw_change_free(GwChange *change)
{
  if (!change)
    return;
  g_free(change->who);
  g_free(change->door);
  g_free(change->address);
  gw_batch_free(change->batch);
  g_ptr_array_unref(change->events);
  g_clear_pointer(&change->result, g_variant_unref);
  g_free(change);
}

GwBatch *
gw_change_batch(GwChange *change)
{
  if (!change->batch)
    change->batch = gw_batch_new();
  return change->batch;
}

static GwSubject
subject_of_type(const char *type)
{
  for (GwSubject subject = GW_SUBJECT_DAEMON; subject <= GW_SUBJECT_USER; subject++) {
    const char *name = gw_subject_name(subject);
    gsize size = strlen(name);

    if (strncmp(type, name, size) == 0 && type[size] == '.')
      return subject;
  }
  return GW_SUBJECT_DAEMON;
}

static char *
subject_name(GwSubject subject, const GwAbout *about)
{
  if (about->name)
    return g_strdup(about->name);
  if (subject == GW_SUBJECT_NODE && about->node)
    return g_strdup(about->node);
  if (subject == GW_SUBJECT_FIRMWARE)
    return g_strdup_printf("%" G_GINT64_FORMAT, about->firmware_id);
  if (subject == GW_SUBJECT_RULE)
    return g_strdup_printf("%" G_GINT64_FORMAT, about->rule_id);
  if (subject == GW_SUBJECT_UPDATE)
    return g_strdup_printf("%" G_GINT64_FORMAT, about->update_id);
  return g_strdup("");
}

static void
add_member(json_t *object, const char *key, const char *value)
{
  if (value && *value)
    json_object_set_new(object, key, json_string(value));
}

/* What the numbers of firmware and rule mean, for those who cannot look them up. */
static void
add_names(json_t *object, const GwCore *core, const GwAbout *about)
{
  const GwFirmware *firmware = gw_firmwares_find(core->firmwares, about->firmware_id);
  const GwRule *rule = gw_rules_find(core->rules, about->rule_id);

  if (firmware) {
    add_member(object, "product", firmware->product);
    add_member(object, "version", firmware->software_version);
  }
  if (rule)
    add_member(object, "rule-name", rule->name);
  if (rule && rule->notification)
    json_object_set_new(object, "notification", json_integer(rule->notification));
}

/* The event's own words. Text that came from a peer is made printable first. */
static char *
make_data(const GwChange *change, const GwAbout *about, const char *text)
{
  g_autoptr(json_t) object = json_object();
  g_autofree char *inert = gw_log_inert(text);
  g_autofree char *reason = gw_log_inert(about->reason ? about->reason : "");
  char *encoded, *data;

  add_member(object, "text", inert);
  add_member(object, "reason", reason);
  add_names(object, change->core, about);
  add_member(object, "who", change->who);
  add_member(object, "door", change->door);
  add_member(object, "address", change->address);
  encoded = json_dumps(object, JSON_COMPACT);
  data = g_strdup(encoded ? encoded : "{}");
  free(encoded);
  return data;
}

static const char *
format_id(gint64 id, char *buffer, gsize size)
{
  g_snprintf(buffer, size, "%" G_GINT64_FORMAT, id);
  return buffer;
}

/* Into the log, with every name that the journal may be asked for. */
static void
log_event(const GwEvent *event, GwSubject subject, const char *text)
{
  const GwAlert *alert = gw_alert_find(event->type);
  char numbers[4][24];
  GwLogField fields[GW_LOG_FIELDS_MAX] = { { "EVENT", event->type },
                                           { "EVENT_ID", format_id(event->id, numbers[0], 24) } };
  guint n = 2;
  GwLogEvent line = { .priority = alert ? alert->priority : LOG_INFO,
                      .message_id = alert ? alert->message_id : NULL,
                      .subject = subject,
                      .id = event->subject,
                      .text = text,
                      .fields = fields };

  if (subject != GW_SUBJECT_NODE && *event->node)
    fields[n++] = (GwLogField){ "NODE", event->node };
  if (subject != GW_SUBJECT_FIRMWARE && event->firmware_id)
    fields[n++] = (GwLogField){ "FIRMWARE", format_id(event->firmware_id, numbers[1], 24) };
  if (subject != GW_SUBJECT_RULE && event->rule_id)
    fields[n++] = (GwLogField){ "RULE", format_id(event->rule_id, numbers[2], 24) };
  if (subject != GW_SUBJECT_UPDATE && event->update_id)
    fields[n++] = (GwLogField){ "UPDATE", format_id(event->update_id, numbers[3], 24) };
  gw_log_event(&line);
}

/* Into the node's own story. At most so many bytes, so that the rows that are kept have a bounded size. */
static void
put_timeline(GwChange *change, const GwEvent *event, const char *text)
{
  const GwNode *node = *event->node ? gw_registry_find(change->core->registry, event->node) : NULL;
  g_autofree char *valid = NULL;
  GwTimelineRow row = { .node = event->node,
                        .kind = event->type,
                        .first_ms = event->wall_ms,
                        .last_ms = event->wall_ms,
                        .count = 1,
                        .is_final = event->is_final };

  if (!node || !node->is_adopted)
    return;
  row.id = gw_db_next_id(change->core->db, GW_SEQUENCE_TIMELINE);
  row.text = valid = gw_timeline_text(text);
  gw_rows_put_timeline(gw_change_batch(change), &row);
}

void
gw_change_say(GwChange *change, const char *type, const GwAbout *about, const char *format, ...)
{
  GwEvent *event = g_new0(GwEvent, 1);
  GwSubject subject = subject_of_type(type);
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  event->id = gw_db_next_id(change->core->db, GW_SEQUENCE_EVENT);
  event->wall_ms = change->wall_ms;
  event->type = g_strdup(type);
  event->subject_kind = g_strndup(type, strcspn(type, "."));
  event->subject = subject_name(subject, about);
  event->node = g_strdup(about->node ? about->node : "");
  event->firmware_id = about->firmware_id;
  event->rule_id = about->rule_id;
  event->update_id = about->update_id;
  event->is_final = about->is_final;
  event->data = make_data(change, about, text);
  gw_event_put(gw_change_batch(change), event);
  gw_relay_put(change->core->relay, change->batch, event);
  put_timeline(change, event, text);
  g_ptr_array_add(change->events, event);
  log_event(event, subject, text);
}

static void
tell_events(GwChange *change)
{
  g_ptr_array_set_free_func(change->events, NULL);
  for (guint i = 0; i < change->events->len; i++) {
    gw_relay_told(change->core->relay, change->events->pdata[i]);
    gw_events_tell(change->core->events, change->events->pdata[i]);
  }
  g_ptr_array_set_size(change->events, 0);
}

static void
on_committed(const GError *error, gpointer user)
{
  g_autoptr(GwChange) change = user;

  g_hash_table_remove(change->core->changes, change);
  if (error && !change->core->is_stopping)
    gw_err(GW_SUBJECT_DAEMON, NULL, "a change was not written: %s", error->message);
  else if (!error)
    tell_events(change);
  if (change->done)
    change->done(error, change->user);
  if (change->then.done)
    change->then.done(error ? NULL : change->result, error, change->then.user);
}

void
gw_change_commit(GwChange *change, GwDbDone done, gpointer user)
{
  GwBatch *batch = gw_change_batch(change);

  change->batch = NULL;
  change->done = done;
  change->user = user;
  g_hash_table_add(change->core->changes, change);
  gw_db_submit(change->core->db, batch, on_committed, change);
}

void
gw_changes_abandon(GwCore *core)
{
  g_autoptr(GList) left = g_hash_table_get_keys(core->changes);
  g_autoptr(GError) error = NULL;

  gw_fail(&error, GW_ERROR_STOPPED, "the gateway is stopping");
  for (GList *link = left; link; link = link->next)
    on_committed(error, link->data);
}

/* Memory says so already, and nothing but a crash before there is room can undo it. */
static void
tell_in_force(GwChange *change)
{
  GwThen then = change->then;
  GError *error = NULL;

  change->then = (GwThen){ NULL, NULL };
  if (!then.done)
    return;
  gw_fail(
      &error, GW_ERROR_NO_SPACE,
      "done, but not yet written: the disk of the database is full; it is written when there is room, and "
      "forgotten if the gateway ends before");
  gw_then_fail(change->core, then, error);
}

void
gw_changes_wait(GwCore *core)
{
  g_autoptr(GList) waiting = g_hash_table_get_keys(core->changes);

  for (GList *link = waiting; link; link = link->next)
    tell_in_force(link->data);
}

void
gw_change_commit_if_any(GwChange *change)
{
  if (!change->batch || gw_batch_is_empty(change->batch))
    gw_change_free(change);
  else
    gw_change_commit(change, NULL, NULL);
}

void
gw_change_finish(GwChange *change, GwThen then, GVariant *result)
{
  change->then = then;
  change->result = result ? g_variant_ref_sink(result) : NULL;
  gw_change_commit(change, NULL, NULL);
  if (gw_db_is_waiting(change->core->db))
    tell_in_force(change);
}

typedef struct {
  GwThen then;
  GError *error;
  GVariant *result;
} Ending;

static gboolean
end_command(gpointer user)
{
  Ending *ending = user;

  ending->then.done(ending->result, ending->error, ending->then.user);
  return G_SOURCE_REMOVE;
}

static void
ending_free(gpointer user)
{
  Ending *ending = user;

  g_clear_error(&ending->error);
  g_clear_pointer(&ending->result, g_variant_unref);
  g_free(ending);
}

static void
end_later(GwCore *core, GwThen then, GError *error, GVariant *result)
{
  g_autoptr(GSource) source = g_idle_source_new();
  Ending *ending = g_new0(Ending, 1);

  *ending = (Ending){ then, error, result ? g_variant_ref_sink(result) : NULL };
  g_source_set_priority(source, G_PRIORITY_DEFAULT);
  g_source_set_callback(source, end_command, ending, ending_free);
  g_source_attach(source, core->context);
}

void
gw_then_fail(GwCore *core, GwThen then, GError *error)
{
  end_later(core, then, error, NULL);
}

void
gw_then_succeed(GwCore *core, GwThen then, GVariant *result)
{
  end_later(core, then, NULL, result);
}
