/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames between module and MCU: FF FF, length, command, serial number, flags, payload, sum. Behind the two
 * FF every FF is followed by a 55, which counts neither as length nor in the sum. Pure. */
#pragma once
#include "gateway-plugin.h"

#define GIZ_FRAME_MAX 1024 /* longest that is taken, from length to sum */

typedef enum {
  GIZ_NOTHING = 0, /* not yet */
  GIZ_FRAME,
  GIZ_BAD_SUM, /* a frame whose sum is wrong: command and serial number are what came */
  GIZ_BROKEN,  /* it was none after all */
} GizRead;

/* All zero at first. */
typedef struct {
  uint8_t bytes[GIZ_FRAME_MAX];
  uint32_t n_bytes;
  bool is_inside, is_ff;
} GizReader;

/* What the reader holds after GIZ_FRAME or GIZ_BAD_SUM; valid until its next byte. */
typedef struct {
  uint8_t command, serial;
  uint32_t flags;
  GatewayText payload;
} GizFrame;

GizRead giz_reader_take(GizReader *reader, uint8_t byte);
GizFrame giz_reader_frame(const GizReader *reader);

/* The frame as it goes over the wire; absent when the scratch is full. The payload is that of @frame, then
 * @rest. */
GatewayText giz_frame_print(GatewayScratch *scratch, const GizFrame *frame, GatewayText rest);

/* Two bytes, big endian; 0 when they are not there. */
uint32_t giz_number(GatewayText text, size_t offset);
