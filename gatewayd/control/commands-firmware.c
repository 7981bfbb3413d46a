/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs about firmware entries; what proves them is in commands-verify.c. */
#include <string.h>

#include "base/error.h"
#include "control/checks.h"
#include "control/commands-private.h"
#include "control/fetching.h"
#include "control/form.h"
#include "control/imports.h"
#include "control/scheduler.h"
#include "control/upstreams.h"
#include "control/verifications.h"

GwFirmware *
gw_commands_firmware(GwCore *core, gint64 id, GError **error)
{
  GwFirmware *firmware = gw_firmwares_find(core->firmwares, id);

  if (!firmware)
    gw_fail(error, GW_ERROR_NOT_FOUND, "there is no firmware %" G_GINT64_FORMAT "; see \"firmware list\"",
            id);
  return firmware;
}

gboolean
gw_commands_check_last(const GwCore *core, const GwFirmware *firmware, GError **error)
{
  const GwProduct *product = gw_products_find(core->firmwares, firmware->product);
  g_auto(GStrv) overrides = g_strsplit(firmware->overrides, ",", -1);

  if (!product || gw_numbering_of(core, firmware) ||
      !gw_version_is_last(product->scheme, product->series_chars, firmware->software_version) ||
      g_strv_contains((const char *const *)overrides, GW_OVERRIDE_LAST_VERSION))
    return TRUE;
  return gw_fail(
      error, GW_ERROR_BAD_INPUT,
      "no version could ever follow %s on a node that runs it; --override=" GW_OVERRIDE_LAST_VERSION
      " when it is verified does it all the same",
      firmware->software_version);
}

gboolean
gw_commands_may_begin(GwCore *core, const GwFirmware *firmware, GError **error)
{
  return gw_commands_is_fresh(core, firmware, error) && gw_commands_check_last(core, firmware, error);
}

gboolean
gw_commands_is_fresh(GwCore *core, const GwFirmware *firmware, GError **error)
{
  GwNow now = gw_core_now(core);

  if (gw_upstreams_freshness(core->upstreams, firmware->upstream, &now) != GW_STALE)
    return TRUE;
  return gw_fail(error, GW_ERROR_UNTRUSTED,
                 "the catalog of %s that announced it has expired: no push starts until a new one comes",
                 firmware->upstream);
}

void
gw_commands_set_state(GwCore *core, GwFirmware *firmware, GwFirmwareState state, const char *reason)
{
  firmware->state = state;
  firmware->state_changed_ms = gw_core_now(core).wall_ms;
  g_free(firmware->reason);
  firmware->reason = g_strdup(reason);
}

static gboolean
is_in_use(GwCore *core, const GwFirmware *firmware, GError **error)
{
  g_autoptr(GPtrArray) updates = gw_updates_open_of_rule(core->updates, 0);

  for (guint i = 0; i < updates->len; i++)
    if (((GwUpdate *)updates->pdata[i])->firmware_id == firmware->id)
      return !gw_fail(error, GW_ERROR_BUSY, "an open update of node %s needs it",
                      ((GwUpdate *)updates->pdata[i])->node);
  if (gw_imports_is_needed(core, firmware))
    return !gw_fail(error, GW_ERROR_BUSY, "a running rule or a promised download needs it; stop that first");
  return FALSE;
}

/* ---- edit ---- */

static const GwFormKey EDIT_KEYS[] = {
  { "product", 's' }, { "version", 's' }, { "hardware", 's' },     { "type", 's' },
  { "name", 's' },    { "notes", 's' },   { "version-name", 's' }, { NULL, 0 },
};

typedef struct {
  GwCore *core;
  gint64 id;
  GwFirmware *candidate; /* the entry as it would be */
  GwChange *change;
  GwThen then;
} Edit;

static void
edit_free(Edit *edit)
{
  gw_firmware_free(edit->candidate);
  gw_change_free(edit->change);
  g_free(edit);
}

static void
swap_text(char **a, char **b)
{
  char *text = *a;

  *a = *b;
  *b = text;
}

