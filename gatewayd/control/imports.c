/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/imports.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "control/checks.h"
#include "control/fetching.h"
#include "control/form.h"
#include "control/scheduler.h"
#include "store/ingest.h"

#define IMPORTS_MAX 4 /* at once */
#define SILENCE_MS 60000

/* ---- entries ---- */

static char *
title(const GwFirmware *firmware)
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
  g_autofree char *name = title(firmware);

  if (firmware->state == GW_FIRMWARE_WITHDRAWN)
    return; /* that stands: a rejected one may come back with the next catalog */
  change = gw_change_new(core, NULL);
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
  g_autofree char *name = title(firmware);

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
    if (gw_rule_is_live(rule) && ((GwRule *)rule)->firmware_id == firmware->id)
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

static void
take_digests(GwFirmware *firmware, const GwSealed *sealed)
{
  firmware->digests = *gw_sealed_digests(sealed);
  firmware->size = gw_sealed_size(sealed);
  gw_hex(firmware->digests.sha256, GW_SHA256_LEN, firmware->sha256);
}

typedef struct {
  GwCore *core;
  gint64 firmware_id;
} SealedEntry;

static void
make_available(GwCore *core, GwFirmware *firmware, const char *plugin)
{
  g_autoptr(GwChange) change = gw_change_new(core, NULL);
  g_autofree char *name = title(firmware);

  firmware->image_state = GW_IMAGE_SEALED;
  g_free(firmware->plugin);
  firmware->plugin = g_strdup(plugin);
  gw_rows_put_firmware(gw_change_batch(change), firmware);
  gw_change_say(change, "firmware.sealed", &(GwAbout){ .firmware_id = firmware->id },
                "the image of %s is in the cache: %" G_GUINT64_FORMAT " bytes, sha256 %.16s...", name,
                firmware->size, firmware->sha256);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  gw_scheduler_changed(core);
  gw_scheduler_wake_targets(core, firmware);
}

