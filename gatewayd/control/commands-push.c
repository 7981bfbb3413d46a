/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One firmware to one node: the only way for one that is not verified, and only to the one node that tries
 * it. */
#include <string.h>

#include "base/error.h"
#include "control/checks.h"
#include "control/commands-private.h"
#include "control/form.h"
#include "control/numbering.h"
#include "control/progress.h"
#include "control/scheduler.h"

static const GwFormKey PUSH_KEYS[] = {
  { "downgrade", 'b' },
  { "number", 'i' },
  { "override", 'a' },
  { NULL, 0 },
};

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

  if (firmware->state == GW_FIRMWARE_VERIFIED || !*other || strcmp(other, node->id) == 0 || !update ||
      update->firmware_id != firmware->id || update->state == GW_UPDATE_SCHEDULED)
    return TRUE;
  return gw_fail(error, GW_ERROR_BUSY,
                 "firmware %" G_GINT64_FORMAT " is unverified and is being tried on %s: one node at a time",
                 firmware->id, other);
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
                   ", which came later; a downgrade must be asked for as one: --downgrade",
                   node->id, node->told_firmware);
  if (order == GW_ORDER_GREATER && is_downgrade)
    return TRUE;
  if (order == GW_ORDER_GREATER)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "node %s runs a newer version than %s; a downgrade must be asked for as one: --downgrade",
                   node->id, firmware->software_version);
  if (reason)
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
check_push(GwCore *core, const GwFirmware *firmware, const GwNode *node, GVariant *options, GError **error)
{
  if (!gw_form_check(options, PUSH_KEYS, NULL, error) || !check_state(firmware, error))
    return FALSE;
  if (!node->is_adopted)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "node %s is not adopted, and gets nothing before it is: \"nodes adopt %s\" first",
                   node->id, node->id);
  return gw_commands_is_fresh(core, firmware, error) &&
         check_fit(core, firmware, node, gw_form_flag(options, "downgrade", FALSE), error) &&
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
pick_number(const GwCore *core, const GwFirmware *firmware, const GwNode *node, GVariant *options,
            GwNumber *ret_number, GError **error)
{
  GwNumberScope scope = { .numbering = gw_numbering_of(core, firmware), .type = firmware->type };
  g_autofree char *entered = NULL;

  if (scope.numbering)
    gw_number_scope_add(&scope, node);
  gw_number_read_form(options, &entered, &ret_number->overrides);
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

static void
take_trial(GwFirmware *firmware, const GwNode *node, gboolean is_downgrade, GwChange *change)
{
  if (firmware->state != GW_FIRMWARE_VERIFIED) {
    g_free(firmware->verify_node);
    firmware->verify_node = g_strdup(node->id);
  }
  if (is_downgrade && !firmware->is_downgrade_allowed) {
    firmware->is_downgrade_allowed = TRUE;
    gw_change_say(
        change, "firmware.downgrade-allowed", &(GwAbout){ .firmware_id = firmware->id, .node = node->id },
        "version %s may replace a newer one on nodes that it is pushed to", firmware->software_version);
  }
  gw_rows_put_firmware(gw_change_batch(change), firmware);
}

typedef struct {
  GwCore *core;
  gint64 firmware_id;
  char *node;
  GVariant *options;
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

static void
run_push(Push *push, GwFirmware *firmware, GwNode *node, GwNumber *number)
{
  GwCore *core = push->core;
  GwRule *rule;

  stop_older(core, node, push->change);
  take_trial(firmware, node, gw_form_flag(push->options, "downgrade", FALSE), push->change);
  rule = make_rule(core, firmware, node, number);
  gw_commands_run_rule(core, rule, push->change);
  gw_change_finish(g_steal_pointer(&push->change), push->then, g_variant_new("(x)", rule->id));
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
  if (!why && check_push(core, firmware, node, push->options, &why) &&
      pick_number(core, firmware, node, push->options, &number, &why))
    run_push(push, firmware, node, &number);
  else
    gw_then_fail(core, push->then, g_steal_pointer(&why));
  push_free(push);
}

void
gw_command_push(GwCore *core, const GwCaller *caller, const GwPushOrder *order, GwThen then)
{
  g_autoptr(GVariant) own =
      g_variant_ref_sink(order->options ? order->options : g_variant_new("a{sv}", NULL));
  g_autoptr(GError) error = NULL;
  GwFirmware *firmware = gw_commands_firmware(core, order->firmware, &error);
  GwNode *node = firmware ? gw_commands_node(core, order->node, &error) : NULL;
  Push *push;

  if (!node || !check_push(core, firmware, node, own, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  push = g_new(Push, 1);
  *push = (Push){ core, order->firmware, g_strdup(node->id), g_variant_ref(own), gw_change_new(core, caller),
                  then };
  gw_commands_check_image(core, firmware, on_checked, push);
}