static void
swap_forms(GwFirmware *a, GwFirmware *b)
{
  GHashTable *attributes = a->attributes;

  swap_text(&a->product, &b->product);
  swap_text(&a->software_version, &b->software_version);
  swap_text(&a->hardware_version, &b->hardware_version);
  swap_text(&a->type, &b->type);
  swap_text(&a->name, &b->name);
  swap_text(&a->notes, &b->notes);
  swap_text(&a->version_name, &b->version_name);
  a->attributes = b->attributes;
  b->attributes = attributes;
}

static GwFirmware *
copy_form(const GwFirmware *firmware)
{
  GwFirmware *copy = gw_firmware_new();
  GwFirmware shallow = *firmware;
  GHashTableIter iter;
  gpointer key, value;

  g_free(copy->product);
  copy->product = g_strdup(shallow.product);
  g_free(copy->software_version);
  copy->software_version = g_strdup(shallow.software_version);
  g_free(copy->hardware_version);
  copy->hardware_version = g_strdup(shallow.hardware_version);
  g_free(copy->type);
  copy->type = g_strdup(shallow.type);
  g_free(copy->name);
  copy->name = g_strdup(shallow.name);
  g_free(copy->notes);
  copy->notes = g_strdup(shallow.notes);
  g_free(copy->version_name);
  copy->version_name = g_strdup(shallow.version_name);
  g_hash_table_iter_init(&iter, shallow.attributes);
  while (g_hash_table_iter_next(&iter, &key, &value))
    g_hash_table_insert(copy->attributes, g_strdup(key), g_strdup(value));
  copy->id = shallow.id;
  copy->size = shallow.size;
  memcpy(copy->sha256, shallow.sha256, sizeof(copy->sha256));
  return copy;
}

/* What a node is told of it, beside the image. */
static gboolean
is_same_release(const GwFirmware *a, const GwFirmware *b)
{
  return strcmp(a->product, b->product) == 0 && strcmp(a->software_version, b->software_version) == 0 &&
         strcmp(a->hardware_version, b->hardware_version) == 0 && strcmp(a->type, b->type) == 0;
}

/* A signed catalog binds image and release to each other, and a key to its products: neither is undone by
 * hand. Nor is a node told of one version and then of another with the same bytes. */
static gboolean
check_rename(GwCore *core, const GwFirmware *firmware, const GwFirmware *candidate, GError **error)
{
  if (is_same_release(firmware, candidate))
    return TRUE;
  if (firmware->is_signed && (*firmware->upstream || strcmp(firmware->product, candidate->product) != 0))
    return gw_fail(error, GW_ERROR_UNTRUSTED,
                   "firmware %" G_GINT64_FORMAT " is signed as %s %s: only its name and notes can be changed",
                   firmware->id, firmware->product, firmware->software_version);
  return !is_in_use(core, firmware, error);
}

static gboolean
check_edit(GwCore *core, const GwFirmware *firmware, const GwFirmware *candidate, GError **error)
{
  const GwProduct *product = gw_products_find(core->firmwares, candidate->product);
  const GwFirmware *other = gw_firmwares_find_version(core->firmwares, candidate, firmware);

  if (firmware->state != GW_FIRMWARE_DRAFT && firmware->state != GW_FIRMWARE_UNVERIFIED)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "firmware %" G_GINT64_FORMAT " is %s: only a draft or an unverified one can be changed",
                   firmware->id, gw_firmware_state_name(firmware->state));
  if (!gw_version_name_check(candidate->version_name, error) ||
      !check_rename(core, firmware, candidate, error))
    return FALSE;
  if (*candidate->product && !gw_name_check("product", candidate->product, error))
    return FALSE;
  if (product && *candidate->software_version &&
      !gw_version_check(product->scheme, candidate->software_version, error))
    return FALSE;
  if (*candidate->software_version && other)
    return gw_fail(error, GW_ERROR_EXISTS, "firmware %" G_GINT64_FORMAT " is that version already",
                   other->id);
  if (product && product->is_require_signature && !firmware->is_signed)
    return gw_fail(error, GW_ERROR_UNTRUSTED, "product %s takes signed firmware only, and this is not signed",
                   product->name);
  return TRUE;
}

