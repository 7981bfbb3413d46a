/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/catalog.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "control/commands-private.h"
#include "control/fetching.h"
#include "control/imports.h"
#include "control/scheduler.h"
#include "control/upstreams.h"
#include "control/verifications.h"
#include "control/workers.h"
#include "link/messages.h"
#include "model/catalog.h"

#define SIGNATURE_MAX 16384
#define DRAFTS_MAX 500 /* bare files that wait for their form, of all upstreams */

/* One document on its way in. */
typedef struct {
  GwCore *core;
  GwUpstream *upstream;
  const char *base_url;
  char *data, *signature;
  gsize size, signature_size;
  char sha256[GW_SHA256_HEX_LEN + 1];
  gboolean is_signed;
  GwKeyring *keyring; /* borrowed, or NULL */
  guint key;          /* that signed */
  GwCatalog *catalog;
  GwChange *change;
  guint n_new, n_rejected;
} Intake;

static void
intake_clear(Intake *intake)
{
  g_free(intake->data);
  g_free(intake->signature);
  gw_catalog_free(intake->catalog);
  gw_change_free(intake->change);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Intake, intake_clear)

/* ---- may it come in? ---- */

/* A pipe or device could make us wait. */
static gboolean
read_memory(int fd, gsize max, char **ret_data, gsize *ret_size, GError **error)
{
  struct stat info;

  if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the catalog did not come as memory");
  return gw_fd_read(fd, max, ret_data, ret_size, error);
}

static gboolean
read_documents(Intake *intake, int document_fd, int signature_fd, GError **error)
{
  guint8 sha256[GW_SHA256_LEN];

  if (!read_memory(document_fd, GW_CATALOG_MAX_SIZE, &intake->data, &intake->size, error))
    return FALSE;
  if (signature_fd >= 0 &&
      !read_memory(signature_fd, SIGNATURE_MAX, &intake->signature, &intake->signature_size, error))
    return FALSE;
  gw_sha256(intake->data, intake->size, sha256);
  gw_hex(sha256, sizeof(sha256), intake->sha256);
  return TRUE;
}

static GwKeyring *
find_keyring(const GwCore *core, const char *upstream)
{
  const char *name = gw_config_text(core->config, "upstream", upstream, "keyring");

  return gw_keyrings_find(core->keyrings, name && *name ? name : upstream);
}

/* A signature that is there must hold also where none is required, if there is a key to check it with. */
static gboolean
check_signature(Intake *intake, GError **error)
{
  gboolean is_required =
      gw_config_boolean(intake->core->config, "upstream", intake->upstream->name, "require-signature");

  intake->keyring = find_keyring(intake->core, intake->upstream->name);
  if (is_required && !intake->signature)
    return gw_fail(error, GW_ERROR_UNTRUSTED, "the catalog is not signed, and require-signature is on");
  if (is_required && (!intake->keyring || gw_keyring_size(intake->keyring) == 0))
    return gw_fail(error, GW_ERROR_UNTRUSTED,
                   "there is no [keyring %s] to check the catalog's signature with", intake->upstream->name);
  if (!intake->signature || !intake->keyring)
    return TRUE;
  intake->is_signed = gw_keyring_verify(intake->keyring, intake->data, intake->size, intake->signature,
                                        intake->signature_size, &intake->key, error);
  if (!intake->is_signed)
    g_prefix_error(error, "the catalog's signature does not hold: ");
  return intake->is_signed;
}

/* U3: an older catalog, or another one under the same number, never comes in. */
static gboolean
check_sequence(const Intake *intake, GError **error)
{
  gint64 sequence = intake->catalog->sequence, known = intake->upstream->sequence;

  if (sequence < known)
    return gw_fail(error, GW_ERROR_UNTRUSTED,
                   "the catalog has sequence %" G_GINT64_FORMAT ", and %" G_GINT64_FORMAT
                   " was seen already: an old one is being played back, or the cloud forgot to count on",
                   sequence, known);
  if (sequence == known && strcmp(intake->sha256, intake->upstream->catalog_sha256) != 0)
    return gw_fail(error, GW_ERROR_UNTRUSTED,
                   "the catalog changed without a new sequence (%" G_GINT64_FORMAT ")", sequence);
  return TRUE;
}

