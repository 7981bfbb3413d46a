/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/imports.h"

#include <string.h>

#include "base/error.h"
#include "control/checks.h"
#include "control/fetching.h"
#include "control/recognition.h"
#include "control/rollouts.h"
#include "control/scheduler.h"
#include "control/verifications.h"

/* ---- entries ---- */

char *
gw_imports_title(const GwFirmware *firmware)
{
  return g_strdup_printf("%s %s", *firmware->product ? firmware->product : firmware->name,
                         firmware->software_version);
}

static void
set_state(GwCore *core, GwFirmware *firmware, GwFirmwareState state, const char *reason)
{
  firmware->state = state;
  firmware->state_changed_ms = gw_core_now(core).wall_ms;
  g_free(firmware->reason);
  firmware->reason = g_strdup(reason);
}

void
gw_imports_reject(GwCore *core, GwFirmware *firmware, const char *reason)
{
  g_autoptr(GwChange) change = NULL;
  g_autofree char *name = gw_imports_title(firmware);

  if (firmware->state == GW_FIRMWARE_WITHDRAWN)
    return; /* that stands: a rejected one may come back with the next catalog */
  change = gw_change_new(core, NULL);
  gw_verifications_close(core, firmware);
  set_state(core, firmware, GW_FIRMWARE_REJECTED, reason);
  gw_rows_put_firmware(gw_change_batch(change), firmware);
  gw_change_say(change, "firmware.rejected", &(GwAbout){ .firmware_id = firmware->id }, "%s was rejected: %s",
                name, reason);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  gw_scheduler_changed(core);
}

void
gw_imports_lost(GwCore *core, GwFirmware *firmware, const char *reason)
{
  g_autoptr(GwChange) change = NULL;
  g_autofree char *name = gw_imports_title(firmware);

  if (firmware->image_state != GW_IMAGE_SEALED)
    return;
  change = gw_change_new(core, NULL);
  firmware->image_state = GW_IMAGE_WANTED;
  gw_rows_put_firmware(gw_change_batch(change), firmware);
  gw_change_say(change, "firmware.image-lost", &(GwAbout){ .firmware_id = firmware->id },
                "the image of %s is not usable any more: %s", name, reason);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  gw_scheduler_changed(core);
  if (gw_imports_is_needed(core, firmware))
    gw_fetching_want(core->fetching, firmware);
}

gboolean
gw_imports_is_needed(const GwCore *core, const GwFirmware *firmware)
{
  GHashTableIter iter;
  gpointer rule;

  gw_rules_iter(core->rules, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &rule))
    if (gw_rule_is_live(rule) && gw_rule_has_firmware(rule, firmware->id))
      return TRUE;
  return gw_pins_has_firmware(core->pins, firmware->id);
}

/* Nobody but who imported it can bring it again. */
static gboolean
is_only_copy(const GwCore *core, const GwFirmware *firmware)
{
  g_auto(GStrv) upstreams = gw_config_instances(core->config, "upstream");

  return firmware->state != GW_FIRMWARE_WITHDRAWN && firmware->state != GW_FIRMWARE_REJECTED &&
         !g_strv_contains((const char *const *)upstreams, firmware->upstream);
}

gboolean
gw_imports_must_stay(const GwCore *core, const GwFirmware *firmware)
{
  return gw_imports_is_needed(core, firmware) ||
         (firmware->image_state == GW_IMAGE_SEALED && is_only_copy(core, firmware));
}

static gboolean
is_needed(const guint8 sha256[GW_SHA256_LEN], gpointer user)
{
  GwCore *core = user;
  char hex[GW_SHA256_HEX_LEN + 1];
  const GwFirmware *firmware;

  gw_hex(sha256, GW_SHA256_LEN, hex);
  firmware = gw_firmwares_find_image(core->firmwares, hex, NULL);
  return firmware && (gw_imports_is_needed(core, firmware) || is_only_copy(core, firmware));
}

static void
mark_gone(GwFirmware *firmware, GwChange *change)
{
  firmware->image_state = GW_IMAGE_WANTED;
  gw_rows_put_firmware(gw_change_batch(change), firmware);
  gw_change_say(change, "firmware.image-gone", &(GwAbout){ .firmware_id = firmware->id },
                "the image of %s %s is not in the cache any more", firmware->product,
                firmware->software_version);
}

guint
gw_imports_match(GwCore *core, GwChange *change)
{
  g_autoptr(GPtrArray) names = gw_store_list(core->store);
  g_autoptr(GHashTable) present = g_hash_table_new(g_str_hash, g_str_equal);
  GHashTableIter iter;
  gpointer value;
  guint n_gone = 0;

  for (guint i = 0; i < names->len; i++)
    g_hash_table_add(present, names->pdata[i]);
  gw_firmwares_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwFirmware *firmware = value;

    if (firmware->image_state != GW_IMAGE_SEALED || g_hash_table_contains(present, firmware->sha256))
      continue;
    mark_gone(firmware, change);
    n_gone++;
  }
  return n_gone;
}

