/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's side of telnet (RFC 854, 855, 856) as far as a serial server needs it: bytes of the line,
 * doubled FF, and the settings of the line by the COM-PORT-OPTION (RFC 2217). Pure; no socket. */
#pragma once
#include "net/serial.h"

#define GW_TELNET_SUB_MAX 16 /* of a subnegotiation; what is longer says nothing that we need */

/* All zero but @line at first. */
typedef struct {
  GwSerialLine line;
  guint8 place, verb; /* inside a command */
  guint8 sub[GW_TELNET_SUB_MAX];
  guint n_sub;
  guint8 refused[2][32]; /* bits: options that were refused to the server, each once */
  guint8 confirmed;      /* bits: speed, size, parity, stop bits */
  guint8 binary;         /* bits: it takes binary, it sends binary; else a 0D is two bytes */
  gboolean is_set_up;    /* the settings were sent, once */
  gboolean is_refused;   /* it does not set lines, or sets them otherwise, or is for texts only */
  gboolean is_suspended; /* it wants no bytes for now */
} GwTelnet;

/* What a client says first. */
void gw_telnet_begin(GByteArray *answer);
/* Takes what came: bytes of the line go to @ret_data, which has room for @size; returns how many. What the
 * server must hear is added to @answer. */
gsize gw_telnet_take(GwTelnet *telnet, const guint8 *bytes, gsize size, guint8 *ret_data, GByteArray *answer);
/* The server has set up the line as it should be. */
gboolean gw_telnet_is_ready(const GwTelnet *telnet);
/* Bytes for the line, as they go over the wire. */
void gw_telnet_escape(const guint8 *bytes, gsize size, GByteArray *out);
