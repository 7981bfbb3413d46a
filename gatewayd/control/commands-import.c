/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Import: a file that somebody brings. It comes in like a download, is looked into, perhaps one of its
 * members is taken out of it and comes in likewise, and only then there is an entry. */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "control/checks.h"
#include "control/form.h"
#include "control/imports.h"
#include "control/recognition.h"
#include "control/scheduler.h"
#include "store/ingest.h"

#define IMPORTS_MAX 4 /* at once */
#define SILENCE_MS 60000

static const GwFormKey IMPORT_KEYS[] = {
  { "product", 's' },   { "version", 's' }, { "hardware", 's' },     { "type", 's' },
  { "name", 's' },      { "notes", 's' },   { "version-name", 's' }, { "sha256", 's' },
  { "signature", 's' }, { "draft", 'b' },   { "member", 's' },       { NULL, 0 },
};

typedef struct {
  GwCore *core;
  GwCaller caller;
  char *sender;
  GwFirmware *firmware; /* in the making */
  GwIngest *ingest;     /* while it runs */
  GwSealed *sealed;     /* what came in last */
  GwExpected expected;  /* what is being taken out */
  char *signature;
  char *member;          /* glob: what is wanted of the file; "" = the file itself */
  gboolean is_taken_out; /* the member is here, in the place of the file */
  gboolean is_converted; /* it is the binary of a text, whatever it looks like */
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
  gw_sealed_unref(import->sealed);
  g_free(import->signature);
  g_free(import->member);
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
  g_autofree char *name = gw_imports_title(firmware);

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

/* ---- what is in it ---- */

static gboolean
is_complete(const GwFirmware *firmware, GError **error)
{
  if (firmware->state == GW_FIRMWARE_DRAFT || *firmware->software_version)
    return TRUE;
  return gw_fail(error, GW_ERROR_BAD_INPUT,
                 "version is missing, and the image does not say it; or import it with draft=true");
}

static void on_import_ingested(GwIngest *ingest, GwSealed *sealed, const GError *error, gpointer user);
static void on_import_recognized(const GwFindings *findings, const GError *error, gpointer user);

/* The file was only the wrapping. */
static void
drop_wrapping(Import *import)
{
  GwCore *core = import->core;
  const guint8 *sha256 = gw_sealed_digests(import->sealed)->sha256;
  char hex[GW_SHA256_HEX_LEN + 1];
  guint8 copy[GW_SHA256_LEN];

  gw_hex(sha256, GW_SHA256_LEN, hex);
  memcpy(copy, sha256, GW_SHA256_LEN);
  g_clear_pointer(&import->sealed, gw_sealed_unref);
  if (!gw_firmwares_find_image(core->firmwares, hex, NULL))
    gw_store_remove(core->store, copy);
}

static void
on_extracted(int fd, const GError *error, gpointer user)
{
  Import *import = user;
  g_autoptr(GError) why = error ? g_error_copy(error) : NULL;

  if (!error && !import->core->is_stopping)
    import->ingest =
        gw_ingest_start(import->core->store, &import->expected, fd, on_import_ingested, import, &why);
  if (!import->ingest)
    import_fail(import, why);
}

static void
take_out(Import *import, const GwFindings *findings, GError **error)
{
  const GwMember *member;
  guint32 index;

  if (!gw_findings_choose(findings, import->member, &index, error))
    return;
  member = findings->members->pdata[index];
  import->is_taken_out = TRUE;
  import->expected =
      (GwExpected){ .size = member->size, .max_size = import->core->limits.max_image, .idle_ms = SILENCE_MS };
  memcpy(import->expected.sha256, member->sha256, GW_SHA256_LEN);
  g_free(import->firmware->name);
  import->firmware->name = g_path_get_basename(member->name);
  gw_imports_make_room(import->core, member->size);
  gw_recognition_extract(import->core, import->sealed, index, on_extracted, import);
}

/* A text, taken out or alone, and a product whose nodes eat the binary that it stands for. */
static gboolean
is_to_convert(const Import *import, const GwFindings *findings)
{
  gboolean is_chosen = !*import->member || import->is_taken_out;

  return is_chosen && !import->is_converted &&
         gw_recognition_is_wrong_kind(import->core, import->firmware, findings);
}

static void
convert(Import *import)
{
  g_free(import->member);
  import->member = g_strdup("*.bin");
  import->is_taken_out = FALSE;
  import->is_converted = TRUE;
  gw_recognition_list(import->core, import->sealed, import->firmware->name, on_import_recognized, import);
}

/* Nobody could look, and it is taken as it is: a product that takes binaries might get a text. */
static gboolean
may_go_unlooked(const Import *import)
{
  const GwProduct *product = gw_products_find(import->core->firmwares, import->firmware->product);

  return !(*import->member && !import->is_taken_out) && !(product && product->is_to_binary);
}

static void
on_import_recognized(const GwFindings *findings, const GError *error, gpointer user)
{
  Import *import = user;
  gboolean is_wrapped = *import->member && !import->is_taken_out;
  gboolean is_away = gw_recognition_is_away(error) && may_go_unlooked(import);
  g_autoptr(GError) why = error && !is_away ? g_error_copy(error) : NULL;

  if (import->core->is_stopping || why) {
    import_fail(import, why);
    return;
  }
  if (is_to_convert(import, findings))
    convert(import);
  else if (is_wrapped && !*findings->refusal)
    take_out(import, findings, &why);
  else if ((!findings || gw_recognition_apply(import->core, import->firmware, findings, &why)) &&
           is_complete(import->firmware, &why))
    gw_checks_run(import->core, import->firmware, import->sealed, on_import_checked, import);
  if (why)
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
  if (import->sealed)
    drop_wrapping(import);
  import->sealed = gw_sealed_ref(sealed);
  gw_imports_take_digests(import->firmware, sealed);
  if (*import->member && !import->is_taken_out)
    gw_recognition_list(import->core, sealed, import->firmware->name, on_import_recognized, import);
  else
    gw_recognition_run(import->core, sealed, import->firmware->name, on_import_recognized, import);
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
  gw_form_take(form, "version-name", &firmware->version_name);
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
  if (*firmware->product && !gw_name_check("product", firmware->product, error))
    return FALSE;
  if (product && *firmware->software_version &&
      !gw_version_check(product->scheme, firmware->software_version, error))
    return FALSE;
  if (!gw_version_name_check(firmware->version_name, error))
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
  import->member = g_strdup(gw_form_text(form, "member", ""));
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
