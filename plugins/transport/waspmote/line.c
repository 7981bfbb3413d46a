/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "line.h"

#define IAC 0xff
#define DONT 0xfe
#define WILL 0xfb
#define LOWEST_COMMAND 0xf0

/* How many bytes the telnet command at the start of @text takes; 0 = there is none. Of an urgent command the
 * kernel may have taken one byte out of the line, so that IAC or what follows it stands alone. */
static size_t
telnet_size(const unsigned char *text, size_t size)
{
  if (text[0] < LOWEST_COMMAND)
    return 0;
  if (text[0] != IAC || size == 1 || text[1] < LOWEST_COMMAND)
    return 1;
  if (text[1] >= WILL && text[1] <= DONT)
    return size < 3 ? size : 3;
  return 2;
}

bool
ftp_line_clean(GatewayText line, char ret_line[FTP_LINE_MAX], size_t *ret_size)
{
  const unsigned char *bytes = (const unsigned char *)line.data;
  size_t n = 0;
  if (line.size > FTP_LINE_MAX)
    return false;
  for (size_t i = 0, skipped; i < line.size; i += skipped ? skipped : 1) {
    skipped = telnet_size(bytes + i, line.size - i);
    if (skipped)
      continue;
    if (bytes[i] < ' ' || bytes[i] == 0x7f)
      return false;
    ret_line[n++] = (char)bytes[i];
  }
  *ret_size = n;
  return true;
}

void
ftp_line_split(GatewayText line, GatewayText *ret_verb, GatewayText *ret_argument)
{
  const char *blank = line.size ? memchr(line.data, ' ', line.size) : NULL;
  size_t size = blank ? (size_t)(blank - line.data) : line.size;
  *ret_verb = (GatewayText){ line.data, size };
  *ret_argument = blank ? (GatewayText){ blank + 1, line.size - size - 1 } : GATEWAY_NO_TEXT;
}

bool
ftp_is_word(GatewayText text, const char *upper)
{
  size_t i = 0;
  for (; i < text.size && upper[i]; i++) {
    char c = text.data[i];
    if ((c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) != upper[i])
      return false;
  }
  return i == text.size && !upper[i];
}

bool
ftp_number(GatewayText text, uint64_t *ret_number)
{
  uint64_t number = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9')
      return false;
    number = number * 10 + (uint64_t)(text.data[i] - '0');
  }
  if (text.size == 0 || text.size > 18)
    return false;
  *ret_number = number;
  return true;
}

bool
ftp_queue_put(FtpQueue *queue, GatewayText line)
{
  if (queue->n_lines == FTP_QUEUE_LINES || line.size >= sizeof queue->bytes - queue->used)
    return false;
  if (line.size)
    memcpy(queue->bytes + queue->used, line.data, line.size);
  queue->used += (uint16_t)line.size;
  queue->bytes[queue->used++] = '\n';
  queue->n_lines++;
  return true;
}

bool
ftp_queue_take(FtpQueue *queue, char ret_line[FTP_LINE_MAX], size_t *ret_size)
{
  const char *end = queue->used ? memchr(queue->bytes, '\n', queue->used) : NULL;
  if (!end)
    return false;
  size_t size = (size_t)(end - queue->bytes);
  memcpy(ret_line, queue->bytes, size);
  queue->used -= (uint16_t)(size + 1);
  queue->n_lines--;
  memmove(queue->bytes, queue->bytes + size + 1, queue->used);
  *ret_size = size;
  return true;
}
