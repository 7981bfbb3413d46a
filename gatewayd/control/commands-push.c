/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One firmware to one node. One that is not verified is verified there, and goes nowhere else; an older one
 * takes the place of a newer by its own verb alone. */
#include <string.h>

#include "base/error.h"
#include "control/checks.h"
#include "control/commands-private.h"
#include "control/form.h"
#include "control/numbering.h"
#include "control/progress.h"
#include "control/scheduler.h"
#include "control/verifications.h"

static const GwFormKey PUSH_KEYS[] = {
  { "number", 'i' },
  { "override", 'a' },
  { "stay", 's' },
  { NULL, 0 },
};

typedef struct {
  GwCore *core;
  gint64 firmware_id;
  char *node;
  GVariant *options;
  GwPushKind kind;
  GwChange *change;
  GwThen then;
} Push;

static void
push_free(Push *push)
{
  g_free(push->node);
  g_variant_unref(push->options);
  gw_change_free(push->change);
  g_free(push);
}

/* ---- may it? ---- */

static gboolean
is_push_to(const GwRule *rule, const char *node)
{
  return rule->is_push && gw_rule_is_live(rule) && rule->who.nodes &&
         g_hash_table_contains(rule->who.nodes, node);
}

/* An unverified firmware is tried on one node at a time. */
static gboolean
check_trial(GwCore *core, const GwFirmware *firmware, const GwNode *node, GError **error)
{
  const char *other = firmware->verify_node;
  const GwUpdate *update = *other ? gw_updates_open(core->updates, other, firmware->type) : NULL;
  gboolean is_begun = update && update->firmware_id == firmware->id && update->state != GW_UPDATE_SCHEDULED;

  if (firmware->state != GW_FIRMWARE_VERIFYING || strcmp(other, node->id) == 0 ||
      (firmware->verification.step == GW_VERIFICATION_BRINGING && !is_begun))
    return TRUE;
  return gw_fail(error, GW_ERROR_BUSY,
                 "firmware %" G_GINT64_FORMAT
                 " is being verified on %s: one node at a time; \"firmware unverify\" ends that",
                 firmware->id, other);
}

/* The node that is to prove something must be there, and not a name for several. */
static gboolean
check_online(GwCore *core, const GwNode *node, GError **error)
{
  gint64 now_ms = gw_core_now(core).boot_ms;
  g_autofree char *when = gw_clock_format(node->last_ms);

  if (node->is_group)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "%s is several nodes under one name: none of them proves anything", node->id);
  if (node->last_boot_ms && now_ms - node->last_boot_ms <= core->limits.online_ms)
    return TRUE;
  if (!node->last_ms)
    return gw_fail(error, GW_ERROR_OFFLINE, "node %s was never heard: name one that is online", node->id);
  return gw_fail(error, GW_ERROR_OFFLINE,
                 "node %s is not online, it was last heard %s: name one that is, or push to it and wait",
                 node->id, when);
}

static gboolean
check_verify(GwCore *core, const GwFirmware *firmware, const GwNode *node, GError **error)
{
  if (firmware->state == GW_FIRMWARE_VERIFIED)
    return gw_fail(error, GW_ERROR_EXISTS, "firmware %" G_GINT64_FORMAT " is verified already", firmware->id);
  return check_online(core, node, error);
}

static gboolean
check_state(const GwFirmware *firmware, GError **error)
{
  switch (firmware->state) {
  case GW_FIRMWARE_UNVERIFIED:
  case GW_FIRMWARE_VERIFYING:
  case GW_FIRMWARE_VERIFIED:
    return TRUE;
  case GW_FIRMWARE_DRAFT:
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "firmware %" G_GINT64_FORMAT " is a draft: complete it with \"firmware edit\"",
                   firmware->id);
  default:
    return gw_fail(error, GW_ERROR_BAD_INPUT, "firmware %" G_GINT64_FORMAT " is %s%s%s", firmware->id,
                   gw_firmware_state_name(firmware->state), *firmware->reason ? ": " : "", firmware->reason);
  }
}

/* A node that runs it and says so can prove it as it is. */
static gboolean
proves_it_already(const GwFirmware *firmware, const GwNode *node, GwOrder order)
{
  const GwComponent *component = gw_node_component_for(node, firmware->type);

  return order == GW_ORDER_EQUAL && component->source == GW_SOURCE_HEARD &&
         firmware->state != GW_FIRMWARE_VERIFIED;
}

