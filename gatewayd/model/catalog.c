/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/catalog.h"
#include "base/error.h"
#include "base/json.h"
#include "model/firmware.h"
#include <string.h>

#define MAX_VALUE 256

/* As the document has it: borrowed from the JSON, NULL where absent. */
typedef struct {
  const char *product, *type, *hardware, *version, *name, *notes, *url, *sha256, *signature;
  gint64 size;
  json_t *attributes;
} Raw;

static const GwJsonField release_fields[] = {
  { "product", GW_JSON_STRING, TRUE, G_STRUCT_OFFSET(Raw, product), 1, 64 },
  { "type", GW_JSON_STRING, FALSE, G_STRUCT_OFFSET(Raw, type), 0, 64 },
  { "hardware", GW_JSON_STRING, FALSE, G_STRUCT_OFFSET(Raw, hardware), 0, 64 },
  { "version", GW_JSON_STRING, TRUE, G_STRUCT_OFFSET(Raw, version), 1, 64 },
  { "url", GW_JSON_STRING, TRUE, G_STRUCT_OFFSET(Raw, url), 1, 2048 },
  { "size", GW_JSON_INTEGER, TRUE, G_STRUCT_OFFSET(Raw, size), 1, GW_CATALOG_MAX_IMAGE_SIZE },
  { "sha256", GW_JSON_STRING, TRUE, G_STRUCT_OFFSET(Raw, sha256), 64, 64 },
  { "name", GW_JSON_STRING, FALSE, G_STRUCT_OFFSET(Raw, name), 1, 128 },
  { "notes", GW_JSON_STRING, FALSE, G_STRUCT_OFFSET(Raw, notes), 0, 4096 },
  { "signature", GW_JSON_STRING, FALSE, G_STRUCT_OFFSET(Raw, signature), 0, 2048 },
  { "attributes", GW_JSON_OBJECT, FALSE, G_STRUCT_OFFSET(Raw, attributes), 0, 0 },
  { NULL },
};

typedef struct {
  gint64 sequence;
  const char *expires;
  json_t *releases;
} RawCatalog;

static const GwJsonField catalog_fields[] = {
  /* 2^53 - 1: what every JSON tool can hold */
  { "sequence", GW_JSON_INTEGER, TRUE, G_STRUCT_OFFSET(RawCatalog, sequence), 1, ((gint64)1 << 53) - 1 },
  { "expires", GW_JSON_STRING, TRUE, G_STRUCT_OFFSET(RawCatalog, expires), 1, 40 },
  { "releases", GW_JSON_ARRAY, TRUE, G_STRUCT_OFFSET(RawCatalog, releases), 0, GW_CATALOG_MAX_RELEASES },
  { NULL },
};

/* Which characters a text may hold. */
typedef enum {
  TEXT_LINE,
  TEXT_LINES,
  TEXT_FILE_NAME,
  TEXT_NAME,
  TEXT_VERSION,
  TEXT_URL,
  TEXT_HEX,
  TEXT_BASE64
} TextKind;

static gboolean
is_allowed(char c, TextKind kind)
{
  gboolean is_control = g_ascii_iscntrl(c);
  switch (kind) {
  case TEXT_LINE:
    return !is_control;
  case TEXT_LINES:
    return !is_control || c == '\n' || c == '\t';
  case TEXT_FILE_NAME:
    return !is_control && c != '/' && c != '\\';
  case TEXT_NAME:
    return g_ascii_isalnum(c) || strchr("._-", c);
  case TEXT_VERSION:
  case TEXT_URL:
    return g_ascii_isgraph(c);
  case TEXT_HEX:
    return g_ascii_isxdigit(c);
  case TEXT_BASE64:
    return g_ascii_isalnum(c) || strchr("+/=", c);
  }
  return FALSE;
}

