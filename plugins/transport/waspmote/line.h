/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command lines of a client, made harmless: telnet's escapes gone, control characters refused, split into
 * verb and argument, and kept in order while an answer or a transfer is awaited. Pure. */
#pragma once
#include "gateway-plugin.h"

#define FTP_LINE_MAX 510   /* RFC 959 lines of 512 with their CRLF */
#define FTP_QUEUE_MAX 512  /* bytes of pipelined lines, at least one of the longest... */
#define FTP_QUEUE_LINES 16 /* ...and how many */

/* Copies @line, at most FTP_LINE_MAX bytes, without telnet commands (RFC 854) to @ret_line. False: it is too
 * long or holds a control character. */
bool ftp_line_clean(GatewayText line, char ret_line[FTP_LINE_MAX], size_t *ret_size);

/* "VERB argument": one blank is taken away; a missing argument is empty. */
void ftp_line_split(GatewayText line, GatewayText *ret_verb, GatewayText *ret_argument);
/* ASCII only; @upper is upper-case. */
bool ftp_is_word(GatewayText text, const char *upper);
/* Decimal digits only, at most 18. */
bool ftp_number(GatewayText text, uint64_t *ret_number);

typedef struct {
  char bytes[FTP_QUEUE_MAX]; /* lines, each with an LF behind it */
  uint16_t used, n_lines;
} FtpQueue;

/* False: no room. @line holds no LF. */
bool ftp_queue_put(FtpQueue *queue, GatewayText line);
/* The oldest; false when there is none. */
bool ftp_queue_take(FtpQueue *queue, char ret_line[FTP_LINE_MAX], size_t *ret_size);
