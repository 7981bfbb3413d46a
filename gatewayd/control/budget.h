/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many bytes of images may come over the WAN in a calendar month (UTC). Durable; catalogs and reports
 * pass and are not counted. A month that the clock cannot tell for sure is the one that was counted last.
 * Main thread. */
#pragma once
#include "control/core-private.h"

/* Room for @size more (0 = it is not known how many)? Always, where no budget is set. */
gboolean gw_budget_has_room(GwCore *core, guint64 size);
/* An image is on its way, from @offset on: what has come of it when this process ends is counted when the
 * next one starts. */
void gw_budget_open(GwCore *core, const GwFirmware *firmware, guint64 offset);
/* They came, and the fetch of the image has ended; @sha256 is as it was opened, or no digest. Says so when 80
 * % are used, and when all are. */
void gw_budget_spend(GwCore *core, const char *sha256, guint64 bytes);
/* Once, when everything is loaded: what was on its way when the core ended. */
void gw_budget_resume(GwCore *core);
void gw_budget_clear(GwBudget *budget);
/* Of this month. */
guint64 gw_budget_used(GwCore *core);
/* One row of the core's small facts; others are not its own. */
void gw_budget_load(GwCore *core, const char *key, const char *value);
