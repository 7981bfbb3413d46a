/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UPGRADE.TXT goes out and is read by the parsers of all four modems: whatever name, version and size a
 * firmware has, either it is refused in words or every modem reads back what was meant. Input: name, LF,
 * version, LF, size. */
#include "../../plugins/transport/waspmote/upgrade.h"
#include "../nodes/waspmote-parser.h"

#include <glib.h>
#include <stdlib.h>

#define SCRATCH_SIZE 16384
#define TEXT_MAX 250 /* of the parsers' 256 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static GatewayText
print(const Upgrade *upgrade, char memory[SCRATCH_SIZE])
{
  GatewayScratch scratch = { memory, SCRATCH_SIZE, 0, false };
  GatewayText text = upgrade_print(upgrade, &scratch);

  g_assert(text.size > 0 && text.size < TEXT_MAX && text.data[text.size - 1] == '\n');
  g_assert(!memchr(text.data, '\r', text.size) && !memchr(text.data, ' ', text.size));
  return text;
}

/* A node that runs another program loads; one that runs this program loads what is newer, as far as it
 * counts. */
static void
check_modem(WaspModem modem, const Upgrade *upgrade, GatewayText text)
{
  int version = atoi(upgrade->version);
  WaspOrder order = wasp_parse(modem, text.data, text.size, "another", 255);

  g_assert_cmpint(order.verdict, ==, WASP_LOAD);
  g_assert_cmpstr(order.file, ==, upgrade->name);
  g_assert_cmpstr(order.path, ==, "/");
  g_assert(order.size == (modem < WASP_GPRS ? (long)upgrade->size : -1));
  g_assert_cmpint(order.version & 0xff, ==, version);
  for (int running = 0; running < 255; running++) {
    order = wasp_parse(modem, text.data, text.size, upgrade->name, running);
    gboolean is_newer = version > running && (modem != WASP_GPRS || version < 128);
    g_assert_cmpint(order.verdict, ==, is_newer ? WASP_LOAD : WASP_REFUSED);
  }
}

static void
check_nothing(void)
{
  char memory[SCRATCH_SIZE];
  GatewayText text = print(&(Upgrade){ .size = 0 }, memory);

  for (WaspModem modem = WASP_WIFI; modem <= WASP_3G; modem++)
    g_assert_cmpint(wasp_parse(modem, text.data, text.size, "PROG001", 1).verdict, ==, WASP_NOTHING);
}

static GatewayText
take_line(const char **data, size_t *size)
{
  const char *end = *size ? memchr(*data, '\n', *size) : NULL;
  GatewayText line = { *data, end ? (size_t)(end - *data) : *size };
  size_t used = line.size + (end ? 1 : 0);

  *data += used;
  *size -= used;
  return line;
}

/* A file that is not ours is read, too: the emulated parsers must not break where the real ones would. */
static void
check_foreign(const uint8_t *data, size_t size)
{
  for (WaspModem modem = WASP_WIFI; modem <= WASP_3G; modem++) {
    WaspOrder order = wasp_parse(modem, data, size, "PROG001", 1);
    g_assert(order.verdict != WASP_REFUSED || order.code);
    g_assert(order.verdict != WASP_CRASHED || order.why);
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *rest = (const char *)data, *why = NULL;
  char memory[SCRATCH_SIZE];
  GatewayImage image = { 0 };
  Upgrade upgrade = { .size = 0 };

  check_foreign(data, size);
  check_nothing();
  image.name = take_line(&rest, &size);
  image.software_version = take_line(&rest, &size);
  g_autofree char *number = g_strndup(rest, size);
  image.size = g_ascii_strtoull(number, NULL, 10);
  g_assert(upgrade_read_image(&image, &upgrade, &why) == !why);
  if (why) {
    g_assert(upgrade.name[0] == 0);
    return 0;
  }
  GatewayText text = print(&upgrade, memory);
  for (WaspModem modem = WASP_WIFI; modem <= WASP_3G; modem++)
    check_modem(modem, &upgrade, text);
  return 0;
}
