/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/tells.h"

#include <string.h>

#include "control/evidence.h"
#include "control/house.h"
#include "control/identity.h"
#include "control/progress.h"
#include "control/scheduler.h"
#include "control/timeline.h"
#include "link/table.h"

/* A worker that reconnected first lists what runs, then tells what ended meanwhile. */
#define SETTLE_MS 5000

/* ---- acknowledged after the commit ---- */

typedef struct {
  GwCore *core;
  guint64 worker_id;
  guint32 serial;
  int kind;
} Receipt;

static void
on_committed(const GError *error, gpointer user)
{
  g_autofree Receipt *receipt = user;
  GwCore *core = receipt->core;
  GwWorker *worker = core->is_stopping ? NULL : gw_workers_find(core->workers, receipt->worker_id);

  if (worker) /* not written: it tells again later */
    gw_worker_send(worker, GW_MESSAGE_ACK, receipt->serial,
                   gw_ack_pack(error ? GATEWAY_ANSWER_LATER : receipt->kind), -1);
}

/* ---- the node's own words ---- */

static GwUpdate *
find_update(GwCore *core, const GwNode *node, const GwAsk *ask)
{
  const GwPin *pin = *ask->token ? gw_pins_find(core->pins, ask->token) : NULL;
  gint64 id = ask->update ? gw_update_id(ask->update) : pin ? pin->update_id : 0;
  GwUpdate *update = id ? gw_updates_find(core->updates, id) : NULL;

  if (id)
    return update && strcmp(update->node, node->id) == 0 ? update : NULL;
  return gw_updates_open(core->updates, node->id, ask->type);
}

static GwFact
fact_of(GatewayTellState state)
{
  switch (state) {
  case GATEWAY_TELL_INSTALLING:
    return GW_FACT_TOLD_INSTALLING;
  case GATEWAY_TELL_SUCCEEDED:
    return GW_FACT_TOLD_SUCCEEDED;
  case GATEWAY_TELL_FAILED:
    return GW_FACT_TOLD_FAILED;
  case GATEWAY_TELL_REFUSED:
    return GW_FACT_TOLD_REFUSED;
  default:
    return 0; /* progress, and "I have it all": what we see ourselves is better */
  }
}

/* What a code means stands in the plugin's table. */
static char *
words_of(const GwCore *core, const GwAsk *ask)
{
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, ask->plugin);

  for (guint32 i = 0; plugin && *ask->code && i < plugin->n_codes; i++)
    if (strcmp(plugin->codes[i].code, ask->code) == 0)
      return g_strdup_printf("%s (%s); %s", plugin->codes[i].meaning, ask->code, plugin->codes[i].advice);
  return g_strdup_printf("%s%s%s", ask->code, *ask->code && *ask->detail ? ": " : "", ask->detail);
}

/* It changes nothing, and whoever reads the node's story should see that it was said. */
static void
note_stale(GwCore *core, const GwNode *node, const GwUpdate *update, const char *words)
{
  GwNow now = gw_core_now(core);
  g_autofree char *said =
      g_strdup_printf("of update %" G_GINT64_FORMAT ", which had ended as %s%s%s", update->id,
                      gw_update_state_name(update->state), *words ? ": " : "", words);
  g_autofree char *text = gw_timeline_text(said);

  if (node->is_adopted)
    gw_timeline_note(core->timeline, &(GwTimelineNote){ node->id, "told", text, now.wall_ms, now.wall_ms, 1 },
                     now.boot_ms);
}