static const char *
kind_help(TextKind kind)
{
  static const char *const helps[] = {
    [TEXT_LINE] = "no control characters",
    [TEXT_LINES] = "no control characters but line feed and tab",
    [TEXT_FILE_NAME] = "no control characters and no slashes",
    [TEXT_NAME] = "letters, digits and \"._-\" only",
    [TEXT_VERSION] = "printable ASCII without blanks",
    [TEXT_URL] = "printable ASCII without blanks; encode others as %XX",
    [TEXT_HEX] = "hexadecimal digits only",
    [TEXT_BASE64] = "base64 only, in one line",
  };
  return helps[kind];
}

typedef struct {
  const char *key, *text;
  TextKind kind;
} Check;

static gboolean
check_text(const char *path, const Check *check, GError **error)
{
  for (const char *c = check->text ? check->text : ""; *c; c++)
    if (!is_allowed(*c, check->kind))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s.%s: %s", path, check->key, kind_help(check->kind));
  return TRUE;
}

/* Relative, or http(s): what else there is (file:, data:...) is no place to fetch an image from. */
static gboolean
check_url(const char *path, const char *url, GError **error)
{
  gsize scheme_size = strcspn(url, ":/?#");
  if (url[scheme_size] != ':')
    return TRUE;
  if ((scheme_size == 4 && g_ascii_strncasecmp(url, "http", 4) == 0) ||
      (scheme_size == 5 && g_ascii_strncasecmp(url, "https", 5) == 0))
    return TRUE;
  return gw_fail(error, GW_ERROR_BAD_INPUT, "%s.url: neither relative nor http(s)", path);
}

static gboolean
check_raw(const char *path, const Raw *raw, GError **error)
{
  const Check checks[] = {
    { "product", raw->product, TEXT_NAME },
    { "type", raw->type, TEXT_NAME },
    { "hardware", raw->hardware, TEXT_VERSION },
    { "version", raw->version, TEXT_VERSION },
    { "url", raw->url, TEXT_URL },
    { "sha256", raw->sha256, TEXT_HEX },
    { "name", raw->name, TEXT_FILE_NAME },
    { "notes", raw->notes, TEXT_LINES },
    { "signature", raw->signature, TEXT_BASE64 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(checks); i++)
    if (!check_text(path, &checks[i], error))
      return FALSE;
  if (g_strcmp0(raw->name, ".") == 0 || g_strcmp0(raw->name, "..") == 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s.name: is a folder", path);
  return check_url(path, raw->url, error);
}

static gboolean
read_attributes(const char *path, json_t *object, GHashTable *attributes, GError **error)
{
  const char *key;
  json_t *value;
  if (object && json_object_size(object) > GW_CATALOG_MAX_ATTRIBUTES)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s.attributes: more than %d", path, GW_CATALOG_MAX_ATTRIBUTES);
  json_object_foreach(object, key, value)
  {
    g_autofree char *shown = g_strdup_printf("attributes.%.64s", key);
    const Check check = { shown, json_string_value(value), TEXT_LINE };
    if (!gw_name_check("attribute", key, NULL))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s.%s: a key has 1 to 64 letters, digits and \"._-\"", path,
                     shown);
    if (!json_is_string(value) || json_string_length(value) > MAX_VALUE)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "%s.%s: not a text of at most %d bytes", path, shown,
                     MAX_VALUE);
    if (!check_text(path, &check, error))
      return FALSE;
    g_hash_table_insert(attributes, g_strdup(key), g_strdup(json_string_value(value)));
  }
  return TRUE;
}

/* The last step of the URL's path, or "image" where there is none. */
static char *
name_of_url(const char *url)
{
  g_autofree char *path = g_strndup(url, strcspn(url, "?#"));
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  gboolean is_host = slash && slash > path && slash[-1] == '/';
  if (*name == '\0' || is_host || strlen(name) > 128 || strchr(name, '\\') || strcmp(name, ".") == 0 ||
      strcmp(name, "..") == 0)
    return g_strdup("image");
  return g_strdup(name);
}

