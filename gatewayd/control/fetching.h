/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images on their way in: one fetch per digest, whoever wants it; room first; resumed where it broke off;
 * tried again with a growing wait. The WAN worker writes into a pipe, the store reads, hashes and seals. Main
 * thread. */
#pragma once
#include "control/core-private.h"
#include "link/messages.h"

GwFetching *gw_fetching_new(GwCore *core);
void gw_fetching_free(GwFetching *fetching);
/* Fetches its image unless it is here, on its way, or has nowhere to come from. */
void gw_fetching_want(GwFetching *fetching, GwFirmware *firmware);
void gw_fetching_fetched(GwFetching *fetching, const GwFetched *fetched);
/* The WAN worker came (all that waits begins) or went (all that runs waits). */
void gw_fetching_connected(GwFetching *fetching);
void gw_fetching_lost(GwFetching *fetching);
void gw_fetching_alarm(GwCore *core, gint64 firmware_id);
/* Nobody wants it any more. */
void gw_fetching_cancel(GwFetching *fetching, const GwFirmware *firmware);
/* Bytes received of a running fetch; FALSE = none runs for it. */
gboolean gw_fetching_gauge(const GwFetching *fetching, const GwFirmware *firmware, guint64 *ret_received);
