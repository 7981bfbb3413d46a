/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/verifications.h"

#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/scheduler.h"

/* A node that ran it and is silent for so many times the return time is lost. */
#define SILENCE_TIMES 2

static gboolean
is_tried_on(const GwFirmware *firmware, const GwNode *node)
{
  return strcmp(firmware->verify_node, node->id) == 0;
}

char *
gw_verifications_version_on(const GwNode *node, const GwFirmware *firmware)
{
  return node->told_firmware == firmware->id ? g_strdup_printf("%" G_GINT64_FORMAT, node->told_number)
                                             : g_strdup(firmware->software_version);
}

gboolean
gw_verifications_ask_make(const GwCore *core, const GwNode *node, gboolean *ret_is_silent, GError **error)
{
  const GwProduct *product = gw_products_find(core->firmwares, node->product);
  const char *name = *node->plugin ? node->plugin : product ? product->plugin : "";
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, name);

  if (!plugin)
    return gw_fail(
        error, GW_ERROR_BUSY,
        "whether nodes like %s tell their version is not known: its transport%s%s is not connected", node->id,
        *name ? " " : "", name);
  *ret_is_silent = (plugin->traits & GATEWAY_SILENT) != 0;
  return TRUE;
}

/* ---- what follows from a step ---- */

static gint64
silence_ms(const GwCore *core, const GwFirmware *firmware)
{
  return MAX(SILENCE_TIMES * core->limits.not_back_ms, firmware->verification.stay_ms);
}

static void
watch(GwCore *core, const GwFirmware *firmware)
{
  const GwVerification *verification = &firmware->verification;
  GwNow now = gw_core_now(core);
  gint64 due_ms = G_MAXINT64;

  if (verification->step == GW_VERIFICATION_BRINGING)
    due_ms = gw_deadline_boot_ms(&verification->deadline, &now);
  else if (verification->step)
    due_ms = verification->heard_boot_ms + silence_ms(core, firmware);
  gw_core_alarm(core, GW_ALARM_VERIFICATION, firmware->id, due_ms);
}

static void
set_reason(GwFirmware *firmware, const char *reason)
{
  g_free(firmware->reason);
  firmware->reason = g_strdup(reason);
}

void
gw_verifications_close(GwCore *core, GwFirmware *firmware)
{
  g_ptr_array_remove_fast(core->verifying, firmware);
  firmware->verification = (GwVerification){ 0 };
  g_free(firmware->verify_node);
  firmware->verify_node = g_strdup("");
  watch(core, firmware);
}

/* Its push is of no use any more; what cannot be cut goes on, and is offered to nobody anew. */
static void
end_push(GwCore *core, gint64 rule_id, GwChange *change)
{
  GwRule *rule = gw_rules_find(core->rules, rule_id);

  if (rule && gw_rule_is_live(rule))
    gw_commands_stop_rule(core, rule, "the verification has ended", change);
}

static void
say(GwChange *change, const GwFirmware *firmware, const char *type, const char *detail)
{
  GwAbout about = { .firmware_id = firmware->id,
                    .node = *firmware->verify_node ? firmware->verify_node : NULL,
                    .reason = detail };

  gw_change_say(change, type, &about, "%s %s is %s%s%s", firmware->product, firmware->software_version,
                gw_firmware_state_name(firmware->state), *detail ? ": " : "", detail);
}

static void
reopen(GwCore *core, GwFirmware *firmware, const char *detail, GwChange *change)
{
  gint64 rule_id = firmware->verification.rule_id;

  firmware->state = GW_FIRMWARE_UNVERIFIED;
  set_reason(firmware, detail);
  say(change, firmware, "firmware.unverified", detail);
  gw_verifications_close(core, firmware);
  end_push(core, rule_id, change);
}

static void
prove(GwCore *core, GwFirmware *firmware, const char *detail, GwChange *change)
{
  gw_firmware_prove(firmware, detail);
  set_reason(firmware, "");
  say(change, firmware, "firmware.verified", detail);
  gw_verifications_close(core, firmware);
}

static void
enter(GwCore *core, GwFirmware *firmware, GwVerificationStep step, const char *detail, GwChange *change)
{
  static const char *const TYPES[] = {
    [GW_VERIFICATION_BRINGING] = "firmware.verifying",
    [GW_VERIFICATION_STAYING] = "firmware.staying",
    [GW_VERIFICATION_STAYED] = "firmware.stayed",
  };
  GwVerification *verification = &firmware->verification;
  GwNow now = gw_core_now(core);

  firmware->state = GW_FIRMWARE_VERIFYING;
  verification->step = step;
  verification->heard_boot_ms = now.boot_ms;
  verification->deadline = gw_deadline_in(
      &now, step == GW_VERIFICATION_BRINGING ? core->limits.verification_ms : verification->stay_ms);
  set_reason(firmware, detail);
  say(change, firmware, TYPES[step], detail);
  watch(core, firmware);
}

