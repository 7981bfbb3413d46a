/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/relay.h"

#include <string.h>

#include "base/digest.h"
#include "base/log.h"
#include "control/report.h"
#include "control/workers.h"
#include "link/messages.h"
#include "model/rhythm.h"

#define META_KEY "gateway-id"
#define REFUSED "upstream.report-refused"
#define RETRY_MS 5000 /* after the first failure; doubles */
#define BATCH_BYTES ((gsize)64 * 1024)

/* One upstream that reports. */
typedef struct {
  GwOutbox *outbox;
  gint64 id;     /* of its alarm */
  char **wanted; /* types, with * */
  guint batch;
  gint64 interval_ms;
  guint64 report_id; /* under way; 0 = none */
  GArray *sent;      /* gint64: events of it, in order */
  gint64 next_ms;    /* boot; nothing is sent before */
  gint64 quiet_ms;   /* boot; nor before this, which the server asked for */
  guint n_failures;
  guint n_alone;        /* so many are sent one by one, to find the one that is refused */
  gboolean is_refusing; /* said that it does */
  gboolean is_gone;     /* not configured any more: what it did not take waits for an operator */
  char *trouble;
} Receiver;

struct GwRelay {
  GwCore *core;
  char *source; /* "urn:uuid:..." */
  GPtrArray *receivers;
  gint64 last_id;
  guint64 last_report;
  gboolean is_connected;
};

static void
receiver_free(gpointer data)
{
  Receiver *receiver = data;

  gw_outbox_free(receiver->outbox);
  g_strfreev(receiver->wanted);
  g_array_unref(receiver->sent);
  g_free(receiver->trouble);
  g_free(receiver);
}

GwRelay *
gw_relay_new(GwCore *core)
{
  GwRelay *relay = g_new0(GwRelay, 1);

  relay->core = core;
  relay->receivers = g_ptr_array_new_with_free_func(receiver_free);
  return relay;
}

void
gw_relay_free(GwRelay *relay)
{
  if (!relay)
    return;
  g_ptr_array_unref(relay->receivers);
  g_free(relay->source);
  g_free(relay);
}

static Receiver *
find(const GwRelay *relay, const char *upstream)
{
  for (guint i = 0; i < relay->receivers->len; i++) {
    Receiver *receiver = relay->receivers->pdata[i];

    if (strcmp(gw_outbox_name(receiver->outbox), upstream) == 0)
      return receiver;
  }
  return NULL;
}

/* ---- sending ---- */

static gint64
boot_ms(const GwRelay *relay)
{
  return gw_core_now(relay->core).boot_ms;
}

static gboolean
transmit(GwRelay *relay, Receiver *receiver, const GPtrArray *events)
{
  receiver->report_id = ++relay->last_report;
  if (!gw_worker_send(
          gw_workers_wan(relay->core->workers), GW_MESSAGE_REPORT, 0,
          gw_report_of(receiver->report_id, gw_outbox_name(receiver->outbox), relay->source, events), -1)) {
    receiver->report_id = 0;
    return FALSE;
  }
  g_array_set_size(receiver->sent, 0);
  for (guint i = 0; i < events->len; i++)
    g_array_append_val(receiver->sent, ((const GwEvent *)events->pdata[i])->id);
  return TRUE;
}

static void
send_next(GwRelay *relay, Receiver *receiver)
{
  GwOutboxPick pick = { receiver->n_alone ? 1 : receiver->batch, BATCH_BYTES };
  gint64 due_ms = MAX(receiver->next_ms, receiver->quiet_ms), now_ms = boot_ms(relay);
  g_autoptr(GPtrArray) events = NULL;

  if (receiver->report_id || receiver->is_gone || !relay->is_connected || relay->core->is_stopping ||
      gw_outbox_count(receiver->outbox) == gw_outbox_count_dead(receiver->outbox))
    return;
  if (now_ms < due_ms) {
    gw_core_alarm(relay->core, GW_ALARM_RELAY, receiver->id, due_ms);
    return;
  }
  events = gw_outbox_pick(receiver->outbox, &pick);
  receiver->next_ms = now_ms + receiver->interval_ms;
  if (!transmit(relay, receiver, events)) {
    receiver->next_ms = now_ms + RETRY_MS; /* the link is full */
    gw_core_alarm(relay->core, GW_ALARM_RELAY, receiver->id, receiver->next_ms);
  }
}

static void
send_all(GwRelay *relay)
{
  for (guint i = 0; i < relay->receivers->len; i++)
    send_next(relay, relay->receivers->pdata[i]);
}

