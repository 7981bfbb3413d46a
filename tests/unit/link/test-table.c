/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/table.h"

#include <string.h>

#include "base/error.h"

static const GatewaySetting settings[] = {
  { "path", GATEWAY_SETTING_TEXT, "/x", 0, 0, NULL, "help" },
  { "port", GATEWAY_SETTING_INTEGER, NULL, -5, 65535, NULL, NULL },
  { "mode", GATEWAY_SETTING_CHOICE, "a", 0, 0, "a|b", NULL },
};
static const GatewayListen listens[] = { { 8000, "host.example", "/p", GATEWAY_LISTEN_SERIAL } };
static const GatewayHost hosts[] = { { "api.example", 80, "resolve it here" } };
static const GatewayField form[] = { { "version", "Version", "[0-9]+", "1", true, "a number" } };
static const GatewayCode codes[] = { { "gprs", "-70", "too old", "raise it" } };
static const GatewayVerb verbs[] = { { "erase", "version", GATEWAY_ROLE_OPERATE, "delete", "sure?" } };
static const GatewayImageRule image_rules[] = { { 1, 2, "\0x", 2, ".hex", "no" } };

static const GatewayPlugin full = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .traits = GATEWAY_NEVER_CUT | GATEWAY_SILENT,
  .name = "full",
  .title = "Full",
  .version = "1.0",
  .setup = "Set it.",
  .settings = settings,
  .n_settings = GATEWAY_COUNT(settings),
  .listens = listens,
  .n_listens = 1,
  .hosts = hosts,
  .n_hosts = 1,
  .form = form,
  .n_form = 1,
  .codes = codes,
  .n_codes = 1,
  .verbs = verbs,
  .n_verbs = 1,
  .image_rules = image_rules,
  .n_image_rules = 1,
  .versioning = { GATEWAY_VERSION_LEX8, 4 },
  .inference = { 3, 30, 300, 900 },
  .pin_s = 600,
  .idle_s = 300,
  .functions = "not told",
};

static void
assert_rows(const GatewayPlugin *got)
{
  g_assert_cmpuint(got->n_settings, ==, 3);
  g_assert_cmpstr(got->settings[0].fallback, ==, "/x");
  g_assert_null(got->settings[1].fallback);
  g_assert_cmpint(got->settings[1].min, ==, -5);
  g_assert_cmpint(got->settings[1].max, ==, 65535);
  g_assert_cmpint(got->settings[2].kind, ==, GATEWAY_SETTING_CHOICE);
  g_assert_cmpstr(got->settings[2].choices, ==, "a|b");
  g_assert_cmpuint(got->listens[0].port, ==, 8000);
  g_assert_cmpstr(got->listens[0].host, ==, "host.example");
  g_assert_cmpstr(got->listens[0].path, ==, "/p");
  g_assert_cmpuint(got->listens[0].flags, ==, GATEWAY_LISTEN_SERIAL);
  g_assert_cmpstr(got->hosts[0].name, ==, "api.example");
  g_assert_cmpuint(got->hosts[0].port, ==, 80);
  g_assert_cmpstr(got->form[0].pattern, ==, "[0-9]+");
  g_assert_cmpstr(got->form[0].fallback, ==, "1");
  g_assert_true(got->form[0].is_required);
  g_assert_cmpstr(got->codes[0].advice, ==, "raise it");
  g_assert_cmpint(got->verbs[0].role, ==, GATEWAY_ROLE_OPERATE);
  g_assert_cmpstr(got->verbs[0].warning, ==, "sure?");
  g_assert_cmpuint(got->image_rules[0].max_size, ==, 2);
  g_assert_cmpmem(got->image_rules[0].head, got->image_rules[0].head_size, "\0x", 2);
  g_assert_cmpstr(got->image_rules[0].suffix, ==, ".hex");
}

