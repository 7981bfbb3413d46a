/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

static char
upper(char c)
{
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool
is_name_char(char c)
{
  char big = upper(c);
  return (big >= 'A' && big <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '&';
}

static GatewayText
from(GatewayText text, size_t n)
{
  return (GatewayText){ text.data + n, text.size - n };
}

/* Behind the first "AT"; absent without one. */
static GatewayText
behind_at(GatewayText line)
{
  for (size_t i = 0; i + 1 < line.size; i++)
    if (upper(line.data[i]) == 'A' && upper(line.data[i + 1]) == 'T')
      return from(line, i + 2);
  return GATEWAY_NO_TEXT;
}

static GatewayText
trimmed(GatewayText text)
{
  while (text.size > 0 && text.data[0] == ' ')
    text = from(text, 1);
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

/* A comma inside quotes is part of the text. */
static size_t
argument_size(GatewayText text)
{
  bool is_quoted = false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] == '"')
      is_quoted = !is_quoted;
    else if (text.data[i] == ',' && !is_quoted)
      return i;
  }
  return text.size;
}

static void
read_arguments(GatewayText text, AtCommand *command)
{
  while (command->n_arguments < AT_ARGUMENTS_MAX) {
    size_t size = argument_size(text);
    command->arguments[command->n_arguments++] = unquoted((GatewayText){ text.data, size });
    if (size == text.size)
      return;
    text = from(text, size + 1);
  }
}

AtCommand
at_command_read(GatewayText line)
{
  AtCommand command = { .form = AT_NONE };
  GatewayText rest = behind_at(line);
  if (!rest.data)
    return command;
  size_t size = 0;
  while (size < rest.size && is_name_char(rest.data[size]))
    size++;
  command.name = (GatewayText){ rest.data, size };
  rest = trimmed(from(rest, size));
  if (rest.size == 0) {
    command.form = AT_PLAIN;
  } else if (gateway_text_equal(rest, "?")) {
    command.form = AT_READ;
  } else if (gateway_text_equal(rest, "=?")) {
    command.form = AT_TEST;
  } else if (rest.data[0] == '=') {
    command.form = AT_WRITE;
    read_arguments(from(rest, 1), &command);
  }
  return command;
}

bool
at_command_is(const AtCommand *command, const char *name)
{
  size_t size = strlen(name);
  if (command->name.size != size)
    return false;
  for (size_t i = 0; i < size; i++)
    if (upper(command->name.data[i]) != name[i])
      return false;
  return true;
}

bool
at_number(GatewayText text, uint64_t *ret)
{
  uint64_t value = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9' || i > 9)
      return false;
    value = value * 10 + (uint64_t)(text.data[i] - '0');
  }
  *ret = value;
  return text.size > 0 && value <= UINT32_MAX;
}
