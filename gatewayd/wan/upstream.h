/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One [upstream NAME]: a thread that looks for news in its rhythm, up to two that bring images, and one that
 * reports, so that none keeps another waiting. Threads end by themselves after stop; nobody waits for a peer.
 * All functions: main thread. */
#pragma once
#include "link/messages.h"
#include "wan/worker.h"

#define GW_UPSTREAM_MAX_FETCHES 2 /* at once; more wait their turn */

typedef struct GwUpstream GwUpstream;
/* Takes what @setup holds; looks at once, then in its rhythm. */
GwUpstream *gw_upstream_start(GwWorkerSetup *setup);
/* Looks now; @is_afresh: as if it had never looked before. */
void gw_upstream_poll(GwUpstream *upstream, gboolean is_afresh);
/* Takes what @fetch holds and @fd. What became of it is said to the core. */
void gw_upstream_fetch(GwUpstream *upstream, GwFetch *fetch, int fd);
gboolean gw_upstream_takes_reports(const GwUpstream *upstream);
/* Takes what @report holds; only where it takes reports. What became of it is said to the core. */
void gw_upstream_report(GwUpstream *upstream, GwReport *report);
/* Does its plugin sit in a report for too long? TRUE once for each such report, of *ret_id: it counts as not
 * taken, and none is given to the plugin until it comes back. The third time it is held back for good. */
gboolean gw_upstream_hangs(GwUpstream *upstream, gint64 boot_ms, guint64 *ret_id);
/* Why it is given no report now; NULL = it is. */
const char *gw_upstream_holds_back(GwUpstream *upstream);
void gw_upstream_cancel(GwUpstream *upstream, guint64 id);
/* Ends polls, fetches and reports soon; nothing is started any more. */
void gw_upstream_stop(GwUpstream *upstream);
/* Has every thread ended? Waits until @until_us of g_get_monotonic_time() (0 = not at all). */
gboolean gw_upstream_has_ended(GwUpstream *upstream, gint64 until_us);
/* Only after it has ended; a thread that never ends keeps it. */
void gw_upstream_free(GwUpstream *upstream);