void
gw_imports_make_room(GwCore *core, guint64 bytes)
{
  g_autoptr(GwChange) change = NULL;

  if (gw_store_make_room(core->store, bytes, is_needed, core) == 0)
    return;
  change = gw_change_new(core, NULL);
  if (gw_imports_match(core, change) > 0)
    gw_scheduler_changed(core); /* nobody is offered what is gone */
  gw_change_commit_if_any(g_steal_pointer(&change));
}

GwProduct *
gw_imports_product(GwCore *core, const char *name, GwChange *change)
{
  GwProduct *product = gw_products_find(core->firmwares, name);

  if (product || !gw_name_check("product", name, NULL))
    return product;
  product = gw_products_add(core->firmwares, gw_product_new(name));
  gw_rows_put_product(gw_change_batch(change), product);
  return product;
}

/* ---- sealed ---- */

void
gw_imports_take_digests(GwFirmware *firmware, const GwSealed *sealed)
{
  firmware->digests = *gw_sealed_digests(sealed);
  firmware->size = gw_sealed_size(sealed);
  gw_hex(firmware->digests.sha256, GW_SHA256_LEN, firmware->sha256);
}

typedef struct {
  GwCore *core;
  gint64 firmware_id;
  GwSealed *sealed;
} SealedEntry;

static void
entry_free(SealedEntry *entry)
{
  gw_sealed_unref(entry->sealed);
  g_free(entry);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SealedEntry, entry_free)

static void
make_available(GwCore *core, GwFirmware *firmware, const char *plugin)
{
  g_autoptr(GwChange) change = gw_change_new(core, NULL);
  g_autofree char *name = gw_imports_title(firmware);

  firmware->image_state = GW_IMAGE_SEALED;
  g_free(firmware->plugin);
  firmware->plugin = g_strdup(plugin);
  gw_rows_put_firmware(gw_change_batch(change), firmware);
  gw_change_say(change, "firmware.sealed", &(GwAbout){ .firmware_id = firmware->id },
                "the image of %s is in the cache: %" G_GUINT64_FORMAT " bytes, sha256 %.16s...", name,
                firmware->size, firmware->sha256);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  gw_scheduler_changed(core);
  gw_rollouts_wake_firmware(core, firmware);
}

static void
on_entry_checked(const char *plugin, const GError *error, gpointer user)
{
  g_autoptr(SealedEntry) entry = user;
  GwFirmware *firmware = gw_firmwares_find(entry->core->firmwares, entry->firmware_id);

  if (!firmware || entry->core->is_stopping)
    return;
  /* A transport that is away is asked again when the image is to be pushed. */
  if (!error || g_error_matches(error, GW_ERROR, GW_ERROR_BUSY))
    make_available(entry->core, firmware, error ? "" : plugin);
  else
    gw_imports_reject(entry->core, firmware, error->message);
}

/* A draft that brought an image which is here already under a name is of no use. */
static gboolean
is_known_image(GwCore *core, GwFirmware *firmware)
{
  const GwFirmware *first = gw_firmwares_find_image(core->firmwares, firmware->sha256, firmware);

  if (!first || firmware->state != GW_FIRMWARE_DRAFT)
    return FALSE;
  g_autofree char *reason =
      g_strdup_printf("the image is known already, as firmware %" G_GINT64_FORMAT, first->id);
  gw_imports_reject(core, firmware, reason);
  return TRUE;
}

static void
on_entry_recognized(const GwFindings *findings, const GError *error, gpointer user)
{
  g_autoptr(SealedEntry) entry = user;
  GwCore *core = entry->core;
  GwSealed *sealed = entry->sealed; /* whoever gets the entry holds it */
  GwFirmware *firmware = gw_firmwares_find(core->firmwares, entry->firmware_id);
  g_autoptr(GError) why = error && !gw_recognition_is_away(error) ? g_error_copy(error) : NULL;

  if (!firmware || core->is_stopping)
    return;
  if (gw_recognition_is_wrong_kind(core, firmware, findings))
    gw_fail(&why, GW_ERROR_BAD_INPUT,
            "it is a text, and %s takes binaries: a catalog's image is not converted", firmware->product);
  if (why || (findings && !gw_recognition_apply(core, firmware, findings, &why)))
    gw_imports_reject(core, firmware, why->message);
  else if (firmware->state == GW_FIRMWARE_DRAFT)
    make_available(core, firmware, "");
  else
    gw_checks_run(core, firmware, sealed, on_entry_checked, g_steal_pointer(&entry));
}

void
gw_imports_sealed(GwCore *core, GwFirmware *firmware, GwSealed *sealed)
{
  SealedEntry *entry;

  gw_imports_take_digests(firmware, sealed);
  gw_firmwares_reindex(core->firmwares);
  if (is_known_image(core, firmware))
    return;
  entry = g_new(SealedEntry, 1);
  *entry = (SealedEntry){ core, firmware->id, gw_sealed_ref(sealed) };
  gw_recognition_run(core, sealed, firmware->name, on_entry_recognized, entry);
}
