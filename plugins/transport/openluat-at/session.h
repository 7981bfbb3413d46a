/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host that the module believes to talk to: one command at a time, one update at a time. Private to the
 * plugin. */
#pragma once
#include "reply.h"

#define LUAT_VERSION_CHARS 64

typedef enum {
  LUAT_IDLE = 0,
  LUAT_SETTING_UP,  /* who is there, and how it is to behave */
  LUAT_STARTING,    /* it is told the URL, and to begin */
  LUAT_DOWNLOADING, /* it fetches the image */
  LUAT_RESTARTING,  /* it has it, and says its version when it is back */
} LuatPhase;

typedef enum {
  LUAT_NO_COMMAND = 0,
  LUAT_ECHO,
  LUAT_IMEI,
  LUAT_REVISION,
  LUAT_AUTO,
  LUAT_PERIOD,
  LUAT_URL,
  LUAT_UPGRADE,
  LUAT_QUERY,
} LuatCommand;

typedef struct {
  LuatPhase phase;
  LuatCommand command;    /* that waits for its OK */
  bool is_read_only;      /* its second port: what it says is heard, and nothing is said to it */
  bool is_asking, is_due; /* an ask is open; look for an update after it */
  bool is_flashing;       /* told that it installs */
  bool is_proven;         /* its version is one that it said after an update */
  uint32_t n_silent, n_idle, n_tries;
  int32_t percent, told_percent;

  char imei[16], version[LUAT_VERSION_CHARS + 1];
  char target[LUAT_VERSION_CHARS + 1], token[33];
  char words[160]; /* what is told */

  GatewayAsk ask; /* lives as long as the action that names it */
} LuatState;

uint32_t luat_step(const GatewaySettings *settings, void *memory, const GatewayEvent *event,
                   GatewayScratch *scratch, GatewayAction actions[GATEWAY_MAX_ACTIONS]);
