/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that vendors' clouds have: fetched like those of an upstream, with nothing of ours shown, and found
 * by the vendors' own addresses. */
#pragma once
#include "wan/site.h"

#define GW_PASSAGE "passthrough:" /* of which an upstream's name is none */

/* Is it of an image that a vendor's cloud has? */
gboolean gw_passage_is(const char *upstream);
/* The caller fills in out. */
void gw_passage_setup(const GwSite *site, GwWorkerSetup *ret_setup);
