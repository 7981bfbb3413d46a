/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The WAN worker as its main sees it: the link to the core, and on it the upstreams that the core configures.
 * What was said to a core that is gone may not be on its disk, so each connection begins anew: all upstreams
 * end with the link, and look again with the next. Main thread. */
#pragma once
#include <glib.h>

typedef struct GwWan GwWan;
/* @plugins: what gw_loader_run() brought for GATEWAY_UPSTREAM. Connects when the core is there, again and
 * again.
 */
GwWan *gw_wan_start(const char *link_path, GPtrArray *plugins);
/* One line for people: what is wrong, else what it does. Caller frees. */
char *gw_wan_condition(const GwWan *wan);
/* FALSE: a thread did not end within @grace_ms; then the process must end without tidying up. */
gboolean gw_wan_stop(GwWan *wan, guint grace_ms);
