/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Firmware that a vendor's own cloud has for one of our nodes: an entry of the catalog like any other,
 * fetched once, and offered by the rules of the site alone. Main thread. */
#pragma once
#include "control/core-private.h"

/* LEAD of a LAN worker. Only an adopted node with a product is a reason to fetch anything. */
void gw_leads_take(GwCore *core, GVariant *payload);
