/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Products, firmware, upstreams, and the core's small facts. */
#include <string.h>

#include "store/rows-private.h"

void
gw_rows_put_product(GwBatch *batch, const GwProduct *product)
{
  g_autofree char *labels = gw_rows_write_strings(product->labels);

  gw_batch_add(batch, "INSERT OR REPLACE INTO product VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
               "sssiisissiis", product->name, product->plugin, gw_version_scheme_name(product->scheme),
               (gint64)product->series_chars, (gint64)product->is_auto_adopt,
               gw_identity_name((GwIdentity)product->least_identity), (gint64)product->is_require_signature,
               product->family, labels, (gint64)product->is_self_verifying, (gint64)product->is_to_binary,
               product->origin);
}

void
gw_rows_delete_product(GwBatch *batch, const char *name)
{
  gw_batch_add(batch, "DELETE FROM product WHERE name = ?", "s", name);
}

typedef struct {
  void (*each)(GwProduct *product, gpointer user);
  gpointer user;
} ProductReader;

static void
read_product(const GwRow *row, gpointer user)
{
  const ProductReader *reader = user;
  GwProduct *product = gw_product_new(gw_row_text(row, 0));
  GwIdentity least = (GwIdentity)product->least_identity;

  gw_rows_read_text(&product->plugin, row, 1);
  (void)gw_version_scheme_parse(gw_row_text(row, 2), &product->scheme);
  product->series_chars = (guint)gw_row_int(row, 3);
  product->is_auto_adopt = gw_row_int(row, 4) != 0;
  (void)gw_identity_parse(gw_row_text(row, 5), &least);
  product->least_identity = (int)least;
  product->is_require_signature = gw_row_int(row, 6) != 0;
  gw_rows_read_text(&product->family, row, 7);
  gw_rows_read_strings(gw_row_text(row, 8), product->labels);
  product->is_self_verifying = gw_row_int(row, 9) != 0;
  product->is_to_binary = gw_row_int(row, 10) != 0;
  gw_rows_read_text(&product->origin, row, 11);
  reader->each(product, reader->user);
}

gboolean
gw_rows_load_products(GwDb *db, void (*each)(GwProduct *product, gpointer user), gpointer user,
                      GError **error)
{
  ProductReader reader = { each, user };

  return gw_db_load(db, "SELECT * FROM product ORDER BY name", read_product, &reader, error);
}

void
gw_rows_put_firmware(GwBatch *batch, const GwFirmware *firmware)
{
  g_autofree char *attributes = gw_rows_write_map(firmware->attributes);
  const GwDigests *digests = &firmware->digests;
  const GwVerification *verification = &firmware->verification;

  gw_batch_add(batch,
               "INSERT OR REPLACE INTO firmware VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
               "?, ?, ?, ?, "
               "?, ?, ?, ?, ?, "
               "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
               "issssssssssss"
               "siisiisbbisii"
               "sssisiiisiii",
               firmware->id, firmware->product, firmware->type, firmware->hardware_version,
               firmware->software_version, firmware->name, firmware->notes, firmware->plugin, attributes,
               gw_firmware_state_name(firmware->state), firmware->reason, firmware->upstream, firmware->url,
               firmware->base_url, firmware->sequence, (gint64)firmware->is_signed, firmware->verify_node,
               (gint64)firmware->is_downgrade_allowed, (gint64)firmware->size, firmware->sha256,
               digests->sha1, sizeof digests->sha1, digests->md5, sizeof digests->md5, (gint64)digests->crc32,
               gw_image_state_name(firmware->image_state), firmware->created_ms, firmware->state_changed_ms,
               firmware->version_name, firmware->proof, firmware->overrides, (gint64)firmware->is_denied,
               verification->step ? gw_verification_step_name(verification->step) : "",
               (gint64)verification->is_silent, verification->rule_id, verification->stay_ms,
               verification->deadline.boot_id, verification->deadline.boot_ms,
               verification->deadline.remaining_ms, (gint64)firmware->is_undigested);
}

void
gw_rows_delete_firmware(GwBatch *batch, gint64 id)
{
  gw_batch_add(batch, "DELETE FROM firmware WHERE id = ?", "i", id);
}

static GwImageState
image_state_of(const char *name)
{
  for (GwImageState state = GW_IMAGE_WANTED; state <= GW_IMAGE_FAILED; state++)
    if (strcmp(name, gw_image_state_name(state)) == 0)
      return state;
  return GW_IMAGE_WANTED;
}

/* The SHA-256 and the size are those of the image once it was sealed. */
static void
read_digests(GwFirmware *firmware, const GwRow *row)
{
  gsize size;
  const void *sha1 = gw_row_blob(row, 20, &size);
  gboolean is_whole = size == sizeof firmware->digests.sha1;
  const void *md5;

  if (is_whole)
    memcpy(firmware->digests.sha1, sha1, size);
  md5 = gw_row_blob(row, 21, &size);
  if (size == sizeof firmware->digests.md5)
    memcpy(firmware->digests.md5, md5, size);
  firmware->digests.crc32 = (guint32)gw_row_int(row, 22);
  if (firmware->image_state != GW_IMAGE_SEALED)
    return;
  (void)gw_unhex(firmware->sha256, GW_SHA256_LEN, firmware->digests.sha256);
  firmware->digests.size = firmware->size;
}

