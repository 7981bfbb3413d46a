/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Wi-Fi module that the MCU believes to talk to: who the MCU is, and one image on its way to it. Private
 * to the plugin. */
#pragma once
#include "frame.h"

#define GIZ_PIECE_MAX 4096 /* as much as one block brings */
#define GIZ_VERSION_CHARS 8
#define GIZ_KEY_CHARS 32

typedef enum {
  GIZ_IDLE = 0,
  GIZ_ASKING,    /* who is there? (0x01) */
  GIZ_ANNOUNCED, /* the image (0x19); the MCU says when it is ready (0x1B) */
  GIZ_SENDING,   /* one piece after the other (0x1D) */
  GIZ_SETTLING,  /* it has them all; what does it run now? */
} GizPhase;

typedef struct {
  GizReader reader;
  GizPhase phase;
  uint8_t serial; /* of what we sent last */
  uint32_t n_tries, n_blocks_lost, n_ticks;
  bool is_present, is_answered; /* it was heard of late; it answered what we sent last */
  bool is_asking, is_due;       /* an ask is open; look for an update after it */

  char hardware[GIZ_VERSION_CHARS + 1], software[GIZ_VERSION_CHARS + 1], product[GIZ_KEY_CHARS + 1];

  char target[GIZ_VERSION_CHARS + 1], token[33], md5[33];
  bool is_hex_image, is_hex; /* what the image is; what the MCU wants */
  uint32_t size, offset;     /* acknowledged up to here */
  uint32_t piece_max, piece; /* as the MCU said; of the one on its way, 0 = not read yet */
  uint32_t number;           /* of it, from 1 */
  bool is_damaged;           /* something came back for it, and was unreadable */
  bool is_back;              /* it started anew after the last one */

  GatewayAsk ask; /* lives as long as the action that names it */
} GizState;

uint32_t giz_step(const GatewaySettings *settings, void *memory, const GatewayEvent *event,
                  GatewayScratch *scratch, GatewayAction actions[GATEWAY_MAX_ACTIONS]);
