/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "waspmote-parser.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER 256
#define CUT_AT 252 /* a longer file is cut here, and ">>\n" is put behind it */
#define NAME_CHARS 7
#define SIZE_DIGITS 9
#define VERSION_CHARS 3 /* and a NUL, on the stack of GPRS and 3G */

typedef struct {
  const char *name_length, *file, *nothing, *path, *size, *version, *not_newer;
} Codes;

static const Codes CODES[] = {
  [WASP_WIFI] = { "0022", "0023", "0024", "0025", "0026", "0027", "0028" },
  [WASP_4G] = { "4", "5", "6", "7", "8", "9", "10" },
  [WASP_GPRS] = { NULL, "-66", "-69", "-67", NULL, "-68", "-70" },
  [WASP_3G] = { NULL, "-23", "-26", "-24", NULL, "-25", "-27" },
};

typedef struct {
  WaspModem modem;
  char buffer[BUFFER + 1];
  WaspOrder order;
} Parser;

static gboolean
stop(Parser *parser, WaspVerdict verdict, const char *code, const char *why)
{
  parser->order.verdict = verdict;
  parser->order.code = code;
  parser->order.why = why;
  return FALSE;
}

/* GPRS and 3G take FILE's value behind the first colon of the whole file. */
static const char *
find_value(const Parser *parser, const char *label)
{
  gboolean is_sloppy = parser->modem >= WASP_GPRS && strcmp(label, "FILE:") == 0;
  const char *found = strstr(parser->buffer, label);

  return found ? strchr(is_sloppy ? parser->buffer : found, ':') + 1 : NULL;
}

/* Up to the LF, which must be there: without it the length is negative and the copy runs through memory. */
static gboolean
read_value(Parser *parser, const char *label, const char *missing, char *ret_value)
{
  const char *value = find_value(parser, label);
  const char *end = value ? strchr(value, '\n') : NULL;

  if (!value)
    return stop(parser, WASP_REFUSED, missing, "a label is missing");
  if (!end)
    return stop(parser, WASP_CRASHED, NULL, "no LF behind a value");
  memcpy(ret_value, value, (gsize)(end - value));
  ret_value[end - value] = 0;
  return TRUE;
}

static gboolean
read_file(Parser *parser)
{
  const Codes *codes = &CODES[parser->modem];

  if (!read_value(parser, "FILE:", codes->file, parser->order.file))
    return FALSE;
  if (codes->name_length && strlen(parser->order.file) != NAME_CHARS)
    return stop(parser, WASP_REFUSED, codes->name_length, "the name has not 7 characters");
  return TRUE;
}

static gboolean
check_nothing(Parser *parser)
{
  gboolean is_nothing = strcmp(parser->order.file, "NO_FILE") == 0;

  return !is_nothing || stop(parser, WASP_NOTHING, CODES[parser->modem].nothing, "nothing due");
}

static gboolean
read_size(Parser *parser)
{
  char value[BUFFER + 1];

  parser->order.size = -1;
  if (!CODES[parser->modem].size)
    return TRUE;
  if (!read_value(parser, "SIZE:", CODES[parser->modem].size, value))
    return FALSE;
  if (strlen(value) > SIZE_DIGITS)
    return stop(parser, WASP_CRASHED, NULL, "SIZE has more than 9 digits");
  parser->order.size = atol(value);
  return TRUE;
}

/* GPRS keeps it in a signed byte. */
static gboolean
read_version(Parser *parser)
{
  char value[BUFFER + 1];

  if (!read_value(parser, "VERSION:", CODES[parser->modem].version, value))
    return FALSE;
  if (parser->modem >= WASP_GPRS && strlen(value) > VERSION_CHARS)
    return stop(parser, WASP_CRASHED, NULL, "VERSION has more than 3 characters");
  parser->order.version = parser->modem == WASP_GPRS ? (gint8)atoi(value) : (guint8)atoi(value);
  return TRUE;
}

/* Only of the program that runs; another name always updates. */
static gboolean
check_newer(Parser *parser, const char *program, int version)
{
  gboolean is_exempt = parser->modem == WASP_4G && version == 255;

  if (strcmp(parser->order.file, program) != 0 || version < parser->order.version || is_exempt)
    return TRUE;
  return stop(parser, WASP_REFUSED, CODES[parser->modem].not_newer, "the version is not newer");
}

static gboolean
read_all(Parser *parser)
{
  gboolean is_early = parser->modem < WASP_GPRS;

  return read_file(parser) && (!is_early || check_nothing(parser)) &&
         read_value(parser, "PATH:", CODES[parser->modem].path, parser->order.path) && read_size(parser) &&
         read_version(parser) && check_nothing(parser);
}

WaspOrder
wasp_parse(WaspModem modem, const void *text, gsize size, const char *program, int version)
{
  Parser parser = { .modem = modem };

  memcpy(parser.buffer, text, MIN(size, CUT_AT));
  if (size > CUT_AT)
    strcpy(parser.buffer + CUT_AT, ">>\n");
  if (read_all(&parser) && check_newer(&parser, program, version))
    parser.order.verdict = WASP_LOAD;
  return parser.order;
}
