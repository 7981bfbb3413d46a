/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The catalog document: what docs/catalog.md allows is read, everything else is refused and says where. */
#include "base/error.h"
#include "model/catalog.h"
#include <string.h>

#define SHA "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F"
#define HEAD "{\"sequence\":7,\"expires\":\"2027-01-01T00:00:00Z\",\"releases\":["
#define RELEASE(more)                                                                                        \
  "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"img/6.bin\",\"size\":5087,\"sha256\":\"" SHA "\"" more  \
  "}"
#define ONE(more) HEAD RELEASE(more) "]}"

static GwCatalog *
read_good(const char *text)
{
  g_autoptr(GError) error = NULL;
  GwCatalog *catalog = gw_catalog_parse(text, strlen(text), &error);
  g_assert_no_error(error);
  g_assert_nonnull(catalog);
  return catalog;
}

static void
assert_refused(const char *text, gsize size, const char *part)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwCatalog) catalog = gw_catalog_parse(text, size, &error);
  g_assert_null(catalog);
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  if (!strstr(error->message, part))
    g_error("\"%s\" does not say \"%s\"", error->message, part);
}

static void
test_smallest(void)
{
  g_autoptr(GwCatalog) catalog = read_good(ONE(""));
  g_assert_cmpint(catalog->sequence, ==, 7);
  g_assert_cmpint(catalog->expires_ms, ==, G_GINT64_CONSTANT(1798761600000));
  g_assert_cmpuint(catalog->releases->len, ==, 1);
  const GwRelease *release = g_ptr_array_index(catalog->releases, 0);
  g_assert_cmpstr(release->product, ==, "pump");
  g_assert_cmpstr(release->type, ==, "");
  g_assert_cmpstr(release->hardware_version, ==, "");
  g_assert_cmpstr(release->software_version, ==, "6");
  g_assert_cmpstr(release->url, ==, "img/6.bin");
  g_assert_cmpstr(release->name, ==, "6.bin");
  g_assert_cmpstr(release->notes, ==, "");
  g_assert_cmpstr(release->signature, ==, "");
  g_assert_cmpuint(release->size, ==, 5087);
  g_assert_cmpstr(release->sha256, ==, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  g_assert_cmpuint(g_hash_table_size(release->attributes), ==, 0);
}

static void
test_all_members(void)
{
  g_autoptr(GwCatalog) catalog =
      read_good(ONE(",\"type\":\"wifi\",\"hardware\":\"rev-C\",\"name\":\"pump 6.bin\",\"notes\":\"a\\nb\","
                    "\"signature\":\"QUJD+/==\",\"attributes\":{\"erase\":\"no\",\"chip\":\"x1\"}"));
  const GwRelease *release = g_ptr_array_index(catalog->releases, 0);
  g_assert_cmpstr(release->type, ==, "wifi");
  g_assert_cmpstr(release->hardware_version, ==, "rev-C");
  g_assert_cmpstr(release->name, ==, "pump 6.bin");
  g_assert_cmpstr(release->notes, ==, "a\nb");
  g_assert_cmpstr(release->signature, ==, "QUJD+/==");
  g_assert_cmpstr(g_hash_table_lookup(release->attributes, "chip"), ==, "x1");
}

static void
test_empty(void)
{
  g_autoptr(GwCatalog) catalog = read_good(HEAD "]}");
  g_assert_cmpuint(catalog->releases->len, ==, 0);
}

static const struct {
  const char *url, *name;
} names[] = {
  { "6.bin", "6.bin" },
  { "a/b/6.bin?x=/y#z/", "6.bin" },
  { "http://h/6.bin", "6.bin" },
  { "HTTPS://h:8443/a:b/6.bin", "6.bin" },
  { "./a:b", "a:b" },
  { "http://h", "image" },
  { "http://h/", "image" },
  { "http://h/..", "image" },
  { "//h", "image" },
  { "?6.bin", "image" },
  { "a\\\\b", "image" },
};

static void
test_names(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *text = g_strdup_printf(
        HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"%s\",\"size\":1,\"sha256\":\"" SHA "\"}]}",
        names[i].url);
    g_autoptr(GwCatalog) catalog = read_good(text);
    const GwRelease *release = g_ptr_array_index(catalog->releases, 0);
    g_assert_cmpstr(release->name, ==, names[i].name);
  }
}