static void
test_round_trip(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) packed = g_variant_ref_sink(gw_plugin_table_pack(&full));
  g_autoptr(GwPluginTable) table = gw_plugin_table_unpack(packed, &error);

  g_assert_no_error(error);
  const GatewayPlugin *got = gw_plugin_table_constant(table);
  g_assert_cmpuint(got->kind, ==, GATEWAY_REQUEST);
  g_assert_cmpuint(got->traits, ==, full.traits);
  g_assert_cmpstr(got->name, ==, "full");
  g_assert_cmpstr(got->title, ==, "Full");
  g_assert_cmpstr(got->version, ==, "1.0");
  g_assert_cmpstr(got->setup, ==, "Set it.");
  assert_rows(got);
  g_assert_cmpmem(&got->versioning, sizeof got->versioning, &full.versioning, sizeof full.versioning);
  g_assert_cmpmem(&got->inference, sizeof got->inference, &full.inference, sizeof full.inference);
  g_assert_cmpuint(got->pin_s, ==, 600);
  g_assert_cmpuint(got->idle_s, ==, 300);
  g_assert_null(got->functions);
  g_autoptr(GVariant) again = g_variant_ref_sink(gw_plugin_table_pack(got));
  g_assert_true(g_variant_equal(again, packed));
  g_assert_true(gw_plugin_table_variant(table) == packed);
}

static void
refuse(const GatewayPlugin *plugin, const char *why)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) packed = g_variant_ref_sink(gw_plugin_table_pack(plugin));

  g_assert_null(gw_plugin_table_unpack(packed, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  if (!strstr(error->message, why))
    g_error("\"%s\" does not say \"%s\"", error->message, why);
}

static void
test_heads(void)
{
  GatewayPlugin plugin = full;

  plugin.abi = 1;
  refuse(&plugin, "ABI");
  plugin = full;
  plugin.kind = 7;
  refuse(&plugin, "kind");
  plugin = full;
  plugin.name = "Bad Name";
  refuse(&plugin, "name");
  plugin = full;
  plugin.name = NULL;
  refuse(&plugin, "name");
  plugin = full;
  plugin.versioning.scheme = 99;
  refuse(&plugin, "scheme");
}

static void
test_rows(void)
{
  static const GatewaySetting no_key[] = { { NULL, GATEWAY_SETTING_TEXT } };
  static const GatewaySetting range[] = { { "x", GATEWAY_SETTING_INTEGER, NULL, 5, 1 } };
  static const GatewayField pattern[] = { { "x", "X", "[" } };
  static const GatewayVerb role[] = { { "x", NULL, 9 } };
  static const GatewayListen path[] = { { 80, NULL, "p" } };
  static const GatewaySetting many[GW_TABLE_MAX_ROWS + 1] = { { "x", GATEWAY_SETTING_TEXT } };
  GatewayPlugin plugin = full;

  plugin.settings = no_key, plugin.n_settings = 1;
  refuse(&plugin, "setting");
  plugin.settings = range;
  refuse(&plugin, "least");
  plugin.settings = many, plugin.n_settings = GATEWAY_COUNT(many);
  refuse(&plugin, "limits");
  plugin = full;
  plugin.form = pattern;
  refuse(&plugin, "regular expression");
  plugin = full;
  plugin.verbs = role;
  refuse(&plugin, "verb");
  plugin = full;
  plugin.listens = path;
  refuse(&plugin, "listen");
}

static void
test_long_text(void)
{
  g_autofree char *text = g_strnfill(5000, 'x');
  GatewayPlugin plugin = full;

  plugin.setup = text;
  refuse(&plugin, "limits");
}

static void
test_additions(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) newer = g_variant_ref_sink(g_variant_new_parsed(
      "{'kind': <uint32 1>, 'name': <'x'>, 'title': <'X'>, 'version': <'1'>, 'future': <'yes'>}"));
  g_autoptr(GwPluginTable) table = gw_plugin_table_unpack(newer, &error);

  g_assert_no_error(error);
  g_assert_cmpstr(gw_plugin_table_constant(table)->name, ==, "x");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/table/round-trip", test_round_trip);
  g_test_add_func("/table/heads", test_heads);
  g_test_add_func("/table/rows", test_rows);
  g_test_add_func("/table/long-text", test_long_text);
  g_test_add_func("/table/additions", test_additions);
  return g_test_run();
}
