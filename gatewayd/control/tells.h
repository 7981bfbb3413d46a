/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts that a LAN worker tells: of transfers, and in a node's own words. ACK follows the commit. Main
 * thread. */
#pragma once
#include "control/workers.h"
#include "link/messages.h"

void gw_tells_take(GwCore *core, GwWorker *worker, guint32 serial, const GwTold *told);
/* After it (re)connected: these run. What else was running is interrupted when its tells had time to come. */
void gw_tells_running(GwCore *core, GwWorker *worker, const char *const *tokens);
void gw_tells_interrupt_lost(GwCore *core);
/* The worker is gone, and what it was sending with it. */
void gw_tells_lost(GwCore *core, GwWorker *worker, const char *const *tokens);
