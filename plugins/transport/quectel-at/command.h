/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One AT command line, taken apart. Pure. */
#pragma once
#include "gateway-plugin.h"

#define AT_ARGUMENTS_MAX 8

typedef enum {
  AT_NONE = 0, /* not a command: noise, or an answer of our own that came back */
  AT_PLAIN,    /* AT, ATE0, AT+CSQ */
  AT_WRITE,    /* AT+NAME=a,b */
  AT_READ,     /* AT+NAME? */
  AT_TEST,     /* AT+NAME=? */
} AtForm;

typedef struct {
  AtForm form;
  GatewayText name;                        /* in the case it was sent: "E0", "+QIOTUPDATE" */
  GatewayText arguments[AT_ARGUMENTS_MAX]; /* without their quotes; further ones are left out */
  uint32_t n_arguments;
} AtCommand;

/* Borrows from @line, which has no line end. Noise before "AT" is passed over, as modules do. */
AtCommand at_command_read(GatewayText line);
/* Case does not count. */
bool at_command_is(const AtCommand *command, const char *name);
/* Decimal digits only, below 2^32; else false. */
bool at_number(GatewayText text, uint64_t *ret);
