/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/progress.h"

#include <string.h>

#include "base/log.h"
#include "control/rollouts.h"
#include "control/scheduler.h"
#include "control/verifications.h"
#include "control/workers.h"
#include "link/messages.h"

/* Numbers of a plugin that is not here just now are asked for again. */
#define PLUGIN_AWAY_MS 60000

static void
set_reason(GwUpdate *update, const char *reason)
{
  g_free(update->reason);
  update->reason = g_strdup(reason ? reason : "");
}

GwInferenceRule
gw_progress_inference(const GwCore *core, const GwPin *pin)
{
  return gw_plugin_inference(gw_plugins_find(core->plugins, pin->plugin), pin->plugin, core->config);
}

/* ---- pins ---- */

void
gw_progress_put_pin(GwCore *core, const GwPin *pin, GwChange *change)
{
  GwNow now = gw_core_now(core);
  GwPinRow row = {
    .token = pin->token,
    .update_id = pin->update_id,
    .firmware_id = pin->firmware_id,
    .node = pin->node,
    .type = pin->type,
    .plugin = pin->plugin,
    .is_never_cut = pin->is_never_cut,
    .is_silent = pin->is_silent,
    .is_owed = pin->is_owed,
    .given_ms = pin->given_ms,
    .used_ms = pin->used_ms,
    .n_downloads = pin->n_downloads,
    .inference = pin->inference,
  };

  gw_rows_put_pin(gw_change_batch(change), &row, &now);
}

void
gw_progress_drop_pin(GwCore *core, GwPin *pin, GwChange *change)
{
  gw_rows_delete_pin(gw_change_batch(change), pin->update_id);
  gw_pins_remove(core->pins, pin);
}

/* ---- deadlines ---- */

/* The limits of an update: its rule's where that has its own, else the configuration's. */
static GwLimits
limits_of(const GwCore *core, const GwUpdate *update)
{
  const GwRule *rule = gw_rules_find(core->rules, update->rule_id);
  GwLimits limits = core->limits;

  if (!rule)
    return limits;
#define TAKE(own, general) limits.general = rule->own ? rule->own : limits.general
  TAKE(max_attempts, attempts);
  TAKE(rollout.retry_first_ms, retry_first_ms);
  TAKE(rollout.retry_max_ms, retry_max_ms);
  TAKE(rollout.never_asked_ms, never_asked_ms);
  TAKE(rollout.stalled_ms, stalled_ms);
  TAKE(rollout.not_back_ms, not_back_ms);
  TAKE(rollout.max_failures, failures);
#undef TAKE
  limits.retry_max_ms = MAX(limits.retry_max_ms, limits.retry_first_ms);
  return limits;
}

static gint64
state_wait_ms(const GwLimits *limits, GwUpdateState state, gboolean is_silent)
{
  switch (state) {
  case GW_UPDATE_OFFERED:
    return limits->never_asked_ms;
  case GW_UPDATE_DOWNLOADING:
    return limits->stalled_ms;
  case GW_UPDATE_DOWNLOADED:
  case GW_UPDATE_INSTALLING:
  case GW_UPDATE_REPORTED:
    return is_silent ? G_MAXINT64 : limits->not_back_ms; /* a silent make has its inference */
  default:
    return G_MAXINT64;
  }
}

static void
set_deadline(GwCore *core, GwUpdate *update, const GwPin *pin)
{
  GwNow now = gw_core_now(core);
  GwLimits limits = limits_of(core, update);
  gint64 wait_ms = state_wait_ms(&limits, update->state, pin && pin->is_silent);

  update->deadline = wait_ms == G_MAXINT64 ? (GwDeadline){ 0 } : gw_deadline_in(&now, wait_ms);
}

void
gw_progress_watch(GwCore *core, const GwUpdate *update)
{
  GwNow now = gw_core_now(core);
  const GwPin *pin = gw_pins_of_update(core->pins, update->id);
  gint64 due_ms = G_MAXINT64;

  if (update->state == GW_UPDATE_SCHEDULED)
    due_ms = update->retry_boot_ms ? update->retry_boot_ms : G_MAXINT64;
  else if (!gw_update_state_is_final(update->state) && *update->deadline.boot_id)
    due_ms = gw_deadline_boot_ms(&update->deadline, &now);
  if (pin && pin->inference.is_open && !gw_update_state_is_final(update->state)) {
    GwInferenceRule rule = gw_progress_inference(core, pin);

    due_ms = MIN(due_ms, gw_inference_next_ms(&pin->inference, &rule));
  }
  gw_core_alarm(core, GW_ALARM_UPDATE, update->id, due_ms);
}

