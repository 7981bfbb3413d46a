/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/firmwares.h"

#include <string.h>

struct GwFirmwares {
  GHashTable *by_id;      /* &firmware->id -> GwFirmware, owned */
  GHashTable *by_image;   /* digest -> GPtrArray of GwFirmware */
  GHashTable *by_version; /* key_of_version() -> GPtrArray of GwFirmware */
  GHashTable *products;   /* product->name -> GwProduct, owned */
};

static GHashTable *
index_new(void)
{
  return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
}

GwFirmwares *
gw_firmwares_new(void)
{
  GwFirmwares *firmwares = g_new0(GwFirmwares, 1);

  firmwares->by_id =
      g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)gw_firmware_free);
  firmwares->by_image = index_new();
  firmwares->by_version = index_new();
  firmwares->products = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_product_free);
  return firmwares;
}

void
gw_firmwares_free(GwFirmwares *firmwares)
{
  if (!firmwares)
    return;
  g_hash_table_unref(firmwares->by_image);
  g_hash_table_unref(firmwares->by_version);
  g_hash_table_unref(firmwares->by_id);
  g_hash_table_unref(firmwares->products);
  g_free(firmwares);
}

static char *
key_of_version(const GwFirmware *firmware)
{
  return g_strjoin("\n", firmware->product, firmware->type, firmware->hardware_version,
                   firmware->software_version, NULL);
}

/* Takes @key. */
static void
index_under(GHashTable *index, char *key, GwFirmware *firmware)
{
  GPtrArray *list = g_hash_table_lookup(index, key);

  if (list) {
    g_free(key);
  } else {
    list = g_ptr_array_sized_new(1);
    g_hash_table_insert(index, key, list);
  }
  g_ptr_array_add(list, firmware);
}

static void
index_one(GwFirmwares *firmwares, GwFirmware *firmware)
{
  const GwProduct *product = gw_products_find(firmwares, firmware->product);

  g_free(firmware->family);
  firmware->family = g_strdup(product ? product->family : "");
  if (*firmware->sha256)
    index_under(firmwares->by_image, g_strdup(firmware->sha256), firmware);
  index_under(firmwares->by_version, key_of_version(firmware), firmware);
}

void
gw_firmwares_reindex(GwFirmwares *firmwares)
{
  GHashTableIter iter;
  gpointer firmware;

  g_hash_table_remove_all(firmwares->by_image);
  g_hash_table_remove_all(firmwares->by_version);
  gw_firmwares_iter(firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &firmware))
    index_one(firmwares, firmware);
}

GwFirmware *
gw_firmwares_add(GwFirmwares *firmwares, GwFirmware *firmware)
{
  g_hash_table_insert(firmwares->by_id, &firmware->id, firmware);
  index_one(firmwares, firmware);
  return firmware;
}

void
gw_firmwares_remove(GwFirmwares *firmwares, GwFirmware *firmware)
{
  gint64 id = firmware->id;

  g_hash_table_remove(firmwares->by_id, &id);
  gw_firmwares_reindex(firmwares);
}

GwFirmware *
gw_firmwares_find(const GwFirmwares *firmwares, gint64 id)
{
  return g_hash_table_lookup(firmwares->by_id, &id);
}

static GwFirmware *
first_not_rejected(const GPtrArray *list, const GwFirmware *except)
{
  for (guint i = 0; list && i < list->len; i++) {
    GwFirmware *firmware = list->pdata[i];

    if (firmware != except && firmware->state != GW_FIRMWARE_REJECTED)
      return firmware;
  }
  return NULL;
}

/* What a person rejected is not brought again under another name. */
static GwFirmware *
first_denied(const GPtrArray *list, const GwFirmware *except)
{
  for (guint i = 0; list && i < list->len; i++)
    if (list->pdata[i] != except && ((const GwFirmware *)list->pdata[i])->is_denied)
      return list->pdata[i];
  return NULL;
}

GwFirmware *
gw_firmwares_find_image(const GwFirmwares *firmwares, const char *sha256, const GwFirmware *except)
{
  const GPtrArray *list = g_hash_table_lookup(firmwares->by_image, sha256);
  GwFirmware *first = first_not_rejected(list, except);

  return first ? first : first_denied(list, except);
}

GwFirmware *
gw_firmwares_find_version(const GwFirmwares *firmwares, const GwFirmware *like, const GwFirmware *except)
{
  g_autofree char *key = key_of_version(like);

  return first_not_rejected(g_hash_table_lookup(firmwares->by_version, key), except);
}

GwFirmware *
gw_firmwares_find_same(const GwFirmwares *firmwares, const GwFirmware *like)
{
  g_autofree char *key = key_of_version(like);
  const GPtrArray *list = g_hash_table_lookup(firmwares->by_version, key);

  for (guint i = 0; list && i < list->len; i++) {
    GwFirmware *firmware = list->pdata[i];

    if (strcmp(firmware->sha256, like->sha256) == 0 && firmware->size == like->size)
      return firmware;
  }
  return NULL;
}

const char *
gw_firmwares_version_of(const GwFirmwares *firmwares, const GwUpdate *update)
{
  const GwFirmware *firmware = gw_firmwares_find(firmwares, update->firmware_id);

  if (*update->version)
    return update->version;
  return firmware ? firmware->software_version : "?";
}

void
gw_firmwares_iter(const GwFirmwares *firmwares, GHashTableIter *ret_iter)
{
  g_hash_table_iter_init(ret_iter, firmwares->by_id);
}

guint
gw_firmwares_count(const GwFirmwares *firmwares)
{
  return g_hash_table_size(firmwares->by_id);
}

GwProduct *
gw_products_find(const GwFirmwares *firmwares, const char *name)
{
  return g_hash_table_lookup(firmwares->products, name);
}

GwProduct *
gw_products_add(GwFirmwares *firmwares, GwProduct *product)
{
  g_assert(!gw_products_find(firmwares, product->name));
  g_hash_table_insert(firmwares->products, product->name, product);
  return product;
}

GwProduct *
gw_products_find_sole(const GwFirmwares *firmwares, const char *plugin)
{
  GwProduct *found = NULL;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init(&iter, firmwares->products);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwProduct *product = value;

    if (strcmp(product->plugin, plugin) != 0)
      continue;
    if (found)
      return NULL;
    found = product;
  }
  return found;
}

void
gw_products_iter(const GwFirmwares *firmwares, GHashTableIter *ret_iter)
{
  g_hash_table_iter_init(ret_iter, firmwares->products);
}
