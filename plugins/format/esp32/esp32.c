/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ESP32 application image (esp-idf, "App Image Format"): a header of 24 bytes, segments, an XOR over their
 * bytes, and the SHA-256 of everything before it. */
#include <stdlib.h>
#include <string.h>

#include "gateway-plugin.h"

#define MAGIC 0xE9
#define HEADER 24
#define SEGMENT_HEADER 8
#define MAX_SEGMENTS 16
#define XOR_SEED 0xEF
#define DESCRIPTION_MAGIC 0xABCD5432u
#define DESCRIPTION (HEADER + SEGMENT_HEADER) /* begins with the first segment's data */
#define DESCRIPTION_SIZE 80                   /* up to and with the project's name */
#define STEP 4096
/* Secure boot: the image is filled up to a sector, and its signatures are in one more. */
#define SECTOR 4096
#define SIGNATURE_MAGIC 0xE7

static const struct {
  uint16_t id;
  const char *name;
} CHIPS[] = {
  { 0x0000, "esp32" },    { 0x0002, "esp32s2" }, { 0x0005, "esp32c3" }, { 0x0009, "esp32s3" },
  { 0x000C, "esp32c2" },  { 0x000D, "esp32c6" }, { 0x0010, "esp32h2" }, { 0x0012, "esp32p4" },
  { 0x0014, "esp32c61" }, { 0x0017, "esp32c5" },
};

static uint16_t
le16(const uint8_t *bytes)
{
  return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t
le32(const uint8_t *bytes)
{
  return (uint32_t)le16(bytes) | (uint32_t)le16(bytes + 2) << 16;
}

static const char *
chip_of(const uint8_t *header)
{
  for (size_t i = 0; i < GATEWAY_COUNT(CHIPS); i++)
    if (CHIPS[i].id == le16(header + 12))
      return CHIPS[i].name;
  return NULL;
}

/* ---- recognize ---- */

static bool
looks_like_header(const uint8_t *head)
{
  static const uint8_t reserved[4];

  return chip_of(head) && head[1] >= 1 && head[1] <= MAX_SEGMENTS && head[23] <= 1 &&
         memcmp(head + 19, reserved, sizeof reserved) == 0;
}

/* Two of three signs: an image in which one bit is wrong must still be found to be a wrong image of ours. */
static uint32_t
recognize(GatewayText head, const char *file_name)
{
  const uint8_t *bytes = (const uint8_t *)head.data;

  if (head.size < DESCRIPTION + 4)
    return 0;
  int signs = bytes[0] == MAGIC;
  signs += looks_like_header(bytes);
  signs += le32(bytes + DESCRIPTION) == DESCRIPTION_MAGIC;
  return signs >= 2 ? 90 : 0;
}

/* ---- unpack ---- */

static bool
refuse(GatewayJob *job, const char *text)
{
  job->refuse(job, text);
  return false;
}

static bool
xor_part(GatewayJob *job, uint64_t offset, uint64_t size, uint8_t * xor)
{
  uint8_t block[STEP];

  while (size > 0) {
    size_t step = size < STEP ? (size_t)size : STEP;

    if (!job->read(job, offset, block, step))
      return refuse(job, "it ends within a segment");
    for (size_t i = 0; i < step; i++)
      *xor ^= block[i];
    offset += step;
    size -= step;
  }
  return true;
}

/* @ret_end: behind the last segment. */
static bool
xor_segments(GatewayJob *job, uint32_t n_segments, uint64_t *ret_end, uint8_t *ret_xor)
{
  uint64_t offset = HEADER;
  uint8_t header[SEGMENT_HEADER];

  *ret_xor = XOR_SEED;
  for (uint32_t i = 0; i < n_segments; i++) {
    if (!job->read(job, offset, header, sizeof header))
      return refuse(job, "it ends before its last segment");
    if (!xor_part(job, offset + sizeof header, le32(header + 4), ret_xor))
      return false;
    offset += sizeof header + le32(header + 4);
  }
  *ret_end = offset;
  return true;
}

static bool
check_digest(GatewayJob *job, uint64_t end)
{
  uint8_t written[32], is[32];

  if (!job->read(job, end, written, sizeof written) || !job->sha256(job, 0, end, is))
    return refuse(job, "its SHA-256 is missing");
  return memcmp(written, is, sizeof is) == 0 || refuse(job, "its SHA-256 does not hold");
}

static bool
check_filling(GatewayJob *job, uint64_t from, uint64_t to)
{
  uint8_t byte;

  for (uint64_t offset = from; offset < to; offset++)
    if (!job->read(job, offset, &byte, 1) || byte != 0xFF)
      return refuse(job, "more follows behind its end");
  return true;
}

static bool
check_end(GatewayJob *job, uint64_t end)
{
  uint64_t sector = (end + SECTOR - 1) / SECTOR * SECTOR;
  uint8_t magic[2], digest[32], is[32];

  if (job->input_size == end)
    return true;
  if (job->input_size != sector + SECTOR || !job->read(job, sector, magic, sizeof magic) ||
      magic[0] != SIGNATURE_MAGIC)
    return refuse(job, "more follows behind its end, or it was cut");
  if (!job->read(job, sector + 4, digest, sizeof digest) || !job->sha256(job, 0, sector, is) ||
      memcmp(digest, is, sizeof is) != 0)
    return refuse(job, "its signature is of another image");
  return check_filling(job, end, sector);
}

static bool
check_image(GatewayJob *job, const uint8_t *header)
{
  uint64_t end;
  uint8_t xor, written;

  if (header[0] != MAGIC || !looks_like_header(header))
    return refuse(job, "its header is broken, or of a chip that is not known");
  if (!xor_segments(job, header[1], &end, &xor))
    return false;
  end = (end / 16 + 1) * 16;
  if (!job->read(job, end - 1, &written, 1) || written != xor)
    return refuse(job, "its checksum does not hold");
  if (header[23] && !check_digest(job, end))
    return false;
  return check_end(job, end + (header[23] ? 32 : 0));
}

static void
tell_text(GatewayJob *job, const char *key, const uint8_t *text)
{
  job->fact(job, key, (GatewayText){ (const char *)text, strnlen((const char *)text, 32) });
}

static bool
unpack(GatewayJob *job)
{
  uint8_t header[HEADER], description[DESCRIPTION_SIZE];

  if (!job->read(job, 0, header, sizeof header))
    return refuse(job, "it is too short");
  if (!check_image(job, header) || !job->image(job, GATEWAY_NO_TEXT, job->input_size))
    return false;
  job->fact(job, "chip", gateway_text(chip_of(header)));
  if (job->read(job, DESCRIPTION, description, sizeof description) &&
      le32(description) == DESCRIPTION_MAGIC) {
    tell_text(job, "version", description + 16);
    tell_text(job, "project", description + 48);
  }
  return true;
}

static const GatewayFormatFunctions functions = { sizeof functions, recognize, unpack };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_FORMAT,
  .name = "esp32",
  .title = "An ESP32 application",
  .version = "1",
  .functions = &functions,
};
