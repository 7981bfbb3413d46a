/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/leads.h"

#include <string.h>

#include "base/log.h"
#include "control/fetching.h"
#include "control/imports.h"
#include "control/passing.h"
#include "link/messages.h"

#define ENTRIES_MAX 500 /* that came so, and are not deleted */

static const GwNode *
asker_of(const GwCore *core, const GwLead *lead)
{
  const GwNode *node = *lead->node ? gw_registry_find(core->registry, lead->node)
                                   : gw_registry_at(core->registry, lead->address);

  return node && node->is_adopted && strcmp(node->plugin, lead->plugin) == 0 ? node : NULL;
}

static void
take_text(char **to, const char *text)
{
  g_free(*to);
  *to = gw_log_inert(text);
}

static GwFirmware *
firmware_of(const GwCore *core, const GwLead *lead, const GwProduct *product)
{
  const char *base = gw_passing_base(core, lead->plugin);
  guint8 sha256[GW_SHA256_LEN];
  GwFirmware *firmware;

  if (!base)
    return NULL;
  firmware = gw_firmware_new();
  take_text(&firmware->product, product->name);
  take_text(&firmware->type, lead->type);
  take_text(&firmware->hardware_version, lead->hardware_version);
  take_text(&firmware->software_version, lead->software_version);
  take_text(&firmware->name, lead->name);
  g_free(firmware->upstream);
  firmware->upstream = g_strconcat("passthrough:", lead->plugin, NULL);
  g_free(firmware->url);
  firmware->url = *lead->url ? g_strdup(lead->url) : gw_passing_url(base, lead->target);
  firmware->size = lead->size;
  firmware->is_undigested = !gw_unhex(lead->sha256, GW_SHA256_LEN, sha256);
  if (!firmware->is_undigested)
    gw_hex(sha256, GW_SHA256_LEN, firmware->sha256);
  firmware->state = *lead->software_version ? GW_FIRMWARE_UNVERIFIED : GW_FIRMWARE_DRAFT;
  firmware->created_ms = firmware->state_changed_ms = gw_core_now(core).wall_ms;
  return firmware;
}

static gboolean
is_same(const GwFirmware *a, const GwFirmware *b)
{
  return strcmp(a->upstream, b->upstream) == 0 && strcmp(a->product, b->product) == 0 &&
         strcmp(a->type, b->type) == 0 && strcmp(a->hardware_version, b->hardware_version) == 0 &&
         (a->size == b->size || a->size == 0 || b->size == 0) &&
         (!*b->software_version || strcmp(a->software_version, b->software_version) == 0);
}

/* What was learned of another node, or is known from elsewhere. An entry without a version is the one that an
 * operator gave one. */
static gboolean
is_known(GwCore *core, const GwFirmware *lead)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  if (*lead->software_version && gw_firmwares_find_version(core->firmwares, lead, NULL))
    return TRUE;
  gw_firmwares_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    if (is_same(value, lead))
      return TRUE;
    n += g_str_has_prefix(((GwFirmware *)value)->upstream, "passthrough:") ? 1 : 0;
  }
  return n >= ENTRIES_MAX;
}

static void
enter(GwCore *core, GwFirmware *lead, const GwProduct *product, const GwNode *node)
{
  g_autoptr(GwChange) change = gw_change_new(core, NULL);
  gboolean is_draft = lead->state == GW_FIRMWARE_DRAFT;
  const char *undigested = !lead->is_undigested              ? ""
                           : gw_product_takes(product, lead) ? ", undigested"
                                                             : ", undigested: fetched when the product names "
                                                               "its origin";
  GwFirmware *firmware;

  lead->id = gw_db_next_id(core->db, GW_SEQUENCE_FIRMWARE);
  firmware = gw_firmwares_add(core->firmwares, lead);
  gw_rows_put_firmware(gw_change_batch(change), firmware);
  gw_change_say(
      change, is_draft ? "firmware.found" : "firmware.announced", &(GwAbout){ .firmware_id = firmware->id },
      "the vendor's cloud has %s %s for %s%s", firmware->product,
      is_draft ? "firmware of a version to be entered" : firmware->software_version, node->id, undigested);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  if (gw_product_takes(product, firmware))
    gw_fetching_want(core->fetching, firmware);
}

static void
take(GwCore *core, const GwLead *lead)
{
  const GwNode *node = asker_of(core, lead);
  const GwProduct *product = node ? gw_products_find(core->firmwares, node->product) : NULL;
  g_autoptr(GwFirmware) firmware = product ? firmware_of(core, lead, product) : NULL;

  if (!firmware || firmware->size > core->limits.max_image || !gw_db_has_room(core->db) ||
      (*firmware->software_version && !gw_version_check(product->scheme, firmware->software_version, NULL)) ||
      is_known(core, firmware))
    return;
  enter(core, g_steal_pointer(&firmware), product, node);
}

void
gw_leads_take(GwCore *core, GVariant *payload)
{
  GwLead lead;

  if (!gw_lead_unpack(payload, &lead))
    return;
  take(core, &lead);
  gw_lead_clear(&lead);
}
