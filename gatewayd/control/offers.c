/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/offers.h"

#include <string.h>

#include "control/asked.h"
#include "control/evidence.h"
#include "control/fetching.h"
#include "control/identity.h"
#include "control/logins.h"
#include "control/numbering.h"
#include "control/progress.h"
#include "control/rollouts.h"
#include "control/scheduler.h"
#include "control/timeline.h"
#include "link/table.h"

/* Where an answer goes when its commit is done: everything may be gone by then. */
typedef struct {
  GwCore *core;
  guint64 worker_id;
  guint32 serial;
  GwAskKind kind;
  char token[GW_TOKEN_LEN + 1];
} Promise;

/* The pin could not be written: it does not exist, and nobody was told of it. */
static void
break_promise(GwCore *core, GwPin *pin)
{
  GwUpdate *update = gw_updates_find(core->updates, pin->update_id);

  gw_scheduler_release(core, pin->update_id);
  gw_pins_remove(core->pins, pin);
  if (update && !gw_update_state_is_final(update->state))
    gw_updates_drop(core->updates, update);
}

static void
on_pin_durable(const GError *error, gpointer user)
{
  g_autofree Promise *promise = user;
  GwCore *core = promise->core;
  GwPin *pin = gw_pins_find(core->pins, promise->token);
  GwAsk ask = { .kind = promise->kind };
  GwAsked asked = {
    .core = core,
    .worker = core->workers ? gw_workers_find(core->workers, promise->worker_id) : NULL,
    .serial = promise->serial,
    .ask = &ask,
    .now = gw_core_now(core),
    .pin = pin,
    .node = pin ? gw_registry_find(core->registry, pin->node) : NULL,
  };

  if (pin)
    pin->is_durable = TRUE;
  if (error && pin) {
    break_promise(core, pin);
    asked.pin = NULL;
  }
  if (!asked.worker)
    return;
  if (asked.pin && asked.node && gw_firmwares_find(core->firmwares, pin->firmware_id))
    gw_asked_image(&asked, GATEWAY_ANSWER_OFFER, gw_asked_slot_until_ms(&asked));
  else
    gw_asked_nothing(&asked, GW_REASON_BUSY);
}

static GwUpdate *
make_update(GwAsked *asked, const GwFirmware *firmware, const GwRule *rule)
{
  const GwComponent *component = gw_node_component_for(asked->node, asked->ask->type);
  GwUpdate *update = gw_update_new();

  update->id = gw_db_next_id(asked->core->db, GW_SEQUENCE_UPDATE);
  g_free(update->node);
  update->node = g_strdup(asked->node->id);
  g_free(update->type);
  update->type = g_strdup(asked->ask->type);
  g_free(update->version_before);
  update->version_before = g_strdup(component ? component->software_version : "");
  g_free(update->version);
  update->version = g_strdup(gw_rule_version(rule, firmware));
  gw_shared_text_set(&update->product, firmware->product);
  gw_shared_text_set(&update->location, asked->node->location);
  gw_shared_text_set(&update->release, firmware->software_version);
  update->is_group = asked->node->is_group;
  update->firmware_id = firmware->id;
  update->rule_id = rule->id;
  update->size = firmware->size;
  update->created_ms = update->changed_ms = asked->now.wall_ms;
  return gw_updates_add(asked->core->updates, update);
}

static GwPin *
make_pin(GwAsked *asked)
{
  GwPin *pin = gw_pin_new();

  pin->update_id = asked->update->id;
  pin->firmware_id = asked->update->firmware_id;
  pin->node = g_strdup(asked->node->id);
  pin->type = g_strdup(asked->ask->type);
  pin->plugin = g_strdup(asked->ask->plugin);
  pin->is_never_cut = asked->ask->is_never_cut;
  pin->is_silent = asked->ask->is_silent;
  pin->given_ms = asked->now.wall_ms;
  pin->given_boot_ms = asked->now.boot_ms;
  return gw_pins_add(asked->core->pins, pin);
}