static GwRelease *
read_release(const char *path, const json_t *object, GError **error)
{
  Raw raw = { 0 };
  g_autoptr(GHashTable) attributes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  if (!gw_json_read(object, path, release_fields, FALSE, &raw, error) || !check_raw(path, &raw, error) ||
      !read_attributes(path, raw.attributes, attributes, error))
    return NULL;
  GwRelease *release = g_new0(GwRelease, 1);
  release->product = g_strdup(raw.product);
  release->type = g_strdup(raw.type ? raw.type : "");
  release->hardware_version = g_strdup(raw.hardware ? raw.hardware : "");
  release->software_version = g_strdup(raw.version);
  release->url = g_strdup(raw.url);
  release->name = raw.name ? g_strdup(raw.name) : name_of_url(raw.url);
  release->notes = g_strdup(raw.notes ? raw.notes : "");
  release->signature = g_strdup(raw.signature ? raw.signature : "");
  release->attributes = g_steal_pointer(&attributes);
  release->size = (guint64)raw.size;
  g_autofree char *digest = g_ascii_strdown(raw.sha256, -1);
  g_strlcpy(release->sha256, digest, sizeof release->sha256);
  return release;
}

void
gw_release_free(GwRelease *release)
{
  if (!release)
    return;
  char *texts[] = {
    release->product, release->type, release->hardware_version, release->software_version, release->name,
    release->notes,   release->url,  release->signature
  };
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
  g_clear_pointer(&release->attributes, g_hash_table_unref);
  g_free(release);
}

/* No text that makes up a key can hold a line feed. */
static char *
identity_of(const GwRelease *release)
{
  return g_strjoin("\n", release->product, release->type, release->hardware_version,
                   release->software_version, NULL);
}

static gboolean
read_releases(const json_t *array, GPtrArray *releases, GError **error)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  gsize i;
  json_t *object;
  json_array_foreach(array, i, object)
  {
    g_autofree char *path = g_strdup_printf("releases[%" G_GSIZE_FORMAT "]", i);
    GwRelease *release = read_release(path, object, error);
    if (!release)
      return FALSE;
    g_ptr_array_add(releases, release);
    g_autofree char *identity = identity_of(release);
    gpointer first = NULL;
    if (g_hash_table_lookup_extended(seen, identity, NULL, &first))
      return gw_fail(error, GW_ERROR_BAD_INPUT,
                     "%s: the same product, type, hardware and version as releases[%u]", path,
                     GPOINTER_TO_UINT(first));
    g_hash_table_insert(seen, g_steal_pointer(&identity), GUINT_TO_POINTER((guint)i));
  }
  return TRUE;
}

GwCatalog *
gw_catalog_parse(const char *data, gsize size, GError **error)
{
  RawCatalog raw = { 0 };
  g_autoptr(json_t) root = gw_json_parse(data, size, GW_CATALOG_MAX_SIZE, error);
  if (!root || !gw_json_read(root, "", catalog_fields, FALSE, &raw, error))
    return NULL;
  g_autoptr(GwCatalog) catalog = g_new0(GwCatalog, 1);
  catalog->releases = g_ptr_array_new_with_free_func((GDestroyNotify)gw_release_free);
  catalog->sequence = raw.sequence;
  if (!gw_clock_parse(raw.expires, &catalog->expires_ms, error)) {
    g_prefix_error_literal(error, "expires: ");
    return NULL;
  }
  if (!read_releases(raw.releases, catalog->releases, error))
    return NULL;
  return g_steal_pointer(&catalog);
}

void
gw_catalog_free(GwCatalog *catalog)
{
  if (!catalog)
    return;
  g_clear_pointer(&catalog->releases, g_ptr_array_unref);
  g_free(catalog);
}

GwFreshness
gw_catalog_freshness(gint64 expires_ms, const GwNow *now)
{
  if (expires_ms == 0)
    return GW_FRESH;
  if (!now->is_trusted)
    return GW_FRESHNESS_UNKNOWN;
  return now->wall_ms < expires_ms ? GW_FRESH : GW_STALE;
}
