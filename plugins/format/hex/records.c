/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "records.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 4096
#define LINE_MAX_CHARS (2 * RECORD_MAX)
/* Of addresses. An S-record of whose type a bit is wrong has another length of address, and then lies further
 * away from the others than this. */
#define SPAN_MAX (15u * 1024 * 1024)

/* Lines of the file, and which letters they use: a flipped bit makes "A" an "a", and nothing else tells. */
typedef struct {
  GatewayJob *job;
  uint64_t offset; /* of the block's end */
  char block[BLOCK];
  size_t n_block, n_used;
  bool has_upper, has_lower;
} Lines;

const GatewaySetting records_settings[1] = {
  { "fill", GATEWAY_SETTING_INTEGER, "255", 0, 255, NULL,
    "the byte between its addresses, where it says none" },
};

bool
record_refuse(GatewayJob *job, const Record *record, const char *text)
{
  char line[160];

  snprintf(line, sizeof line, "line %u: %s", record->number, text);
  job->refuse(job, line);
  return false;
}

/* ---- lines ---- */

static int
next_char(Lines *lines)
{
  if (lines->n_used == lines->n_block) {
    uint64_t left = lines->job->input_size - lines->offset;
    size_t size = left < BLOCK ? (size_t)left : BLOCK;

    if (size == 0 || !lines->job->read(lines->job, lines->offset, lines->block, size))
      return -1;
    lines->offset += size;
    lines->n_block = size;
    lines->n_used = 0;
  }
  return (unsigned char)lines->block[lines->n_used++];
}

/* -1 = the end of the file, -2 = too long. */
static int
next_line(Lines *lines, char ret_line[LINE_MAX_CHARS + 1])
{
  int size = 0, c = next_char(lines);

  if (c < 0)
    return -1;
  for (; c >= 0 && c != '\n'; c = next_char(lines)) {
    if (size >= LINE_MAX_CHARS)
      return -2;
    ret_line[size++] = (char)c;
  }
  if (size > 0 && ret_line[size - 1] == '\r')
    size--;
  ret_line[size] = '\0';
  return size;
}

static int
digit(char c)
{
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                : -1;
}

static bool
decode(const char *text, size_t size, Record *record)
{
  record->n_bytes = 0;
  if (size % 2 != 0 || size / 2 > RECORD_MAX)
    return false;
  for (size_t i = 0; i < size; i += 2) {
    int high = digit(text[i]), low = digit(text[i + 1]);

    if (high < 0 || low < 0)
      return false;
    record->bytes[record->n_bytes++] = (uint8_t)(high << 4 | low);
  }
  return true;
}

/* ":LL AAAA TT data CC" and "Sn LL address data CC": the bytes, with a sound length and checksum. */
static bool
parse(const char *line, size_t size, char mark, Record *record)
{
  size_t n_mark = mark == 'S' ? 2 : 1;
  uint32_t overhead = mark == 'S' ? 1 : 5; /* what the length does not count */
  uint8_t sum = 0;

  if (size < n_mark + 4 || line[0] != mark || !decode(line + n_mark, size - n_mark, record))
    return false;
  record->mark = mark;
  record->type = mark == 'S' ? line[1] : '\0';
  for (uint32_t i = 0; i < record->n_bytes; i++)
    sum = (uint8_t)(sum + record->bytes[i]);
  return record->n_bytes == record->bytes[0] + overhead && sum == (mark == 'S' ? 0xFF : 0);
}

static void
note_letters(Lines *lines, const char *line, size_t size)
{
  for (size_t i = 1; i < size; i++) {
    lines->has_upper |= line[i] >= 'A' && line[i] <= 'F';
    lines->has_lower |= line[i] >= 'a' && line[i] <= 'f';
  }
}

/* ---- recognize ---- */

bool
records_recognize(GatewayText head, char mark)
{
  uint32_t n_good = 0, n_bad = 0;
  Record record;

  for (size_t begin = 0; begin < head.size;) {
    const char *line = head.data + begin;
    const char *end = memchr(line, '\n', head.size - begin);
    size_t size = end ? (size_t)(end - line) : head.size - begin;

    begin += size + 1;
    if (!end && head.size >= 4096)
      break; /* cut by the head */
    if (size > 0 && line[size - 1] == '\r')
      size--;
    if (size == 0)
      continue;
    if (parse(line, size, mark, &record))
      n_good++;
    else
      n_bad++;
  }
  return n_good > 0 && n_bad <= 1;
}