static int
take_report(GwCore *core, const GwAsk *ask, GwChange *change)
{
  gboolean is_denied;
  GwNode *node = gw_identity_resolve(core, ask, &is_denied);
  g_autofree char *words = words_of(core, ask);
  GwUpdate *update;
  GwFact fact;

  if (!node)
    return is_denied ? GATEWAY_ANSWER_DENIED : GATEWAY_ANSWER_UNKNOWN;
  gw_identity_learn(core, node, ask, change);
  update = ask->kind == GW_ASK_TELL ? find_update(core, node, ask) : NULL;
  if (update && gw_update_state_is_final(update->state)) {
    note_stale(core, node, update, words);
    return GATEWAY_ANSWER_CLOSED;
  }
  fact = fact_of((GatewayTellState)ask->state);
  if (update && fact)
    gw_progress_fact(core, update, fact, words, change);
  gw_evidence_heard(core, node, ask, change);
  return update || ask->kind != GW_ASK_TELL ? GATEWAY_ANSWER_ACCEPTED : GATEWAY_ANSWER_UNKNOWN;
}

/* ---- what the worker saw ---- */

static void
take_begun(GwCore *core, GwWorker *worker, GwPin *pin, GwChange *change)
{
  GwUpdate *update = gw_updates_find(core->updates, pin->update_id);

  pin->used_boot_ms = gw_core_now(core).boot_ms;
  gw_worker_begin(worker, pin->token);
  if (!update)
    return;
  gw_scheduler_begin(core, update, gw_rules_find(core->rules, update->rule_id));
  if (update->state < GW_UPDATE_DOWNLOADED)
    gw_progress_fact(core, update, GW_FACT_BYTES_ASKED, "it asks for the image", change);
}

static void
take_undone(GwCore *core, GwPin *pin, const char *detail, GwChange *change)
{
  GwUpdate *update = gw_updates_find(core->updates, pin->update_id);

  pin->is_owed = FALSE; /* nobody was given anything */
  gw_scheduler_release(core, pin->update_id);
  if (update)
    gw_progress_fact(core, update, GW_FACT_OFFER_UNDONE, detail, change);
}

static int
take_transfer(GwCore *core, GwWorker *worker, const GwTold *told, GwChange *change)
{
  GwPin *pin = gw_pins_find(core->pins, told->token);
  gint64 update_id = pin ? pin->update_id : 0;

  if (!pin)
    return GATEWAY_ANSWER_UNKNOWN;
  if (told->kind != GW_TOLD_BEGUN && told->n_members == 0)
    gw_worker_end(worker, told->token);
  if (told->kind == GW_TOLD_BEGUN)
    take_begun(core, worker, pin, change);
  else if (told->kind == GW_TOLD_COMPLETE)
    gw_evidence_complete(core, pin, told->size, told->n_members, change);
  else if (told->kind == GW_TOLD_INTERRUPTED && told->n_members > 0)
    gw_evidence_member_interrupted(core, pin, told->detail, change);
  else if (told->kind == GW_TOLD_INTERRUPTED)
    gw_evidence_interrupted(core, pin, told->acked, told->detail, change);
  else
    take_undone(core, pin, told->detail, change);
  gw_slots_set_members(core->slots, update_id, told->n_members);
  return GATEWAY_ANSWER_ACCEPTED;
}

/* The worker died while it served this node, or ran this plugin. Twice on one node sets that node aside. */
static int
take_crash(GwCore *core, const GwTold *told, GwChange *change)
{
  GwNode *node = *told->node ? gw_registry_find(core->registry, told->node) : NULL;
  GwAbout about = { .node = *told->node ? told->node : NULL, .name = node ? NULL : told->detail };

  gw_change_say(change, node ? "node.crashed-worker" : "plugin.crashed-worker", &about,
                "the LAN worker died%s%s: %s", node ? " while it served " : "", node ? node->id : "",
                told->detail);
  if (node && !node->is_set_aside && strcmp(told->code, "set-aside") == 0) {
    node->is_set_aside = TRUE;
    gw_shared_text_set(&node->set_aside_reason, "the LAN worker died twice while it served this node");
    gw_rows_put_node(gw_change_batch(change), node);
    gw_change_say(change, "node.set-aside", &about, "%s was set aside: %s", node->id, node->set_aside_reason);
    gw_scheduler_node_changed(core, node->id);
  }
  return GATEWAY_ANSWER_ACCEPTED;
}

