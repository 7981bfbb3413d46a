/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A push rule runs, pauses and ends; an update is cancelled. */
#include <string.h>

#include "base/error.h"
#include "control/checks.h"
#include "control/commands-private.h"
#include "control/fetching.h"
#include "control/numbering.h"
#include "control/preseed.h"
#include "control/progress.h"
#include "control/rollouts.h"
#include "control/scheduler.h"
#include "control/verifications.h"

GwRule *
gw_commands_rule(GwCore *core, gint64 id, GError **error)
{
  GwRule *rule = gw_rules_find(core->rules, id);

  if (!rule)
    gw_fail(error, GW_ERROR_NOT_FOUND, "there is no rule %" G_GINT64_FORMAT "; see \"rules list\"", id);
  return rule;
}

static void
put_rule(GwCore *core, GwRule *rule, GwRuleState state, GwChange *change)
{
  rule->state = state;
  rule->changed_ms = gw_core_now(core).wall_ms;
  gw_rows_put_rule(gw_change_batch(change), rule);
  gw_rules_reindex(core->rules);
  gw_scheduler_watch_rule(core, rule);
}

/* ---- start ---- */

/* "weather 5, pump 1.2" */
static char *
what_of(const GwCore *core, const GwRule *rule)
{
  GString *what = g_string_new(NULL);

  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i));

    if (firmware)
      g_string_append_printf(what, "%s%s %s", i > 0 ? ", " : "", firmware->product,
                             firmware->software_version);
  }
  return g_string_free(what, FALSE);
}

void
gw_commands_run_rule(GwCore *core, GwRule *rule, GwChange *change)
{
  g_autofree char *what = what_of(core, rule);

  g_free(rule->pause_reason);
  rule->pause_reason = g_strdup("");
  if (!rule->notification)
    rule->notification = gw_db_next_id(core->db, GW_SEQUENCE_NOTIFICATION);
  put_rule(core, rule, GW_RULE_RUNNING, change);
  gw_change_say(change, "rule.started",
                &(GwAbout){ .rule_id = rule->id, .firmware_id = gw_rule_firmware(rule, 0) },
                "rule %s runs, notification %" G_GINT64_FORMAT ": %s%s%s%s%s", rule->name, rule->notification,
                what, *rule->number ? ", which nodes are told is " : "", rule->number,
                *rule->overrides ? "; overridden: " : "", rule->overrides);
  gw_scheduler_fetch_rule(core, rule);
  gw_rollouts_start(core, rule, change);
}

static gboolean
check_firmware(GwCore *core, const GwRule *rule, const GwFirmware *firmware, GError **error)
{
  if (!rule->is_push && !gw_firmware_is_for_rules(firmware))
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "firmware %" G_GINT64_FORMAT
                   " is %s: push it to one node, and confirm that it runs there, "
                   "before a rule may use it",
                   firmware->id, gw_firmware_state_name(firmware->state));
  return gw_commands_may_begin(core, firmware, error);
}

static gboolean
check_start(GwCore *core, const GwRule *rule, GError **error)
{
  GwNow now = gw_core_now(core);

  if (rule->state != GW_RULE_DRAFT && rule->state != GW_RULE_PAUSED)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "rule %s is %s: only a draft or a paused one can start",
                   rule->name, gw_rule_state_name(rule->state));
  if (rule->when.not_after_ms && now.is_trusted && now.wall_ms >= rule->when.not_after_ms)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "rule %s is over: its dates are in the past", rule->name);
  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = gw_commands_firmware(core, gw_rule_firmware(rule, i), error);

    if (!firmware || !check_firmware(core, rule, firmware, error))
      return FALSE;
  }
  return gw_preseed_check(core, rule, error);
}

void
gw_commands_number_scope(const GwCore *core, const GwRule *rule, const GwFirmware *firmware,
                         GwNumberScope *ret_scope)
{
  GHashTableIter iter;
  gpointer value;

  *ret_scope = (GwNumberScope){ .numbering = gw_numbering_of(core, firmware), .type = firmware->type };
  gw_registry_iter(core->registry, &iter);
  while (ret_scope->numbering && g_hash_table_iter_next(&iter, NULL, &value))
    if (((GwNode *)value)->is_adopted && gw_rule_targets(rule, value, firmware, NULL))
      gw_number_scope_add(ret_scope, value);
}

