/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a firmware by a person's word: verified, unverified again, withdrawn, rejected. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/fetching.h"
#include "control/progress.h"
#include "control/scheduler.h"
#include "control/verifications.h"
#include "control/withdrawals.h"

/* ---- confirm ---- */

/* A person saw it there; what the node itself says weighs more. */
static gboolean
check_sighting(GwCore *core, const GwFirmware *firmware, const GwNode *node, const char *version,
               GError **error)
{
  const GwProduct *product = gw_products_find(core->firmwares, node->product);
  const GwComponent *component = gw_node_component_for(node, firmware->type);
  g_autofree char *there = gw_verifications_version_on(node, firmware);

  if (strcmp(firmware->software_version, version) != 0 && strcmp(there, version) != 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "it is version %s, and not the %s that you saw", there,
                   version);
  if (!node->is_adopted)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "node %s is not adopted: nothing was ever given to it",
                   node->id);
  if (!product || !gw_product_takes(product, firmware))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "it is for product %s, and node %s is of product %s",
                   firmware->product, node->id, *node->product ? node->product : "none");
  if (component && component->source == GW_SOURCE_HEARD && strcmp(component->software_version, version) != 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "node %s itself says that it runs %s", node->id,
                   component->software_version);
  return TRUE;
}

/* Nodes that tell their version prove a firmware themselves; a person only says yes to it. */
static gboolean
check_proof(GwCore *core, const GwFirmware *firmware, GError **error)
{
  GwNow now = gw_core_now(core);
  gint64 left_ms = gw_deadline_boot_ms(&firmware->verification.deadline, &now) - now.boot_ms;

  switch (gw_firmware_step(firmware)) {
  case GW_VERIFICATION_OPEN:
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "nodes of this make tell their version themselves: verify it on one of them first, with "
                   "\"firmware verify\"");
  case GW_VERIFICATION_BRINGING:
    return gw_fail(error, GW_ERROR_BUSY, "node %s has not said yet that it runs %s", firmware->verify_node,
                   firmware->software_version);
  case GW_VERIFICATION_STAYING:
    return gw_fail(error, GW_ERROR_BUSY,
                   "node %s runs it, and must stay in contact for another %" G_GINT64_FORMAT " s",
                   firmware->verify_node, MAX((left_ms + 999) / 1000, 1));
  default:
    return TRUE;
  }
}

static gboolean
check_state(const GwFirmware *firmware, GError **error)
{
  if (firmware->state == GW_FIRMWARE_VERIFIED)
    return gw_fail(error, GW_ERROR_EXISTS, "it is verified already");
  if (firmware->state != GW_FIRMWARE_UNVERIFIED && firmware->state != GW_FIRMWARE_VERIFYING)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "it is %s, and cannot be verified",
                   gw_firmware_state_name(firmware->state));
  return TRUE;
}

/* The operator's eyes: entered, where the node itself did not say. */
static void
enter_version(GwCore *core, GwNode *node, const GwFirmware *firmware, GwChange *change)
{
  GwComponent *component = gw_node_add_component(node, firmware->type);
  g_autofree char *there = gw_verifications_version_on(node, firmware);

  if (!component || component->source == GW_SOURCE_HEARD)
    return;
  gw_component_set(component, there, GW_SOURCE_ENTERED, gw_core_now(core).wall_ms);
  gw_rows_put_node(gw_change_batch(change), node);
}

/* Of a node that proved it there is nothing to add. */
static gboolean
complete_sighting(const GwFirmware *firmware, const GwSighting *seen, GwSighting *ret_seen, GError **error)
{
  gboolean is_told = *seen->node && *seen->version;

  *ret_seen = *seen;
  if (gw_firmware_step(firmware) == GW_VERIFICATION_STAYED && !*seen->node)
    ret_seen->node = firmware->verify_node;
  if (gw_firmware_step(firmware) == GW_VERIFICATION_STAYED && !*seen->version)
    ret_seen->version = firmware->software_version;
  return is_told || (*ret_seen->node && *ret_seen->version) ||
         gw_fail(error, GW_ERROR_BAD_INPUT, "say what you saw: which version, on which node");
}

static gboolean
check_confirm(GwCore *core, GwFirmware *firmware, const GwNode *node, const char *version, GError **error)
{
  gboolean is_silent;

  if (!check_state(firmware, error) || !check_sighting(core, firmware, node, version, error) ||
      !gw_verifications_ask_make(core, node, &is_silent, error) ||
      !gw_commands_check_last(core, firmware, error))
    return FALSE;
  if (!is_silent && !check_proof(core, firmware, error))
    return FALSE;
  firmware->verification.is_silent = is_silent;
  return TRUE;
}

/* Where it was seen is said with it, also when it was never tried there. */
static void
name_node(GwFirmware *firmware, const GwNode *node)
{
  if (*firmware->verify_node)
    return;
  g_free(firmware->verify_node);
  firmware->verify_node = g_strdup(node->id);
}