/* ---- its releases ---- */

static gboolean
may_sign(const Intake *intake, const char *product)
{
  return gw_keyring_key_allows(intake->keyring, intake->key, product);
}

static GwFirmware *
firmware_of(const Intake *intake, const GwRelease *release)
{
  GwFirmware *firmware = gw_firmware_new();
  const struct {
    char **to;
    const char *from;
  } texts[] = {
    { &firmware->product, release->product },
    { &firmware->type, release->type },
    { &firmware->hardware_version, release->hardware_version },
    { &firmware->software_version, release->software_version },
    { &firmware->name, release->name },
    { &firmware->notes, release->notes },
    { &firmware->url, release->url },
    { &firmware->upstream, intake->upstream->name },
    { &firmware->base_url, intake->base_url },
  };
  GHashTableIter iter;
  gpointer key, value;

  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_free(*texts[i].to);
    *texts[i].to = g_strdup(texts[i].from);
  }
  g_hash_table_iter_init(&iter, release->attributes);
  while (g_hash_table_iter_next(&iter, &key, &value))
    g_hash_table_insert(firmware->attributes, g_strdup(key), g_strdup(value));
  firmware->size = release->size;
  g_strlcpy(firmware->sha256, release->sha256, sizeof(firmware->sha256));
  firmware->is_signed = intake->is_signed && may_sign(intake, release->product);
  firmware->sequence = intake->catalog->sequence;
  firmware->state = GW_FIRMWARE_UNVERIFIED;
  firmware->created_ms = firmware->state_changed_ms = gw_core_now(intake->core).wall_ms;
  return firmware;
}

/* What is wrong with a release that nobody has seen yet; NULL = nothing. Caller frees. */
static char *
objection(const Intake *intake, const GwFirmware *firmware)
{
  GwCore *core = intake->core;
  const GwProduct *product = gw_products_find(core->firmwares, firmware->product);
  const GwFirmware *other;
  g_autoptr(GError) error = NULL;

  if (intake->is_signed && !firmware->is_signed)
    return g_strdup_printf("key %s may not sign for product %s",
                           gw_keyring_key_name(intake->keyring, intake->key), firmware->product);
  if (product && !gw_version_check(product->scheme, firmware->software_version, &error))
    return g_strdup(error->message);
  if (firmware->size > core->limits.max_image)
    return g_strdup_printf("the image has %" G_GUINT64_FORMAT " bytes, more than [cache] image= allows",
                           firmware->size);
  if ((other = gw_firmwares_find_version(core->firmwares, firmware, NULL)))
    return g_strdup_printf("firmware %" G_GINT64_FORMAT " is this version already, with another image",
                           other->id);
  if ((other = gw_firmwares_find_image(core->firmwares, firmware->sha256, NULL)))
    return g_strdup_printf("the image is known already, as %s %s (firmware %" G_GINT64_FORMAT ")",
                           other->product, other->software_version, other->id);
  return NULL;
}

/* Verified where its cloud is trusted to have done that; else it waits for one node here, and the cloud is
 * told so. What could never be superseded waits for a person in any case. */
static void
take_verification(Intake *intake, GwFirmware *firmware)
{
  GwCore *core = intake->core;
  const char *name = intake->upstream->name;
  g_autofree char *detail = g_strdup_printf("upstream %s is trusted to have proven it", name);
  gboolean is_trusted =
      strcmp(gw_config_text(core->config, "upstream", name, "trust-verification"), "cloud") == 0;

  if (is_trusted && gw_commands_check_last(core, firmware, NULL))
    gw_verifications_fact(core, firmware, GW_PROOF_TRUSTED, detail, intake->change);
  else
    gw_change_say(intake->change, "firmware.waiting", &(GwAbout){ .firmware_id = firmware->id },
                  "%s %s waits until one node here has proven it", firmware->product,
                  firmware->software_version);
}