static gboolean
check_fit(GwCore *core, const GwFirmware *firmware, const GwNode *node, gboolean is_downgrade, GError **error)
{
  const GwProduct *product = gw_products_find(core->firmwares, node->product);
  const char *text = NULL;
  GwReason reason = gw_policy_fits(node, firmware, product, &text);
  GwOrder order = product ? gw_policy_order(node, firmware, product) : GW_ORDER_UNKNOWN;

  if (gw_numbering_of(core, firmware) && node->told_firmware > firmware->id && !is_downgrade)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "node %s was offered firmware %" G_GINT64_FORMAT
                   ", which came later; an older one is brought by \"gatewayctl downgrade\"",
                   node->id, node->told_firmware);
  if (order == GW_ORDER_GREATER && is_downgrade)
    return TRUE;
  if (order == GW_ORDER_GREATER)
    return gw_fail(
        error, GW_ERROR_BAD_INPUT,
        "node %s runs a newer version than %s; an older one is brought by \"gatewayctl downgrade\"", node->id,
        firmware->software_version);
  if (reason && !proves_it_already(firmware, node, order))
    return gw_fail(error, reason == GW_REASON_UP_TO_DATE ? GW_ERROR_EXISTS : GW_ERROR_BAD_INPUT,
                   "firmware %" G_GINT64_FORMAT
                   " (product %s, version %s) cannot go to node %s (product %s): %s",
                   firmware->id, firmware->product, firmware->software_version, node->id,
                   *node->product ? node->product : "none", text);
  if (product->is_require_signature && !firmware->is_signed)
    return gw_fail(error, GW_ERROR_UNTRUSTED, "product %s takes signed firmware only", product->name);
  return TRUE;
}

static gboolean
check_options(GVariant *options, GError **error)
{
  const char *stay = gw_form_text(options, "stay", "0s");
  gint64 stay_ms;

  if (!gw_form_check(options, PUSH_KEYS, NULL, error))
    return FALSE;
  return gw_parse_duration_ms(stay, &stay_ms) ||
         gw_fail(error, GW_ERROR_BAD_INPUT, "stay: expected a time like 90min, not \"%.64s\"", stay);
}

/* Its firmware may be the last one that such nodes can ever have. */
static gboolean
overrides_last(const Push *push, const GwFirmware *firmware)
{
  g_auto(GStrv) overrides = gw_form_list(push->options, "override");

  return overrides && !gw_numbering_of(push->core, firmware) &&
         g_strv_contains((const char *const *)overrides, GW_OVERRIDE_LAST_VERSION);
}

static gboolean
check_push(const Push *push, const GwFirmware *firmware, const GwNode *node, GError **error)
{
  GwCore *core = push->core;

  if (!check_options(push->options, error) || !check_state(firmware, error))
    return FALSE;
  if (!node->is_adopted)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "node %s is not adopted, and gets nothing before it is: \"nodes adopt %s\" first",
                   node->id, node->id);
  if (push->kind == GW_PUSH_VERIFY && !check_verify(core, firmware, node, error))
    return FALSE;
  if (!gw_commands_is_fresh(core, firmware, error) ||
      (!overrides_last(push, firmware) && !gw_commands_check_last(core, firmware, error)))
    return FALSE;
  return check_fit(core, firmware, node, push->kind == GW_PUSH_DOWNGRADE, error) &&
         check_trial(core, firmware, node, error);
}

/* ---- it is done ---- */

/* What its make is told with this publication. */
typedef struct {
  char *number, *overrides;
} GwNumber;

static void
gw_number_clear(GwNumber *number)
{
  g_free(number->number);
  g_free(number->overrides);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwNumber, gw_number_clear)

/* A node is pushed one thing at a time: the newest word counts. */
static void
stop_older(GwCore *core, const GwNode *node, GwChange *change)
{
  g_autoptr(GPtrArray) older = g_ptr_array_new();
  GHashTableIter iter;
  gpointer rule;

  gw_rules_iter(core->rules, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &rule))
    if (is_push_to(rule, node->id))
      g_ptr_array_add(older, rule);
  for (guint i = 0; i < older->len; i++)
    gw_commands_stop_rule(core, older->pdata[i], "a newer push takes its place", change);
}

static gboolean
pick_number(const Push *push, const GwFirmware *firmware, const GwNode *node, GwNumber *ret_number,
            GError **error)
{
  GwNumberScope scope = { .numbering = gw_numbering_of(push->core, firmware), .type = firmware->type };
  g_autofree char *entered = NULL;

  if (scope.numbering)
    gw_number_scope_add(&scope, node);
  gw_number_read_form(push->options, &entered, &ret_number->overrides);
  if (g_strcmp0(ret_number->overrides, GW_OVERRIDE_LAST_VERSION) == 0 && !scope.numbering)
    *ret_number->overrides = '\0'; /* it is the firmware's, and kept with that */
  return gw_number_pick(&scope, entered, ret_number->overrides, &ret_number->number, error);
}

static GwRule *
make_rule(GwCore *core, const GwFirmware *firmware, const GwNode *node, GwNumber *number)
{
  gint64 id = gw_db_next_id(core->db, GW_SEQUENCE_RULE);
  g_autofree char *name = g_strdup_printf("push-%" G_GINT64_FORMAT, id);
  GwRule *rule = gw_rule_new(name);

  rule->id = id;
  gw_rule_add_firmware(rule, firmware->id);
  g_free(rule->number);
  rule->number = g_steal_pointer(&number->number);
  g_free(rule->overrides);
  rule->overrides = g_steal_pointer(&number->overrides);
  rule->is_push = TRUE;
  rule->who.is_unknown_included = TRUE;
  rule->who.nodes = gw_who_set_new();
  g_hash_table_add(rule->who.nodes, g_strdup(node->id));
  rule->created_ms = gw_core_now(core).wall_ms;
  return gw_rules_add(core->rules, rule);
}

