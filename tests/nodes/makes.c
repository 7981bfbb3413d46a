/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "makes.h"

#include <string.h>

#define DIGEST_SIZE 32

const Make MAKES[] = {
  { .word = "harmony",
    .program = "fake-pic32",
    .help = "Microchip PIC32MZ W1 with the Harmony OTA service",
    .needs = "",
    .port = 8000,
    .options = { "--url=http://{gateway}:{port}/n/{name}/ota.json", NULL },
    .sleep_option = "--poll-ms",
    .lie = "loop" },
  { .word = "waspmote",
    .program = "fake-waspmote",
    .help = "Libelium Waspmote: wifi, 4g, gprs or 3g",
    .argument = "MODEM",
    .needs = "user,password",
    .port = 21,
    .options = { "--host={gateway}", "--port={port}", "--modem={argument}", "--version=0", NULL },
    .sleep_option = "--poll-ms",
    .lie = "loop" },
  { .word = "openluat",
    .program = "fake-air720",
    .help = "Air720 module with auto-FOTA",
    .needs = "",
    .port = 80,
    .options = { "--host={gateway}", "--port={port}", "--imei=8668880200000{number}", "--polls=0", NULL },
    .sleep_option = "--poll-ms",
    .lie = "loop",
    .magic = "LUAT" },
  { .word = "esp8266",
    .program = "fake-esp",
    .help = "ESP8266 with the Arduino updater",
    .needs = "",
    .port = 8266,
    .options = { "--host={gateway}", "--port={port}", "--mac=DE:BA:7A:82:66:{number}", "--polls=0", NULL },
    .sleep_option = "--poll-ms",
    .lie = "loop",
    .magic = "\351ESP" },
  { .word = "esp32",
    .program = "fake-esp",
    .help = "ESP32 with the Arduino updater",
    .needs = "",
    .port = 8266,
    .options = { "--host={gateway}", "--port={port}", "--mac=DE:BA:7A:00:32:{number}", "--family=32",
                 "--polls=0", NULL },
    .sleep_option = "--poll-ms",
    .lie = "loop",
    .magic = "\351ESP" },
  { .word = "quectel",
    .program = "fake-quec-mcu",
    .help = "MCU behind a Quectel module, on a serial line",
    .argument = "LINE",
    .needs = "",
    .options = { "--fd=3", "--stall-ms=2000000000", NULL },
    .lie = "loop",
    .magic = "MCU" },
  { .word = "gizwits",
    .program = "fake-gagent",
    .help = "Wi-Fi module with Gizwits GAgent",
    .needs = "",
    .port = 80,
    .options = { "--host={gateway}", "--port={port}", "--did=gatewaynodes0gizwits{number}", "--polls=0",
                 NULL },
    .sleep_option = "--poll-ms",
    .lie = "loop",
    .magic = "GAgent" },
  { .word = "gizwits-mcu",
    .program = "fake-giz-mcu",
    .help = "MCU behind a Gizwits Wi-Fi module, on a serial line",
    .argument = "LINE",
    .needs = "",
    .options = { "--fd=3", "--stall-ms=2000000000", NULL },
    .lie = "loop",
    .magic = "GIZ" },
  { .word = "openluat-at",
    .program = "fake-luat-at",
    .help = "Air720 with AT firmware, on a serial line",
    .argument = "LINE",
    .needs = "",
    .options = { "--fd=3", "--stall-ms=2000000000", NULL },
    .lie = "loop",
    .magic = "LUAT" },
  { .word = "openluat-at",
    .program = "fake-luat-at",
    .help = "Air720 module with AT firmware, on a serial line",
    .argument = "LINE",
    .needs = "",
    .options = { "--fd=3", "--imei=8668880200001{number}", "--stall-ms=2000000000", NULL },
    .lie = "loop",
    .magic = "LUAT" },
  { NULL },
};

const Make *
make_find(const char *word)
{
  for (const Make *make = MAKES; make->word; make++)
    if (strcmp(make->word, word) == 0)
      return make;
  return NULL;
}

char *
makes_list(void)
{
  GString *text = g_string_new(NULL);

  for (const Make *make = MAKES; make->word; make++) {
    g_autofree char *call = g_strconcat(make->word, make->argument ? ":" : "", make->argument, NULL);
    g_string_append_printf(text, "  %-16s %s", call, make->help);
    if (make->port)
      g_string_append_printf(text, "; port %d", make->port);
    if (*make->needs)
      g_string_append_printf(text, "\n  %-16s needs %s", "", make->needs);
    g_string_append_c(text, '\n');
  }
  return g_string_free(text, FALSE);
}

char *
make_fill(const char *template, const char *const *names, const char *const *values)
{
  GString *text = g_string_new(template);

  for (; *names; names++, values++) {
    g_autofree char *word = g_strdup_printf("{%s}", *names);
    g_string_replace(text, word, *values, 0);
  }
  return g_string_free(text, FALSE);
}

GBytes *
make_image(const Make *make, const char *version, gsize size)
{
  g_autoptr(GByteArray) image = g_byte_array_new();
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
  guint8 digest[DIGEST_SIZE];
  gsize digest_size = sizeof digest;

  g_byte_array_append(image, (const guint8 *)make->magic, (guint)strlen(make->magic));
  g_byte_array_append(image, (const guint8 *)version, (guint)strlen(version));
  g_byte_array_append(image, (const guint8 *)"\n", 1);
  for (guint at = image->len; at + DIGEST_SIZE < size; at++) {
    guint8 byte = (guint8)(at * 31 + (at >> 8));
    g_byte_array_append(image, &byte, 1);
  }
  g_checksum_update(checksum, image->data, image->len);
  g_checksum_get_digest(checksum, digest, &digest_size);
  g_byte_array_append(image, digest, DIGEST_SIZE);
  return g_byte_array_free_to_bytes(g_steal_pointer(&image));
}