static const struct {
  const char *text, *part;
} refused[] = {
  { "", "line" },
  { "[]", "object" },
  { "{}", "sequence: missing" },
  { "{\"sequence\":0,\"expires\":\"2027-01-01T00:00:00Z\",\"releases\":[]}", "sequence" },
  { "{\"sequence\":-1,\"expires\":\"2027-01-01T00:00:00Z\",\"releases\":[]}", "sequence" },
  { "{\"sequence\":9007199254740992,\"expires\":\"2027-01-01T00:00:00Z\",\"releases\":[]}", "sequence" },
  { "{\"sequence\":\"7\",\"expires\":\"2027-01-01T00:00:00Z\",\"releases\":[]}", "sequence" },
  { "{\"sequence\":1.5,\"expires\":\"2027-01-01T00:00:00Z\",\"releases\":[]}", "sequence" },
  { "{\"sequence\":1,\"sequence\":2,\"expires\":\"2027-01-01T00:00:00Z\",\"releases\":[]}", "duplicate" },
  { "{\"sequence\":1,\"expires\":\"tomorrow\",\"releases\":[]}", "expires:" },
  { "{\"sequence\":1,\"expires\":\"\",\"releases\":[]}", "expires" },
  { "{\"sequence\":1,\"expires\":\"2027-01-01T00:00:00\",\"releases\":[]}", "expires:" },
  { "{\"sequence\":1,\"expires\":\"2027-01-01T00:00:00Z\"}", "releases: missing" },
  { "{\"sequence\":1,\"expires\":\"2027-01-01T00:00:00Z\",\"releases\":{}}", "releases" },
  { "{\"sequence\":1,\"expires\":\"2027-01-01T00:00:00Z\",\"releases\":[],\"relases\":[]}",
    "relases: unknown" },
  { HEAD "7]}", "releases[0]" },
  { HEAD RELEASE("") ",{}]}", "releases[1].product: missing" },
  { ONE(",\"hardwre\":\"2\""), "releases[0].hardwre: unknown" },
  { ONE("") "x", "line" },
  { HEAD "{\"product\":\"pump 2\",\"version\":\"6\",\"url\":\"a\",\"size\":1,\"sha256\":\"" SHA "\"}]}",
    "releases[0].product:" },
  { HEAD "{\"product\":\"pump\",\"version\":\"6 beta\",\"url\":\"a\",\"size\":1,\"sha256\":\"" SHA "\"}]}",
    "releases[0].version:" },
  { HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"a\",\"size\":0,\"sha256\":\"" SHA "\"}]}",
    "releases[0].size:" },
  { HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"a\",\"size\":1099511627777,\"sha256\":\"" SHA
         "\"}]}",
    "releases[0].size:" },
  { HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"a\",\"size\":1,\"sha256\":\"abc\"}]}",
    "releases[0].sha256:" },
  { HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"a\",\"size\":1,\"sha256\":"
         "\"g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}]}",
    "releases[0].sha256:" },
  { HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"a b\",\"size\":1,\"sha256\":\"" SHA "\"}]}",
    "releases[0].url:" },
  { HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"file:///etc/shadow\",\"size\":1,\"sha256\":\"" SHA
         "\"}]}",
    "releases[0].url:" },
  { HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"httpx://h\",\"size\":1,\"sha256\":\"" SHA "\"}]}",
    "releases[0].url:" },
  { HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"javascript:x\",\"size\":1,\"sha256\":\"" SHA
         "\"}]}",
    "releases[0].url:" },
  { ONE(",\"type\":\"a b\""), "releases[0].type:" },
  { ONE(",\"hardware\":\"a\\tb\""), "releases[0].hardware:" },
  { ONE(",\"name\":\"../6.bin\""), "releases[0].name:" },
  { ONE(",\"name\":\"a\\\\b\""), "releases[0].name:" },
  { ONE(",\"name\":\"..\""), "releases[0].name:" },
  { ONE(",\"name\":\"\""), "releases[0].name:" },
  { ONE(",\"name\":\"a\\u001bb\""), "releases[0].name:" },
  { ONE(",\"name\":\"a\\u0000b\""), "line" },
  { ONE(",\"notes\":\"\\u001b[2J\""), "releases[0].notes:" },
  { ONE(",\"signature\":\"<>\""), "releases[0].signature:" },
  { ONE(",\"attributes\":{\"a b\":\"c\"}"), "releases[0].attributes.a b:" },
  { ONE(",\"attributes\":{\"a\":1}"), "releases[0].attributes.a:" },
  { ONE(",\"attributes\":{\"a\":\"b\\nc\"}"), "releases[0].attributes.a:" },
  { HEAD RELEASE("") "," RELEASE(",\"type\":\"wifi\"") "," RELEASE("") "]}",
    "releases[2]: the same product, type, hardware and version as releases[0]" },
};

static void
test_refused(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
    assert_refused(refused[i].text, strlen(refused[i].text), refused[i].part);
}

static void
test_same_but_for_one(void)
{
  g_autoptr(GwCatalog) catalog =
      read_good(HEAD RELEASE("") "," RELEASE(",\"type\":\"x\"") "," RELEASE(",\"hardware\":\"x\"") "]}");
  g_assert_cmpuint(catalog->releases->len, ==, 3);
}