gboolean
gw_verifications_fact(GwCore *core, GwFirmware *firmware, GwProof proof, const char *detail, GwChange *change)
{
  GwVerificationStep before = gw_firmware_step(firmware);
  GwVerificationStep next = gw_verification_next(before, proof, firmware->verification.is_silent);
  const GwProduct *product = gw_products_find(core->firmwares, firmware->product);

  if (next == before)
    return FALSE;
  firmware->state_changed_ms = gw_core_now(core).wall_ms;
  if (next == GW_VERIFICATION_OPEN)
    reopen(core, firmware, detail, change);
  else if (next == GW_VERIFICATION_PROVEN)
    prove(core, firmware, detail, change);
  else
    enter(core, firmware, next, detail, change);
  if (next == GW_VERIFICATION_STAYED && product && product->is_self_verifying)
    return gw_verifications_fact(core, firmware, GW_PROOF_ALLOWED,
                                 "it stayed in contact, and its product asks for no more", change);
  gw_rows_put_firmware(gw_change_batch(change), firmware);
  gw_scheduler_changed(core);
  return TRUE;
}

void
gw_verifications_start(GwCore *core, GwFirmware *firmware, const GwVerificationPlan *plan, GwChange *change)
{
  g_autofree char *detail = g_strdup_printf("node %s tries it", plan->node->id);

  g_free(firmware->verify_node);
  firmware->verify_node = g_strdup(plan->node->id);
  firmware->verification = (GwVerification){
    .is_silent = plan->is_silent,
    .rule_id = plan->rule_id,
    .stay_ms = plan->stay_ms,
  };
  g_ptr_array_add(core->verifying, firmware);
  gw_verifications_fact(core, firmware, GW_PROOF_STARTED, detail, change);
}

/* ---- what is heard ---- */

static gboolean
is_its_version(const GwCore *core, const GwFirmware *firmware, const GwNode *node, const char *version)
{
  const GwProduct *product = gw_products_find(core->firmwares, firmware->product);
  g_autofree char *there = gw_verifications_version_on(node, firmware);

  return strcmp(version, there) == 0 ||
         (product && gw_version_compare(product->scheme, version, there) == GW_ORDER_EQUAL);
}

static gboolean
is_of_part(const GwNode *node, const GwFirmware *firmware, const char *type)
{
  const GwComponent *part = gw_node_component_for(node, firmware->type);

  return part && part == gw_node_component_for(node, type);
}

static gboolean
has_stayed(const GwCore *core, const GwFirmware *firmware)
{
  GwNow now = gw_core_now(core);

  return firmware->verification.step == GW_VERIFICATION_STAYING &&
         gw_deadline_boot_ms(&firmware->verification.deadline, &now) <= now.boot_ms;
}

static void
hear_one(GwCore *core, GwFirmware *firmware, const GwNode *node, const char *version, GwChange *change)
{
  g_autofree char *detail = g_strdup_printf("%s itself says that it runs %s", node->id, version);

  if (!is_its_version(core, firmware, node, version)) {
    gw_verifications_fact(core, firmware, GW_PROOF_HEARD_OTHER, detail, change);
    return;
  }
  firmware->verification.heard_boot_ms = gw_core_now(core).boot_ms;
  if (gw_verifications_fact(core, firmware, GW_PROOF_HEARD, detail, change))
    return;
  if (has_stayed(core, firmware))
    gw_verifications_fact(core, firmware, GW_PROOF_STAYED, detail, change);
  if (firmware->verification.step)
    watch(core, firmware);
}

/* From the back: one that is proven, or open again, leaves the list. */
void
gw_verifications_heard(GwCore *core, const GwNode *node, const char *type, const char *version,
                       GwChange *change)
{
  for (guint i = core->verifying->len; i > 0; i--) {
    GwFirmware *firmware = core->verifying->pdata[i - 1];

    if (is_tried_on(firmware, node) && is_of_part(node, firmware, type))
      hear_one(core, firmware, node, version, change);
  }
}

void
gw_verifications_contact(GwCore *core, const GwNode *node)
{
  g_autoptr(GwChange) change = NULL;

  for (guint i = core->verifying->len; i > 0; i--) {
    GwFirmware *firmware = core->verifying->pdata[i - 1];
    const GwComponent *part = gw_node_component_for(node, firmware->type);

    if (!is_tried_on(firmware, node) || firmware->verification.step == GW_VERIFICATION_BRINGING || !part ||
        part->source != GW_SOURCE_HEARD)
      continue;
    if (!change)
      change = gw_change_new(core, NULL);
    hear_one(core, firmware, node, part->software_version, change);
  }
  if (change)
    gw_change_commit_if_any(g_steal_pointer(&change));
}