static void
read_verification(GwVerification *verification, const GwRow *row)
{
  (void)gw_verification_step_parse(gw_row_text(row, 30), &verification->step);
  verification->is_silent = gw_row_int(row, 31) != 0;
  verification->rule_id = gw_row_int(row, 32);
  verification->stay_ms = gw_row_int(row, 33);
  g_strlcpy(verification->deadline.boot_id, gw_row_text(row, 34), sizeof verification->deadline.boot_id);
  verification->deadline.boot_ms = gw_row_int(row, 35);
  verification->deadline.remaining_ms = gw_row_int(row, 36);
}

typedef struct {
  void (*each)(GwFirmware *firmware, gpointer user);
  gpointer user;
} FirmwareReader;

static void
read_firmware(const GwRow *row, gpointer user)
{
  const FirmwareReader *reader = user;
  GwFirmware *firmware = gw_firmware_new();
  char **texts[] = {
    &firmware->product, &firmware->type,  &firmware->hardware_version, &firmware->software_version,
    &firmware->name,    &firmware->notes, &firmware->plugin,
  };
  char **sources[] = { &firmware->reason, &firmware->upstream, &firmware->url, &firmware->base_url };

  firmware->id = gw_row_int(row, 0);
  for (int i = 0; i < (int)G_N_ELEMENTS(texts); i++)
    gw_rows_read_text(texts[i], row, 1 + i);
  gw_rows_read_map(gw_row_text(row, 8), firmware->attributes);
  (void)gw_firmware_state_parse(gw_row_text(row, 9), &firmware->state);
  for (int i = 0; i < (int)G_N_ELEMENTS(sources); i++)
    gw_rows_read_text(sources[i], row, 10 + i);
  firmware->sequence = gw_row_int(row, 14);
  firmware->is_signed = gw_row_int(row, 15) != 0;
  gw_rows_read_text(&firmware->verify_node, row, 16);
  firmware->is_downgrade_allowed = gw_row_int(row, 17) != 0;
  firmware->size = (guint64)gw_row_int(row, 18);
  g_strlcpy(firmware->sha256, gw_row_text(row, 19), sizeof firmware->sha256);
  firmware->image_state = image_state_of(gw_row_text(row, 23));
  read_digests(firmware, row);
  firmware->created_ms = gw_row_int(row, 24);
  firmware->state_changed_ms = gw_row_int(row, 25);
  gw_rows_read_text(&firmware->version_name, row, 26);
  gw_rows_read_text(&firmware->proof, row, 27);
  gw_rows_read_text(&firmware->overrides, row, 28);
  firmware->is_denied = gw_row_int(row, 29) != 0;
  read_verification(&firmware->verification, row);
  firmware->is_undigested = gw_row_int(row, 37) != 0;
  reader->each(firmware, reader->user);
}

gboolean
gw_rows_load_firmwares(GwDb *db, void (*each)(GwFirmware *firmware, gpointer user), gpointer user,
                       GError **error)
{
  FirmwareReader reader = { each, user };

  return gw_db_load(db, "SELECT * FROM firmware ORDER BY id", read_firmware, &reader, error);
}

/* The sequence of a catalog never goes back, whoever writes. */
void
gw_rows_put_upstream(GwBatch *batch, const GwUpstreamRow *row)
{
  gw_batch_add(
      batch,
      "INSERT INTO upstream VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET sequence = "
      "max(sequence, excluded.sequence), catalog_sha256 = excluded.catalog_sha256, etag = excluded.etag, "
      "last_modified = excluded.last_modified, expires_ms = excluded.expires_ms, polled_ms = "
      "excluded.polled_ms, changed_ms = excluded.changed_ms, is_stale = excluded.is_stale, status = "
      "excluded.status",
      "sisssiiiis", row->name, row->sequence, row->catalog_sha256, row->etag, row->last_modified,
      row->expires_ms, row->polled_ms, row->changed_ms, (gint64)row->is_stale, row->status);
}

typedef struct {
  void (*each)(const GwUpstreamRow *row, gpointer user);
  gpointer user;
} UpstreamReader;

static void
read_upstream(const GwRow *row, gpointer user)
{
  const UpstreamReader *reader = user;
  const GwUpstreamRow upstream = {
    .name = gw_row_text(row, 0),
    .sequence = gw_row_int(row, 1),
    .catalog_sha256 = gw_row_text(row, 2),
    .etag = gw_row_text(row, 3),
    .last_modified = gw_row_text(row, 4),
    .expires_ms = gw_row_int(row, 5),
    .polled_ms = gw_row_int(row, 6),
    .changed_ms = gw_row_int(row, 7),
    .is_stale = gw_row_int(row, 8) != 0,
    .status = gw_row_text(row, 9),
  };

  reader->each(&upstream, reader->user);
}

gboolean
gw_rows_load_upstreams(GwDb *db, void (*each)(const GwUpstreamRow *row, gpointer user), gpointer user,
                       GError **error)
{
  UpstreamReader reader = { each, user };

  return gw_db_load(db, "SELECT * FROM upstream ORDER BY name", read_upstream, &reader, error);
}

void
gw_rows_put_meta(GwBatch *batch, const char *key, const char *value)
{
  gw_batch_add(batch, "INSERT OR REPLACE INTO meta VALUES (?, ?)", "ss", key, value);
}

typedef struct {
  void (*each)(const char *key, const char *value, gpointer user);
  gpointer user;
} MetaReader;

static void
read_meta(const GwRow *row, gpointer user)
{
  const MetaReader *reader = user;

  reader->each(gw_row_text(row, 0), gw_row_text(row, 1), reader->user);
}

gboolean
gw_rows_load_meta(GwDb *db, void (*each)(const char *key, const char *value, gpointer user), gpointer user,
                  GError **error)
{
  MetaReader reader = { each, user };

  return gw_db_load(db, "SELECT key, value FROM meta", read_meta, &reader, error);
}
