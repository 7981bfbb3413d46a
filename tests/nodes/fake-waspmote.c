/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Waspmote with a WiFi PRO, 4G, GPRS or 3G module and the vendor's over-the-air programming by FTP, as
 * narrow-minded as the real one: it asks for UPGRADE.TXT, reads it through its 256-byte buffer, loads the
 * image it names and boots it. It prints one line per event and fails where the real node fails, with the
 * real node's code; tests/nodes/test_fake_waspmote.py proves that. Vendor behaviour only: it knows nothing of
 * gateways. */
#include "waspmote-modems.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_CRASHED 70
#define EXIT_LOST_POWER 75
#define DIE_AT 4096

typedef enum { LIE_NONE, LIE_DIE_AT_END, LIE_REFUSE, LIE_LOOP, LIE_DIE_IN_MIDDLE } Lie;

typedef struct {
  const char *name, *out;
  char program[257];
  int version, max_polls, poll_ms;
  Lie lie;
  WaspUnit unit;
} Node;

static const char *const MODEMS[] = { "wifi", "4g", "gprs", "3g", NULL };
static const char *const LIES[] = { "none", "die-at-end", "refuse", "loop", "die-in-middle", NULL };
static const char *const SD_CODES[] = { "0029", "11", "-89",
                                        "-32" }; /* the image did not get to the SD card */
static const int TIMEOUTS_MS[] = { 15000, 60000, 60000, 60000 };

static void say(const Node *node, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
say(const Node *node, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  printf("%s: %s\n", node->name, text);
  fflush(stdout);
}

/* ---- one request ---- */

/* The boot loader tries three times; checkNewProgram() then says 0 or 1. */
static void
boot(Node *node, const WaspOrder *order)
{
  if (node->lie == LIE_LOOP) {
    say(node, "boot loader failed, running %s version %d: checkNewProgram 0", node->program, node->version);
    return;
  }
  g_strlcpy(node->program, order->file, sizeof node->program);
  node->version = order->version & 0xff;
  say(node, "reset, running %s version %d: checkNewProgram 1", node->program, node->version);
}

/* WiFi and 4G compare SIZE with the file on the SD card. */
static const char *
check_size(const Node *node, const WaspOrder *order, const GByteArray *image)
{
  if (order->size < 0 || order->size == (long)image->len)
    return NULL;
  return node->unit.modem == WASP_WIFI ? "0029" : "11";
}

/* NULL = it was loaded; else the code. */
static const char *
load(Node *node, const WaspOrder *order)
{
  g_autoptr(GByteArray) image = g_byte_array_new();
  g_autofree char *digest = NULL;
  const char *code;

  say(node, "loading %s from %s, version %d", order->file, order->path, order->version);
  code = wasp_modem_fetch_image(&node->unit, order, image);
  if (!code)
    code = check_size(node, order, image);
  if (code)
    return code;
  digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, image->data, image->len);
  say(node, "stored %u bytes sha256=%s", image->len, digest);
  if (node->out)
    g_file_set_contents(node->out, (const char *)image->data, image->len, NULL);
  if (node->lie == LIE_DIE_AT_END) {
    say(node, "lost power after the last byte");
    exit(EXIT_LOST_POWER);
  }
  if (node->lie == LIE_REFUSE)
    return SD_CODES[node->unit.modem];
  boot(node, order);
  return NULL;
}

/* It asks for the image, and is gone after the first bytes of it. */
static void
lose_power_in_middle(Node *node, const WaspOrder *order)
{
  g_autoptr(GByteArray) image = g_byte_array_new();

  node->unit.drop_at = DIE_AT;
  node->unit.tries = 1;
  (void)wasp_modem_fetch_image(&node->unit, order, image);
  say(node, "lost power at %u bytes", image->len);
  exit(EXIT_LOST_POWER);
}

/* TRUE = it went well, or nothing is due. */
static gboolean
request_ota(Node *node)
{
  g_autoptr(GByteArray) text = g_byte_array_new();
  const char *code = wasp_modem_fetch_text(&node->unit, text);
  WaspOrder order = { 0 };

  if (!code)
    order = wasp_parse(node->unit.modem, text->data, text->len, node->program, node->version);
  if (!code && order.verdict == WASP_CRASHED) {
    say(node, "crashed: %s", order.why);
    exit(EXIT_CRASHED);
  }
  if (!code && order.verdict == WASP_LOAD && node->lie == LIE_DIE_IN_MIDDLE)
    lose_power_in_middle(node, &order);
  if (!code)
    code = order.verdict == WASP_LOAD ? load(node, &order) : order.code;
  if (code)
    say(node, "code %s%s%s", code, order.why ? ": " : "", order.why ? order.why : "");
  return !code || order.verdict == WASP_NOTHING;
}

/* ---- options ---- */

static int
parse_name(const char *option, const char *const *names, const char *text)
{
  for (int i = 0; names[i]; i++)
    if (strcmp(names[i], text) == 0)
      return i;
  g_autofree char *known = g_strjoinv(", ", (char **)names);
  fprintf(stderr, "fake-waspmote: unknown --%s=%s (%s)\n", option, text, known);
  exit(2);
}