/* ---- the binary ---- */

static bool
fill(Binary *binary, const Record *record, uint64_t address, const uint8_t *bytes, uint32_t n_bytes)
{
  uint64_t at = address - binary->first;

  for (uint32_t i = 0; i < n_bytes; i++) {
    if (binary->is_set[at + i])
      return record_refuse(binary->job, record, "its bytes are for an address that has some already");
    binary->is_set[at + i] = 1;
    binary->bytes[at + i] = bytes[i];
  }
  return true;
}

bool
binary_put(Binary *binary, const Record *record, uint64_t address, const uint8_t *bytes, uint32_t n_bytes)
{
  if (binary->bytes)
    return fill(binary, record, address, bytes, n_bytes);
  if (binary->end == 0 || address < binary->first)
    binary->first = address;
  if (address + n_bytes > binary->end)
    binary->end = address + n_bytes;
  return binary->end - binary->first <= SPAN_MAX ||
         record_refuse(binary->job, record, "its addresses lie more than 15 MiB apart");
}

/* ---- the file ---- */

static bool
read_record(Reader *reader, Lines *lines, const char *line, size_t size, Record *record, TakeRecord take)
{
  if (reader->is_ended)
    return record_refuse(lines->job, record, "it stands behind the end");
  if (!parse(line, size, record->mark, record))
    return record_refuse(lines->job, record, "it is no record, or its checksum does not hold");
  note_letters(lines, line, size);
  if (lines->has_upper && lines->has_lower)
    return record_refuse(lines->job, record, "its hex digits are not written as those of the others");
  return take(reader, record);
}

static bool
read_lines(Reader *reader, char mark, TakeRecord take)
{
  Lines *lines = calloc(1, sizeof *lines);
  char line[LINE_MAX_CHARS + 1];
  Record record = { .mark = mark };
  bool is_good = lines != NULL;
  int size;

  if (lines)
    lines->job = reader->binary.job;
  while (is_good && (size = next_line(lines, line)) != -1) {
    record.number++;
    if (size == 0 && (reader->is_ended || reader->is_counted))
      continue;
    is_good = size >= 0 ? read_record(reader, lines, line, (size_t)size, &record, take)
                        : record_refuse(reader->binary.job, &record, "it is too long");
  }
  free(lines);
  return is_good && (reader->is_ended || reader->is_counted ||
                     record_refuse(reader->binary.job, &record, "the end is missing"));
}

static bool
give(Reader *reader, const char *file_name)
{
  GatewayJob *job = reader->binary.job;
  uint64_t size = reader->binary.end - reader->binary.first;
  const char *dot = strrchr(file_name, '.');
  char name[256];

  snprintf(name, sizeof name, "%.*s.bin", dot ? (int)(dot - file_name) : 240,
           *file_name ? file_name : "image");
  return job->image(job, gateway_text(name), size) && job->data(job, reader->binary.bytes, (size_t)size);
}

static bool
convert(Reader *measured, char mark, TakeRecord take)
{
  size_t size = (size_t)(measured->binary.end - measured->binary.first);
  Reader reader = { .binary = measured->binary };
  GatewayJob *job = measured->binary.job;
  bool is_good;

  reader.binary.bytes = malloc(size);
  reader.binary.is_set = calloc(1, size);
  if (!reader.binary.bytes || !reader.binary.is_set) {
    job->refuse(job, "there is not enough memory for its binary");
    is_good = false;
  } else {
    memset(reader.binary.bytes, (int)job->settings->number(job->settings, "fill"), size);
    is_good = read_lines(&reader, mark, take) && job->image(job, GATEWAY_NO_TEXT, job->input_size) &&
              give(&reader, job->file_name);
  }
  free(reader.binary.bytes);
  free(reader.binary.is_set);
  return is_good;
}

bool
records_unpack(GatewayJob *job, char mark, TakeRecord take)
{
  Reader reader = { .binary.job = job };

  if (!read_lines(&reader, mark, take))
    return false;
  if (reader.binary.end > reader.binary.first)
    return convert(&reader, mark, take);
  job->refuse(job, "it holds no bytes");
  return false;
}