void
gw_tells_take(GwCore *core, GwWorker *worker, guint32 serial, const GwTold *told)
{
  g_autoptr(GwChange) change = NULL;
  Receipt *receipt;

  if (gw_db_is_waiting(core->db)) { /* it tells again, when it can be written */
    gw_worker_send(worker, GW_MESSAGE_ACK, serial, gw_ack_pack(GATEWAY_ANSWER_LATER), -1);
    return;
  }
  change = gw_change_new(core, NULL);
  receipt = g_new(Receipt, 1);
  *receipt = (Receipt){ core, gw_worker_id(worker), serial, 0 };
  switch (told->kind) {
  case GW_TOLD_REPORT:
    receipt->kind = take_report(core, &told->ask, change);
    break;
  case GW_TOLD_CRASHED:
    receipt->kind = take_crash(core, told, change);
    break;
  default:
    receipt->kind = take_transfer(core, worker, told, change);
  }
  gw_change_commit(g_steal_pointer(&change), on_committed, receipt);
}

/* ---- workers come and go ---- */

static void
interrupt(GwCore *core, GwPin *pin, const char *why, GwChange *change)
{
  const GwUpdate *update = gw_updates_find(core->updates, pin->update_id);

  gw_evidence_interrupted(core, pin, update ? update->acked : 0, why, change);
}

static gboolean
is_group(const GwCore *core, const GwPin *pin)
{
  const GwNode *node = gw_registry_find(core->registry, pin->node);

  return node && node->is_group;
}

void
gw_tells_running(GwCore *core, GwWorker *worker, const char *const *tokens)
{
  g_autoptr(GwChange) change = gw_change_new(core, NULL);

  for (const char *const *token = tokens; *token; token++) {
    GwPin *pin = gw_pins_find(core->pins, *token);

    if (pin)
      take_begun(core, worker, pin, change);
    if (pin && is_group(core, pin)) /* it is listed once for each member */
      gw_slots_set_members(core->slots, pin->update_id, gw_slots_members(core->slots, pin->update_id) + 1);
  }
  gw_change_commit_if_any(g_steal_pointer(&change));
  gw_core_alarm(core, GW_ALARM_HOUSE, GW_HOUSE_TRANSFERS, gw_core_now(core).boot_ms + SETTLE_MS);
}

void
gw_tells_interrupt_lost(GwCore *core)
{
  g_autoptr(GPtrArray) updates = gw_updates_open_of_rule(core->updates, 0);
  g_autoptr(GwChange) change = gw_change_new(core, NULL);

  for (guint i = 0; i < updates->len; i++) {
    const GwUpdate *update = updates->pdata[i];
    GwPin *pin = gw_pins_of_update(core->pins, update->id);

    if (update->state == GW_UPDATE_DOWNLOADING && pin && gw_plugins_find(core->plugins, pin->plugin) &&
        !gw_workers_is_sending(core->workers, pin->token))
      interrupt(core, pin, "the transfer did not outlive its worker", change);
  }
  gw_change_commit_if_any(g_steal_pointer(&change));
}

void
gw_tells_lost(GwCore *core, GwWorker *worker, const char *const *tokens)
{
  g_autoptr(GwChange) change = NULL;

  if (core->is_stopping)
    return;
  change = gw_change_new(core, NULL);
  for (const char *const *token = tokens; *token; token++) {
    GwPin *pin = gw_pins_find(core->pins, *token);
    GwUpdate *update = pin ? gw_updates_find(core->updates, pin->update_id) : NULL;

    if (update)
      gw_worker_gauge(worker, *token, &update->acked);
    if (pin)
      interrupt(core, pin, "the LAN worker went away", change);
  }
  gw_change_commit_if_any(g_steal_pointer(&change));
}
