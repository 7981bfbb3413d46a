/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The catalog document: what was accepted lies within its limits, and written again it reads back the same.
 */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_attribute(gpointer key, gpointer value, gpointer user)
{
  g_assert(*(const char *)key && strlen(key) <= 64);
  g_assert(strlen(value) <= 256 && !strpbrk(value, "\r\n\t\x1b"));
}

static void
check_release(const GwRelease *release)
{
  g_assert(*release->product && strlen(release->product) <= 64 && !strpbrk(release->product, " /<\n"));
  g_assert(*release->software_version && strlen(release->software_version) <= 64);
  g_assert(strlen(release->type) <= 64 && strlen(release->hardware_version) <= 64);
  g_assert(*release->name && strlen(release->name) <= 128 && !strpbrk(release->name, "/\\\n"));
  g_assert(strcmp(release->name, "..") != 0);
  g_assert(*release->url && strlen(release->url) <= 2048 && !strpbrk(release->url, " \r\n"));
  g_assert(!g_str_has_prefix(release->url, "file:"));
  g_assert(release->size >= 1 && release->size <= GW_CATALOG_MAX_IMAGE_SIZE);
  g_assert(strlen(release->sha256) == 64);
  g_assert(strspn(release->sha256, "0123456789abcdef") == 64);
  g_assert(g_hash_table_size(release->attributes) <= GW_CATALOG_MAX_ATTRIBUTES);
  g_hash_table_foreach(release->attributes, check_attribute, NULL);
}

static void
add_attribute(gpointer key, gpointer value, gpointer user)
{
  json_object_set_new(user, key, json_string(value));
}

static json_t *
write_release(const GwRelease *release)
{
  json_t *attributes = json_object();

  g_hash_table_foreach(release->attributes, add_attribute, attributes);
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:o}", "product", release->product,
                   "type", release->type, "hardware", release->hardware_version, "version",
                   release->software_version, "name", release->name, "notes", release->notes, "url",
                   release->url, "signature", release->signature, "size", (json_int_t)release->size, "sha256",
                   release->sha256, "attributes", attributes);
}

static char *
write_catalog(const GwCatalog *catalog)
{
  g_autofree char *expires = gw_clock_format(catalog->expires_ms);
  json_t *releases = json_array();

  for (guint i = 0; i < catalog->releases->len; i++)
    json_array_append_new(releases, write_release(g_ptr_array_index(catalog->releases, i)));
  g_autoptr(json_t) root = json_pack("{s:I, s:s, s:o}", "sequence", (json_int_t)catalog->sequence, "expires",
                                     expires, "releases", releases);
  return json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwCatalog) catalog = gw_catalog_parse((const char *)data, size, &error);
  g_autoptr(GwCatalog) again = NULL;
  char *text, *text_again;

  g_assert(!catalog == !!error);
  if (!catalog) {
    g_assert(error->domain == GW_ERROR && error->code == GW_ERROR_BAD_INPUT && *error->message);
    return 0;
  }
  g_assert(size <= GW_CATALOG_MAX_SIZE && catalog->sequence >= 1);
  g_assert(catalog->releases->len <= GW_CATALOG_MAX_RELEASES);
  for (guint i = 0; i < catalog->releases->len; i++)
    check_release(g_ptr_array_index(catalog->releases, i));

  text = write_catalog(catalog);
  again = gw_catalog_parse(text, strlen(text), NULL);
  g_assert(again || strstr(text, "out-of-range"));
  text_again = again ? write_catalog(again) : NULL;
  g_assert(!again || strcmp(text, text_again) == 0);
  free(text);
  free(text_again);
  return 0;
}