/* ---- what ends ---- */

static GwFirmware *
find_by_push(const GwCore *core, gint64 rule_id)
{
  for (guint i = 0; rule_id && i < core->verifying->len; i++) {
    GwFirmware *firmware = core->verifying->pdata[i];

    if (firmware->verification.rule_id == rule_id)
      return firmware;
  }
  return NULL;
}

void
gw_verifications_hand_over(GwCore *core, const char *old, const char *new)
{
  for (guint i = 0; i < core->verifying->len; i++) {
    GwFirmware *firmware = core->verifying->pdata[i];

    if (strcmp(firmware->verify_node, old) != 0)
      continue;
    g_free(firmware->verify_node);
    firmware->verify_node = g_strdup(new);
  }
}

void
gw_verifications_begin_anew(GwCore *core, const GwNode *node, GwChange *change)
{
  g_autofree char *detail = g_strdup_printf("node %s tries it, in the place of another", node->id);

  for (guint i = 0; i < core->verifying->len; i++) {
    GwFirmware *firmware = core->verifying->pdata[i];
    GwRule *push = gw_rules_find(core->rules, firmware->verification.rule_id);

    if (!is_tried_on(firmware, node))
      continue;
    enter(core, firmware, GW_VERIFICATION_BRINGING, detail, change);
    gw_rows_put_firmware(gw_change_batch(change), firmware);
    if (!push)
      continue;
    push->state = GW_RULE_RUNNING;
    gw_rows_put_rule(gw_change_batch(change), push);
    gw_rules_reindex(core->rules);
  }
}

void
gw_verifications_update_ended(GwCore *core, const GwUpdate *update, GwChange *change)
{
  GwFirmware *firmware = find_by_push(core, update->rule_id);
  g_autofree char *detail = NULL;

  if (!firmware || update->state == GW_UPDATE_SUCCEEDED || strcmp(firmware->verify_node, update->node) != 0)
    return;
  detail = g_strdup_printf("the update of %s %s%s%s", update->node,
                           update->state == GW_UPDATE_FAILED ? "failed" : "was not done",
                           *update->reason ? ": " : "", update->reason);
  gw_verifications_fact(core, firmware, GW_PROOF_ENDED, detail, change);
}

void
gw_verifications_push_ended(GwCore *core, const GwRule *rule, const char *reason, GwChange *change)
{
  GwFirmware *firmware = find_by_push(core, rule->id);
  g_autoptr(GPtrArray) updates = gw_updates_open_of_rule(core->updates, rule->id);

  if (firmware && updates->len == 0)
    gw_verifications_fact(core, firmware, GW_PROOF_ENDED, reason, change);
}

void
gw_verifications_alarm(GwCore *core, gint64 firmware_id)
{
  GwFirmware *firmware = gw_firmwares_find(core->firmwares, firmware_id);
  g_autoptr(GwChange) change = gw_change_new(core, NULL);

  if (firmware && firmware->verification.step == GW_VERIFICATION_BRINGING)
    gw_verifications_fact(core, firmware, GW_PROOF_LATE, "its node was not heard with it in time", change);
  else if (firmware)
    gw_verifications_fact(core, firmware, GW_PROOF_LOST, "its node ran it, and is not heard any more",
                          change);
  gw_change_commit_if_any(g_steal_pointer(&change));
}

/* ---- start-up ---- */

static void
resume_one(GwCore *core, GwFirmware *firmware, GwChange *change)
{
  GwNow now = gw_core_now(core);

  g_ptr_array_add(core->verifying, firmware);
  firmware->verification.heard_boot_ms = now.boot_ms;
  gw_deadline_touch(&firmware->verification.deadline, &now);
  if (core->was_lost)
    enter(core, firmware, GW_VERIFICATION_BRINGING,
          "the database was restored: what its node showed since counts anew", change);
  if (core->was_lost)
    gw_rows_put_firmware(gw_change_batch(change), firmware);
  else
    watch(core, firmware);
}

void
gw_verifications_resume(GwCore *core, GwChange *change)
{
  GHashTableIter iter;
  gpointer value;

  gw_firmwares_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwFirmware *firmware = value;

    if (firmware->state == GW_FIRMWARE_VERIFYING)
      resume_one(core, firmware, change);
    else if (firmware->state == GW_FIRMWARE_VERIFIED && !gw_firmware_is_for_rules(firmware)) {
      reopen(core, firmware, "there is no proof that this image ran on a node", change);
      gw_rows_put_firmware(gw_change_batch(change), firmware);
    }
  }
}
