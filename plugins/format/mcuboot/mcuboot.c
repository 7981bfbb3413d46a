/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MCUboot image (mcu-tools/mcuboot, docs/design.md "Image format"): a header of 32 bytes, the image,
 * protected TLVs, and TLVs with the SHA-256 of all that, the digest of a key, and a signature by it. */
#include <stdlib.h>
#include <string.h>

#include "gateway-plugin.h"

#define MAGIC 0x96f3b83du
#define HEADER 32
#define TLV_MAGIC 0x6907
#define PROTECTED_MAGIC 0x6908
#define TLV_HEADER 4
#define MAX_TLVS 32
#define MAX_SIGNATURE 512

/* Types of TLV. */
#define TLV_KEY_SHA256 0x01
#define TLV_SHA256 0x10
static const struct {
  uint16_t type, min_size, max_size;
} SIGNATURES[] = {
  { 0x20, 256, 256 }, /* RSA-2048 */
  { 0x22, 64, 72 },   /* ECDSA P-256, DER */
  { 0x23, 384, 384 }, /* RSA-3072 */
  { 0x24, 64, 64 },   /* Ed25519 */
};

typedef struct {
  uint16_t header_size, protected_size;
  uint32_t image_size;
  uint64_t end; /* of what the digest is over */
} Layout;

typedef struct {
  uint8_t sha256[32], key_sha256[32], signature[MAX_SIGNATURE];
  size_t signature_size;
  bool has_sha256, has_key_sha256, has_signature, has_stranger;
} Proof;

static bool
refuse(GatewayJob *job, const char *text)
{
  job->refuse(job, text);
  return false;
}

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

/* One wrong bit in the magic number makes it a broken image, not somebody else's. */
static uint32_t
recognize(GatewayText head, const char *file_name)
{
  uint32_t wrong = head.size >= HEADER ? le32((const uint8_t *)head.data) ^ MAGIC : 3;

  return (wrong & (wrong - 1)) == 0 ? 95 : 0;
}

/* ---- TLVs ---- */

/* Its kind and its length tell the same. */
static bool
is_signature(uint16_t type, uint16_t size)
{
  for (size_t i = 0; i < GATEWAY_COUNT(SIGNATURES); i++)
    if (SIGNATURES[i].type == type && size >= SIGNATURES[i].min_size && size <= SIGNATURES[i].max_size)
      return true;
  return false;
}

static bool
take_bytes(GatewayJob *job, uint64_t offset, size_t size, uint8_t *ret_bytes, bool *has_bytes)
{
  if (*has_bytes)
    return refuse(job, "its TLVs hold the same twice");
  if (!job->read(job, offset, ret_bytes, size))
    return refuse(job, "its TLVs do not fit into their length");
  *has_bytes = true;
  return true;
}

static bool
take_tlv(GatewayJob *job, uint16_t type, uint64_t offset, uint16_t size, Proof *proof)
{
  if (type == TLV_SHA256 && size == sizeof proof->sha256)
    return take_bytes(job, offset, size, proof->sha256, &proof->has_sha256);
  if (type == TLV_KEY_SHA256 && size == sizeof proof->key_sha256)
    return take_bytes(job, offset, size, proof->key_sha256, &proof->has_key_sha256);
  if (!is_signature(type, size)) {
    proof->has_stranger = true;
    return true;
  }
  proof->signature_size = size;
  return take_bytes(job, offset, size, proof->signature, &proof->has_signature);
}

/* @ret_end: behind them. */
static bool
read_tlvs(GatewayJob *job, uint64_t offset, uint16_t magic, Proof *proof, uint64_t *ret_end)
{
  uint8_t header[TLV_HEADER];
  uint64_t end;

  if (!job->read(job, offset, header, sizeof header) || le16(header) != magic ||
      le16(header + 2) < TLV_HEADER)
    return refuse(job, "its TLVs do not begin where they should");
  end = offset + le16(header + 2);
  offset += sizeof header;
  for (int n = 0; offset < end; n++) {
    if (n >= MAX_TLVS || end - offset < TLV_HEADER || !job->read(job, offset, header, sizeof header) ||
        le16(header + 2) > end - offset - TLV_HEADER)
      return refuse(job, "its TLVs do not fit into their length");
    if (proof && !take_tlv(job, le16(header), offset + TLV_HEADER, le16(header + 2), proof))
      return false;
    offset += TLV_HEADER + (uint64_t)le16(header + 2);
  }
  *ret_end = end;
  return true;
}