void
gw_progress_watch_all(GwCore *core)
{
  GHashTableIter iter;
  gpointer update;

  gw_updates_iter(core->updates, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &update))
    gw_progress_watch(core, update);
}

/* ---- one fact ---- */

void
gw_progress_note(GwCore *core, const GwUpdate *update, GwFact fact, const char *detail, GwChange *change)
{
  GwNow now = gw_core_now(core);
  GwHistoryRow history = {
    .update_id = update->id,
    .wall_ms = now.wall_ms,
    .state = update->state,
    .fact = fact,
    .detail = detail ? detail : "",
  };

  gw_rows_put_update(gw_change_batch(change), update, &now);
  gw_rows_put_history(gw_change_batch(change), &history);
}

void
gw_progress_say(GwCore *core, const GwUpdate *update, const char *what, const char *detail, GwChange *change)
{
  g_autofree char *type = g_strdup_printf("update.%s", what);
  GwAbout about = {
    .node = update->node,
    .firmware_id = update->firmware_id,
    .rule_id = update->rule_id,
    .update_id = update->id,
    .is_final = gw_update_state_is_final(update->state),
    .reason = detail,
  };

  gw_change_say(change, type, &about, "%s, version %s: %s%s%s", update->node,
                gw_firmwares_version_of(core->firmwares, update), what, detail && *detail ? ": " : "",
                detail ? detail : "");
}

/* When the rule is one of "once a day", it would be refused before the next. */
static gint64
wait_for_day_ms(const GwCore *core, const GwUpdate *update)
{
  const GwRule *rule = gw_rules_find(core->rules, update->rule_id);
  const GwFirmware *firmware = gw_firmwares_find(core->firmwares, update->firmware_id);

  return rule && firmware ? gw_rollouts_day_wait_ms(core, rule, update->node, firmware) : 0;
}

/* The attempt failed: another one after a wait that doubles, or the end. */
static void
fail_attempt(GwCore *core, GwUpdate *update, gboolean is_silent)
{
  GwLimits limits = limits_of(core, update);
  GwTransition end = gw_update_next(update->state, GW_FACT_GAVE_UP, is_silent);
  gint64 wait_ms;

  update->n_attempts++;
  if (update->n_attempts >= limits.attempts && !end.is_ignored) {
    update->state = end.next;
    return;
  }
  update->acked = 0; /* the next one begins anew, and keeps the hours */
  wait_ms = gw_update_backoff_ms(update->n_attempts, limits.retry_first_ms, limits.retry_max_ms);
  if (update->state == GW_UPDATE_SCHEDULED)
    update->retry_boot_ms = gw_core_now(core).boot_ms + MAX(wait_ms, wait_for_day_ms(core, update));
}

/* Updates that failed one after the other, of whatever rule: somebody should look at the node. */
static void
count_failures(GwCore *core, const GwUpdate *update, GwChange *change)
{
  GwNode *node = gw_registry_find(core->registry, update->node);
  GwLimits limits = limits_of(core, update);
  gboolean is_failed = update->state == GW_UPDATE_FAILED;

  if (!node || node->is_group || (!is_failed && (update->state != GW_UPDATE_SUCCEEDED || !node->n_failures)))
    return;
  node->n_failures = is_failed ? node->n_failures + 1 : 0;
  if (is_failed && limits.failures && node->n_failures >= limits.failures && !node->is_set_aside) {
    g_autofree char *reason = g_strdup_printf("%u updates failed one after the other", node->n_failures);

    node->is_set_aside = TRUE;
    gw_shared_text_set(&node->set_aside_reason, reason);
    gw_change_say(change, "node.set-aside", &(GwAbout){ .node = node->id }, "%s was set aside: %s", node->id,
                  reason);
  }
  gw_rows_put_node(gw_change_batch(change), node);
}

/* A push is done when its one update is. */
static void
complete_push(GwCore *core, const GwUpdate *update, GwChange *change)
{
  GwRule *rule = gw_rules_find(core->rules, update->rule_id);

  if (!rule || !rule->is_push || !gw_rule_is_live(rule))
    return;
  rule->state = GW_RULE_COMPLETED;
  rule->changed_ms = gw_core_now(core).wall_ms;
  gw_rows_put_rule(gw_change_batch(change), rule);
  gw_rules_reindex(core->rules);
}

/* Inferred: the only word there is about a silent make. */
static void
learn_inferred(GwCore *core, const GwUpdate *update, GwChange *change)
{
  GwNode *node = gw_registry_find(core->registry, update->node);
  const GwFirmware *firmware = gw_firmwares_find(core->firmwares, update->firmware_id);
  GwComponent *component = node && firmware ? gw_node_add_component(node, update->type) : NULL;

  if (!component)
    return;
  gw_component_set(component, gw_firmwares_version_of(core->firmwares, update), GW_SOURCE_INFERRED,
                   gw_core_now(core).wall_ms);
  gw_rows_put_node(gw_change_batch(change), node);
}