void
gw_relay_alarm(GwRelay *relay, gint64 id)
{
  for (guint i = 0; i < relay->receivers->len; i++)
    if (((Receiver *)relay->receivers->pdata[i])->id == id)
      send_next(relay, relay->receivers->pdata[i]);
}

void
gw_relay_hurry(GwRelay *relay, const char *upstream)
{
  for (guint i = 0; i < relay->receivers->len; i++) {
    Receiver *receiver = relay->receivers->pdata[i];

    if (*upstream && strcmp(upstream, gw_outbox_name(receiver->outbox)) != 0)
      continue;
    receiver->next_ms = 0;
    send_next(relay, receiver);
  }
}

/* ---- what became of it ---- */

static void
set_trouble(Receiver *receiver, const char *text)
{
  g_free(receiver->trouble);
  receiver->trouble = g_strdup(text);
}

static void
wait_after_failure(GwRelay *relay, Receiver *receiver, gint64 retry_after_ms)
{
  gint64 now_ms = boot_ms(relay);
  guint32 chance;

  gw_random(&chance, sizeof chance);
  receiver->n_failures++;
  receiver->next_ms = now_ms + gw_rhythm_wait_ms(RETRY_MS, receiver->n_failures, retry_after_ms, chance);
  if (retry_after_ms > 0)
    receiver->quiet_ms = now_ms + MIN(retry_after_ms, GW_RHYTHM_MAX_PAUSE_MS);
}

/* Said once until something gets through again, and to no upstream: two that refuse each other's refusals
 * would never come to an end. */
static void
bury(Receiver *receiver, gint64 event_id, const char *why, GwChange *change)
{
  const char *name = gw_outbox_name(receiver->outbox);

  gw_outbox_refused(receiver->outbox, event_id, why, gw_change_batch(change));
  if (!receiver->is_refusing)
    gw_change_say(change, REFUSED, &(GwAbout){ .name = name },
                  "%s refused event %" G_GINT64_FORMAT " for good: %s; see \"gatewayctl deadletter\"", name,
                  event_id, why);
  receiver->is_refusing = TRUE;
}

/* What a batch was refused for may be the fault of one: each is sent again alone. */
static void
take_refusal(Receiver *receiver, gint64 event_id, const char *why, GwChange *change)
{
  if (receiver->sent->len == 1)
    bury(receiver, event_id, *why ? why : "refused", change);
  else
    receiver->n_alone++;
}

static void
take_taken(Receiver *receiver, gint64 event_id, GwChange *change)
{
  gw_outbox_taken(receiver->outbox, event_id, gw_change_batch(change));
  receiver->is_refusing = FALSE;
}

/* Returns how many of the report were neither taken nor refused. */
static guint
take_results(Receiver *receiver, const GwReported *reported, GwChange *change)
{
  guint n_left = 0;

  for (guint i = 0; i < receiver->sent->len; i++) {
    gint64 event_id = g_array_index(receiver->sent, gint64, i);
    int result = i < reported->n_results ? reported->results[i] : GATEWAY_FAILED_RETRY;

    if (result == GATEWAY_OK || result == GATEWAY_UNCHANGED)
      take_taken(receiver, event_id, change);
    else if (result == GATEWAY_FAILED_GIVE_UP)
      take_refusal(receiver, event_id, reported->text, change);
    else
      n_left++;
  }
  return n_left;
}

static void
take_report(GwRelay *relay, Receiver *receiver, const GwReported *reported)
{
  g_autoptr(GwChange) change = gw_change_new(relay->core, NULL);
  gboolean was_alone = receiver->n_alone > 0;
  guint n_left = take_results(receiver, reported, change);

  receiver->report_id = 0;
  if (was_alone && n_left == 0)
    receiver->n_alone--;
  if (n_left > 0) {
    set_trouble(receiver, *reported->text ? reported->text : "not taken");
    wait_after_failure(relay, receiver, reported->retry_after_s * G_GINT64_CONSTANT(1000));
  } else {
    set_trouble(receiver, "");
    receiver->n_failures = 0;
  }
  gw_change_commit_if_any(g_steal_pointer(&change));
  send_next(relay, receiver);
}

void
gw_relay_reported(GwRelay *relay, GVariant *payload)
{
  GwReported reported;

  if (!gw_reported_unpack(payload, &reported))
    return;
  for (guint i = 0; reported.id && i < relay->receivers->len; i++) {
    Receiver *receiver = relay->receivers->pdata[i];

    if (receiver->report_id == reported.id)
      take_report(relay, receiver, &reported);
  }
  gw_reported_clear(&reported);
}

/* ---- events come ---- */

