/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/keyrings.h"

#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

#define PEM_MAX 65536

typedef struct {
  char *name, *pem;
  gsize size;
  char **products;
} Key;

struct GwKeyrings {
  GHashTable *by_name; /* name -> GwKeyring */
  GPtrArray *keys;     /* Key */
};

static void
key_free(gpointer data)
{
  Key *key = data;

  g_free(key->name);
  g_free(key->pem);
  g_strfreev(key->products);
  g_free(key);
}

void
gw_keyrings_free(GwKeyrings *keyrings)
{
  if (!keyrings)
    return;
  g_hash_table_unref(keyrings->by_name);
  g_ptr_array_unref(keyrings->keys);
  g_free(keyrings);
}

static gboolean
add_key(GwKeyring *keyring, const Key *key, GError **error)
{
  return gw_keyring_add(keyring, key->name, key->pem, key->size, (const char *const *)key->products, error);
}

static gboolean
load_file(GwKeyrings *keyrings, GwKeyring *keyring, const char *path, char **products, GError **error)
{
  Key *key = g_new0(Key, 1);

  key->name = g_strdup(path);
  key->products = g_strdupv(products);
  g_ptr_array_add(keyrings->keys, key);
  return gw_file_read(AT_FDCWD, path, PEM_MAX, &key->pem, &key->size, error) && add_key(keyring, key, error);
}

static gboolean
load_keyring(GwKeyrings *keyrings, const GwConfig *config, const char *name, GError **error)
{
  g_auto(GStrv) files = gw_config_list(config, "keyring", name, "file");
  g_auto(GStrv) products = gw_config_list(config, "keyring", name, "products");
  GwKeyring *keyring = gw_keyring_new();

  g_hash_table_insert(keyrings->by_name, g_strdup(name), keyring);
  for (char **file = files; *file; file++)
    if (!load_file(keyrings, keyring, *file, products, error)) {
      g_prefix_error(error, "%s: keyring %s: ", gw_config_where(config, "keyring", name, "file"), name);
      return FALSE;
    }
  return TRUE;
}

GwKeyrings *
gw_keyrings_load(const GwConfig *config, GError **error)
{
  g_autoptr(GwKeyrings) keyrings = g_new0(GwKeyrings, 1);
  g_auto(GStrv) names = gw_config_instances(config, "keyring");

  keyrings->by_name =
      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)gw_keyring_unref);
  keyrings->keys = g_ptr_array_new_with_free_func(key_free);
  for (char **name = names; *name; name++)
    if (!load_keyring(keyrings, config, *name, error))
      return NULL;
  return g_steal_pointer(&keyrings);
}

GwKeyring *
gw_keyrings_find(const GwKeyrings *keyrings, const char *name)
{
  return g_hash_table_lookup(keyrings->by_name, name);
}

static gboolean
is_for_product(const Key *key, const char *product)
{
  for (char **glob = key->products; *glob; glob++)
    if (g_pattern_match_simple(*glob, product))
      return TRUE;
  return FALSE;
}

GwKeyring *
gw_keyrings_for_product(const GwKeyrings *keyrings, const char *product)
{
  GwKeyring *keyring = gw_keyring_new();

  for (guint i = 0; i < keyrings->keys->len; i++)
    if (is_for_product(keyrings->keys->pdata[i], product))
      add_key(keyring, keyrings->keys->pdata[i], NULL); /* it was added once before */
  return keyring;
}