/* A number is that of one make. */
static gboolean
is_without_numbers(const GwCore *core, const GwRule *rule, GError **error)
{
  for (guint i = 0; i < rule->firmwares->len; i++)
    if (gw_numbering_of(core, gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i))))
      return gw_fail(error, GW_ERROR_BAD_INPUT,
                     "/firmware/%u: its nodes are told a number with each publication: give them a rule of "
                     "their own",
                     i);
  return TRUE;
}

/* One that was started before keeps its number. */
static gboolean
pick_number(const GwCore *core, GwRule *rule, GError **error)
{
  const GwFirmware *firmware;
  GwNumberScope scope;
  char *number;

  if (rule->state == GW_RULE_PAUSED)
    return TRUE;
  firmware = gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, 0));
  if (rule->firmwares->len > 1)
    return is_without_numbers(core, rule, error);
  gw_commands_number_scope(core, rule, firmware, &scope);
  if (!gw_number_pick(&scope, rule->number, rule->overrides, &number, error))
    return FALSE;
  g_free(rule->number);
  rule->number = number;
  return TRUE;
}

void
gw_commands_check_image(GwCore *core, const GwFirmware *firmware, GwCheckDone done, gpointer user)
{
  if (firmware->image_state == GW_IMAGE_SEALED && !*firmware->plugin)
    gw_checks_run_cached(core, firmware, done, user);
  else
    done("", NULL, user);
}

typedef struct {
  GwCore *core;
  gint64 rule_id;
  guint n_checked; /* of its firmwares */
  GwChange *change;
  GwThen then;
} Start;

/* Takes @error. */
static void
start_fail(Start *start, GError *error)
{
  gw_then_fail(start->core, start->then, error);
  gw_change_free(start->change);
  g_free(start);
}

gboolean
gw_commands_take_check(GwCore *core, GwFirmware *firmware, const char *plugin, const GError *error,
                       GwChange *change)
{
  if (error && !g_error_matches(error, GW_ERROR, GW_ERROR_BUSY))
    return FALSE;
  if (!error && *plugin && !*firmware->plugin) {
    g_free(firmware->plugin);
    firmware->plugin = g_strdup(plugin);
    gw_rows_put_firmware(gw_change_batch(change), firmware);
  }
  return TRUE;
}

static void
start_rule(Start *start, GwRule *rule)
{
  GwCore *core = start->core;

  gw_commands_run_rule(core, rule, start->change);
  gw_change_finish(g_steal_pointer(&start->change), start->then, NULL);
  gw_scheduler_changed(core);
  gw_rollouts_wake_all(core, rule);
  g_free(start);
}

static void on_start_checked(const char *plugin, const GError *error, gpointer user);

/* Things may have changed since the last check: all of it is asked again. */
static void
start_on(Start *start)
{
  GwCore *core = start->core;
  g_autoptr(GError) error = NULL;
  GwRule *rule = gw_commands_rule(core, start->rule_id, &error);
  gboolean is_checked = rule && start->n_checked >= rule->firmwares->len;

  if (!rule || !check_start(core, rule, &error) || (is_checked && !pick_number(core, rule, &error)))
    start_fail(start, g_steal_pointer(&error));
  else if (is_checked)
    start_rule(start, rule);
  else
    gw_commands_check_image(core,
                            gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, start->n_checked)),
                            on_start_checked, start);
}

static void
on_start_checked(const char *plugin, const GError *error, gpointer user)
{
  Start *start = user;
  g_autoptr(GError) why = NULL;
  GwRule *rule = gw_commands_rule(start->core, start->rule_id, &why);
  GwFirmware *firmware =
      rule ? gw_commands_firmware(start->core, gw_rule_firmware(rule, start->n_checked), &why) : NULL;

  if (!firmware)
    start_fail(start, g_steal_pointer(&why));
  else if (!gw_commands_take_check(start->core, firmware, plugin, error, start->change))
    start_fail(start, g_error_copy(error));
  else {
    start->n_checked++;
    start_on(start);
  }
}

void
gw_command_rule_start(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  Start *start = g_new(Start, 1);

  *start = (Start){ core, id, 0, gw_change_new(core, caller), then };
  start_on(start);
}

/* ---- pause, stop, delete ---- */

