/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes, their parts and names; firmware and products as values. */
#include "base/error.h"
#include "model/firmware.h"
#include "model/node.h"
#include <string.h>

static void
test_ids(void)
{
  const char *good[] = { "a", "02:00:00:00:00:01", "dev@site_1.x-y", "0123456789" };
  const char *bad[] = { "", "a b", "a/b", "a\nb", "\xc3\xa4", "<script>", "a;b" };
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
    g_assert_true(gw_node_check_id(good[i], NULL));
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_node_check_id(bad[i], &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  }
  char longest[66] = "";
  memset(longest, 'x', 64);
  g_assert_true(gw_node_check_id(longest, NULL));
  longest[64] = 'x';
  g_assert_false(gw_node_check_id(longest, NULL));
}

static void
test_macs(void)
{
  const char *good[] = { "02:00:0a:BC:dE:f9", "02-00-0A-bc-DE-F9", "02000abcdef9" };
  const char *bad[] = { "",
                        "0",
                        "02",
                        "02:",
                        "02:00:0a:bc:de",
                        "02:00:0a:bc:de:",
                        "02:00:0a:bc:de:f",
                        "02:00:0a:bc:de:f9:00",
                        "02:00-0a:bc:de:f9",
                        "02000abcdef",
                        "02000abcdef99",
                        "0200:0a:bc:de:f9",
                        "02.00.0a.bc.de.f9",
                        "0g:00:0a:bc:de:f9",
                        " 2:00:0a:bc:de:f9" };
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    char mac[18] = "";
    g_assert_true(gw_mac_normalize(good[i], mac));
    g_assert_cmpstr(mac, ==, "02:00:0a:bc:de:f9");
  }
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    char mac[18] = "untouched";
    g_assert_false(gw_mac_normalize(bad[i], mac));
    g_assert_cmpstr(mac, ==, "untouched");
  }
}

static void
test_components(void)
{
  g_autoptr(GwNode) node = gw_node_new("n");
  g_assert_null(gw_node_component(node, ""));
  g_assert_null(gw_node_component_for(node, ""));
  GwComponent *first = gw_node_add_component(node, "wifi");
  g_assert_true(gw_node_component(node, "") == first);
  g_assert_true(gw_node_component(node, "wifi") == first);
  g_assert_null(gw_node_component(node, "mcu"));
  g_assert_null(gw_node_component_for(node, "mcu"));
  g_assert_cmpuint(node->components->len, ==, 1);
  for (int i = 2; i <= 8; i++) {
    g_autofree char *type = g_strdup_printf("part-%d", i);
    g_assert_nonnull(gw_node_add_component(node, type));
  }
  g_assert_null(gw_node_add_component(node, "ninth"));
  g_assert_nonnull(gw_node_add_component(node, "part-8"));
  g_assert_null(gw_node_component(node, ""));
}

static void
test_a_part_of_unknown_type_is_for_all(void)
{
  g_autoptr(GwNode) node = gw_node_new("n");
  GwComponent *only = gw_node_add_component(node, "");
  g_assert_true(gw_node_component_for(node, "application") == only);
  g_assert_null(gw_node_component(node, "application"));
  gw_node_add_component(node, "mcu");
  g_assert_null(gw_node_component_for(node, "application"));
}

static void
test_versions_have_a_source(void)
{
  g_autoptr(GwNode) node = gw_node_new("n");
  GwComponent *component = gw_node_add_component(node, "");
  g_assert_false(gw_component_is_known(component));
  g_assert_false(gw_component_is_known(NULL));
  gw_component_set(component, "6", GW_SOURCE_INFERRED, 100);
  g_assert_true(gw_component_is_known(component));
  g_assert_cmpint(component->since_ms, ==, 100);
  gw_component_set(component, component->software_version, GW_SOURCE_INFERRED, 200);
  g_assert_cmpstr(component->software_version, ==, "6");
  g_assert_cmpint(component->since_ms, ==, 100);
  gw_component_set(component, "6", GW_SOURCE_HEARD, 300);
  g_assert_cmpint(component->since_ms, ==, 300);
  gw_component_set(component, "6", GW_SOURCE_UNKNOWN, 400);
  g_assert_false(gw_component_is_known(component));
  gw_component_set(component, "", GW_SOURCE_HEARD, 500);
  g_assert_false(gw_component_is_known(component));
}

