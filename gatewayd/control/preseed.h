/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images of a rule are here, sealed, before its window opens. Main thread. */
#pragma once
#include "control/core-private.h"
#include "model/rule.h"

/* NO_SPACE = its images do not fit the cache beside those that other rules, nodes and imports need, with the
 * numbers. */
gboolean gw_preseed_check(GwCore *core, const GwRule *rule, GError **error);
/* How long until they are to be fetched: 0 = now. */
gint64 gw_preseed_wait_ms(const GwCore *core, const GwRule *rule, const GwNow *now);