/* What a person decided against the rules of the house is kept with the firmware, and said. */
static void
take_overrides(const Push *push, GwFirmware *firmware, const GwNode *node)
{
  GwAbout about = { .firmware_id = firmware->id, .node = node->id };

  if (overrides_last(push, firmware) && !gw_commands_check_last(push->core, firmware, NULL)) {
    g_free(firmware->overrides);
    firmware->overrides = g_strdup(GW_OVERRIDE_LAST_VERSION);
    gw_change_say(push->change, "firmware.overridden", &about,
                  "%s %s may be given out, although no version can ever follow it", firmware->product,
                  firmware->software_version);
  }
  if (push->kind != GW_PUSH_DOWNGRADE)
    return;
  firmware->is_downgrade_allowed = TRUE;
  gw_change_say(push->change, "firmware.downgrade-allowed", &about,
                "%s %s is brought to %s also in place of a newer version", firmware->product,
                firmware->software_version, node->id);
}

static gint64
stay_ms(const Push *push)
{
  gint64 ms = push->core->limits.stay_ms;

  gw_parse_duration_ms(gw_form_text(push->options, "stay", ""), &ms);
  return ms;
}

static void
verify(const Push *push, GwFirmware *firmware, const GwNode *node, gint64 rule_id)
{
  GwVerificationPlan plan = { .node = node, .rule_id = rule_id, .stay_ms = stay_ms(push) };

  gw_verifications_ask_make(push->core, node, &plan.is_silent, NULL); /* asked again when it is confirmed */
  if (firmware->state == GW_FIRMWARE_VERIFYING)
    gw_verifications_fact(push->core, firmware, GW_PROOF_GIVEN_UP, "it is tried anew", push->change);
  gw_verifications_start(push->core, firmware, &plan, push->change);
}

static gboolean
runs_it(const GwCore *core, const GwFirmware *firmware, const GwNode *node)
{
  const GwProduct *product = gw_products_find(core->firmwares, node->product);

  return product && gw_policy_order(node, firmware, product) == GW_ORDER_EQUAL;
}

static void
run_push(Push *push, GwFirmware *firmware, GwNode *node, GwNumber *number)
{
  GwCore *core = push->core;
  GwRule *rule = NULL;

  stop_older(core, node, push->change);
  take_overrides(push, firmware, node);
  if (!runs_it(core, firmware, node))
    rule = make_rule(core, firmware, node, number);
  if (firmware->state != GW_FIRMWARE_VERIFIED)
    verify(push, firmware, node, rule ? rule->id : 0);
  gw_rows_put_firmware(gw_change_batch(push->change), firmware);
  if (rule)
    gw_commands_run_rule(core, rule, push->change);
  gw_change_finish(g_steal_pointer(&push->change), push->then,
                   g_variant_new("(x)", rule ? rule->id : G_GINT64_CONSTANT(0)));
  gw_scheduler_node_changed(core, node->id);
  gw_scheduler_wake(core, node);
}

static void
on_checked(const char *plugin, const GError *error, gpointer user)
{
  Push *push = user;
  GwCore *core = push->core;
  g_autoptr(GError) why = NULL;
  g_auto(GwNumber) number = { NULL, NULL };
  GwFirmware *firmware = gw_commands_firmware(core, push->firmware_id, &why);
  GwNode *node = firmware ? gw_commands_node(core, push->node, &why) : NULL;

  if (node && !gw_commands_take_check(core, firmware, plugin, error, push->change))
    why = g_error_copy(error);
  if (!why && check_push(push, firmware, node, &why) && pick_number(push, firmware, node, &number, &why))
    run_push(push, firmware, node, &number);
  else
    gw_then_fail(core, push->then, g_steal_pointer(&why));
  push_free(push);
}

void
gw_command_push(GwCore *core, const GwCaller *caller, const GwPushOrder *order, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GVariant *options = order->options ? order->options : g_variant_new("a{sv}", NULL);
  GwFirmware *firmware = gw_commands_firmware(core, order->firmware, &error);
  GwNode *node = firmware ? gw_commands_node(core, order->node, &error) : NULL;
  Push *push = g_new(Push, 1);

  *push = (Push){ .core = core,
                  .firmware_id = order->firmware,
                  .node = g_strdup(node ? node->id : ""),
                  .options = g_variant_ref_sink(options),
                  .kind = order->kind,
                  .change = gw_change_new(core, caller),
                  .then = then };
  if (node && check_push(push, firmware, node, &error)) {
    gw_commands_check_image(core, firmware, on_checked, push);
    return;
  }
  gw_then_fail(core, then, g_steal_pointer(&error));
  push_free(push);
}
