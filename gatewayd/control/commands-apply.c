/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A rule is what its document says: made, changed, or left as it is. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/scheduler.h"
#include "model/rule-difference.h"
#include "model/rule-form.h"

#define EVENT_LINES 8 /* of a change, in the event; the rest is a number */

static GVariant *
result_of(gint64 id, const char *action, const GPtrArray *changes)
{
  GVariantBuilder result;

  g_variant_builder_init(&result, G_VARIANT_TYPE_VARDICT);
  if (id)
    g_variant_builder_add(&result, "{sv}", "rule", g_variant_new_int64(id));
  g_variant_builder_add(&result, "{sv}", "action", g_variant_new_string(action));
  g_variant_builder_add(&result, "{sv}", "changes",
                        g_variant_new_strv((const char *const *)changes->pdata, (gssize)changes->len));
  return g_variant_new("(@a{sv})", g_variant_builder_end(&result));
}

static char *
sentence_of(const GPtrArray *changes)
{
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < changes->len && i < EVENT_LINES; i++)
    g_string_append_printf(text, "%s%.200s", i > 0 ? "; " : "", (char *)changes->pdata[i]);
  if (changes->len > EVENT_LINES)
    g_string_append_printf(text, "; and %u more", changes->len - EVENT_LINES);
  return g_string_free(text, FALSE);
}

/* The rule is @entered from now on. */
static void
change_rule(GwCore *core, GwRule *rule, GwRule *entered, const GPtrArray *changes, GwChange *change)
{
  g_autofree char *sentence = sentence_of(changes);

  gw_rule_form_adopt(rule, entered);
  rule->changed_ms = gw_core_now(core).wall_ms;
  gw_rows_put_rule(gw_change_batch(change), rule);
  gw_change_say(change, "rule.changed",
                &(GwAbout){ .rule_id = rule->id, .firmware_id = gw_rule_firmware(rule, 0) },
                "rule %s was changed: %s", rule->name, sentence);
  gw_rules_reindex(core->rules);
  gw_scheduler_watch_rule(core, rule);
  gw_scheduler_changed(core);
}

static gboolean
check_change(const GwRule *rule, const json_t *old, const json_t *new, GError **error)
{
  if (rule->is_push)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/name: %s is a push to one node, which cannot be changed",
                   rule->name);
  if (rule->state == GW_RULE_COMPLETED || rule->state == GW_RULE_STOPPED)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "/name: rule %s is %s: give the document another name",
                   rule->name, gw_rule_state_name(rule->state));
  if (rule->state == GW_RULE_DRAFT || gw_rule_difference_check_live(old, new, error))
    return TRUE;
  g_prefix_error(error, "rule %s is %s: ", rule->name, gw_rule_state_name(rule->state));
  return FALSE;
}

typedef struct {
  GwRule *rule; /* that has the name, or NULL */
  GPtrArray *changes;
} Plan;

/* @entered keeps the number that a started rule was given, unless it says one. */
static gboolean
make_plan(GwCore *core, GwRule *entered, Plan *plan, GError **error)
{
  GwRule *rule = gw_rules_find_name(core->rules, entered->name);
  g_autoptr(json_t) old = rule ? gw_rule_form_write(rule) : NULL;
  g_autoptr(json_t) new = NULL;

  if (rule && gw_rule_is_live(rule) && !*entered->number) {
    g_free(entered->number);
    entered->number = g_strdup(rule->number);
  }
  new = gw_rule_form_write(entered);
  if (!gw_commands_check_rule(core, entered, error) ||
      (rule ? !json_equal(old, new) && !check_change(rule, old, new, error)
            : !gw_commands_check_new_rule(core, entered, error)))
    return FALSE;
  plan->rule = rule;
  plan->changes = gw_rule_difference(old, new);
  return TRUE;
}

static const char *
action_of(const Plan *plan)
{
  return !plan->rule ? "create" : plan->changes->len > 0 ? "change" : "none";
}

void
gw_command_rule_apply(GwCore *core, const GwCaller *caller, const char *text, gboolean is_dry_run,
                      GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwRule) entered = gw_rule_form_parse(text, strlen(text), &error);
  g_autoptr(GPtrArray) changes = NULL;
  Plan plan = { NULL };
  const char *action;
  GwChange *change;
  gint64 id;

  if (!entered || !make_plan(core, entered, &plan, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  changes = plan.changes;
  action = action_of(&plan);
  id = plan.rule ? plan.rule->id : 0;
  if (is_dry_run || strcmp(action, "none") == 0) {
    gw_then_succeed(core, then, result_of(id, action, changes));
    return;
  }
  change = gw_change_new(core, caller);
  if (plan.rule)
    change_rule(core, plan.rule, entered, changes, change);
  else
    id = gw_commands_add_rule(core, g_steal_pointer(&entered), change);
  gw_change_finish(change, then, result_of(id, action, changes));
}