/* The rules want something else of this node now: the open update ends, and says for which. */
static void
supersede(GwAsked *asked)
{
  const GwRule *rule = asked->verdict.rule;
  const GwRule *former = gw_rules_find(asked->core->rules, asked->update->rule_id);
  g_autofree char *reason = gw_rule_supersedes(rule, former);

  gw_progress_fact(asked->core, asked->update, GW_FACT_SUPERSEDED, reason, asked->change);
  asked->update = NULL;
  asked->pin = NULL;
}

static gboolean
is_other_offer(const GwAsked *asked)
{
  return asked->update && asked->verdict.rule &&
         (asked->update->rule_id != asked->verdict.rule->id ||
          asked->update->firmware_id != asked->verdict.firmware->id);
}

/* Pin, update and slot are made, and the answer waits until they are on disk. */
static void
promise_offer(GwAsked *asked)
{
  GwCore *core = asked->core;
  Promise *promise;

  if (!asked->update)
    asked->update = make_update(asked, asked->verdict.firmware, asked->verdict.rule);
  if (!asked->pin)
    asked->pin = make_pin(asked);
  asked->pin->is_owed = TRUE;
  asked->pin->used_ms = asked->now.wall_ms;
  gw_identity_device(core, asked->ask, asked->pin->mac); /* who may take the image without asking again */
  if (asked->verdict.rule && gw_number_told(asked->node, asked->verdict.rule)) {
    gw_rows_put_told(gw_change_batch(asked->change), asked->node);
    gw_logins_tell_members(core, asked->node, asked->change);
  }
  gw_scheduler_take(core, asked->update, asked->verdict.rule, TRUE);
  if (asked->verdict.rule)
    gw_rollouts_use_day(core, asked->verdict.rule, asked->node->id, asked->verdict.firmware, asked->change);
  gw_progress_fact(core, asked->update, GW_FACT_OFFERED, NULL, asked->change);
  gw_progress_put_pin(core, asked->pin, asked->change);
  promise = g_new0(Promise, 1);
  *promise = (Promise){ core, gw_worker_id(asked->worker), asked->serial, asked->ask->kind, "" };
  g_strlcpy(promise->token, asked->pin->token, sizeof(promise->token));
  gw_change_commit(g_steal_pointer(&asked->change), on_pin_durable, promise);
}

/* The same metadata again. That of a silent make under watch is never given from cache: each of its asks
 * counts. */
static void
repeat_offer(GwAsked *asked)
{
  GwCore *core = asked->core;
  gboolean is_watched = asked->pin->inference.is_open;

  asked->pin->is_owed = TRUE;
  asked->pin->used_ms = asked->now.wall_ms;
  if (is_watched && !gw_identity_is_other(core, asked->pin, asked->ask, asked->change))
    gw_evidence_metadata(core, asked->update, asked->pin, asked->change);
  if (!is_watched)
    gw_identity_device(core, asked->ask, asked->pin->mac);
  if (!is_watched && !gw_slots_is_held(core->slots, asked->update->id))
    gw_scheduler_take(core, asked->update, asked->verdict.rule, TRUE);
  gw_asked_image(asked, GATEWAY_ANSWER_OFFER, is_watched ? 0 : gw_asked_slot_until_ms(asked));
}

/* A slot that is held for the same offer; else room for one more. */
static gboolean
has_room(const GwAsked *asked)
{
  const GwSlots *slots = asked->core->slots;
  const GwRule *rule = asked->verdict.rule;

  if (asked->update && gw_slots_is_held(slots, asked->update->id) && !is_other_offer(asked))
    return TRUE;
  return gw_scheduler_has_room(asked->core, asked->node, rule, NULL);
}

/* What it was promised already needs no room on the disk. */
static gboolean
needs_promise(const GwAsked *asked)
{
  return !asked->pin || !asked->pin->is_durable || asked->update->state == GW_UPDATE_SCHEDULED ||
         is_other_offer(asked);
}