/* Announced again: the image may have moved; and a newer document gives a rejected image another chance. What
 * a signature speaks for is not taken over by a document without one, or by a key of other products: it would
 * lend it its own expiry. */
static void
refresh(Intake *intake, GwFirmware *known, const GwFirmware *firmware)
{
  gboolean is_moved = strcmp(known->url, firmware->url) != 0 ||
                      strcmp(known->base_url, firmware->base_url) != 0 ||
                      strcmp(known->upstream, firmware->upstream) != 0;
  gboolean is_retried = known->state == GW_FIRMWARE_REJECTED && !known->is_denied &&
                        known->sequence < firmware->sequence && *known->upstream &&
                        !objection(intake, firmware);

  if ((known->is_signed || intake->is_signed) && !firmware->is_signed)
    return;
  if (is_retried) {
    known->state = GW_FIRMWARE_UNVERIFIED;
    known->image_state = GW_IMAGE_WANTED;
    g_free(known->reason);
    known->reason = g_strdup("");
  }
  if (!is_moved && !is_retried && (known->is_signed || !firmware->is_signed))
    return;
  g_free(known->url);
  known->url = g_strdup(firmware->url);
  g_free(known->base_url);
  known->base_url = g_strdup(firmware->base_url);
  g_free(known->upstream);
  known->upstream = g_strdup(firmware->upstream);
  known->is_signed |= firmware->is_signed;
  known->sequence = firmware->sequence;
  gw_rows_put_firmware(gw_change_batch(intake->change), known);
  if (is_retried)
    take_verification(intake, known);
}

static void
take_new(Intake *intake, GwFirmware *firmware)
{
  GwCore *core = intake->core;
  g_autofree char *reason = objection(intake, firmware);
  GwAbout about;

  firmware->id = gw_db_next_id(core->db, GW_SEQUENCE_FIRMWARE);
  if (reason) {
    firmware->state = GW_FIRMWARE_REJECTED;
    g_free(firmware->reason);
    firmware->reason = g_strdup(reason);
    intake->n_rejected++;
  } else {
    gw_imports_product(core, firmware->product, intake->change);
    intake->n_new++;
  }
  gw_firmwares_add(core->firmwares, firmware);
  gw_rows_put_firmware(gw_change_batch(intake->change), firmware);
  about = (GwAbout){ .firmware_id = firmware->id };
  gw_change_say(intake->change, reason ? "firmware.rejected" : "firmware.announced", &about,
                "%s %s from %s%s%s", firmware->product, firmware->software_version, intake->upstream->name,
                reason ? " was rejected: " : "", reason ? reason : "");
  if (!reason)
    take_verification(intake, firmware);
}

static void
take_releases(Intake *intake)
{
  for (guint i = 0; i < intake->catalog->releases->len; i++) {
    GwFirmware *firmware = firmware_of(intake, intake->catalog->releases->pdata[i]);
    GwFirmware *known = gw_firmwares_find_same(intake->core->firmwares, firmware);

    if (known) {
      refresh(intake, known, firmware);
      gw_firmware_free(firmware);
    } else {
      take_new(intake, firmware);
    }
  }
}

/* ---- the document ---- */

static void
prefetch(GwCore *core, const char *upstream)
{
  GHashTableIter iter;
  gpointer value;

  if (!gw_config_boolean(core->config, "upstream", upstream, "prefetch"))
    return;
  gw_firmwares_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwFirmware *firmware = value;

    if (strcmp(firmware->upstream, upstream) == 0)
      gw_fetching_want(core->fetching, firmware);
  }
}