/* What an ended update leaves: a never-cut node that was given the metadata must still be served. */
static void
close_update(GwCore *core, GwUpdate *update, GwChange *change)
{
  GwPin *pin = gw_pins_of_update(core->pins, update->id);

  update->finished_ms = gw_core_now(core).wall_ms;
  gw_updates_close(core->updates, update);
  gw_scheduler_release(core, update->id);
  if (update->is_inferred)
    learn_inferred(core, update, change);
  complete_push(core, update, change);
  gw_verifications_update_ended(core, update, change);
  count_failures(core, update, change);
  if (!pin)
    return;
  pin->inference.is_open = FALSE;
  if (pin->is_never_cut && pin->is_owed)
    gw_progress_put_pin(core, pin, change);
  else
    gw_progress_drop_pin(core, pin, change);
}

/* What is new in the state: its name, or that an attempt failed. */
static const char *
what_happened(const GwUpdate *update, GwUpdateState before, const GwTransition *transition)
{
  if (transition->is_attempt_failed && !gw_update_state_is_final(update->state))
    return "attempt-failed";
  return update->state == before ? NULL : gw_update_state_name(update->state);
}

gboolean
gw_progress_fact(GwCore *core, GwUpdate *update, GwFact fact, const char *detail, GwChange *change)
{
  GwPin *pin = gw_pins_of_update(core->pins, update->id);
  GwUpdateState before = update->state;
  GwTransition transition = gw_update_next(before, fact, pin && pin->is_silent);
  const char *what;

  if (transition.is_ignored)
    return FALSE;
  update->state = transition.next;
  update->is_inferred = fact == GW_FACT_INFERRED && update->state == GW_UPDATE_SUCCEEDED;
  update->retry_boot_ms = 0;
  if (transition.is_attempt_failed)
    fail_attempt(core, update, pin && pin->is_silent);
  set_reason(update, detail);
  update->cause = gw_update_state_is_final(update->state) ? fact : 0;
  update->changed_ms = gw_core_now(core).wall_ms;
  set_deadline(core, update, pin);
  what = what_happened(update, before, &transition);
  if (gw_update_state_is_final(update->state))
    close_update(core, update, change);
  gw_progress_note(core, update, fact, detail, change);
  if (what)
    gw_progress_say(core, update, what, detail, change);
  gw_progress_watch(core, update);
  gw_rollouts_update(core, update, change);
  if (update->state >= GW_UPDATE_DOWNLOADED || update->state == GW_UPDATE_SCHEDULED)
    gw_scheduler_node_changed(core, update->node);
  return TRUE;
}

/* ---- time goes by ---- */

static void
check_inference(GwCore *core, GwUpdate *update, GwPin *pin, GwChange *change)
{
  GwInferenceRule rule = gw_progress_inference(core, pin);

  if (!gw_plugins_find(core->plugins, pin->plugin)) {
    gw_core_alarm(core, GW_ALARM_UPDATE, update->id, gw_core_now(core).boot_ms + PLUGIN_AWAY_MS);
    return;
  }
  switch (gw_inference_tick(&pin->inference, &rule, gw_core_now(core).boot_ms)) {
  case GW_INFERENCE_SUCCEEDED:
    pin->is_owed = FALSE; /* it has heard the metadata again and again, and did not want the bytes */
    gw_progress_fact(core, update, GW_FACT_INFERRED,
                     "it asked again and again, and never for the image: inferred", change);
    break;
  case GW_INFERENCE_NOT_BACK:
    pin->is_owed = FALSE;
    gw_progress_fact(core, update, GW_FACT_NOT_BACK, "not heard again", change);
    break;
  default:
    gw_progress_watch(core, update);
  }
}

gboolean
gw_progress_is_of_group(const GwCore *core, const GwUpdate *update)
{
  const GwNode *node = gw_registry_find(core->registry, update->node);

  return node && node->is_group;
}

/* Bytes that moved since the last look put the deadline off. A group's members stall one by one: that is no
 * attempt of the group. */
static void
check_stalled(GwCore *core, GwUpdate *update, GwPin *pin, GwChange *change)
{
  GwNow now = gw_core_now(core);
  gint64 stalled_ms = limits_of(core, update).stalled_ms;
  guint64 acked = update->acked;

  if (pin && gw_workers_gauge(core->workers, pin->token, &acked) && acked > update->acked) {
    update->acked = acked;
    pin->used_boot_ms = now.boot_ms;
  }
  if (pin && pin->used_boot_ms && pin->used_boot_ms + stalled_ms > now.boot_ms) {
    update->deadline = gw_deadline_in(&now, pin->used_boot_ms + stalled_ms - now.boot_ms);
    gw_progress_watch(core, update);
    return;
  }
  gw_scheduler_release(core, update->id);
  gw_progress_fact(core, update,
                   gw_progress_is_of_group(core, update) ? GW_FACT_INTERRUPTED : GW_FACT_STALLED,
                   "no byte moved any more", change);
}

