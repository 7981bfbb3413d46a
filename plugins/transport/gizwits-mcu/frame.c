/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame.h"

#define LENGTH_BYTES 2
#define FIXED_BYTES 5 /* command, serial number, flags, sum */
#define HEADER_BYTES (LENGTH_BYTES + 4)

uint32_t
giz_number(GatewayText text, size_t offset)
{
  const uint8_t *bytes = (const uint8_t *)text.data;
  return text.size >= offset + 2 ? (uint32_t)bytes[offset] << 8 | bytes[offset + 1] : 0;
}

/* ---- reading ---- */

static GizRead
end(GizReader *reader, GizRead how)
{
  reader->is_inside = false;
  return how;
}

static GizRead
judge_sum(GizReader *reader)
{
  uint8_t sum = 0;
  for (uint32_t i = 0; i + 1 < reader->n_bytes; i++)
    sum = (uint8_t)(sum + reader->bytes[i]);
  return end(reader, sum == reader->bytes[reader->n_bytes - 1] ? GIZ_FRAME : GIZ_BAD_SUM);
}

static GizRead
add(GizReader *reader, uint8_t byte)
{
  if (!reader->is_inside)
    return GIZ_NOTHING;
  reader->bytes[reader->n_bytes++] = byte;
  uint32_t length = giz_number((GatewayText){ (const char *)reader->bytes, reader->n_bytes }, 0);
  if (reader->n_bytes < LENGTH_BYTES)
    return GIZ_NOTHING;
  if (length < FIXED_BYTES || length > GIZ_FRAME_MAX - LENGTH_BYTES)
    return end(reader, GIZ_BROKEN);
  return reader->n_bytes == LENGTH_BYTES + length ? judge_sum(reader) : GIZ_NOTHING;
}

/* Two FF begin a frame, wherever they stand. */
static GizRead
begin(GizReader *reader)
{
  bool was_inside = reader->is_inside && reader->n_bytes > 0;
  reader->is_inside = true;
  reader->n_bytes = 0;
  return was_inside ? GIZ_BROKEN : GIZ_NOTHING;
}

GizRead
giz_reader_take(GizReader *reader, uint8_t byte)
{
  bool was_ff = reader->is_ff;
  bool is_begun = reader->is_inside && reader->n_bytes == 0;
  reader->is_ff = byte == 0xFF && !is_begun; /* no length begins with FF: a third one is noise before it */
  if (byte == 0xFF && was_ff) {
    reader->is_ff = false;
    return begin(reader);
  }
  if (byte == 0xFF)
    return GIZ_NOTHING;
  if (!was_ff)
    return add(reader, byte);
  if (byte == 0x55)
    return add(reader, 0xFF);
  return reader->is_inside ? end(reader, GIZ_BROKEN) : GIZ_NOTHING;
}

GizFrame
giz_reader_frame(const GizReader *reader)
{
  const uint8_t *bytes = reader->bytes;
  return (GizFrame){ .command = bytes[2],
                     .serial = bytes[3],
                     .flags = (uint32_t)bytes[4] << 8 | bytes[5],
                     .payload = { (const char *)bytes + HEADER_BYTES, reader->n_bytes - HEADER_BYTES - 1 } };
}

/* ---- writing ---- */

typedef struct {
  char *at;
  uint8_t sum;
} Writer;

static void
write_byte(Writer *writer, uint8_t byte)
{
  *writer->at++ = (char)byte;
  if (byte == 0xFF)
    *writer->at++ = 0x55;
  writer->sum = (uint8_t)(writer->sum + byte);
}

static void
write_number(Writer *writer, uint32_t number)
{
  write_byte(writer, (uint8_t)(number >> 8));
  write_byte(writer, (uint8_t)number);
}

static void
write_text(Writer *writer, GatewayText text)
{
  for (size_t i = 0; i < text.size; i++)
    write_byte(writer, (uint8_t)text.data[i]);
}

GatewayText
giz_frame_print(GatewayScratch *scratch, const GizFrame *frame, GatewayText rest)
{
  size_t payload = frame->payload.size + rest.size;
  char *start = scratch->data + scratch->used;
  if (2 + 2 * (LENGTH_BYTES + FIXED_BYTES + payload) > scratch->size - scratch->used) {
    scratch->is_full = true;
    return GATEWAY_NO_TEXT;
  }
  Writer writer = { start, 0 };
  *writer.at++ = (char)0xFF;
  *writer.at++ = (char)0xFF;
  write_number(&writer, (uint32_t)(FIXED_BYTES + payload));
  write_byte(&writer, frame->command);
  write_byte(&writer, frame->serial);
  write_number(&writer, frame->flags);
  write_text(&writer, frame->payload);
  write_text(&writer, rest);
  write_byte(&writer, writer.sum);
  scratch->used += (size_t)(writer.at - start);
  return (GatewayText){ start, (size_t)(writer.at - start) };
}