static void
accept(Intake *intake)
{
  GwCore *core = intake->core;
  GwUpstream *upstream = intake->upstream;
  GwNow now = gw_core_now(core);

  intake->change = gw_change_new(core, NULL);
  upstream->sequence = intake->catalog->sequence;
  g_free(upstream->catalog_sha256);
  upstream->catalog_sha256 = g_strdup(intake->sha256);
  upstream->expires_ms = intake->catalog->expires_ms;
  upstream->changed_ms = upstream->polled_ms = now.wall_ms;
  upstream->is_stale = FALSE;
  take_releases(intake);
  gw_upstreams_put(upstream, gw_change_batch(intake->change));
  gw_change_say(intake->change, "upstream.catalog", &(GwAbout){ .name = upstream->name },
                "catalog %" G_GINT64_FORMAT " from %s: %u release%s, %u new, %u rejected", upstream->sequence,
                upstream->name, intake->catalog->releases->len,
                intake->catalog->releases->len == 1 ? "" : "s", intake->n_new, intake->n_rejected);
  gw_change_commit(g_steal_pointer(&intake->change), NULL, NULL);
  prefetch(core, upstream->name);
  gw_scheduler_fetch_needed(core);
  gw_scheduler_changed(core);
  gw_catalog_check_expiry(core);
}

static gboolean
take_in(Intake *intake, int document_fd, int signature_fd, GError **error)
{
  if (!read_documents(intake, document_fd, signature_fd, error) || !check_signature(intake, error))
    return FALSE;
  intake->catalog = gw_catalog_parse(intake->data, intake->size, error);
  return intake->catalog && check_sequence(intake, error);
}

/* Said once for each new reason: a broken cloud is polled every few minutes. */
static void
refuse(GwCore *core, GwUpstream *upstream, const char *reason)
{
  g_autoptr(GwChange) change = NULL;

  if (strcmp(upstream->problem, reason) == 0)
    return;
  g_free(upstream->problem);
  upstream->problem = g_strdup(reason);
  change = gw_change_new(core, NULL);
  gw_upstreams_put(upstream, gw_change_batch(change));
  gw_change_say(change, "upstream.catalog-refused", &(GwAbout){ .name = upstream->name },
                "the catalog of %s was refused: %s", upstream->name, reason);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

static gboolean
is_configured(const GwCore *core, const char *upstream)
{
  g_auto(GStrv) names = gw_config_instances(core->config, "upstream");

  return g_strv_contains((const char *const *)names, upstream);
}

void
gw_catalog_announce(GwCore *core, const char *upstream, const char *base_url, int document_fd,
                    int signature_fd)
{
  g_autoptr(GError) error = NULL;
  g_auto(Intake) intake = { .core = core, .base_url = base_url };

  if (!is_configured(core, upstream))
    return;
  if (!gw_db_has_room(core->db)) {
    gw_catalog_missed(core, upstream);
    return;
  }
  intake.upstream = gw_upstreams_get(core->upstreams, upstream);
  if (!take_in(&intake, document_fd, signature_fd, &error)) {
    refuse(core, intake.upstream, error->message);
    return;
  }
  g_free(intake.upstream->problem);
  intake.upstream->problem = g_strdup("");
  intake.upstream->polled_ms = gw_core_now(core).wall_ms;
  if (intake.catalog->sequence > intake.upstream->sequence)
    accept(&intake);
  else
    prefetch(core, upstream); /* the same document once more */
}

void
gw_catalog_status(GwCore *core, const char *name, gboolean is_well, const char *text)
{
  GwUpstream *upstream;

  if (!is_configured(core, name))
    return;
  upstream = gw_upstreams_get(core->upstreams, name);
  upstream->is_well = is_well;
  upstream->polled_ms = gw_core_now(core).wall_ms;
  g_free(upstream->status);
  upstream->status = g_strndup(text, 1024);
  gw_catalog_check_expiry(core);
}

/* ---- once more ---- */

void
gw_catalog_missed(GwCore *core, const char *upstream)
{
  if (is_configured(core, upstream))
    gw_upstreams_get(core->upstreams, upstream)->is_missed = TRUE;
}

void
gw_catalog_ask_again(GwCore *core)
{
  GwWorker *wan = gw_workers_wan(core->workers);
  GHashTableIter iter;
  gpointer value;

  if (!wan || !gw_db_has_room(core->db))
    return;
  gw_upstreams_iter(core->upstreams, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwUpstream *upstream = value;

    if (upstream->is_missed &&
        gw_worker_send(wan, GW_MESSAGE_POLL, 0, gw_poll_pack(upstream->name, TRUE), -1))
      upstream->is_missed = FALSE;
  }
}

/* ---- bare files ---- */

static gboolean
is_known_file(const GwCore *core, const GwFirmware *draft, guint *ret_n_drafts)
{
  GHashTableIter iter;
  gpointer value;

  *ret_n_drafts = 0;
  gw_firmwares_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwFirmware *firmware = value;

    *ret_n_drafts += firmware->state == GW_FIRMWARE_DRAFT ? 1 : 0;
    if (strcmp(firmware->upstream, draft->upstream) == 0 && strcmp(firmware->url, draft->url) == 0 &&
        firmware->size == draft->size)
      return TRUE;
  }
  return FALSE;
}