static void
wake(GwCore *core, const GwUpdate *update)
{
  const GwNode *node = gw_registry_find(core->registry, update->node);

  const GwRule *rule = gw_rules_find(core->rules, update->rule_id);

  if (node && rule)
    gw_rollouts_wake(core, rule, node);
  else if (node)
    gw_scheduler_wake(core, node);
}

/* It was given the metadata, and its time is over: did it skip the offer, or was it away? */
static const char *
why_never_asked(const GwCore *core, const GwUpdate *update)
{
  const GwNode *node = gw_registry_find(core->registry, update->node);

  if (update->acked)
    return "its download broke off and was never gone on with";
  return node && node->last_ms > update->changed_ms
             ? "it was heard again after the offer, and never asked for the image: it skipped it"
             : "it was offered, and not heard again";
}

/* It had every byte, and its time is over: was it away, or does it not say what it runs? */
static const char *
why_not_back(const GwCore *core, const GwUpdate *update)
{
  const GwNode *node = gw_registry_find(core->registry, update->node);
  gboolean is_heard = node && node->last_ms > update->changed_ms;

  if (update->state == GW_UPDATE_REPORTED)
    return is_heard ? "it said that it had succeeded, and then never which version it runs"
                    : "it said that it had succeeded, and was not heard again";
  return is_heard ? "it had every byte, was heard again, and never said which version it runs"
                  : "it had every byte, and was not heard again";
}

static void
check_deadline(GwCore *core, GwUpdate *update, GwPin *pin, GwChange *change)
{
  switch (update->state) {
  case GW_UPDATE_SCHEDULED:
    gw_progress_fact(core, update, GW_FACT_RETRY, "the wait is over", change);
    wake(core, update);
    break;
  case GW_UPDATE_OFFERED:
    gw_progress_fact(core, update, GW_FACT_EXPIRED, why_never_asked(core, update), change);
    break;
  case GW_UPDATE_DOWNLOADING:
    check_stalled(core, update, pin, change);
    break;
  default:
    gw_progress_fact(core, update, GW_FACT_NOT_BACK, why_not_back(core, update), change);
  }
}

static gboolean
is_due(GwCore *core, const GwUpdate *update)
{
  GwNow now = gw_core_now(core);

  if (update->state == GW_UPDATE_SCHEDULED)
    return update->retry_boot_ms && update->retry_boot_ms <= now.boot_ms;
  return *update->deadline.boot_id && gw_deadline_boot_ms(&update->deadline, &now) <= now.boot_ms;
}

void
gw_progress_alarm(GwCore *core, gint64 update_id)
{
  GwUpdate *update = gw_updates_find(core->updates, update_id);
  g_autoptr(GwChange) change = NULL;
  GwPin *pin;

  if (!update || gw_update_state_is_final(update->state))
    return;
  pin = gw_pins_of_update(core->pins, update_id);
  change = gw_change_new(core, NULL);
  if (is_due(core, update))
    check_deadline(core, update, pin, change);
  else if (pin && pin->inference.is_open)
    check_inference(core, update, pin, change);
  else
    gw_progress_watch(core, update);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

/* Bytes may have been asked for while nobody listened, and the plugin's numbers are known only now. */
void
gw_progress_resume(GwCore *core)
{
  g_autoptr(GPtrArray) open = gw_updates_open_of_rule(core->updates, 0);

  for (guint i = 0; i < open->len; i++) {
    const GwUpdate *update = open->pdata[i];
    GwPin *pin = gw_pins_of_update(core->pins, update->id);

    if (pin)
      gw_inference_gap(&pin->inference);
    gw_progress_watch(core, update);
  }
}

gboolean
gw_progress_cancel(GwCore *core, GwUpdate *update, const char *reason, GwChange *change)
{
  GwPin *pin = gw_pins_of_update(core->pins, update->id);
  gboolean is_given = pin && (update->state == GW_UPDATE_OFFERED || update->state == GW_UPDATE_DOWNLOADING);

  if (is_given && pin->is_never_cut)
    return FALSE;
  if (is_given)
    gw_workers_tell_lan(core->workers, GW_MESSAGE_STOP, gw_stop_pack(pin->token, reason));
  gw_progress_fact(core, update, GW_FACT_CANCELLED, reason, change);
  return TRUE;
}
