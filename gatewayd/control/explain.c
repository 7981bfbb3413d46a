/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why does this node get what it gets? The same decision as for its next ask, in plain sentences: what the
 * node is, what it runs and how that is known, which rule is in charge or came closest, what happens next. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/scheduler.h"
#include "control/verbs.h"
#include "control/workers.h"

typedef struct {
  GwCore *core;
  GwNode *node;
  GwNow now;
  const GwUpdate *update;
  const GwPin *pin;
  GwVerdict verdict;
  GPtrArray *lines;
} Explanation;

static void say(Explanation *it, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
say(Explanation *it, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_ptr_array_add(it->lines, g_strdup_vprintf(format, args));
  va_end(args);
}

/* "3 d", "5 h", "20 min", "12 s" */
static char *
span(gint64 ms)
{
  gint64 s = MAX(ms, 0) / 1000;

  if (s >= 2 * 86400)
    return g_strdup_printf("%" G_GINT64_FORMAT " d", s / 86400);
  if (s >= 2 * 3600)
    return g_strdup_printf("%" G_GINT64_FORMAT " h", s / 3600);
  if (s >= 120)
    return g_strdup_printf("%" G_GINT64_FORMAT " min", s / 60);
  return g_strdup_printf("%" G_GINT64_FORMAT " s", s);
}

/* ---- what it is ---- */

static void
say_node(Explanation *it)
{
  const GwNode *node = it->node;

  say(it, "%s is %s%s%s%s%s, known by its %s%s%s.", node->id,
      node->is_adopted ? "an adopted node" : "a stranger", *node->product ? " of product " : "",
      node->product, *node->location ? " at " : "", node->location,
      node->identity == GW_IDENTITY_CLAIMED ? "own name" : gw_identity_name(node->identity),
      *node->plugin ? "; it speaks " : "", node->plugin);
  if (node->is_group)
    say(it,
        "The name is a group's: several devices share it, and their outcomes are counted, not told apart.");
}

static void
say_contact(Explanation *it)
{
  const GwNode *node = it->node;
  g_autofree char *when = gw_clock_format(node->last_ms);
  g_autofree char *ago = span(it->now.wall_ms - node->last_ms);

  if (!node->last_ms)
    say(it, "It was never heard.");
  else
    say(it, "It was last heard %s ago (%s), from %s.", ago, when, node->address);
  if (*node->plugin && !gw_plugins_find(it->core->plugins, node->plugin))
    say(it, "No worker has brought %s just now, so nobody answers it: \"gatewayctl status\" tells why.",
        node->plugin);
  if (node->needs_power_cycle)
    say(it, "Its last download broke off; this make then stays silent until it is reset: it needs a power "
            "cycle.");
  if (node->is_set_aside)
    say(it, "It is set aside: %s.", node->set_aside_reason);
}

static void
say_version(Explanation *it)
{
  const GwNode *node = it->node;

  if (node->components->len == 0)
    say(it, "Which version it runs is not known.");
  for (guint i = 0; i < node->components->len; i++) {
    const GwComponent *component = &g_array_index(node->components, GwComponent, i);
    const char *part = *component->type ? component->type : "It";

    if (gw_component_is_known(component))
      say(it, "%s runs version %s (%s).", part, component->software_version,
          gw_version_source_name(component->source));
    else
      say(it, "%s: which version runs is not known.", part);
  }
}

/* ---- its open update ---- */

static void
say_inference(Explanation *it)
{
  GwInferenceRule rule = gw_plugin_inference(gw_plugins_find(it->core->plugins, it->pin->plugin),
                                             it->pin->plugin, it->core->config);
  const GwInference *inference = &it->pin->inference;
  g_autofree char *bytes = span(rule.bytes_ms);
  g_autofree char *silence = span(rule.not_back_ms);

  say(it,
      "This make never says what it runs. It has asked %u of %u times that count since it had every byte; "
      "if it does not want the image again within %s of the last, success is inferred. Not heard for %s "
      "would be a failure.",
      inference->n_counted, rule.requests, bytes, silence);
}

static void
say_progress(Explanation *it)
{
  guint64 acked = it->update->acked;

  if (it->pin && it->core->workers)
    gw_workers_gauge(it->core->workers, it->pin->token, &acked);
  say(it, "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes are acknowledged.", acked, it->update->size);
}

static void
say_awaited(Explanation *it)
{
  g_autofree char *left = span(gw_deadline_boot_ms(&it->update->deadline, &it->now) - it->now.boot_ms);

  say(it, "%s; it is awaited to say which version it runs, for another %s: then it has failed.",
      it->update->state == GW_UPDATE_INSTALLING ? "It says that it is installing"
      : it->update->state == GW_UPDATE_REPORTED ? "It says that it has succeeded, which is no proof"
                                                : "It has every byte",
      left);
}

static void
say_next(Explanation *it)
{
  const GwUpdate *update = it->update;
  g_autofree char *left = NULL;

  switch (update->state) {
  case GW_UPDATE_SCHEDULED:
    left = span(update->retry_boot_ms - it->now.boot_ms);
    if (update->retry_boot_ms > it->now.boot_ms)
      say(it, "The next attempt is made in %s.", left);
    break;
  case GW_UPDATE_OFFERED:
    say(it, "It was given the offer; its next step is to ask for the image.");
    if (update->acked)
      say_progress(it);
    break;
  case GW_UPDATE_DOWNLOADING:
    say_progress(it);
    break;
  default:
    if (it->pin && it->pin->inference.is_open)
      say_inference(it);
    else
      say_awaited(it);
  }
}

static void
say_update(Explanation *it)
{
  const GwUpdate *update = it->update;
  const GwRule *rule = gw_rules_find(it->core->rules, update->rule_id);
  g_autofree char *since = gw_clock_format(update->changed_ms);

  say(it, "Update %" G_GINT64_FORMAT " to version %s by rule %s is %s since %s%s%s.", update->id,
      gw_firmwares_version_of(it->core->firmwares, update), rule ? rule->name : "(deleted)",
      gw_update_state_name(update->state), since, *update->reason ? ": " : "", update->reason);
  if (update->n_attempts)
    say(it, "%u attempts have failed.", update->n_attempts);
  say_next(it);
}

/* ---- how the last one ended ---- */

/* What to do about it, where that is not plain. */
static const char *
after_end(GwUpdateState state)
{
  switch (state) {
  case GW_UPDATE_FAILED:
    return "The rule is through with it. A new push tries again, and a late success still counts.";
  case GW_UPDATE_REFUSED:
    return "The node itself said no: the image may not be for it. The rule does not try again; a push does.";
  case GW_UPDATE_EXPIRED:
    return "It never took the offer. A new push or rule offers it again.";
  case GW_UPDATE_CANCELLED:
    return "It was ended by a person, a stopped rule or a withdrawn firmware, not by the node.";
  default:
    return NULL;
  }
}

static const GwUpdate *
find_last_ended(const GwCore *core, const char *node)
{
  const GPtrArray *held = gw_updates_of_node(core->updates, node);
  const GwUpdate *last = NULL;

  for (guint i = 0; held && i < held->len; i++) {
    const GwUpdate *update = held->pdata[i];

    if (gw_update_state_is_final(update->state) && (!last || update->id > last->id))
      last = update;
  }
  return last;
}

static void
say_ended(Explanation *it)
{
  const GwUpdate *update = find_last_ended(it->core, it->node->id);
  const GwRule *rule = update ? gw_rules_find(it->core->rules, update->rule_id) : NULL;
  g_autofree char *when = update ? gw_clock_format(update->finished_ms) : NULL;

  if (!update)
    return;
  say(it, "Its last update, %" G_GINT64_FORMAT " to version %s by rule %s, ended as %s%s at %s%s%s.",
      update->id, gw_firmwares_version_of(it->core->firmwares, update), rule ? rule->name : "(deleted)",
      gw_update_state_name(update->state), update->is_inferred ? " (inferred)" : "", when,
      *update->reason ? ": " : "", update->reason);
  if (after_end(update->state))
    say(it, "%s", after_end(update->state));
}

/* ---- what the rules say ---- */

static void
say_rule(Explanation *it)
{
  const GwRule *rule = it->verdict.rule;
  const GwFirmware *firmware = it->verdict.firmware;
  g_autofree char *hours = rule ? gw_when_text(&rule->when) : NULL;

  if (!rule) {
    say(it, "No running rule names it.");
    return;
  }
  say(it, "%s rule is %s (%s, version %s%s%s).",
      it->verdict.reason == GW_REASON_NO_RULE ? "The closest" : "The deciding", rule->name,
      gw_rule_state_name(rule->state), firmware ? gw_rule_version(rule, firmware) : "?",
      *hours ? ", hours " : "", hours);
}

static void
say_verdict(Explanation *it)
{
  const GwFirmware *firmware = it->verdict.firmware;

  if (it->verdict.is_offer)
    say(it, "At its next contact it is offered version %s.",
        it->verdict.rule ? gw_rule_version(it->verdict.rule, firmware) : firmware->software_version);
  else if (it->verdict.text)
    say(it, "It gets nothing now: %s.", it->verdict.text);
  else
    say(it, "It gets nothing now (%s).", gw_reason_name(it->verdict.reason));
  if (it->verdict.reason == GW_REASON_BEING_FETCHED && firmware && *firmware->reason)
    say(it, "The image: %s.", firmware->reason);
  if (it->verdict.reason == GW_REASON_PAUSED && it->verdict.rule && *it->verdict.rule->pause_reason)
    say(it, "The rule was paused: %s.", it->verdict.rule->pause_reason);
  if (it->verdict.until_wall_ms < G_MAXINT64 && it->verdict.until_wall_ms > 0) {
    g_autofree char *until = gw_clock_format(it->verdict.until_wall_ms);

    say(it, "This can change at %s.", until);
  }
}

static void
say_caps(Explanation *it)
{
  const GwSlots *slots = it->core->slots;
  g_autofree char *full = NULL;

  if (!it->verdict.is_offer || (it->update && gw_slots_is_held(slots, it->update->id)) ||
      gw_scheduler_has_room(it->core, it->node, it->verdict.rule, &full))
    return;
  if (*full)
    say(it, "But as many downloads as allowed are running in its place (%s: %u): it is served when one ends.",
        full, gw_slots_count_of(slots, full));
  else
    say(it, "But as many downloads as allowed are running (%u of %u): it is served when one ends.",
        gw_slots_count(slots), gw_slots_cap(slots));
  it->verdict.reason = GW_REASON_CAP;
  it->verdict.is_offer = FALSE;
}

static void
say_verb(Explanation *it)
{
  const GwVerb *verb = gw_verbs_peek(it->core->verbs, it->node->id);

  if (verb)
    say(it, "At its next contact it is told: %s %s.", verb->name, verb->argument);
}

static GVariant *
result(const Explanation *it)
{
  const char *advice = it->node->needs_power_cycle ? "power-cycle the node: it stays silent until it is reset"
                       : it->verdict.is_offer      ? ""
                                                   : gw_reason_advice(it->verdict.reason);
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add(&builder, "{sv}", "lines",
                        g_variant_new_strv((const char *const *)it->lines->pdata, (gssize)it->lines->len));
  g_variant_builder_add(&builder, "{sv}", "reason", g_variant_new_string(gw_reason_name(it->verdict.reason)));
  g_variant_builder_add(&builder, "{sv}", "advice", g_variant_new_string(advice));
  g_variant_builder_add(&builder, "{sv}", "offer", g_variant_new_boolean(it->verdict.is_offer));
  if (it->verdict.rule)
    g_variant_builder_add(&builder, "{sv}", "rule", g_variant_new_int64(it->verdict.rule->id));
  if (it->verdict.firmware)
    g_variant_builder_add(&builder, "{sv}", "firmware", g_variant_new_int64(it->verdict.firmware->id));
  if (it->update)
    g_variant_builder_add(&builder, "{sv}", "update", g_variant_new_int64(it->update->id));
  if (it->verdict.wait_ms)
    g_variant_builder_add(&builder, "{sv}", "wait-ms", g_variant_new_int64(it->verdict.wait_ms));
  g_variant_builder_add(&builder, "{sv}", "last", g_variant_new_int64(it->node->last_ms));
  return g_variant_new("(@a{sv})", g_variant_builder_end(&builder));
}

void
gw_command_explain(GwCore *core, const GwCaller *caller, const char *node_id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
  GwNode *node = gw_commands_node(core, node_id, &error);
  Explanation it = { .core = core, .node = node, .now = gw_core_now(core), .lines = lines };

  if (!node) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  it.verdict = gw_scheduler_foresee(core, node, &it.now, &it.update);
  it.pin = it.update ? gw_pins_of_update(core->pins, it.update->id) : NULL;
  say_node(&it);
  say_contact(&it);
  say_version(&it);
  if (it.update)
    say_update(&it);
  else
    say_ended(&it);
  if (!it.update || it.update->state <= GW_UPDATE_OFFERED) {
    say_rule(&it);
    say_verdict(&it);
    say_caps(&it);
  }
  say_verb(&it);
  gw_then_succeed(core, then, result(&it));
}
