/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Libelium Waspmote with WiFi PRO, 4G, GPRS or 3G module: over-the-air programming by FTP. This is the
 * plugin's constant, its words as data; the session itself begins in session.c. README.md tells what each
 * modem asks and what it does with each reply. */
#include "codes.h"
#include "session.h"

static const GatewaySetting SETTINGS[] = {
  { "active", GATEWAY_SETTING_BOOLEAN, "yes", 0, 0, NULL,
    "PORT and EPRT, to the client's own address only; the WiFi module may need them" },
  { "passive-ports", GATEWAY_SETTING_TEXT, "30000-30099", 0, 0, NULL,
    "range of ports for passive data connections; the firewall must let them in" },
  { "external-address", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "IPv4 address that clients from outside are told for passive connections; empty: the one they reached" },
};

static const GatewayListen LISTENS[] = { { 21, NULL, NULL, 0 } };

static const GatewayField FORM[] = {
  { "name", "File name", "[A-Za-z0-9_]{7}", NULL, true,
    "the name that the IDE gave the binary, unchanged: 7 letters, digits or underscores, no extension" },
  { "version", "Release", NULL, NULL, true,
    "what you call this program, for people: a date, or a tag of its source; the VERSION that nodes are told "
    "is chosen when it is pushed" },
  { "notes", "Notes", NULL, NULL, false, "free text" },
};

static const GatewayImageRule IMAGE_RULES[] = {
  { 1, UPGRADE_SIZE_MAX, NULL, 0, NULL, "the file is empty, or its size has more than nine digits" },
  { 0, 0, ":10", 3, NULL,
    "this is the HEX file; upload the one beside it with 7 characters and no extension (Sketch, Export "
    "binary "
    "to OTA file)" },
  { 0, 0, NULL, 0, "no_file",
    "NO_FILE is what UPGRADE.TXT says when nothing is due; rename the sketch and export it again" },
};

static const GatewayNumberLimit LIMITS[] = {
  { "last-version", NULL, NULL, 254,
    "a node that runs the last VERSION takes no other program of this name ever again" },
  { "gprs-version", "modem", "gprs", 127,
    "a GPRS module counts VERSION 128 and more as negative, and takes no other program of this name ever "
    "again" },
};

static const GatewaySessionFunctions FUNCTIONS = {
  .size = sizeof(GatewaySessionFunctions),
  .state_size = sizeof(FtpState),
  .max_line = FTP_LINE_MAX,
  .step = ftp_session_step,
};
_Static_assert(sizeof(FtpState) <= 4096, "the host lends 4096 bytes");

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_SESSION,
  .traits = GATEWAY_SILENT,
  .name = "waspmote",
  .title = "Libelium Waspmote (OTA by FTP: WiFi PRO, 4G, GPRS, 3G)",
  .version = "1.0",
  .setup = "Give each node a login: gatewayctl node credential NODE. In the sketch call\n"
           "requestOTA(GATEWAY, 21, NODE, PASSWORD) of the module's library, for example once a day.\n"
           "Export the program with Sketch, Export binary to OTA file, and do not rename the result.\n"
           "Let port 21 and passive-ports= through the firewall; for nodes behind a mobile network forward\n"
           "them and set external-address=.",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .form = FORM,
  .n_form = GATEWAY_COUNT(FORM),
  .codes = WASPMOTE_CODES,
  .n_codes = WASPMOTE_N_CODES,
  .image_rules = IMAGE_RULES,
  .n_image_rules = GATEWAY_COUNT(IMAGE_RULES),
  .versioning = { GATEWAY_VERSION_OPAQUE, 0 },
  .offer_text = "FILE:{name}\nPATH:/\nSIZE:{size}\nVERSION:{version}\n",
  .nothing_text = "FILE:NO_FILE\nPATH:\nSIZE:\nVERSION:\n",
  .numbering = { "VERSION", 1, 255, LIMITS, GATEWAY_COUNT(LIMITS) },
  .inference = { .requests = 1, .apart_s = 0, .bytes_s = 1800, .not_back_s = 7 * 86400 },
  .pin_s = 600,
  .idle_s = FTP_IDLE_MS / 1000,
  .functions = &FUNCTIONS,
};
