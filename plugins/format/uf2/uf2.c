/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UF2 (microsoft/uf2, README "File format"): blocks of 512 bytes, each with three magic numbers, its own
 * number, how many there are, and up to 476 bytes for an address. Its bytes have no checksum. */
#include <stdlib.h>
#include <string.h>

#include "gateway-plugin.h"

#define BLOCK 512
#define PAYLOAD_MAX 476
#define DATA 32 /* where the payload begins */
#define MAGIC_0 0x0A324655u
#define MAGIC_1 0x9E5D5157u
#define MAGIC_END 0x0AB16F30u
#define FLAG_FAMILY 0x2000u
#define SPAN_MAX (24u * 1024 * 1024)

typedef struct {
  uint32_t magic_0, magic_1, flags, address, size, number, n_blocks, family, magic_end;
  uint8_t bytes[BLOCK];
} Block;

static const struct {
  uint32_t id;
  const char *name;
} FAMILIES[] = {
  { 0xe48bff56, "rp2040" },  { 0xe48bff59, "rp2350" },  { 0xada52840, "nrf52840" },
  { 0x68ed2b88, "samd21" },  { 0x55114460, "samd51" },  { 0xbfdd4eee, "esp32s2" },
  { 0xc47e5767, "esp32s3" }, { 0xd42ba06c, "esp32c3" }, { 0x1c5f21b0, "esp32" },
  { 0x5ee21072, "stm32f1" }, { 0x57755a57, "stm32f4" }, { 0x6d0922fa, "stm32f407" },
  { 0x53b80f00, "stm32f7" }, { 0x70d16653, "stm32wb" }, { 0x7eab61ed, "esp8266" },
};

static uint32_t
le32(const uint8_t *bytes)
{
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void
read_words(Block *block)
{
  uint32_t *words[] = { &block->magic_0, &block->magic_1, &block->flags,    &block->address,
                        &block->size,    &block->number,  &block->n_blocks, &block->family };

  for (size_t i = 0; i < GATEWAY_COUNT(words); i++)
    *words[i] = le32(block->bytes + 4 * i);
  block->magic_end = le32(block->bytes + BLOCK - 4);
}

/* Two of three magic numbers: one in which a bit is wrong makes it a broken file of ours. */
static uint32_t
recognize(GatewayText head, const char *file_name)
{
  Block block;

  if (head.size < BLOCK)
    return 0;
  memcpy(block.bytes, head.data, BLOCK);
  read_words(&block);
  return (block.magic_0 == MAGIC_0) + (block.magic_1 == MAGIC_1) + (block.magic_end == MAGIC_END) >= 2 ? 95
                                                                                                       : 0;
}

static bool
refuse(GatewayJob *job, uint32_t number, const char *text)
{
  char line[160];

  snprintf(line, sizeof line, "block %u: %s", number, text);
  job->refuse(job, line);
  return false;
}

static bool
read_block(GatewayJob *job, uint32_t number, Block *ret_block)
{
  if (!job->read(job, (uint64_t)number * BLOCK, ret_block->bytes, BLOCK))
    return refuse(job, number, "it cannot be read");
  read_words(ret_block);
  if (ret_block->magic_0 != MAGIC_0 || ret_block->magic_1 != MAGIC_1 || ret_block->magic_end != MAGIC_END)
    return refuse(job, number, "it is no block");
  if (ret_block->number != number || ret_block->n_blocks != job->input_size / BLOCK)
    return refuse(job, number, "its number is wrong, or blocks are missing");
  if (ret_block->size == 0 || ret_block->size > PAYLOAD_MAX || ret_block->size % 4 != 0 ||
      ret_block->address % 4 != 0 || (uint64_t)ret_block->address + ret_block->size > (uint64_t)1 << 32)
    return refuse(job, number, "its length or address makes no sense");
  return true;
}

/* ---- two rounds: measure, then fill ---- */

typedef struct {
  uint64_t first, end;
  uint32_t flags, family;
  uint8_t *bytes, *is_set; /* is_set: one for each word */
} Binary;

static bool
measure(GatewayJob *job, Binary *ret_binary)
{
  Binary binary = { .first = UINT64_MAX };
  Block block;

  for (uint32_t i = 0; i < job->input_size / BLOCK; i++) {
    if (!read_block(job, i, &block))
      return false;
    if (i == 0) {
      binary.flags = block.flags;
      binary.family = block.family;
    }
    if (block.flags != binary.flags || block.family != binary.family)
      return refuse(job, i, "it is for another device than the first, or of another kind");
    binary.first = block.address < binary.first ? block.address : binary.first;
    binary.end =
        block.address + (uint64_t)block.size > binary.end ? block.address + (uint64_t)block.size : binary.end;
    if (binary.end - binary.first > SPAN_MAX)
      return refuse(job, i, "its addresses lie more than 24 MiB apart");
  }
  *ret_binary = binary;
  return true;
}

static bool
fill(GatewayJob *job, Binary *binary)
{
  Block block;

  for (uint32_t i = 0; i < job->input_size / BLOCK; i++) {
    if (!read_block(job, i, &block))
      return false;
    for (uint32_t at = 0; at < block.size; at += 4) {
      uint64_t to = block.address - binary->first + at;

      if (binary->is_set[to / 4]++)
        return refuse(job, i, "its bytes are for an address that has some already");
      memcpy(binary->bytes + to, block.bytes + DATA + at, 4);
    }
  }
  return true;
}

static void
tell_family(GatewayJob *job, const Binary *binary)
{
  char number[16];
  const char *name = number;

  if (!(binary->flags & FLAG_FAMILY))
    return;
  snprintf(number, sizeof number, "0x%08x", binary->family);
  for (size_t i = 0; i < GATEWAY_COUNT(FAMILIES); i++)
    if (FAMILIES[i].id == binary->family)
      name = FAMILIES[i].name;
  job->fact(job, "family", gateway_text(name));
}

static bool
give(GatewayJob *job, const Binary *binary)
{
  const char *dot = strrchr(job->file_name, '.');
  char name[256];

  if (!job->image(job, GATEWAY_NO_TEXT, job->input_size))
    return false;
  tell_family(job, binary);
  snprintf(name, sizeof name, "%.*s.bin", dot ? (int)(dot - job->file_name) : 240,
           *job->file_name ? job->file_name : "image");
  return job->image(job, gateway_text(name), binary->end - binary->first) &&
         job->data(job, binary->bytes, (size_t)(binary->end - binary->first));
}

static bool
unpack(GatewayJob *job)
{
  Binary binary;
  bool is_good = false;

  if (job->input_size % BLOCK != 0 || job->input_size / BLOCK > UINT32_MAX)
    return refuse(job, (uint32_t)(job->input_size / BLOCK), "it is cut");
  if (!measure(job, &binary))
    return false;
  binary.bytes = malloc((size_t)(binary.end - binary.first));
  binary.is_set = calloc(1, (size_t)((binary.end - binary.first) / 4));
  if (!binary.bytes || !binary.is_set) {
    job->refuse(job, "there is not enough memory for its binary");
  } else {
    memset(binary.bytes, 0xFF, (size_t)(binary.end - binary.first));
    is_good = fill(job, &binary) && give(job, &binary);
  }
  free(binary.bytes);
  free(binary.is_set);
  return is_good;
}

static const GatewayFormatFunctions functions = { sizeof functions, recognize, unpack };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_FORMAT,
  .name = "uf2",
  .title = "A UF2 file",
  .version = "1",
  .functions = &functions,
};
