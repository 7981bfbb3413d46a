/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An unmodified MCU that is wired to the gateway where its Quectel QuecThing module was: the gateway plays
 * the module on the serial line. README.md tells what the MCU does with each reply. */
#include "session.h"

static const GatewaySetting SETTINGS[] = {
  { "imei", GATEWAY_SETTING_TEXT, "000000000000000", 0, 0, NULL, "what AT+CGSN says" },
  { "product-key", GATEWAY_SETTING_TEXT, "", 0, 0, NULL, "what AT+QIOTCFG=\"productinfo\" says" },
  { "server", GATEWAY_SETTING_TEXT, "mqtt://iot-south.quectel.com:1883", 0, 0, NULL,
    "what AT+QIOTCFG=\"server\" says" },
  { "min-battery", GATEWAY_SETTING_INTEGER, "0", 0, 100, NULL, "per cent that the plan asks for" },
  { "min-signal", GATEWAY_SETTING_INTEGER, "113", 0, 200, NULL, "dBm below zero that the plan asks for" },
  { "echo", GATEWAY_SETTING_BOOLEAN, "yes", 0, 0, NULL, "echo commands until ATE0, as modules do" },
};

/* 115200 baud. */
static const GatewayListen LISTENS[] = { { 1152, NULL, NULL, GATEWAY_LISTEN_SERIAL } };

static const GatewayField FORM[] = {
  { "version", "Version", "[A-Za-z0-9._+-]{1,64}", NULL, true,
    "what the MCU reports with AT+QIOTMCUVER once it runs: up to 64 characters, no blanks" },
  { "type", "Component", "[A-Za-z0-9._-]{1,32}", NULL, true,
    "the component's name in AT+QIOTMCUVER, in the same case" },
  { "name", "File name", "[A-Za-z0-9._-]{1,64}", NULL, false, "letters, digits, dot, dash, underscore" },
  { "notes", "Notes", NULL, NULL, false, "free text" },
};

static const GatewayImageRule IMAGE_RULES[] = {
  { 1, UINT32_MAX, NULL, 0, NULL,
    "the image is empty, or has 4 GiB or more: the protocol counts in 32 bits" },
};

static const GatewayCode CODES[] = {
  { "event", "10700", "an upgrade plan was announced", "the MCU answers with AT+QIOTUPDATE=1 or 0" },
  { "event", "10701", "the download began", "nothing to do" },
  { "event", "10702", "downloading", "nothing to do" },
  { "event", "10703", "the image may be read", "the MCU reads it with AT+QIOTOTARD within a minute" },
  { "event", "10704", "the MCU updates itself", "it has 20 minutes to say its new version" },
  { "event", "10705", "the MCU runs the new version", "nothing to do" },
  { "event", "10706", "the upgrade failed",
    "it came back with another version, stopped reading, or was silent: see the node's timeline" },
  { "event", "10707", "the first component of a plan is done", "nothing to do" },
};

static const GatewaySessionFunctions FUNCTIONS = { sizeof(FUNCTIONS), sizeof(QuectelState), 512,
                                                   quectel_step };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_SESSION,
  .name = "quectel-at",
  .title = "MCU behind a Quectel QuecThing module (AT commands)",
  .version = "1.0",
  .setup = "Wire the MCU's UART to a serial port of the gateway instead of the module, and name the port:\n"
           "[line NAME] device=/dev/ttyUSB0 speed=115200 plugin=quectel-at node=NODE",
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
  .pin_s = 600,
  .functions = &FUNCTIONS,
};