static gboolean
is_wanted(const Receiver *receiver, const GwEvent *event)
{
  if (receiver->is_gone || strcmp(event->type, REFUSED) == 0)
    return FALSE;
  for (char **type = receiver->wanted; *type; type++)
    if (g_pattern_match_simple(*type, event->type))
      return TRUE;
  return FALSE;
}

void
gw_relay_put(GwRelay *relay, GwBatch *batch, const GwEvent *event)
{
  for (guint i = 0; i < relay->receivers->len; i++) {
    const Receiver *receiver = relay->receivers->pdata[i];

    if (is_wanted(receiver, event))
      gw_outbox_put(receiver->outbox, batch, event);
  }
}

static void
trim(GwRelay *relay, const Receiver *receiver)
{
  g_autoptr(GwBatch) batch = gw_batch_new();
  guint n = gw_outbox_trim(receiver->outbox, relay->core->limits.outbox, batch);

  if (n == 0)
    return;
  gw_notice(GW_SUBJECT_UPSTREAM, gw_outbox_name(receiver->outbox),
            "its outbox is full: %u old events went, none that says how an update ended", n);
  gw_db_submit(relay->core->db, g_steal_pointer(&batch), NULL, NULL);
}

void
gw_relay_told(GwRelay *relay, GwEvent *event)
{
  for (guint i = 0; i < relay->receivers->len; i++) {
    Receiver *receiver = relay->receivers->pdata[i];

    if (!is_wanted(receiver, event))
      continue;
    gw_outbox_add(receiver->outbox, event);
    if (gw_outbox_count(receiver->outbox) > relay->core->limits.outbox)
      trim(relay, receiver);
    send_next(relay, receiver);
  }
}

/* ---- receivers come and go ---- */

static void
read_settings(const GwRelay *relay, Receiver *receiver)
{
  const GwConfig *config = relay->core->config;
  const char *name = gw_outbox_name(receiver->outbox);

  g_strfreev(receiver->wanted);
  receiver->wanted = gw_config_list(config, "upstream", name, "events");
  receiver->batch = (guint)gw_config_integer(config, "upstream", name, "report-batch");
  receiver->interval_ms = gw_config_duration_ms(config, "upstream", name, "report-interval");
}

/* While nobody has brought its plugin it may well report. */
static gboolean
may_report(const GwRelay *relay, const char *name)
{
  const char *type = gw_config_text(relay->core->config, "upstream", name, "type");
  const GatewayPlugin *plugin = type ? gw_plugins_find(relay->core->plugins, type) : NULL;

  return type && (!plugin || plugin->traits & GATEWAY_REPORTS);
}

static Receiver *
add(GwRelay *relay, const char *name, gint64 since_id)
{
  Receiver *receiver = g_new0(Receiver, 1);

  receiver->outbox = gw_outbox_new(name, since_id);
  receiver->id = ++relay->last_id;
  receiver->sent = g_array_new(FALSE, FALSE, sizeof(gint64));
  receiver->trouble = g_strdup("");
  g_ptr_array_add(relay->receivers, receiver);
  return receiver;
}

static void
come(GwRelay *relay, const char *name, gint64 since_id, GwBatch *batch)
{
  Receiver *receiver = find(relay, name);

  if (!receiver)
    receiver = add(relay, name, since_id);
  else if (receiver->is_gone)
    gw_outbox_return(receiver->outbox, since_id, batch);
  receiver->is_gone = FALSE;
  read_settings(relay, receiver);
}

static void
forget(GwRelay *relay, Receiver *receiver, GwBatch *batch)
{
  gw_info(GW_SUBJECT_UPSTREAM, gw_outbox_name(receiver->outbox), "takes no events any more");
  gw_rows_clear_outbox(batch, gw_outbox_name(receiver->outbox));
  g_ptr_array_remove(relay->receivers, receiver);
}

/* How updates ended is not forgotten with the line of a configuration. */
static void
go(GwRelay *relay, Receiver *receiver, GwChange *change)
{
  const char *name = gw_outbox_name(receiver->outbox);
  guint n = gw_outbox_retire(receiver->outbox, gw_change_batch(change));

  receiver->is_gone = TRUE;
  receiver->report_id = 0;
  if (n > 0)
    gw_change_say(change, "upstream.gone", &(GwAbout){ .name = name },
                  "%s is not configured any more, and did not hear how %u updates ended: configure it again, "
                  "or \"gatewayctl deadletter drop %s\"",
                  name, n, name);
  if (gw_outbox_count(receiver->outbox) == 0)
    forget(relay, receiver, gw_change_batch(change));
}

