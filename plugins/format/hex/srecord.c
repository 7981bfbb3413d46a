/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Motorola S-records (srec(5)): S0 a name, S1 to S3 bytes, S5 and S6 how many lines of bytes, S7 to S9 the
 * end. The digit behind the "S" is in no checksum, so what it says must fit the rest. */
#include "records.h"

static uint32_t
recognize(GatewayText head, const char *file_name)
{
  return records_recognize(head, 'S') ? 85 : 0;
}

static uint64_t
number_of(const Record *record, uint32_t n_bytes)
{
  uint64_t number = 0;

  for (uint32_t i = 1; i <= n_bytes; i++)
    number = number << 8 | record->bytes[i];
  return number;
}

/* All are of one length, or each is as short as it can be. */
static bool
note_length(Reader *reader, const Record *record, uint64_t address)
{
  char shortest = address < 1u << 16 ? '1' : address < 1u << 24 ? '2' : '3';

  reader->is_mixed |= reader->data_type && reader->data_type != record->type;
  reader->is_longer |= record->type != shortest;
  reader->data_type = record->type;
  return !reader->is_mixed || !reader->is_longer;
}

static bool
take_data(Reader *reader, const Record *record)
{
  uint32_t n_address = (uint32_t)(record->type - '0') + 1, overhead = n_address + 2;
  uint64_t address = number_of(record, n_address);

  if (reader->is_counted || !note_length(reader, record, address))
    return record_refuse(reader->binary.job, record, "its address is longer or shorter than it should be");
  if (record->n_bytes <= overhead)
    return record_refuse(reader->binary.job, record, "it holds no bytes");
  if (address + record->n_bytes - overhead > (uint64_t)1 << (8 * n_address))
    return record_refuse(reader->binary.job, record, "its bytes go beyond the last address");
  reader->n_records++;
  return binary_put(&reader->binary, record, address, record->bytes + 1 + n_address,
                    record->n_bytes - overhead);
}

/* Some tools write nothing behind it. */
static bool
take_count(Reader *reader, const Record *record)
{
  uint32_t n_bytes = record->type == '5' ? 2 : 3;

  reader->is_counted = true;
  return (record->n_bytes == n_bytes + 2 && number_of(record, n_bytes) == reader->n_records) ||
         record_refuse(reader->binary.job, record, "it counts other lines than there are");
}

/* Of the length of the last address, or of some where they are mixed. */
static bool
take_end(Reader *reader, const Record *record)
{
  char data_type = (char)('1' + ('9' - record->type));

  reader->is_ended = true;
  return (reader->data_type && (reader->is_mixed || reader->data_type == data_type) &&
          record->n_bytes == (uint32_t)(data_type - '0') + 3) ||
         record_refuse(reader->binary.job, record, "it ends another kind of file");
}

static bool
take(Reader *reader, const Record *record)
{
  switch (record->type) {
  case '0':
    return record->number == 1 ||
           record_refuse(reader->binary.job, record, "a name that is not the first line");
  case '1':
  case '2':
  case '3':
    return take_data(reader, record);
  case '5':
  case '6':
    return take_count(reader, record);
  case '7':
  case '8':
  case '9':
    return take_end(reader, record);
  default:
    return record_refuse(reader->binary.job, record, "a record of unknown type");
  }
}

static bool
unpack(GatewayJob *job)
{
  return records_unpack(job, 'S', take);
}

static const GatewayFormatFunctions functions = { sizeof functions, recognize, unpack };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_FORMAT,
  .traits = GATEWAY_ENCODING,
  .name = "srecord",
  .title = "A file of S-records",
  .version = "1",
  .settings = records_settings,
  .n_settings = 1,
  .functions = &functions,
};