static void
give_offer(GwAsked *asked)
{
  gboolean is_watched = asked->pin && asked->pin->inference.is_open;

  if (needs_promise(asked) && !gw_db_has_room(asked->core->db)) {
    gw_asked_nothing(asked, GW_REASON_BUSY);
    return;
  }
  if (!is_watched && !has_room(asked)) {
    gw_asked_nothing(asked, GW_REASON_CAP);
    return;
  }
  if (is_other_offer(asked))
    supersede(asked);
  if (asked->pin && !asked->pin->is_durable)
    gw_asked_nothing(asked, GW_REASON_BUSY); /* the same node asked twice within one commit */
  else if (asked->pin && asked->update->state != GW_UPDATE_SCHEDULED)
    repeat_offer(asked);
  else
    promise_offer(asked);
}

static GwVerdict
decide_offer(GwAsked *asked)
{
  const GatewayPlugin *plugin = gw_plugins_find(asked->core->plugins, asked->ask->plugin);
  GwUpdate afresh = { 0 };
  GwSituation situation = {
    .node = asked->node,
    .type = asked->ask->type,
    .update = asked->update,
    .is_never_cut = asked->ask->is_never_cut,
    .is_silent = asked->ask->is_silent,
    .is_one_step = plugin && (plugin->traits & GATEWAY_ONE_STEP) != 0,
  };

  if (asked->pin && gw_scheduler_is_stale(asked->core, asked->node, asked->pin, &asked->now)) {
    afresh = *asked->update;
    afresh.state = GW_UPDATE_SCHEDULED;
    situation.update = &afresh;
  }
  return gw_scheduler_decide(asked->core, &situation, &asked->now);
}

/* It asks for metadata: whatever image an ended update owed it, it is not fetching that one. */
static void
drop_owed_pins(GwAsked *asked)
{
  const GPtrArray *pins = gw_pins_of_node(asked->core->pins, asked->node->id);

  for (guint i = pins && !asked->node->is_group ? pins->len : 0; i > 0; i--) {
    GwPin *pin = pins->pdata[i - 1];
    const GwUpdate *update = gw_updates_find(asked->core->updates, pin->update_id);
    guint n_left = pins->len;

    if (pin->is_durable && (!update || gw_update_state_is_final(update->state)))
      gw_progress_drop_pin(asked->core, pin, asked->change);
    if (n_left == 1)
      return; /* the list went with its last pin */
  }
}

/* The rule was stopped, or the firmware withdrawn, and the transport had to be spared: now the node asks for
 * metadata, so it is fetching nothing, and the offer ends. */
static void
end_spared_offer(GwAsked *asked)
{
  const GwUpdate *update = asked->update;
  const GwRule *rule = update ? gw_rules_find(asked->core->rules, update->rule_id) : NULL;
  const GwFirmware *firmware = update ? gw_firmwares_find(asked->core->firmwares, update->firmware_id) : NULL;
  gboolean has_ended = update && (!rule || rule->state == GW_RULE_STOPPED || !firmware ||
                                  firmware->state == GW_FIRMWARE_WITHDRAWN);

  if (!has_ended || !asked->pin || asked->node->is_group || update->state >= GW_UPDATE_DOWNLOADED ||
      gw_workers_is_sending(asked->core->workers, asked->pin->token))
    return;
  asked->pin->is_owed = FALSE;
  gw_progress_fact(asked->core, asked->update, GW_FACT_CANCELLED,
                   rule && rule->state == GW_RULE_STOPPED ? "the rule was stopped"
                                                          : "the firmware was withdrawn",
                   asked->change);
  asked->update = NULL;
  asked->pin = NULL;
}

