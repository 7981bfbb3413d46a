/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Intel HEX ("Hexadecimal Object File Format Specification", revision A, 1988). */
#include "records.h"

#define SEGMENT_END 0x10000u
#define ADDRESS_END ((uint64_t)1 << 32)

static uint32_t
recognize(GatewayText head, const char *file_name)
{
  return records_recognize(head, ':') ? 85 : 0;
}

static bool
take_data(Reader *reader, const Record *record)
{
  uint32_t offset = (uint32_t)record->bytes[1] << 8 | record->bytes[2];
  uint32_t size = record->bytes[0];

  if (size == 0)
    return record_refuse(reader->binary.job, record, "it holds no bytes");
  if (offset + size > SEGMENT_END || reader->base + offset + size > ADDRESS_END)
    return record_refuse(reader->binary.job, record, "its bytes go beyond the end of their segment");
  reader->n_records++;
  return binary_put(&reader->binary, record, reader->base + offset, record->bytes + 4, size);
}

static bool
take(Reader *reader, const Record *record)
{
  const uint8_t *bytes = record->bytes;
  uint32_t word = (uint32_t)bytes[4] << 8 | bytes[5];

  switch (bytes[3]) {
  case 0:
    return take_data(reader, record);
  case 1:
    reader->is_ended = true;
    return bytes[0] == 0 || record_refuse(reader->binary.job, record, "an end has no bytes");
  case 2:
  case 4:
    reader->base = (uint64_t)word << (bytes[3] == 2 ? 4 : 16);
    return bytes[0] == 2 || record_refuse(reader->binary.job, record, "an address of another length");
  case 3:
  case 5:
    return bytes[0] == 4 || record_refuse(reader->binary.job, record, "a start of another length");
  default:
    return record_refuse(reader->binary.job, record, "a record of unknown type");
  }
}

static bool
unpack(GatewayJob *job)
{
  return records_unpack(job, ':', take);
}

static const GatewayFormatFunctions functions = { sizeof functions, recognize, unpack };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_FORMAT,
  .traits = GATEWAY_ENCODING,
  .name = "ihex",
  .title = "An Intel HEX file",
  .version = "1",
  .settings = records_settings,
  .n_settings = 1,
  .functions = &functions,
};
