/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/telnet.h"

#include <string.h>

enum { SE = 240, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };
enum { BINARY = 0, SUPPRESS_GO_AHEAD = 3, COM_PORT = 44 };
/* What a client says; the server's answers and notices are 100 greater. */
enum { SET_SPEED = 1, SET_SIZE, SET_PARITY, SET_STOP, SET_CONTROL, SUSPEND = 8, RESUME };
#define SERVER 100
enum { FLOW_NONE = 1, FLOW_HARDWARE = 3 };
enum { PLACE_DATA = 0, PLACE_COMMAND, PLACE_OPTION, PLACE_SUB, PLACE_SUB_COMMAND };
#define ALL_CONFIRMED 0x0F
enum { TAKES_BINARY = 1, SENDS_BINARY, BOTH_WAYS };

static void
add(GByteArray *out, const guint8 *bytes, guint size)
{
  g_byte_array_append(out, bytes, size);
}

void
gw_telnet_escape(const guint8 *bytes, gsize size, GByteArray *out)
{
  const guint8 iac = IAC;

  for (gsize i = 0; i < size; i++) {
    add(out, &bytes[i], 1);
    if (bytes[i] == IAC)
      add(out, &iac, 1);
  }
}

void
gw_telnet_begin(GByteArray *answer)
{
  const guint8 words[] = { IAC, WILL, COM_PORT,          IAC, WILL, BINARY,           IAC, DO, BINARY,
                           IAC, WILL, SUPPRESS_GO_AHEAD, IAC, DO,   SUPPRESS_GO_AHEAD };

  add(answer, words, sizeof words);
}

/* ---- the line ---- */

static guint8
parity_of(const GwSerialLine *line)
{
  return line->parity == 'o' ? 2 : line->parity == 'e' ? 3 : 1;
}

static guint8
size_of(const GwSerialLine *line)
{
  return (guint8)(line->data_bits ? line->data_bits : 8);
}

static guint8
stop_of(const GwSerialLine *line)
{
  return line->stop_bits == 2 ? 2 : 1;
}

static void
add_setting(GByteArray *answer, guint8 what, const guint8 *value, guint size)
{
  const guint8 begin[] = { IAC, SB, COM_PORT, what }, end[] = { IAC, SE };

  add(answer, begin, sizeof begin);
  gw_telnet_escape(value, size, answer);
  add(answer, end, sizeof end);
}

static void
set_up(const GwTelnet *telnet, GByteArray *answer)
{
  const GwSerialLine *line = &telnet->line;
  const guint8 speed[] = { (guint8)(line->baud >> 24), (guint8)(line->baud >> 16), (guint8)(line->baud >> 8),
                           (guint8)line->baud };
  const guint8 size = size_of(line), parity = parity_of(line), stop = stop_of(line);
  const guint8 flow = line->has_hardware_flow ? FLOW_HARDWARE : FLOW_NONE;

  add_setting(answer, SET_SPEED, speed, sizeof speed);
  add_setting(answer, SET_SIZE, &size, 1);
  add_setting(answer, SET_PARITY, &parity, 1);
  add_setting(answer, SET_STOP, &stop, 1);
  add_setting(answer, SET_CONTROL, &flow, 1);
}

static gboolean
is_as_wanted(const GwTelnet *telnet, guint8 what, const guint8 *value, guint size)
{
  const GwSerialLine *line = &telnet->line;

  if (what == SET_SPEED)
    return size == 4 &&
           ((guint)value[0] << 24 | (guint)value[1] << 16 | (guint)value[2] << 8 | value[3]) == line->baud;
  return size == 1 && *value == (what == SET_SIZE     ? size_of(line)
                                 : what == SET_PARITY ? parity_of(line)
                                                      : stop_of(line));
}

/* A subnegotiation is whole. */
static void
on_sub(GwTelnet *telnet)
{
  guint8 what = telnet->n_sub >= 2 && telnet->sub[0] == COM_PORT ? telnet->sub[1] : 0;

  if (telnet->n_sub > GW_TELNET_SUB_MAX || what < SERVER)
    return;
  what = (guint8)(what - SERVER);
  if (what == SUSPEND || what == RESUME) {
    telnet->is_suspended = what == SUSPEND;
  } else if (what >= SET_SPEED && what <= SET_STOP) {
    if (is_as_wanted(telnet, what, telnet->sub + 2, telnet->n_sub - 2))
      telnet->confirmed |= (guint8)(1u << (what - SET_SPEED));
    else
      telnet->is_refused = TRUE;
  }
}

