/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a sealed image fit the make that it is for? The plugin's own rules, as data, over the form and the
 * image's first bytes. Main thread. */
#pragma once
#include "control/core-private.h"

/* @plugin: whose rules it passed; "" = nobody knows yet which transport its product has. BUSY: the transport
 * is known, but not connected to say its rules. Perhaps called before gw_checks_run() returns. */
typedef void (*GwCheckDone)(const char *plugin, const GError *error, gpointer user);
/* @firmware is borrowed for the call. */
void gw_checks_run(GwCore *core, const GwFirmware *firmware, GwSealed *sealed, GwCheckDone done,
                   gpointer user);
/* The same for one whose image is in the cache already, found by its digest. */
void gw_checks_run_cached(GwCore *core, const GwFirmware *firmware, GwCheckDone done, gpointer user);