/* ---- the image ---- */

static bool
read_layout(GatewayJob *job, const uint8_t *header, Layout *ret_layout)
{
  Layout layout = { .header_size = le16(header + 8),
                    .protected_size = le16(header + 10),
                    .image_size = le32(header + 12) };

  if (le32(header) != MAGIC || layout.header_size < HEADER)
    return refuse(job, "its header is broken");
  layout.end = (uint64_t)layout.header_size + layout.image_size;
  if (layout.protected_size > 0) {
    uint64_t end;

    if (!read_tlvs(job, layout.end, PROTECTED_MAGIC, NULL, &end))
      return false;
    if (end != layout.end + layout.protected_size)
      return refuse(job, "its protected TLVs have another length than its header says");
    layout.end = end;
  }
  *ret_layout = layout;
  return true;
}

static bool
check_signature(GatewayJob *job, const Proof *proof)
{
  uint8_t key_sha256[32];
  int verdict = job->verify(job, proof->sha256, proof->signature, proof->signature_size, key_sha256);

  if (verdict < 0)
    return true; /* nobody told us whose signatures to trust */
  if (!proof->has_signature || verdict == 0)
    return refuse(job, "it is not signed by any of the keys");
  if (proof->has_key_sha256 && memcmp(proof->key_sha256, key_sha256, sizeof key_sha256) != 0)
    return refuse(job, "it names another key than the one that signed it");
  return !proof->has_stranger || refuse(job, "its TLVs hold more than digest and signature");
}

static bool
check_proof(GatewayJob *job, const Layout *layout, const Proof *proof)
{
  uint8_t is[32];

  if (!proof->has_sha256)
    return refuse(job, "it has no SHA-256");
  if (!job->sha256(job, 0, layout->end, is) || memcmp(is, proof->sha256, sizeof is) != 0)
    return refuse(job, "its SHA-256 does not hold");
  return check_signature(job, proof);
}

/* Filled up to the size of a slot, or not at all. */
static bool
check_rest(GatewayJob *job, uint64_t offset)
{
  uint8_t block[4096];

  while (offset < job->input_size) {
    uint64_t left = job->input_size - offset;
    size_t size = left < sizeof block ? (size_t)left : sizeof block;

    if (!job->read(job, offset, block, size))
      return refuse(job, "it cannot be read");
    for (size_t i = 0; i < size; i++)
      if (block[i] != 0xFF)
        return refuse(job, "more follows behind its end");
    offset += size;
  }
  return true;
}

static void
tell_version(GatewayJob *job, const uint8_t *header)
{
  char text[48];

  if (le32(header + 24))
    snprintf(text, sizeof text, "%u.%u.%u+%u", header[20], header[21], le16(header + 22), le32(header + 24));
  else
    snprintf(text, sizeof text, "%u.%u.%u", header[20], header[21], le16(header + 22));
  job->fact(job, "version", gateway_text(text));
}

static bool
unpack(GatewayJob *job)
{
  uint8_t header[HEADER];
  Layout layout;
  Proof proof = { 0 };
  uint64_t end;

  if (!job->read(job, 0, header, sizeof header))
    return refuse(job, "it is too short");
  if (!read_layout(job, header, &layout) || !read_tlvs(job, layout.end, TLV_MAGIC, &proof, &end) ||
      !check_proof(job, &layout, &proof) || !check_rest(job, end))
    return false;
  if (!job->image(job, GATEWAY_NO_TEXT, job->input_size))
    return false;
  tell_version(job, header);
  return true;
}

static const GatewaySetting settings[] = {
  { .key = "keys",
    .kind = GATEWAY_SETTING_PATH,
    .help = "PEM file of a public key that images must be signed with; several, separated by commas" },
};

static const GatewayFormatFunctions functions = { sizeof functions, recognize, unpack };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_FORMAT,
  .name = "mcuboot",
  .title = "An MCUboot image",
  .version = "1",
  .settings = settings,
  .n_settings = GATEWAY_COUNT(settings),
  .functions = &functions,
};
