/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* requestOTA() of the four libraries: which commands each modem sends for UPGRADE.TXT and for the image, how
 * often it logs in, and which code it returns for what goes wrong. */
#pragma once
#include "waspmote-ftp.h"
#include "waspmote-parser.h"

typedef struct {
  WaspModem modem;
  WaspServer server;
  gboolean is_joined;  /* GPRS: path and name as one word, instead of CWD */
  int tries;           /* GPRS and 3G */
  int retry_ms;        /* between them */
  gsize drop_at;       /* drops the image's data connection there; 0 = never */
  gboolean is_resumed; /* and goes on with REST */
} WaspUnit;

typedef enum { WASP_TEXT, WASP_IMAGE } WaspWhat;

/* One file. NULL = @ret_content holds it; else the code. */
const char *wasp_modem_fetch_text(const WaspUnit *unit, GByteArray *ret_content);
const char *wasp_modem_fetch_image(const WaspUnit *unit, const WaspOrder *order, GByteArray *ret_content);
