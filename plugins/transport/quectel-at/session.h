/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module that the MCU believes to talk to: its components, one upgrade plan at a time, and the plan's
 * states. Private to the plugin. */
#pragma once
#include "command.h"

#define QUECTEL_COMPONENTS_MAX 8
#define QUECTEL_COMPONENT_CHARS 32
#define QUECTEL_VERSION_CHARS 64
#define QUECTEL_READ_MAX 1024

typedef struct {
  char name[QUECTEL_COMPONENT_CHARS + 1];
  char version[QUECTEL_VERSION_CHARS + 1];
} QuectelComponent;

typedef enum {
  QUECTEL_NO_PLAN = 0,
  QUECTEL_PLAN,      /* announced (10700) */
  QUECTEL_SUBMITTED, /* the MCU said yes; the bytes are asked for */
  QUECTEL_READY,     /* the piece, which is the whole image, may be read (10703) */
  QUECTEL_UPDATING,  /* the MCU has it, and writes it (10704) */
} QuectelPlanState;

typedef struct {
  QuectelComponent components[QUECTEL_COMPONENTS_MAX];
  uint32_t n_components;
  uint32_t next; /* component that is asked about next */
  bool is_echo, is_registered, is_sha256_wanted;

  QuectelPlanState plan;
  uint32_t component; /* of the plan */
  char target[QUECTEL_VERSION_CHARS + 1], token[33];
  char md5[33], sha256[65];
  uint32_t size, crc32;
  uint32_t n_tries;

  uint32_t read_offset, read_count; /* a block that was asked for; 0 = none */
  GatewayAsk ask;                   /* lives as long as the action that names it */
} QuectelState;

uint32_t quectel_step(const GatewaySettings *settings, void *memory, const GatewayEvent *event,
                      GatewayScratch *scratch, GatewayAction actions[GATEWAY_MAX_ACTIONS]);