static void
on_entry_checked(const char *plugin, const GError *error, gpointer user)
{
  g_autofree SealedEntry *entry = user;
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

void
gw_imports_sealed(GwCore *core, GwFirmware *firmware, GwSealed *sealed)
{
  SealedEntry *entry;

  take_digests(firmware, sealed);
  gw_firmwares_reindex(core->firmwares);
  if (is_known_image(core, firmware))
    return;
  if (firmware->state == GW_FIRMWARE_DRAFT) {
    make_available(core, firmware, "");
    return;
  }
  entry = g_new(SealedEntry, 1);
  *entry = (SealedEntry){ core, firmware->id };
  gw_checks_run(core, firmware, sealed, on_entry_checked, entry);
}

/* ---- the command ---- */

static const GwFormKey IMPORT_KEYS[] = {
  { "product", 's' }, { "version", 's' }, { "hardware", 's' },  { "type", 's' },  { "name", 's' },
  { "notes", 's' },   { "sha256", 's' },  { "signature", 's' }, { "draft", 'b' }, { NULL, 0 },
};

typedef struct {
  GwCore *core;
  GwCaller caller;
  char *sender;
  GwFirmware *firmware; /* in the making */
  GwIngest *ingest;     /* while it runs */
  char *signature;
  GwThen then;
} Import;

static void
import_free(Import *import)
{
  g_free((char *)import->caller.name);
  g_free((char *)import->caller.door);
  g_free((char *)import->caller.address);
  g_free(import->sender);
  gw_firmware_free(import->firmware);
  g_free(import->signature);
  g_hash_table_remove(import->core->imports, import);
  g_free(import);
}

static void
import_fail(Import *import, const GError *error)
{
  g_autoptr(GError) stopped = NULL;

  if (!error)
    gw_fail(&stopped, GW_ERROR_STOPPED, "the gateway is stopping");
  import->then.done(NULL, error ? error : stopped, import->then.user);
  import_free(import);
}

/* An entry that lost its image gets it back from the same file. */
static gboolean
is_mended_by(const GwFirmware *first, const GwFirmware *firmware)
{
  gboolean is_same_image = !*firmware->sha256 || strcmp(first->sha256, firmware->sha256) == 0;

  return first->image_state != GW_IMAGE_SEALED && is_same_image &&
         strcmp(first->product, firmware->product) == 0 &&
         strcmp(first->software_version, firmware->software_version) == 0;
}

static gboolean
check_duplicates(const GwCore *core, const GwFirmware *firmware, GError **error)
{
  const GwFirmware *first =
      *firmware->sha256 ? gw_firmwares_find_image(core->firmwares, firmware->sha256, NULL) : NULL;

  if (!first && *firmware->software_version)
    first = gw_firmwares_find_version(core->firmwares, firmware, NULL);
  if (!first || is_mended_by(first, firmware))
    return TRUE;
  return gw_fail(error, GW_ERROR_EXISTS,
                 "firmware %" G_GINT64_FORMAT " (%s %s) is that image or that version already; delete or "
                 "withdraw it, or use another version",
                 first->id, first->product, first->software_version);
}

static GwFirmware *
enter_firmware(Import *import, GwChange *change)
{
  GwCore *core = import->core;
  GwFirmware *firmware = gw_firmwares_find_image(core->firmwares, import->firmware->sha256, NULL);

  if (!firmware) {
    import->firmware->id = gw_db_next_id(core->db, GW_SEQUENCE_FIRMWARE);
    firmware = gw_firmwares_add(core->firmwares, g_steal_pointer(&import->firmware));
  }
  firmware->image_state = GW_IMAGE_SEALED;
  if (*firmware->product)
    gw_imports_product(core, firmware->product, change);
  gw_rows_put_firmware(gw_change_batch(change), firmware);
  return firmware;
}

static void
import_finish(Import *import)
{
  g_autoptr(GwChange) change = gw_change_new(import->core, &import->caller);
  GwFirmware *firmware = enter_firmware(import, change);
  g_autofree char *name = title(firmware);

  gw_change_say(change, "firmware.imported", &(GwAbout){ .firmware_id = firmware->id },
                "%s was imported: %" G_GUINT64_FORMAT " bytes, %s", name, firmware->size,
                gw_firmware_state_name(firmware->state));
  gw_change_finish(g_steal_pointer(&change), import->then,
                   g_variant_new("(xs)", firmware->id, gw_firmware_state_name(firmware->state)));
  gw_scheduler_changed(import->core);
  import_free(import);
}

static void
on_import_checked(const char *plugin, const GError *error, gpointer user)
{
  Import *import = user;
  g_autoptr(GError) why = NULL;

  if (import->core->is_stopping || error) {
    import_fail(import, error);
    return;
  }
  g_free(import->firmware->plugin);
  import->firmware->plugin = g_strdup(plugin);
  if (check_duplicates(import->core, import->firmware, &why))
    import_finish(import);
  else
    import_fail(import, why);
}

static void
on_import_ingested(GwIngest *ingest, GwSealed *sealed, const GError *error, gpointer user)
{
  Import *import = user;
  g_autoptr(GError) empty = NULL;

  import->ingest = NULL;
  if (!sealed || import->core->is_stopping) {
    import_fail(import, error);
    return;
  }
  if (gw_sealed_size(sealed) == 0) {
    gw_fail(&empty, GW_ERROR_BAD_INPUT, "the file is empty, or was read to its end before");
    import_fail(import, empty);
    return;
  }
  take_digests(import->firmware, sealed);
  gw_checks_run(import->core, import->firmware, sealed, on_import_checked, import);
}

static gboolean
is_own_key(const char *key)
{
  for (const GwFormKey *row = IMPORT_KEYS; row->key; row++)
    if (strcmp(row->key, key) == 0)
      return TRUE;
  return FALSE;
}

void
gw_imports_take_form(GwFirmware *firmware, GVariant *form, const char *const *more)
{
  gw_form_take(form, "product", &firmware->product);
  gw_form_take(form, "version", &firmware->software_version);
  gw_form_take(form, "hardware", &firmware->hardware_version);
  gw_form_take(form, "type", &firmware->type);
  gw_form_take(form, "name", &firmware->name);
  gw_form_take(form, "notes", &firmware->notes);
  for (const char *const *key = more; key && *key; key++)
    if (gw_form_has(form, *key))
      g_hash_table_replace(firmware->attributes, g_strdup(*key), g_strdup(gw_form_text(form, *key, "")));
}

const char **
gw_imports_form_keys(const GwCore *core, GVariant *form, const GwFirmware *firmware)
{
  GPtrArray *keys = g_ptr_array_new();
  const char *name = gw_form_text(form, "product", firmware ? firmware->product : "");
  const GwProduct *product = gw_products_find(core->firmwares, name);
  const GatewayPlugin *plugin = product ? gw_plugins_find(core->plugins, product->plugin) : NULL;

  for (guint32 i = 0; plugin && i < plugin->n_form; i++)
    if (!is_own_key(plugin->form[i].key))
      g_ptr_array_add(keys, (gpointer)plugin->form[i].key);
  g_ptr_array_add(keys, NULL);
  return (const char **)g_ptr_array_free(keys, FALSE);
}

static gboolean
check_import(GwCore *core, const GwFirmware *firmware, GVariant *form, GError **error)
{
  const GwProduct *product = gw_products_find(core->firmwares, firmware->product);
  const char *sha256 = gw_form_text(form, "sha256", "");
  guint8 digest[GW_SHA256_LEN];

  if (firmware->state != GW_FIRMWARE_DRAFT && !*firmware->product)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "product is missing; or import it with draft=true");
  if (firmware->state != GW_FIRMWARE_DRAFT && !*firmware->software_version)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "version is missing; or import it with draft=true");
  if (*firmware->product && !gw_name_check("product", firmware->product, error))
    return FALSE;
  if (product && *firmware->software_version &&
      !gw_version_check(product->scheme, firmware->software_version, error))
    return FALSE;
  if (*sha256 && !gw_unhex(sha256, GW_SHA256_LEN, digest))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "sha256: expected 64 hexadecimal digits");
  if (product && product->is_require_signature && !*gw_form_text(form, "signature", ""))
    return gw_fail(error, GW_ERROR_UNTRUSTED, "product %s takes signed firmware only: give its signature",
                   product->name);
  return check_duplicates(core, firmware, error);
}

