/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the four Waspmote libraries read UPGRADE.TXT: a 256-byte buffer, strstr for labels, the rest of the
 * line as value, and no look at what is not there. What makes the real one crash is said to be a crash. Pure.
 */
#pragma once
#include <glib.h>

typedef enum { WASP_WIFI, WASP_4G, WASP_GPRS, WASP_3G } WaspModem;

typedef enum {
  WASP_LOAD,    /* the image is to be loaded */
  WASP_NOTHING, /* NO_FILE */
  WASP_REFUSED, /* with `code` */
  WASP_CRASHED, /* for `why` */
} WaspVerdict;

typedef struct {
  WaspVerdict verdict;
  const char *code, *why;
  char file[257], path[257];
  long size;   /* -1: this modem does not read it */
  int version; /* as the program keeps it */
} WaspOrder;

/* @program and @version are what runs now. */
WaspOrder wasp_parse(WaspModem modem, const void *text, gsize size, const char *program, int version);