static void
test_attributes_are_bounded(void)
{
  g_autoptr(GwNode) node = gw_node_new("n");
  char text[130] = "";
  memset(text, 'x', 129);
  g_assert_false(gw_node_set_attribute(node, "key", text));
  g_assert_false(gw_node_set_attribute(node, text, "value"));
  g_assert_false(gw_node_set_attribute(node, "", "value"));
  text[128] = '\0';
  g_assert_true(gw_node_set_attribute(node, "key", text));
  for (int i = 1; i < 32; i++) {
    g_autofree char *key = g_strdup_printf("key-%d", i);
    g_assert_true(gw_node_set_attribute(node, key, "value"));
  }
  g_assert_false(gw_node_set_attribute(node, "one-more", "value"));
  g_assert_true(gw_node_set_attribute(node, "key", "new"));
  g_assert_cmpstr(g_hash_table_lookup(node->attributes, "key"), ==, "new");
  g_assert_cmpuint(g_hash_table_size(node->attributes), ==, 32);
}

static void
test_names(void)
{
  for (GwIdentity identity = GW_IDENTITY_ADDRESS; identity <= GW_IDENTITY_CREDENTIAL; identity++) {
    GwIdentity parsed = 0;
    g_assert_true(gw_identity_parse(gw_identity_name(identity), &parsed));
    g_assert_cmpint(parsed, ==, identity);
  }
  GwIdentity none = 0;
  g_assert_false(gw_identity_parse("none", &none));
  g_assert_cmpint(GW_IDENTITY_CREDENTIAL, >, GW_IDENTITY_CLAIMED);
  g_assert_cmpint(GW_IDENTITY_CLAIMED, >, GW_IDENTITY_MAC);
  g_assert_cmpstr(gw_version_source_name(GW_SOURCE_HEARD), ==, "heard");
  for (GwFirmwareState state = GW_FIRMWARE_DRAFT; state <= GW_FIRMWARE_REJECTED; state++) {
    GwFirmwareState parsed = 0;
    g_assert_true(gw_firmware_state_parse(gw_firmware_state_name(state), &parsed));
    g_assert_cmpint(parsed, ==, state);
  }
  GwFirmwareState no_state = 0;
  g_assert_false(gw_firmware_state_parse("none", &no_state));
  g_assert_cmpstr(gw_image_state_name(GW_IMAGE_SEALED), ==, "sealed");
}

/* U10: only one state of firmware is for rules. */
static void
test_only_verified_is_for_rules(void)
{
  g_autoptr(GwFirmware) firmware = gw_firmware_new();
  g_assert_cmpint(firmware->state, ==, GW_FIRMWARE_DRAFT);
  gw_firmware_prove(firmware, "seen");
  for (GwFirmwareState state = GW_FIRMWARE_DRAFT; state <= GW_FIRMWARE_REJECTED; state++) {
    firmware->state = state;
    g_assert_cmpint(gw_firmware_is_for_rules(firmware), ==, state == GW_FIRMWARE_VERIFIED);
  }
}

static void
test_names_of_things(void)
{
  g_autoptr(GError) error = NULL;
  g_assert_true(gw_name_check("product", "pump-2.x_y", &error));
  g_assert_false(gw_name_check("product", "pump 2", &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_nonnull(strstr(error->message, "product"));
  g_assert_false(gw_name_check("rule", "", NULL));
  char longest[66] = "";
  memset(longest, 'x', 64);
  g_assert_true(gw_name_check("rule", longest, NULL));
  longest[64] = 'x';
  g_assert_false(gw_name_check("rule", longest, NULL));
}

static void
test_nothing_is_freed(void)
{
  gw_node_free(NULL);
  gw_firmware_free(NULL);
  gw_product_free(NULL);
  g_autoptr(GwProduct) product = gw_product_new("pump");
  g_assert_cmpstr(product->name, ==, "pump");
  g_assert_cmpstr(product->plugin, ==, "");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/node/ids", test_ids);
  g_test_add_func("/node/macs", test_macs);
  g_test_add_func("/node/components", test_components);
  g_test_add_func("/node/a-part-of-unknown-type-is-for-all", test_a_part_of_unknown_type_is_for_all);
  g_test_add_func("/node/versions-have-a-source", test_versions_have_a_source);
  g_test_add_func("/node/attributes-are-bounded", test_attributes_are_bounded);
  g_test_add_func("/node/names", test_names);
  g_test_add_func("/promise/U10/only-verified-is-for-rules", test_only_verified_is_for_rules);
  g_test_add_func("/node/names-of-things", test_names_of_things);
  g_test_add_func("/node/nothing-is-freed", test_nothing_is_freed);
  return g_test_run();
}
