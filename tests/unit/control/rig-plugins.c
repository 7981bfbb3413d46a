/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The makes that the tests' LAN worker brings. */
#include "link/table.h"
#include "rig.h"

static const GatewayImageRule IMAGE_RULES[] = {
  { 16, 0, NULL, 0, NULL, "the image has less than 16 bytes" },
  { 0, 0, ":", 1, NULL, "this is a HEX file" },
};

static const GatewayField FORM[] = {
  { "version", "Version", "[1-9][0-9]*", NULL, true, "a whole number" },
};

static const GatewayVerb VERBS[] = {
  { "erase", "version", GATEWAY_ROLE_OPERATE, "erases", NULL },
};

static const GatewayPlugin SILENT = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .traits = GATEWAY_NEVER_CUT | GATEWAY_SILENT,
  .name = RIG_SILENT,
  .title = "silent",
  .version = "1",
  .form = FORM,
  .n_form = GATEWAY_COUNT(FORM),
  .verbs = VERBS,
  .n_verbs = GATEWAY_COUNT(VERBS),
  .image_rules = IMAGE_RULES,
  .n_image_rules = GATEWAY_COUNT(IMAGE_RULES),
  .versioning = { GATEWAY_VERSION_INTEGER, 0 },
  .inference = { 3, 30, 300, 7 * 86400 },
  .pin_s = 600,
};

static const GatewayNumberLimit LIMITS[] = {
  { "last", NULL, NULL, 254, "nothing could follow" },
  { "old", "radio", "old", 127, "an old radio counts so far" },
};

static const GatewayPlugin NUMBERED = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_SESSION,
  .traits = GATEWAY_SILENT,
  .name = RIG_NUMBERED,
  .title = "numbered",
  .version = "1",
  .versioning = { GATEWAY_VERSION_OPAQUE, 0 },
  .inference = { 1, 0, 1800, 7 * 86400 },
  .pin_s = 600,
  .offer_text = "{name} {size} {version}{\n",
  .nothing_text = "nothing\n",
  .numbering = { "NUMBER", 1, 255, LIMITS, GATEWAY_COUNT(LIMITS) },
};

static const GatewaySetting TOLD_SETTINGS[] = {
  { "passthrough", GATEWAY_SETTING_TEXT, "http://vendor.example", 0, 0, NULL, "the vendor's cloud" },
  { "passthrough-quota", GATEWAY_SETTING_INTEGER, "2", 0, 100, NULL, "questions in a day" },
};

static const GatewayPlugin TOLD = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .name = RIG_TOLD,
  .title = "told",
  .version = "1",
  .versioning = { GATEWAY_VERSION_INTEGER, 0 },
  .settings = TOLD_SETTINGS,
  .n_settings = GATEWAY_COUNT(TOLD_SETTINGS),
  .pin_s = 600,
};

static const GatewayPlugin SESSION = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_SESSION,
  .name = RIG_SESSION,
  .title = "session",
  .version = "1",
  .versioning = { GATEWAY_VERSION_INTEGER, 0 },
  .pin_s = 600,
};

GVariant *
rig_plugins(void)
{
  GVariant *tables[] = { gw_plugin_table_pack(&SILENT), gw_plugin_table_pack(&TOLD),
                         gw_plugin_table_pack(&NUMBERED), gw_plugin_table_pack(&SESSION) };

  return g_variant_new_array(G_VARIANT_TYPE_VARDICT, tables, G_N_ELEMENTS(tables));
}

static const GatewayPlugin CLOUD = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_UPSTREAM,
  .traits = GATEWAY_REPORTS,
  .name = RIG_CLOUD,
  .title = "cloud",
  .version = "1",
};

static const GatewayPlugin QUIET = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_UPSTREAM,
  .name = "fake-quiet",
  .title = "brings firmware alone",
  .version = "1",
};

GVariant *
rig_upstream_plugins(void)
{
  GVariant *tables[] = { gw_plugin_table_pack(&CLOUD), gw_plugin_table_pack(&QUIET) };

  return g_variant_new_array(G_VARIANT_TYPE_VARDICT, tables, G_N_ELEMENTS(tables));
}
