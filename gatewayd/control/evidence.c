/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/evidence.h"

#include <string.h>

#include "control/progress.h"
#include "control/scheduler.h"
#include "control/verifications.h"

/* ---- what was heard ---- */

/* As the product compares them: "1.2" is "1.2.0" where versions are dotted. */
static gboolean
is_same_version(const GwProduct *product, const char *a, const char *b)
{
  return strcmp(a, b) == 0 || (product && gw_version_compare(product->scheme, a, b) == GW_ORDER_EQUAL);
}

static GwFact
fact_of_version(const GwCore *core, const GwUpdate *update, const char *version)
{
  const GwFirmware *firmware = gw_firmwares_find(core->firmwares, update->firmware_id);
  const GwProduct *product = firmware ? gw_products_find(core->firmwares, firmware->product) : NULL;

  if (is_same_version(product, version, gw_firmwares_version_of(core->firmwares, update)))
    return GW_FACT_HEARD_TARGET;
  return is_same_version(product, version, update->version_before) ? GW_FACT_HEARD_OLD : GW_FACT_HEARD_OTHER;
}

/* Which of the ways to come back it was. Caller frees. */
static char *
describe_version(const GwCore *core, const GwUpdate *update, const char *version, GwFact fact)
{
  const char *wanted = gw_firmwares_version_of(core->firmwares, update);
  const char *after = update->state == GW_UPDATE_REPORTED     ? "it said that it had succeeded"
                      : update->state == GW_UPDATE_INSTALLING ? "it was installing"
                                                              : "it had every byte";

  if (fact == GW_FACT_HEARD_TARGET && gw_update_state_is_final(update->state))
    return g_strdup_printf("heard running %s after all (%s before)", version,
                           gw_update_state_name(update->state));
  if (fact == GW_FACT_HEARD_TARGET)
    return g_strdup_printf("heard running %s", version);
  if (fact == GW_FACT_HEARD_OLD)
    return g_strdup_printf("%s, and came back with its old version %s", after, version);
  return g_strdup_printf("%s, and came back with version %s, neither the old one nor %s", after, version,
                         wanted);
}

static void
tell_version(GwCore *core, GwUpdate *update, const char *version, GwChange *change)
{
  const GwFirmware *firmware = gw_firmwares_find(core->firmwares, update->firmware_id);
  GwFact fact = fact_of_version(core, update, version);
  g_autofree char *detail = describe_version(core, update, version, fact);

  if (firmware)
    gw_progress_fact(core, update, fact, detail, change);
}

/* A node of several parts that does not say which of them runs the version says nothing about any. */
static gboolean
is_about(const GwNode *node, const GwUpdate *update, const char *type)
{
  return strcmp(update->type, type) == 0 || ((!*type || !*update->type) && node->components->len <= 1);
}

/* The newest update of that part, open or ended: a late success still counts for it. */
static GwUpdate *
find_newest(const GwCore *core, const GwNode *node, const char *type)
{
  const GPtrArray *held = gw_updates_of_node(core->updates, node->id);
  GwUpdate *newest = NULL;

  for (guint i = 0; held && i < held->len; i++) {
    GwUpdate *update = held->pdata[i];

    if (is_about(node, update, type) && (!newest || update->id > newest->id))
      newest = update;
  }
  return newest;
}

/* A claim that is no proof is better than nothing, and never better than what was heard. What a node of
 * several parts runs without saying where, nobody knows. */
static gboolean
set_version(GwCore *core, GwNode *node, const GwAsk *ask)
{
  gboolean is_vague = !*ask->type && node->components->len > 1;
  GwComponent *component = is_vague ? gw_node_component(node, "") : gw_node_add_component(node, ask->type);
  GwVersionSource source = ask->is_version_proof ? GW_SOURCE_HEARD : GW_SOURCE_INFERRED;

  if (!component || (component->source == GW_SOURCE_HEARD && !ask->is_version_proof))
    return FALSE;
  if (strcmp(component->software_version, ask->software_version) == 0 && component->source == source)
    return FALSE;
  gw_component_set(component, ask->software_version, source, gw_core_now(core).wall_ms);
  return TRUE;
}

void
gw_evidence_heard(GwCore *core, GwNode *node, const GwAsk *ask, GwChange *change)
{
  GwUpdate *newest;
  gboolean is_news;

  if (!*ask->software_version || node->is_group || strlen(ask->software_version) > 64)
    return;
  is_news = set_version(core, node, ask);
  newest = ask->is_version_proof ? find_newest(core, node, ask->type) : NULL;
  if (newest && (is_news || !gw_update_state_is_final(newest->state)))
    tell_version(core, newest, ask->software_version, change);
  if (ask->is_version_proof)
    gw_verifications_heard(core, node, ask->type, ask->software_version, change);
  if (is_news && node->is_adopted) {
    gw_rows_put_node(gw_change_batch(change), node);
    gw_change_say(change, "node.version", &(GwAbout){ .node = node->id }, "%s runs version %s (%s)", node->id,
                  ask->software_version, ask->is_version_proof ? "heard" : "claimed");
  }
}

/* ---- silent makes ---- */

