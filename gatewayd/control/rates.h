/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rates that depend on the time of day: in the hours of rate-hours= another rate= holds, and so for every key
 * that ends like these. The workers know nothing of it: they are sent another configuration. Main thread. */
#pragma once
#include "control/core-private.h"

/* Of the written @values (a{ss}) of a section those that a worker is told: each "*rate" as it is now, and no
 * "*rate-hours". Floating. */
GVariant *gw_rates_apply(const GwCore *core, GVariant *values);
/* Of the rates of now. */
guint gw_rates_hash(const GwCore *core);
/* Looks at the clock, and configures the workers when a rate has changed. */
void gw_rates_look(GwCore *core);
