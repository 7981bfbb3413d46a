/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rates that depend on the time of day: in the hours of [lan] and [wan] rate-hours= another rate= holds. The
 * workers know nothing of it: they are sent another configuration. Main thread. */
#pragma once
#include "control/core-private.h"

/* What rate= of @section ("lan", "wan") is now; NULL = as it is written. Caller frees. */
char *gw_rates_now(const GwCore *core, const char *section);
/* Of the rates of now. */
guint gw_rates_hash(const GwCore *core);
/* Looks at the clock, and configures the workers when a rate has changed. */
void gw_rates_look(GwCore *core);