static GwFirmware *
make_draft(GwCore *core, const char *upstream, const char *url, const char *file_name)
{
  GwFirmware *draft = gw_firmware_new();

  g_free(draft->upstream);
  draft->upstream = g_strdup(upstream);
  g_free(draft->url);
  draft->url = g_strdup(url);
  g_free(draft->name);
  draft->name = gw_log_inert(file_name);
  draft->state = GW_FIRMWARE_DRAFT;
  draft->created_ms = draft->state_changed_ms = gw_core_now(core).wall_ms;
  return draft;
}

void
gw_catalog_found(GwCore *core, const char *upstream, const char *url, const char *file_name, guint64 size)
{
  g_autoptr(GwFirmware) draft = NULL;
  g_autoptr(GwChange) change = NULL;
  GwFirmware *added;
  guint n_drafts;

  if (!is_configured(core, upstream) || !*url || size == 0 || size > core->limits.max_image)
    return;
  draft = make_draft(core, upstream, url, file_name);
  draft->size = size;
  if (is_known_file(core, draft, &n_drafts) || n_drafts >= DRAFTS_MAX)
    return;
  draft->id = gw_db_next_id(core->db, GW_SEQUENCE_FIRMWARE);
  added = gw_firmwares_add(core->firmwares, g_steal_pointer(&draft));
  change = gw_change_new(core, NULL);
  gw_rows_put_firmware(gw_change_batch(change), added);
  gw_change_say(change, "firmware.found", &(GwAbout){ .firmware_id = added->id },
                "a file appeared in %s: %s; complete it with \"firmware edit %" G_GINT64_FORMAT "\"",
                upstream, added->name, added->id);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  gw_fetching_want(core->fetching, added);
}

/* ---- expiry ---- */

void
gw_catalog_check_expiry(GwCore *core)
{
  GwNow now = gw_core_now(core);
  GHashTableIter iter;
  gpointer value;

  gw_upstreams_iter(core->upstreams, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwUpstream *upstream = value;
    g_autoptr(GwChange) change = NULL;

    if (upstream->is_stale || gw_upstreams_freshness(core->upstreams, upstream->name, &now) != GW_STALE)
      continue;
    upstream->is_stale = TRUE;
    change = gw_change_new(core, NULL);
    gw_upstreams_put(upstream, gw_change_batch(change));
    gw_change_say(change, "upstream.stale", &(GwAbout){ .name = upstream->name },
                  "the catalog of %s has expired: what was verified is served on, no new push starts",
                  upstream->name);
    gw_change_commit(g_steal_pointer(&change), NULL, NULL);
    gw_scheduler_changed(core);
  }
}
