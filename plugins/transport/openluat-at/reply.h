/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line of an AT module's, taken apart. Pure. */
#pragma once
#include "gateway-plugin.h"

typedef enum {
  LUAT_OTHER = 0, /* an echo, noise, or what nobody asked for */
  LUAT_OK,
  LUAT_ERROR,
  LUAT_TEXT,    /* a plain answer, or that of +CGSN and +CGMR: text */
  LUAT_STATE,   /* +UPGRADE: numbers */
  LUAT_PERCENT, /* +UPGRADEIND: numbers[0], or negative: an error */
  LUAT_FLASHED, /* +UPGRADEDL, +UPGRADDL: numbers[0] */
  LUAT_VERSION, /* +UPGRADEVER: text */
  LUAT_REPORTED /* +UPGRADEVER: numbers[0], 1 = the vendor's platform knows */
} LuatReplyKind;

#define LUAT_NUMBERS 4

typedef struct {
  LuatReplyKind kind;
  GatewayText text;
  int32_t numbers[LUAT_NUMBERS]; /* 0 where there is none */
} LuatReply;

/* Borrows from @line, which has no line end. */
LuatReply luat_reply_read(GatewayText line);
