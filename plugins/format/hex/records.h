/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Intel HEX and S-records have in common: lines of hex digits with a checksum each, which bring bytes to
 * addresses. Every line is read twice: to measure, and to fill. */
#pragma once
#include "gateway-plugin.h"

#define RECORD_MAX 300 /* bytes of one line, decoded */

typedef struct {
  uint32_t number; /* of the line, from 1 */
  char mark;       /* ':' or 'S' */
  char type;       /* the digit behind 'S' */
  uint8_t bytes[RECORD_MAX];
  uint32_t n_bytes;
} Record;

/* A binary in the making; @bytes is NULL while it is measured. */
typedef struct {
  GatewayJob *job;
  uint64_t first, end;     /* of the addresses */
  uint8_t *bytes, *is_set; /* end - first of each */
} Binary;

/* Says "line 12: ..." and returns false. */
bool record_refuse(GatewayJob *job, const Record *record, const char *text);
/* Bytes for an address: measured, or filled in. Refuses what is there already. */
bool binary_put(Binary *binary, const Record *record, uint64_t address, const uint8_t *bytes,
                uint32_t n_bytes);

/* The state of a format while it reads its lines. */
typedef struct Reader Reader;
struct Reader {
  Binary binary;
  uint64_t base;            /* what is added to addresses */
  uint32_t n_records;       /* of data */
  char data_type;           /* of S-records: the last one's */
  bool is_mixed, is_longer; /* not all have the same; not all have the shortest for their address */
  bool is_ended, is_counted;
};
typedef bool (*TakeRecord)(Reader *reader, const Record *record);
/* "fill". */
extern const GatewaySetting records_settings[1];
/* The whole file: itself first, then the binary in it, gaps filled with "fill". @n_mark: 1 for ':', 2 for
 * "Sn".
 */
bool records_unpack(GatewayJob *job, char mark, TakeRecord take);
/* Are the lines of @head such lines, all but one at most? */
bool records_recognize(GatewayText head, char mark);
