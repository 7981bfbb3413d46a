/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An Air720 module with AT firmware on a serial line: it is told when to update and where to fetch, and what
 * it says of it is followed. The image goes over the network, by the openluat transport. README.md tells what
 * the module does with each reply. */
#include "session.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

static const GatewaySetting SETTINGS[] = {
  { "url", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "where modules fetch, as they can reach the gateway: http://192.168.1.1/openluat/" },
  { "auto", GATEWAY_SETTING_BOOLEAN, "no", 0, 0, NULL,
    "let the module ask by itself too (AT+UPGRADE=\"AUTO\")" },
  { "period", GATEWAY_SETTING_DURATION, "24h", 60000, 30 * DAY_MS, NULL,
    "how often it asks by itself (AT+UPGRADE=\"PERIOD\")" },
  { "poll", GATEWAY_SETTING_DURATION, "30s", 1000, 600000, NULL,
    "how often AT+UPGRADE? is asked while it downloads" },
  { "read-only", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "names of [line]s that are only listened to, with commas: the modules' UART2, 115200 baud" },
};

/* 115200 baud. */
static const GatewayListen LISTENS[] = { { 1152, NULL, NULL, GATEWAY_LISTEN_SERIAL } };

static const GatewayField FORM[] = {
  { "version", "Firmware", "[A-Za-z0-9._-]{1,64}", NULL, true,
    "as the module says it with +UPGRADEVER once it runs: AirM2M_720_V9999_LTE_AT_NAND" },
  { "name", "File name", "[A-Za-z0-9._-]{1,64}", NULL, false, "letters, digits, dot, dash, underscore" },
  { "notes", "Notes", NULL, NULL, false, "free text" },
};

static const GatewayImageRule IMAGE_RULES[] = {
  { 1, 0, NULL, 0, NULL, "the image is empty: the module would report success and restart" },
  { 0, 0, "PK\003\004", 4, NULL,
    "this is a zip of several files: choose the one for this module and import it by itself" },
};

static const GatewayCode CODES[] = {
  { "error", "-1000", "bad URL", "correct url= of [plugin openluat-at]" },
  { "error", "-1001", "no network", "see signal, SIM and APN" },
  { "error", "-1002", "no connection to the server",
    "see that the module can reach url= of [plugin openluat-at]" },
  { "error", "-1003", "bad firmware, or not ready yet", "import a file that was built for this module" },
  { "error", "-1004", "the server answered with an error", "see HTTP status and cause" },
  { "error", "-1005", "the image could not be stored", "it is too large for the module's flash" },
  { "error", "-1006", "another error", "see the module's log" },
  { "cause", "3", "the device is unknown", "the module has no IMEI yet: see AT+CGSN" },
  { "cause", "17", "device, firmware and project belong to different accounts",
    "mend it in the vendor's console" },
  { "cause", "25", "the project is unknown", "see the openluat transport" },
  { "cause", "26", "the firmware is unknown", "see the openluat transport" },
  { "cause", "27", "nothing is due any more", "see \"gatewayctl explain\" for the node" },
  { "cause", "43", "the image is being prepared", "the module is told again in a minute" },
};

static const GatewaySessionFunctions FUNCTIONS = { sizeof(FUNCTIONS), sizeof(LuatState), 512, luat_step };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_SESSION,
  .name = "openluat-at",
  .title = "Openluat / AirM2M Air720 with AT firmware, on a serial line",
  .version = "1.0",
  .setup = "Connect the module's UART1, and name the port:\n"
           "[line NAME] device=/dev/ttyUSB0 speed=115200 plugin=openluat-at node=NODE\n"
           "[plugin openluat-at] url=http://GATEWAY/openluat/\n"
           "Its UART2, if it is connected too: a second [line] with the same node=, named in read-only=.",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .form = FORM,
  .n_form = GATEWAY_COUNT(FORM),
  .codes = CODES,
  .n_codes = GATEWAY_COUNT(CODES),
  .image_rules = IMAGE_RULES,
  .n_image_rules = GATEWAY_COUNT(IMAGE_RULES),
  .versioning = { GATEWAY_VERSION_OPAQUE, 0 },
  .pin_s = 1800,
  .functions = &FUNCTIONS,
};