static void
usage(FILE *file, int status)
{
  fputs("usage: fake-waspmote --modem=wifi|4g|gprs|3g --host ADDRESS [--port N] --user NAME --password TEXT\n"
        "         [--name NAME] [--program NAME] [--version N] [--polls N] [--poll-ms N] [--bind ADDRESS]\n"
        "         [--active=yes|no] [--joined] [--rate BYTES-PER-S] [--resume-at N] [--timeout-ms N]\n"
        "         [--retry-ms N] [--out FILE] [--lie none|die-at-end|refuse|loop|die-in-middle]\n"
        "  --lie: refuse: the SD card fails; loop: the boot loader falls back; die-in-middle: after 4096 "
        "bytes\n"
        "Exit status: 0 updated or nothing due, 1 the last request failed, 70 crashed, 75 lost power\n",
        file);
  exit(status);
}

static const struct option OPTIONS[] = {
  { "modem", 1, NULL, 'm' },      { "host", 1, NULL, 'h' },     { "port", 1, NULL, 'p' },
  { "user", 1, NULL, 'u' },       { "password", 1, NULL, 'w' }, { "name", 1, NULL, 'n' },
  { "program", 1, NULL, 'g' },    { "version", 1, NULL, 'v' },  { "polls", 1, NULL, 'c' },
  { "poll-ms", 1, NULL, 'o' },    { "bind", 1, NULL, 'b' },     { "active", 1, NULL, 'a' },
  { "joined", 0, NULL, 'j' },     { "rate", 1, NULL, 'r' },     { "resume-at", 1, NULL, 'e' },
  { "timeout-ms", 1, NULL, 't' }, { "retry-ms", 1, NULL, 'y' }, { "out", 1, NULL, 'f' },
  { "lie", 1, NULL, 'l' },        { "help", 0, NULL, 'H' },     { NULL, 0, NULL, 0 },
};

static gboolean
take_server_option(WaspServer *server, int option, const char *text)
{
  static const char *const ANSWERS[] = { "no", "yes", NULL };

  switch (option) {
  case 'h':
    server->host = text;
    return TRUE;
  case 'p':
    server->port = atoi(text);
    return TRUE;
  case 'u':
    server->user = text;
    return TRUE;
  case 'w':
    server->password = text;
    return TRUE;
  case 'b':
    server->bind_address = text;
    return TRUE;
  case 'a':
    server->is_active = parse_name("active", ANSWERS, text);
    return TRUE;
  case 'r':
    server->bytes_per_s = atoi(text);
    return TRUE;
  case 't':
    server->timeout_ms = atoi(text);
    return TRUE;
  default:
    return FALSE;
  }
}

static gboolean
take_node_option(Node *node, int option, const char *text)
{
  switch (option) {
  case 'n':
    node->name = text;
    return TRUE;
  case 'g':
    g_strlcpy(node->program, text, sizeof node->program);
    return TRUE;
  case 'v':
    node->version = atoi(text);
    return TRUE;
  case 'c':
    node->max_polls = atoi(text);
    return TRUE;
  case 'o':
    node->poll_ms = atoi(text);
    return TRUE;
  case 'f':
    node->out = text;
    return TRUE;
  case 'l':
    node->lie = (Lie)parse_name("lie", LIES, text);
    return TRUE;
  default:
    return FALSE;
  }
}

static gboolean
take_unit_option(WaspUnit *unit, int option, const char *text)
{
  switch (option) {
  case 'm':
    unit->modem = (WaspModem)parse_name("modem", MODEMS, text);
    return TRUE;
  case 'j':
    unit->is_joined = TRUE;
    return TRUE;
  case 'e':
    unit->drop_at = (gsize)atol(text);
    unit->is_resumed = TRUE;
    return TRUE;
  case 'y':
    unit->retry_ms = atoi(text);
    return TRUE;
  default:
    return FALSE;
  }
}

/* What depends on the modem unless it was said. The plain form of iChip's FOPN does not force passive mode.
 */
static void
complete(WaspServer *server, WaspModem modem)
{
  if (!server->host || !server->user || !server->password || (int)modem < 0)
    usage(stderr, 2);
  if (server->is_active < 0)
    server->is_active = modem == WASP_WIFI;
  if (!server->timeout_ms)
    server->timeout_ms = TIMEOUTS_MS[modem];
}

static void
parse_options(int argc, char **argv, Node *node)
{
  for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
    if (o == '?' || o == 'H')
      usage(o == 'H' ? stdout : stderr, o == 'H' ? 0 : 2);
    if (!take_server_option(&node->unit.server, o, optarg) && !take_unit_option(&node->unit, o, optarg))
      take_node_option(node, o, optarg);
  }
  complete(&node->unit.server, node->unit.modem);
}

int
main(int argc, char **argv)
{
  Node node = { .name = "waspmote",
                .program = "PROG001",
                .version = 1,
                .poll_ms = 60000,
                .unit = {
                    .modem = -1, .tries = 3, .retry_ms = 10000, .server = { .port = 21, .is_active = -1 } } };
  gboolean is_well = TRUE;

  parse_options(argc, argv, &node);
  for (int i = 0; !node.max_polls || i < node.max_polls; i++) {
    if (i)
      g_usleep((gulong)node.poll_ms * 1000);
    is_well = request_ota(&node);
  }
  return is_well ? 0 : 1;
}