void
gw_evidence_metadata(GwCore *core, GwUpdate *update, GwPin *pin, GwChange *change)
{
  GwInferenceRule rule = gw_progress_inference(core, pin);
  guint n_before = pin->inference.n_counted;

  if (!pin->inference.is_open)
    return;
  gw_inference_metadata(&pin->inference, &rule, gw_core_now(core).boot_ms);
  if (pin->inference.n_counted == n_before)
    return;
  gw_progress_put_pin(core, pin, change);
  gw_progress_watch(core, update);
}

void
gw_evidence_bytes(GwCore *core, GwUpdate *update, GwPin *pin, GwChange *change)
{
  pin->used_boot_ms = gw_core_now(core).boot_ms;
  if (!pin->is_silent || gw_progress_is_of_group(core, update) || update->state < GW_UPDATE_DOWNLOADED ||
      gw_update_state_is_final(update->state))
    return;
  gw_inference_bytes(&pin->inference, pin->used_boot_ms);
  pin->is_owed = pin->is_never_cut;
  gw_progress_fact(core, update, GW_FACT_BYTES_AGAIN, "it asked for the image that it had completely",
                   change);
  if (gw_pins_of_update(core->pins, update->id) == pin)
    gw_progress_put_pin(core, pin, change);
}

/* ---- transfers ---- */

/* A group's members come one by one: their downloads are counted, and nothing is said about any of them. */
static void
count_group(GwCore *core, GwPin *pin, GwUpdate *update, guint n_members, GwChange *change)
{
  update->n_downloads = pin->n_downloads;
  g_autofree char *detail = g_strdup_printf("%u downloads by members of the group", pin->n_downloads);

  if (n_members > 0 || !gw_progress_fact(core, update, GW_FACT_INTERRUPTED, detail, change))
    gw_progress_note(core, update, GW_FACT_ALL_SENT, detail, change);
  gw_progress_say(core, update, "downloaded-by-member", detail, change);
  gw_progress_put_pin(core, pin, change);
}

/* It could not be cut when its firmware was withdrawn; now that it is through, it ends as the others did. */
static gboolean
end_withdrawn(GwCore *core, GwUpdate *update, GwChange *change)
{
  const GwFirmware *firmware = gw_firmwares_find(core->firmwares, update->firmware_id);

  return firmware && firmware->state == GW_FIRMWARE_WITHDRAWN &&
         gw_progress_fact(core, update, GW_FACT_CANCELLED, GW_PROGRESS_UNPROVEN, change);
}

static void
complete_one(GwCore *core, GwPin *pin, GwUpdate *update, GwChange *change)
{
  if (pin->is_silent)
    gw_inference_start(&pin->inference, gw_core_now(core).boot_ms);
  if (!gw_progress_fact(core, update, GW_FACT_ALL_SENT, "every byte was acknowledged", change))
    pin->inference.is_open = update->state == GW_UPDATE_DOWNLOADED && pin->inference.is_open;
  if (end_withdrawn(core, update, change) || gw_pins_of_update(core->pins, update->id) != pin)
    return;
  if (pin->is_silent && !gw_update_state_is_final(update->state))
    gw_progress_put_pin(core, pin, change);
  else
    gw_progress_drop_pin(core, pin, change);
}

void
gw_evidence_complete(GwCore *core, GwPin *pin, guint64 size, guint n_members, GwChange *change)
{
  GwUpdate *update = gw_updates_find(core->updates, pin->update_id);

  pin->n_downloads++;
  pin->is_owed = FALSE;
  pin->used_ms = gw_core_now(core).wall_ms;
  pin->used_boot_ms = gw_core_now(core).boot_ms;
  if (n_members == 0)
    gw_scheduler_release(core, pin->update_id);
  if (!update) {
    gw_progress_drop_pin(core, pin, change);
    return;
  }
  update->acked = update->size = size ? size : update->size;
  if (gw_progress_is_of_group(core, update) && !gw_update_state_is_final(update->state))
    count_group(core, pin, update, n_members, change);
  else
    complete_one(core, pin, update, change);
}

static void
note_power_cycle(GwCore *core, const GwPin *pin, GwChange *change)
{
  GwNode *node = gw_registry_find(core->registry, pin->node);

  if (!pin->is_never_cut || !node || node->needs_power_cycle || node->is_group)
    return;
  node->needs_power_cycle = TRUE;
  gw_rows_put_node(gw_change_batch(change), node);
  gw_change_say(change, "node.needs-power-cycle", &(GwAbout){ .node = node->id, .update_id = pin->update_id },
                "%s: its download broke off; it stays silent until it is reset: power-cycle it", node->id);
}

void
gw_evidence_interrupted(GwCore *core, GwPin *pin, guint64 acked, const char *detail, GwChange *change)
{
  GwUpdate *update = gw_updates_find(core->updates, pin->update_id);

  gw_scheduler_release(core, pin->update_id);
  if (!update)
    return;
  if (update->state == GW_UPDATE_DOWNLOADING)
    note_power_cycle(core, pin, change);
  update->acked = MAX(update->acked, acked);
  gw_progress_fact(core, update, GW_FACT_INTERRUPTED, detail, change);
}

void
gw_evidence_member_interrupted(GwCore *core, const GwPin *pin, const char *detail, GwChange *change)
{
  const GwUpdate *update = gw_updates_find(core->updates, pin->update_id);

  if (update)
    gw_progress_note(core, update, GW_FACT_INTERRUPTED, detail, change);
}