gboolean
gw_telnet_is_ready(const GwTelnet *telnet)
{
  return !telnet->is_refused && telnet->confirmed == ALL_CONFIRMED && telnet->binary == BOTH_WAYS;
}

/* ---- options ---- */

/* Each once: two who answer each other's answers do so for ever. */
static void
refuse(GwTelnet *telnet, guint8 word, guint8 option, GByteArray *answer)
{
  const guint8 words[] = { IAC, word, option };
  guint8 *bits = &telnet->refused[word == WONT][option / 8];
  guint8 bit = (guint8)(1u << option % 8);

  if (!(*bits & bit))
    add(answer, words, sizeof words);
  *bits |= bit;
}

static void
on_binary(GwTelnet *telnet)
{
  if (telnet->verb == DO)
    telnet->binary |= TAKES_BINARY;
  else if (telnet->verb == WILL)
    telnet->binary |= SENDS_BINARY;
  else
    telnet->is_refused = TRUE;
}

static void
on_option(GwTelnet *telnet, guint8 option, GByteArray *answer)
{
  gboolean is_asked_for = option == COM_PORT || option == BINARY || option == SUPPRESS_GO_AHEAD;

  if (option == BINARY) {
    on_binary(telnet);
  } else if (telnet->verb == DO && option == COM_PORT) {
    if (!telnet->is_set_up)
      set_up(telnet, answer);
    telnet->is_set_up = TRUE;
  } else if (telnet->verb == DONT && option == COM_PORT) {
    telnet->is_refused = TRUE;
  } else if (telnet->verb == DO && !is_asked_for) {
    refuse(telnet, WONT, option, answer);
  } else if (telnet->verb == WILL && (!is_asked_for || option == COM_PORT)) {
    refuse(telnet, DONT, option, answer);
  }
}

/* ---- bytes ---- */

static void
on_command(GwTelnet *telnet, guint8 byte)
{
  gboolean has_option = byte == WILL || byte == WONT || byte == DO || byte == DONT;

  telnet->verb = byte;
  telnet->n_sub = 0;
  telnet->place = has_option ? PLACE_OPTION : byte == SB ? PLACE_SUB : PLACE_DATA;
}

static void
add_sub(GwTelnet *telnet, guint8 byte)
{
  if (telnet->n_sub < GW_TELNET_SUB_MAX)
    telnet->sub[telnet->n_sub] = byte;
  telnet->n_sub = MIN(telnet->n_sub + 1, GW_TELNET_SUB_MAX + 1);
}

/* Not a byte of the line. */
static void
take_word(GwTelnet *telnet, guint8 byte, GByteArray *answer)
{
  switch (telnet->place) {
  case PLACE_COMMAND:
    on_command(telnet, byte);
    return;
  case PLACE_OPTION:
    telnet->place = PLACE_DATA;
    on_option(telnet, byte, answer);
    return;
  case PLACE_SUB:
    if (byte == IAC)
      telnet->place = PLACE_SUB_COMMAND;
    else
      add_sub(telnet, byte);
    return;
  default: /* behind an FF in a subnegotiation: another FF is a byte of it, all else ends it */
    telnet->place = byte == IAC ? PLACE_SUB : PLACE_DATA;
    if (byte == IAC)
      add_sub(telnet, byte);
    else if (byte == SE)
      on_sub(telnet);
    return;
  }
}

gsize
gw_telnet_take(GwTelnet *telnet, const guint8 *bytes, gsize size, guint8 *ret_data, GByteArray *answer)
{
  gsize n = 0;

  for (gsize i = 0; i < size; i++) {
    gboolean is_doubled = telnet->place == PLACE_COMMAND && bytes[i] == IAC;

    if (is_doubled || (telnet->place == PLACE_DATA && bytes[i] != IAC)) {
      ret_data[n++] = bytes[i];
      telnet->place = PLACE_DATA;
    } else if (telnet->place == PLACE_DATA) {
      telnet->place = PLACE_COMMAND;
    } else {
      take_word(telnet, bytes[i], answer);
    }
  }
  return n;
}