static void
drop_gone(GwRelay *relay, const char *const *names, GwChange *change)
{
  for (guint i = relay->receivers->len; i > 0; i--) {
    Receiver *receiver = relay->receivers->pdata[i - 1];
    const char *name = gw_outbox_name(receiver->outbox);

    if (!g_strv_contains(names, name))
      go(relay, receiver, change);
    else if (!may_report(relay, name))
      forget(relay, receiver, gw_change_batch(change));
  }
}

void
gw_relay_configure(GwRelay *relay)
{
  g_auto(GStrv) names = gw_config_instances(relay->core->config, "upstream");
  gint64 since_id = gw_db_next_id(relay->core->db, GW_SEQUENCE_EVENT);
  g_autoptr(GwChange) change = gw_change_new(relay->core, NULL);

  drop_gone(relay, (const char *const *)names, change);
  for (char **name = names; *name; name++)
    if (may_report(relay, *name))
      come(relay, *name, since_id, gw_change_batch(change));
  gw_change_commit_if_any(g_steal_pointer(&change));
  send_all(relay);
}

void
gw_relay_connected(GwRelay *relay)
{
  relay->is_connected = TRUE;
  gw_relay_configure(relay);
}

/* Whether it was taken nobody knows: it is sent again, with the same ids. */
void
gw_relay_lost(GwRelay *relay)
{
  relay->is_connected = FALSE;
  for (guint i = 0; i < relay->receivers->len; i++) {
    Receiver *receiver = relay->receivers->pdata[i];

    if (!receiver->report_id)
      continue;
    receiver->report_id = 0;
    wait_after_failure(relay, receiver, 0);
  }
}

/* ---- start ---- */

/* Also of upstreams that are not configured: see gw_relay_begin(). */
static void
take_row(const GwOutboxRow *row, const GwEventRow *event, gpointer user)
{
  GwRelay *relay = user;
  Receiver *receiver = find(relay, row->upstream);

  if (!receiver)
    receiver = add(relay, row->upstream, 0);
  gw_outbox_load(receiver->outbox, row, event);
}

gboolean
gw_relay_load(GwRelay *relay, GError **error)
{
  g_auto(GStrv) names = gw_config_instances(relay->core->config, "upstream");

  for (char **name = names; *name; name++)
    if (may_report(relay, *name))
      read_settings(relay, add(relay, *name, 0));
  return gw_rows_load_outbox(relay->core->db, take_row, relay, error);
}

void
gw_relay_load_meta(GwRelay *relay, const char *key, const char *value)
{
  if (strcmp(key, META_KEY) != 0 || relay->core->was_lost || gw_db_has_gap(relay->core->db))
    return;
  g_free(relay->source);
  relay->source = g_strconcat("urn:uuid:", value, NULL);
}

static void
take_name(GwRelay *relay, GwBatch *batch)
{
  g_autofree char *uuid = g_uuid_string_random();

  relay->source = g_strconcat("urn:uuid:", uuid, NULL);
  gw_rows_put_meta(batch, META_KEY, uuid);
}

void
gw_relay_begin(GwRelay *relay, GwChange *change)
{
  g_auto(GStrv) names = gw_config_instances(relay->core->config, "upstream");

  if (!relay->source)
    take_name(relay, gw_change_batch(change));
  drop_gone(relay, (const char *const *)names, change);
  for (guint i = 0; i < relay->receivers->len; i++) {
    Receiver *receiver = relay->receivers->pdata[i];

    if (!receiver->is_gone)
      gw_outbox_return(receiver->outbox, 0, gw_change_batch(change));
  }
}

/* ---- questions ---- */

GPtrArray *
gw_relay_gone(const GwRelay *relay)
{
  GPtrArray *outboxes = g_ptr_array_new();

  for (guint i = 0; i < relay->receivers->len; i++) {
    Receiver *receiver = relay->receivers->pdata[i];

    if (receiver->is_gone && gw_outbox_count(receiver->outbox) > 0)
      g_ptr_array_add(outboxes, receiver->outbox);
  }
  return outboxes;
}

GwOutbox *
gw_relay_outbox(const GwRelay *relay, const char *upstream)
{
  const Receiver *receiver = find(relay, upstream);

  return receiver ? receiver->outbox : NULL;
}

const char *
gw_relay_trouble(const GwRelay *relay, const char *upstream)
{
  const Receiver *receiver = find(relay, upstream);

  return receiver ? receiver->trouble : "";
}

GPtrArray *
gw_relay_dead(const GwRelay *relay)
{
  GPtrArray *items = g_ptr_array_new();

  for (guint i = 0; i < relay->receivers->len; i++)
    gw_outbox_list_dead(((const Receiver *)relay->receivers->pdata[i])->outbox, items);
  return items;
}
