/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When to turn to an upstream again: to look for news, or to report. Pure: time and chance are arguments. */
#pragma once
#include <glib.h>

#define GW_RHYTHM_FIRST_BACKOFF_MS G_GINT64_CONSTANT(30000)
#define GW_RHYTHM_MAX_BACKOFF_MS                                                                             \
  G_GINT64_CONSTANT(900000) /* or the upstream's own interval, if that is longer */
#define GW_RHYTHM_MAX_PAUSE_MS G_GINT64_CONSTANT(86400000) /* the longest Retry-After that is believed */

/* Milliseconds to wait: the interval @poll_ms after a success; after @n_failures in a row a wait that begins
 * at 30 s (or the interval, if shorter) and doubles; never less than the server asked for in @retry_after_ms.
 * All ±10 % by @chance, a random number, so that gateways that woke up together drift apart; what the server
 * asked for is only ever made longer. */
gint64 gw_rhythm_wait_ms(gint64 poll_ms, guint n_failures, gint64 retry_after_ms, guint32 chance);