static Import *
import_new(GwCore *core, const GwCaller *caller, GVariant *form, GwThen then)
{
  Import *import = g_new0(Import, 1);
  GwNow now = gw_core_now(core);

  import->core = core;
  import->caller = (GwCaller){ g_strdup(caller->name), g_strdup(caller->door), g_strdup(caller->address) };
  import->then = then;
  import->signature = g_strdup(gw_form_text(form, "signature", ""));
  import->firmware = gw_firmware_new();
  import->firmware->state = gw_form_flag(form, "draft", FALSE) ? GW_FIRMWARE_DRAFT : GW_FIRMWARE_UNVERIFIED;
  import->firmware->created_ms = import->firmware->state_changed_ms = now.wall_ms;
  import->sender = g_strdup(caller->sender);
  g_hash_table_add(core->imports, import);
  return import;
}

static gboolean
start_import(Import *import, GVariant *form, int fd, GError **error)
{
  GwCore *core = import->core;
  g_autoptr(GwKeyring) keys = gw_keyrings_for_product(core->keyrings, import->firmware->product);
  GwExpected expected = { .max_size = core->limits.max_image, .idle_ms = SILENCE_MS };
  const char *sha256 = gw_form_text(form, "sha256", "");

  struct stat info;

  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
    gw_imports_make_room(core, (guint64)info.st_size);
  if (*sha256)
    gw_unhex(sha256, GW_SHA256_LEN, expected.sha256);
  if (*import->signature) {
    expected.image_keys = keys;
    expected.signature = import->signature;
    import->firmware->is_signed = TRUE;
  }
  import->ingest = gw_ingest_start(core->store, &expected, fd, on_import_ingested, import, error);
  return import->ingest != NULL;
}

void
gw_core_caller_left(GwCore *core, const char *sender)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init(&iter, core->imports);
  while (g_hash_table_iter_next(&iter, &key, NULL)) {
    const Import *import = key;

    if (import->ingest && g_strcmp0(import->sender, sender) == 0)
      gw_ingest_cancel(import->ingest);
  }
}

void
gw_command_import(GwCore *core, const GwCaller *caller, int fd, GVariant *form, GwThen then)
{
  g_autofree const char **more = gw_imports_form_keys(core, form, NULL);
  g_autoptr(GError) error = NULL;
  GW_AUTO_FD int owned = fd;
  Import *import;

  if (g_hash_table_size(core->imports) >= IMPORTS_MAX)
    gw_fail(&error, GW_ERROR_BUSY, "%d imports are running: wait for one to end", IMPORTS_MAX);
  if (error || !gw_form_check(form, IMPORT_KEYS, more, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  import = import_new(core, caller, form, then);
  gw_imports_take_form(import->firmware, form, more);
  if (check_import(core, import->firmware, form, &error) &&
      start_import(import, form, g_steal_fd(&owned), &error))
    return;
  gw_then_fail(core, then, g_steal_pointer(&error));
  import_free(import);
}
