/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UPGRADE.TXT: the four lines by which a Waspmote learns what to load, in the one layout that the parsers of
 * all four modems survive: FILE first, LF behind every line, no blanks, well under their 256 bytes. Pure. */
#pragma once
#include "gateway-plugin.h"

#define UPGRADE_NAME_CHARS 7
#define UPGRADE_SIZE_MAX 999999999u /* nine digits */

typedef struct {
  char name[UPGRADE_NAME_CHARS + 1]; /* "" = nothing */
  char version[4];                   /* 0..255, decimal */
  uint64_t size;
} Upgrade;

/* 7 letters, digits or underscores, as the IDE names its files, and not the word for "nothing". */
bool upgrade_is_name(GatewayText text);
/* False: no Waspmote could read it; why is said in words, @ret_upgrade is untouched. */
bool upgrade_read_image(const GatewayImage *image, Upgrade *ret_upgrade, const char **ret_why);
/* The file; that of nothing for an empty name. */
GatewayText upgrade_print(const Upgrade *upgrade, GatewayScratch *scratch);