void
gw_command_firmware_confirm(GwCore *core, const GwCaller *caller, gint64 id, const GwSighting *told,
                            GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwFirmware *firmware = gw_commands_firmware(core, id, &error);
  g_autoptr(GwChange) change = NULL;
  GwSighting seen;
  GwNode *node = NULL;

  if (firmware && complete_sighting(firmware, told, &seen, &error))
    node = gw_commands_node(core, seen.node, &error);
  if (!node || !check_confirm(core, firmware, node, seen.version, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  g_autofree char *detail =
      g_strdup_printf("%s saw version %s run on %s", caller->name, seen.version, node->id);
  change = gw_change_new(core, caller);
  name_node(firmware, node);
  gw_verifications_fact(core, firmware, GW_PROOF_SEEN, detail, change);
  enter_version(core, node, firmware, change);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
}

void
gw_command_firmware_unverify(GwCore *core, const GwCaller *caller, gint64 id, const char *reason, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwFirmware *firmware = gw_commands_firmware(core, id, &error);
  g_autoptr(GwChange) change = NULL;
  g_autofree char *detail = g_strdup_printf("ended by %s%s%s", caller->name, *reason ? ": " : "", reason);

  if (firmware && firmware->state != GW_FIRMWARE_VERIFYING)
    gw_fail(&error, GW_ERROR_BAD_INPUT, "firmware %" G_GINT64_FORMAT " is %s: nothing verifies it just now",
            id, gw_firmware_state_name(firmware->state));
  if (error) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  gw_verifications_fact(core, firmware, GW_PROOF_GIVEN_UP, detail, change);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
}

/* ---- withdraw, reject ---- */

/* What has all bytes ends as "outcome unknown"; what is on its way ends as far as it can be cut. */
static void
cancel_updates(GwCore *core, const GwFirmware *firmware, const char *reason, GwChange *change)
{
  g_autoptr(GPtrArray) updates = gw_updates_open_of_rule(core->updates, 0);

  for (guint i = 0; i < updates->len; i++) {
    GwUpdate *update = updates->pdata[i];

    if (update->firmware_id == firmware->id)
      gw_progress_cancel(core, update, update->state >= GW_UPDATE_DOWNLOADED ? GW_PROGRESS_UNPROVEN : reason,
                         change);
  }
}

void
gw_commands_end_firmware(GwCore *core, GwFirmware *firmware, GwFirmwareState state, const char *reason,
                         GwChange *change)
{
  const char *name = gw_firmware_state_name(state);
  g_autofree char *detail = g_strdup_printf("the firmware was %s", name);
  GwAbout about = { .firmware_id = firmware->id, .reason = reason };
  GwRule *push = gw_rules_find(core->rules, firmware->verification.rule_id);

  gw_verifications_close(core, firmware);
  gw_commands_set_state(core, firmware, state, reason);
  gw_rows_put_firmware(gw_change_batch(change), firmware);
  gw_change_say(change, state == GW_FIRMWARE_WITHDRAWN ? "firmware.withdrawn" : "firmware.rejected", &about,
                "%s %s was %s%s%s", firmware->product, firmware->software_version, name, *reason ? ": " : "",
                reason);
  cancel_updates(core, firmware, detail, change);
  if (push && gw_rule_is_live(push))
    gw_commands_stop_rule(core, push, detail, change);
  gw_fetching_cancel(core->fetching, firmware);
}

void
gw_command_firmware_withdraw(GwCore *core, const GwCaller *caller, gint64 id, const char *reason, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwFirmware *firmware = gw_commands_firmware(core, id, &error);
  g_autoptr(GwChange) change = NULL;

  if (firmware && firmware->state == GW_FIRMWARE_WITHDRAWN)
    gw_fail(&error, GW_ERROR_EXISTS, "firmware %" G_GINT64_FORMAT " is withdrawn already", id);
  if (error || !gw_withdrawals_note(core, id, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  gw_commands_end_firmware(core, firmware, GW_FIRMWARE_WITHDRAWN, reason, change);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_changed(core);
}

static gboolean
check_reject(const GwFirmware *firmware, const char *reason, GError **error)
{
  if (firmware->state == GW_FIRMWARE_VERIFIED || firmware->state == GW_FIRMWARE_WITHDRAWN)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "firmware %" G_GINT64_FORMAT " is %s: %s", firmware->id,
                   gw_firmware_state_name(firmware->state),
                   firmware->state == GW_FIRMWARE_VERIFIED ? "withdraw it" : "nobody is offered it");
  if (!*reason)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "say why it is rejected");
  return TRUE;
}

void
gw_command_firmware_reject(GwCore *core, const GwCaller *caller, gint64 id, const char *reason, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwFirmware *firmware = gw_commands_firmware(core, id, &error);
  g_autoptr(GwChange) change = NULL;
  g_autofree char *detail = g_strdup_printf("%s: by %s", reason, caller->name);

  if (!firmware || !check_reject(firmware, reason, &error) || !gw_withdrawals_note(core, id, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  firmware->is_denied = TRUE;
  gw_commands_end_firmware(core, firmware, GW_FIRMWARE_REJECTED, detail, change);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_changed(core);
}