static void
test_long_texts(void)
{
  const struct {
    const char *key;
    gsize longest;
  } texts[] = {
    { "type", 64 }, { "hardware", 64 }, { "name", 128 }, { "notes", 4096 }, { "signature", 2048 }
  };
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_autofree char *value = g_strnfill(texts[i].longest + 1, 'x');
    g_autofree char *too_long = g_strdup_printf(ONE(",\"%s\":\"%s\""), texts[i].key, value);
    assert_refused(too_long, strlen(too_long), texts[i].key);
    value[texts[i].longest] = '\0';
    g_autofree char *just = g_strdup_printf(ONE(",\"%s\":\"%s\""), texts[i].key, value);
    g_autoptr(GwCatalog) catalog = read_good(just);
    g_assert_cmpuint(catalog->releases->len, ==, 1);
  }
}

static void
test_long_attributes(void)
{
  g_autofree char *value = g_strnfill(257, 'x');
  g_autofree char *too_long = g_strdup_printf(ONE(",\"attributes\":{\"a\":\"%s\"}"), value);
  assert_refused(too_long, strlen(too_long), "at most 256 bytes");
  value[256] = '\0';
  g_autofree char *just = g_strdup_printf(ONE(",\"attributes\":{\"a\":\"%s\"}"), value);
  g_autoptr(GwCatalog) catalog = read_good(just);
  g_assert_cmpuint(catalog->releases->len, ==, 1);
}

static void
test_many_attributes(void)
{
  for (int n = GW_CATALOG_MAX_ATTRIBUTES; n <= GW_CATALOG_MAX_ATTRIBUTES + 1; n++) {
    g_autoptr(GString) text =
        g_string_new(HEAD "{\"product\":\"pump\",\"version\":\"6\",\"url\":\"a\",\"size\":1,"
                          "\"sha256\":\"" SHA "\",\"attributes\":{");
    for (int i = 0; i < n; i++)
      g_string_append_printf(text, "%s\"k%d\":\"v\"", i ? "," : "", i);
    g_string_append(text, "}}]}");
    if (n > GW_CATALOG_MAX_ATTRIBUTES) {
      assert_refused(text->str, text->len, "attributes: more than");
    } else {
      g_autoptr(GwCatalog) catalog = read_good(text->str);
      g_assert_cmpuint(catalog->releases->len, ==, 1);
    }
  }
}

/* U5, the document's half: it ends at its limits. */
static void
test_too_much(void)
{
  g_autoptr(GString) text = g_string_new(HEAD);
  for (int i = 0; i <= GW_CATALOG_MAX_RELEASES; i++)
    g_string_append_printf(
        text, "%s{\"product\":\"p\",\"version\":\"%d\",\"url\":\"a\",\"size\":1,\"sha256\":\"" SHA "\"}",
        i ? "," : "", i);
  g_string_append(text, "]}");
  g_assert_cmpuint(text->len, <, GW_CATALOG_MAX_SIZE);
  assert_refused(text->str, text->len, "releases");

  g_autofree char *endless = g_strnfill(GW_CATALOG_MAX_SIZE + 1, ' ');
  memcpy(endless, HEAD "]}", strlen(HEAD "]}"));
  assert_refused(endless, GW_CATALOG_MAX_SIZE + 1, "larger than");
  g_autoptr(GwCatalog) just = gw_catalog_parse(endless, GW_CATALOG_MAX_SIZE, NULL);
  g_assert_nonnull(just);
}

/* U4: from its expiry on a catalog is stale; a clock that is not trusted says neither. */
static void
test_freshness(void)
{
  GwNow now = { .wall_ms = 999, .is_trusted = TRUE };
  g_assert_cmpint(gw_catalog_freshness(1000, &now), ==, GW_FRESH);
  now.wall_ms = 1000;
  g_assert_cmpint(gw_catalog_freshness(1000, &now), ==, GW_STALE);
  now.is_trusted = FALSE;
  g_assert_cmpint(gw_catalog_freshness(1000, &now), ==, GW_FRESHNESS_UNKNOWN);
  now.wall_ms = 0;
  g_assert_cmpint(gw_catalog_freshness(1000, &now), ==, GW_FRESHNESS_UNKNOWN);
  g_assert_cmpint(gw_catalog_freshness(0, &now), ==, GW_FRESH); /* it has none */
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/catalog/smallest", test_smallest);
  g_test_add_func("/catalog/all-members", test_all_members);
  g_test_add_func("/catalog/empty", test_empty);
  g_test_add_func("/catalog/names", test_names);
  g_test_add_func("/catalog/refused", test_refused);
  g_test_add_func("/catalog/same-but-for-one", test_same_but_for_one);
  g_test_add_func("/catalog/long-texts", test_long_texts);
  g_test_add_func("/catalog/long-attributes", test_long_attributes);
  g_test_add_func("/catalog/many-attributes", test_many_attributes);
  g_test_add_func("/promise/U5/document-ends-at-its-limits", test_too_much);
  g_test_add_func("/promise/U4/stale-from-its-expiry", test_freshness);
  return g_test_run();
}