static void
clear_power_cycle(GwAsked *asked)
{
  if (!asked->node->needs_power_cycle)
    return;
  asked->node->needs_power_cycle = FALSE;
  gw_rows_put_node(gw_change_batch(asked->change), asked->node);
}

static void
note(GwAsked *asked)
{
  g_autofree char *text =
      g_strdup_printf("%s%s: %s", *asked->ask->software_version ? "runs " : "", asked->ask->software_version,
                      asked->verdict.is_offer ? "offered" : gw_reason_name(asked->verdict.reason));
  GwTimelineNote entry = {
    .node = asked->node->id,
    .kind = "asked",
    .text = text,
    .first_ms = asked->now.wall_ms,
    .last_ms = asked->now.wall_ms,
    .count = 1,
  };

  if (asked->node->is_adopted)
    gw_timeline_note(asked->core->timeline, &entry, asked->now.boot_ms);
}

static void
ask_offer(GwAsked *asked)
{
  GwCore *core = asked->core;

  gw_evidence_heard(core, asked->node, asked->ask, asked->change);
  clear_power_cycle(asked);
  drop_owed_pins(asked);
  asked->update = gw_updates_open(core->updates, asked->node->id, asked->ask->type);
  asked->pin = asked->update ? gw_pins_of_update(core->pins, asked->update->id) : NULL;
  end_spared_offer(asked);
  asked->verdict = decide_offer(asked);
  note(asked);
  if (asked->verdict.reason == GW_REASON_UP_TO_DATE && asked->verdict.rule)
    gw_rollouts_satisfied(core, asked->verdict.rule, asked->node, asked->change);
  if (asked->verdict.is_offer) {
    give_offer(asked);
    return;
  }
  if (asked->verdict.reason == GW_REASON_BEING_FETCHED)
    gw_fetching_want(core->fetching, gw_firmwares_find(core->firmwares, asked->verdict.firmware->id));
  gw_asked_nothing(asked, asked->verdict.reason);
}

/* ---- introductions ---- */

/* It asks nothing yet, but may be told what it is pinned to; to know that is no evidence. */
static void
ask_introduce(GwAsked *asked)
{
  const GPtrArray *pins = gw_pins_of_node(asked->core->pins, asked->node->id);

  for (guint i = pins ? pins->len : 0; i > 0 && !asked->pin; i--) {
    GwPin *pin = pins->pdata[i - 1];
    const GwUpdate *update = gw_updates_find(asked->core->updates, pin->update_id);

    if (pin->is_durable && update && !gw_update_state_is_final(update->state) &&
        gw_firmwares_find(asked->core->firmwares, pin->firmware_id))
      asked->pin = pin;
  }
  if (asked->pin)
    gw_asked_image(asked, GATEWAY_ANSWER_ACCEPTED, 0);
  else
    gw_asked_kind(asked, GATEWAY_ANSWER_ACCEPTED);
}

/* ---- the door ---- */

static void
ask_named(GwAsked *asked)
{
  gboolean is_denied;

  asked->node = gw_identity_resolve(asked->core, asked->ask, &is_denied);
  if (!asked->node) {
    gw_asked_kind(asked, is_denied ? GATEWAY_ANSWER_DENIED : GATEWAY_ANSWER_UNKNOWN);
    return;
  }
  gw_identity_learn(asked->core, asked->node, asked->ask, asked->change);
  if (asked->ask->kind == GW_ASK_OFFER)
    ask_offer(asked);
  else
    ask_introduce(asked);
}

void
gw_offers_ask(GwCore *core, GwWorker *worker, guint32 serial, const GwAsk *ask)
{
  GwAsked asked = {
    .core = core,
    .worker = worker,
    .serial = serial,
    .ask = ask,
    .now = gw_core_now(core),
    .change = gw_change_new(core, NULL),
  };

  if (ask->kind == GW_ASK_BYTES)
    gw_offers_bytes(&asked);
  else
    ask_named(&asked);
  if (asked.change)
    gw_change_commit_if_any(asked.change);
}
