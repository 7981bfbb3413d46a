/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An unmodified MCU that is wired to the gateway where its Gizwits Wi-Fi module (GAgent) was: the gateway
 * plays the module on the serial line. README.md tells what the MCU does with each reply. */
#include "session.h"

/* 9600 baud. */
static const GatewayListen LISTENS[] = { { 96, NULL, NULL, GATEWAY_LISTEN_SERIAL } };

static const GatewayField FORM[] = {
  { "version", "Software version", "[!-~]{8}", NULL, true,
    "exactly the 8 characters that the MCU says in its device info once it runs: 03030009" },
  { "hardware", "Hardware version", "[!-~]{8}", NULL, true,
    "exactly the 8 characters of the MCU's device info" },
  { "type", "Type", "mcu", "mcu", true, "mcu" },
  { "name", "File name", "[A-Za-z0-9._-]{1,64}", NULL, false,
    "letters, digits, dot, dash, underscore; NAME.hex goes to the MCU line by line" },
  { "notes", "Notes", NULL, NULL, false, "free text" },
};

static const GatewayImageRule IMAGE_RULES[] = {
  { 1, UINT32_MAX, NULL, 0, NULL,
    "the image is empty, or has 4 GiB or more: the protocol counts in 32 bits" },
};

static const GatewayCode CODES[] = {
  { "frame", "0x27", "the MCU stopped the transfer",
    "before the first piece: the image is too large for it; at the end: its digest does not hold" },
  { "frame", "0x11/1", "the MCU got damaged frames", "see the wiring, the ground and the speed of the line" },
  { "frame", "0x11/2", "the MCU does not know the command", "its program was built without OTA" },
  { "frame", "0x11/3", "the MCU does not take what it got", "see the MCU's own log" },
  { "frame", "0x11/4", "binary or Intel HEX: the image is of the other kind",
    "import the other one; a product can convert Intel HEX to binary" },
};

static const GatewaySessionFunctions FUNCTIONS = { sizeof(FUNCTIONS), sizeof(GizState), 0, giz_step };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_SESSION,
  .name = "gizwits-mcu",
  .title = "MCU behind a Gizwits Wi-Fi module (serial protocol)",
  .version = "1.0",
  .setup = "Wire the MCU's UART to a serial port of the gateway instead of the module, and name the port:\n"
           "[line NAME] device=/dev/ttyUSB0 speed=9600 plugin=gizwits-mcu node=NODE",
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .form = FORM,
  .n_form = GATEWAY_COUNT(FORM),
  .codes = CODES,
  .n_codes = GATEWAY_COUNT(CODES),
  .image_rules = IMAGE_RULES,
  .n_image_rules = GATEWAY_COUNT(IMAGE_RULES),
  .versioning = { GATEWAY_VERSION_LEX8, 4 },
  .pin_s = 600,
  .functions = &FUNCTIONS,
};
