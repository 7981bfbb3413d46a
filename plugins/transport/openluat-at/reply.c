/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reply.h"

static bool
take_prefix(GatewayText *text, const char *prefix)
{
  size_t size = strlen(prefix);
  if (text->size < size || memcmp(text->data, prefix, size) != 0)
    return false;
  *text = (GatewayText){ text->data + size, text->size - size };
  return true;
}

static GatewayText
trimmed(GatewayText text)
{
  while (text.size > 0 && text.data[0] == ' ')
    text = (GatewayText){ text.data + 1, text.size - 1 };
  while (text.size > 0 && text.data[text.size - 1] == ' ')
    text.size--;
  return text;
}

static GatewayText
unquoted(GatewayText text)
{
  text = trimmed(text);
  if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
    return (GatewayText){ text.data + 1, text.size - 2 };
  return text;
}

/* Up to six digits with an optional minus; moves behind the comma. false = anything else. */
static bool
take_number(GatewayText *text, int32_t *ret)
{
  const char *comma = text->size ? memchr(text->data, ',', text->size) : NULL;
  GatewayText word = trimmed((GatewayText){ text->data, comma ? (size_t)(comma - text->data) : text->size });
  bool is_negative = take_prefix(&word, "-");
  int32_t value = 0;
  if (word.size == 0 || word.size > 6)
    return false;
  for (size_t i = 0; i < word.size; i++) {
    if (word.data[i] < '0' || word.data[i] > '9')
      return false;
    value = value * 10 + (word.data[i] - '0');
  }
  *ret = is_negative ? -value : value;
  *text = comma ? (GatewayText){ comma + 1, text->size - (size_t)(comma + 1 - text->data) } : GATEWAY_NO_TEXT;
  return true;
}

static LuatReply
read_numbers(LuatReplyKind kind, GatewayText text)
{
  LuatReply reply = { .kind = kind };
  for (int i = 0; i < LUAT_NUMBERS && (i == 0 || text.size > 0); i++)
    if (!take_number(&text, &reply.numbers[i]))
      return (LuatReply){ .kind = LUAT_OTHER };
  return reply;
}

static LuatReply
read_version(GatewayText text)
{
  LuatReply reply = read_numbers(LUAT_REPORTED, text);
  bool is_report = reply.kind == LUAT_REPORTED && (reply.numbers[0] == 0 || reply.numbers[0] == 1);
  text = unquoted(text);
  return is_report        ? reply
         : text.size == 0 ? (LuatReply){ .kind = LUAT_OTHER }
                          : (LuatReply){ .kind = LUAT_VERSION, .text = text };
}

LuatReply
luat_reply_read(GatewayText line)
{
  GatewayText text = trimmed(line);
  if (gateway_text_equal(text, "OK"))
    return (LuatReply){ .kind = LUAT_OK };
  if (gateway_text_equal(text, "ERROR") || take_prefix(&text, "+CME ERROR"))
    return (LuatReply){ .kind = LUAT_ERROR };
  if (take_prefix(&text, "+UPGRADE:"))
    return read_numbers(LUAT_STATE, text);
  if (take_prefix(&text, "+UPGRADEIND:"))
    return read_numbers(LUAT_PERCENT, text);
  if (take_prefix(&text, "+UPGRADEDL:") || take_prefix(&text, "+UPGRADDL:"))
    return read_numbers(LUAT_FLASHED, text);
  if (take_prefix(&text, "+UPGRADEVER:"))
    return read_version(text);
  if (take_prefix(&text, "+CGSN:") || take_prefix(&text, "+CGMR:") ||
      (text.size > 0 && text.data[0] != '+' && text.data[0] != '^' && !take_prefix(&text, "AT")))
    return (LuatReply){ .kind = LUAT_TEXT, .text = unquoted(text) };
  return (LuatReply){ .kind = LUAT_OTHER };
}
