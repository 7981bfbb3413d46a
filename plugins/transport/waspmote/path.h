/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client means by a path. There are no files: a path is one of five things, found by comparing words.
 * Pure. */
#pragma once
#include "upgrade.h"

#define FTP_UPGRADE_NAME "UPGRADE.TXT"

typedef enum {
  FTP_PLACE_NONE,    /* no such thing */
  FTP_PLACE_ROOT,    /* the login directory */
  FTP_PLACE_ALIAS,   /* ".gprs", where GPRS modems look: the same directory */
  FTP_PLACE_UPGRADE, /* UPGRADE.TXT */
  FTP_PLACE_IMAGE,   /* a name that an image may have */
} FtpPlace;

typedef struct {
  FtpPlace place;
  bool is_by_alias;                  /* the way there led through ".gprs" */
  char name[UPGRADE_NAME_CHARS + 1]; /* IMAGE */
} FtpTarget;

/* @is_in_alias: the current directory is ".gprs". @known is the image named in UPGRADE.TXT, or "": it is also
 * meant by an unknown path that ends in it, because 3G modems join path and name without a slash. */
FtpTarget ftp_path_resolve(GatewayText path, bool is_in_alias, const char *known);
bool ftp_path_has_glob(GatewayText path);