void
gw_command_rule_pause(GwCore *core, const GwCaller *caller, gint64 id, const char *reason, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwRule *rule = gw_commands_rule(core, id, &error);
  g_autoptr(GwChange) change = NULL;

  if (rule && rule->state != GW_RULE_RUNNING)
    gw_fail(&error, GW_ERROR_BAD_INPUT, "rule %s is %s: only a running one can be paused", rule->name,
            gw_rule_state_name(rule->state));
  if (error) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  g_free(rule->pause_reason);
  rule->pause_reason = g_strdup(reason);
  put_rule(core, rule, GW_RULE_PAUSED, change);
  gw_change_say(change, "rule.paused", &(GwAbout){ .rule_id = id }, "rule %s was paused%s%s", rule->name,
                *reason ? ": " : "", reason);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_changed(core);
}

void
gw_command_rule_approve(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwRule *rule = gw_commands_rule(core, id, &error);
  g_autoptr(GwChange) change = gw_change_new(core, caller);

  if (!rule || !gw_rollouts_approve(core, rule, change, &error))
    gw_then_fail(core, then, g_steal_pointer(&error));
  else
    gw_change_finish(g_steal_pointer(&change), then, NULL);
}

/* What has all bytes is awaited: its outcome is a fact, whatever became of the rule. */
static guint
cancel_updates(GwCore *core, const GwRule *rule, const char *reason, GwChange *change)
{
  g_autoptr(GPtrArray) updates = gw_updates_open_of_rule(core->updates, rule->id);
  guint n_going_on = 0;

  for (guint i = 0; i < updates->len; i++) {
    GwUpdate *update = updates->pdata[i];

    if (update->state >= GW_UPDATE_DOWNLOADED || !gw_progress_cancel(core, update, reason, change))
      n_going_on++;
  }
  return n_going_on;
}

void
gw_commands_stop_rule(GwCore *core, GwRule *rule, const char *reason, GwChange *change)
{
  guint n_going_on;

  rule->state = GW_RULE_STOPPED; /* before its updates end: nothing follows from that any more */
  n_going_on = cancel_updates(core, rule, reason, change);
  put_rule(core, rule, GW_RULE_STOPPED, change);
  gw_change_say(change, "rule.stopped", &(GwAbout){ .rule_id = rule->id },
                "rule %s was stopped: %s; %u updates cannot be cut or are awaited", rule->name, reason,
                n_going_on);
  gw_verifications_push_ended(core, rule, reason, change);
}

void
gw_command_rule_stop(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwRule *rule = gw_commands_rule(core, id, &error);
  g_autoptr(GwChange) change = NULL;

  if (rule && !gw_rule_is_live(rule))
    gw_fail(&error, GW_ERROR_BAD_INPUT, "rule %s is %s, it does not run", rule->name,
            gw_rule_state_name(rule->state));
  if (error) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  gw_commands_stop_rule(core, rule, "by an operator", change);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_changed(core);
}

static gboolean
check_delete(GwCore *core, const GwRule *rule, GError **error)
{
  g_autoptr(GPtrArray) updates = gw_updates_open_of_rule(core->updates, rule->id);

  if (gw_rule_is_live(rule))
    return gw_fail(error, GW_ERROR_BUSY, "rule %s is %s: stop it first", rule->name,
                   gw_rule_state_name(rule->state));
  if (updates->len > 0)
    return gw_fail(error, GW_ERROR_BUSY, "%u of the updates of rule %s are still open", updates->len,
                   rule->name);
  return TRUE;
}

void
gw_command_rule_delete(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwRule *rule = gw_commands_rule(core, id, &error);
  g_autoptr(GwChange) change = NULL;

  if (!rule || !check_delete(core, rule, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  gw_rows_delete_rule(gw_change_batch(change), id);
  gw_rollouts_forget(core, id, change);
  gw_change_say(change, "rule.deleted", &(GwAbout){ .rule_id = id }, "rule %s was deleted", rule->name);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_rules_remove(core->rules, rule);
}

/* ---- one update ---- */

void
gw_command_update_cancel(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwChange) change = NULL;
  GwUpdate *update = gw_updates_find(core->updates, id);

  if (!update || gw_update_state_is_final(update->state)) {
    gw_fail(&error, GW_ERROR_NOT_FOUND, "there is no open update %" G_GINT64_FORMAT "; see \"updates list\"",
            id);
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  if (!gw_progress_cancel(core, update,
                          update->state >= GW_UPDATE_DOWNLOADED ? "by an operator: outcome unknown"
                                                                : "by an operator",
                          change)) {
    gw_fail(&error, GW_ERROR_UNSUPPORTED,
            "node %s was given the metadata, and its transport must then serve it: the update goes on",
            update->node);
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_node_changed(core, update->node);
}