static void
on_edit_checked(const char *plugin, const GError *error, gpointer user)
{
  Edit *edit = user;
  GwCore *core = edit->core;
  g_autoptr(GError) why = NULL;
  GwFirmware *firmware = gw_commands_firmware(core, edit->id, &why);

  if (firmware && error && !g_error_matches(error, GW_ERROR, GW_ERROR_BUSY))
    why = g_error_copy(error);
  if (why || !check_edit(core, firmware, edit->candidate, &why)) { /* again: something else may have begun */
    gw_then_fail(core, edit->then, g_steal_pointer(&why));
    edit_free(edit);
    return;
  }
  swap_forms(firmware, edit->candidate);
  g_free(firmware->plugin);
  firmware->plugin = g_strdup(error ? "" : plugin);
  if (*firmware->product && *firmware->software_version)
    gw_commands_set_state(core, firmware, GW_FIRMWARE_UNVERIFIED, "");
  if (*firmware->product)
    gw_imports_product(core, firmware->product, edit->change);
  gw_firmwares_reindex(core->firmwares);
  gw_rules_reindex(core->rules);
  gw_rows_put_firmware(gw_change_batch(edit->change), firmware);
  gw_change_say(edit->change, "firmware.edited", &(GwAbout){ .firmware_id = firmware->id },
                "firmware %" G_GINT64_FORMAT " is %s %s now, %s", firmware->id, firmware->product,
                firmware->software_version, gw_firmware_state_name(firmware->state));
  gw_change_finish(g_steal_pointer(&edit->change), edit->then,
                   g_variant_new("(s)", gw_firmware_state_name(firmware->state)));
  gw_scheduler_changed(core);
  edit_free(edit);
}

void
gw_command_firmware_edit(GwCore *core, const GwCaller *caller, gint64 id, GVariant *form, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwFirmware *firmware = gw_commands_firmware(core, id, &error);
  g_autofree const char **more = gw_imports_form_keys(core, form, firmware);
  g_autoptr(GwFirmware) candidate = NULL;
  Edit *edit;

  if (!error && gw_form_check(form, EDIT_KEYS, more, &error)) {
    candidate = copy_form(firmware);
    gw_imports_take_form(candidate, form, more);
    check_edit(core, firmware, candidate, &error);
  }
  if (error) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  edit = g_new(Edit, 1);
  *edit = (Edit){ core, id, g_steal_pointer(&candidate), gw_change_new(core, caller), then };
  if (firmware->image_state == GW_IMAGE_SEALED)
    gw_checks_run_cached(core, edit->candidate, on_edit_checked, edit);
  else
    on_edit_checked("", NULL, edit); /* its make's rules are asked when the image is here */
}

/* ---- delete ---- */

void
gw_command_firmware_delete(GwCore *core, const GwCaller *caller, gint64 id, GwThen then)
{
  g_autoptr(GError) error = NULL;
  GwFirmware *firmware = gw_commands_firmware(core, id, &error);
  g_autoptr(GwChange) change = NULL;
  guint8 sha256[GW_SHA256_LEN];

  if (!firmware || is_in_use(core, firmware, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  gw_verifications_close(core, firmware);
  gw_rows_delete_firmware(gw_change_batch(change), id);
  gw_change_say(change, "firmware.deleted", &(GwAbout){ .firmware_id = id }, "%s %s was deleted",
                firmware->product, firmware->software_version);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_fetching_cancel(core->fetching, firmware);
  if (gw_unhex(firmware->sha256, sizeof(sha256), sha256) &&
      !gw_firmwares_find_image(core->firmwares, firmware->sha256, firmware))
    gw_store_remove(core->store, sha256);
  gw_firmwares_remove(core->firmwares, firmware);
}
