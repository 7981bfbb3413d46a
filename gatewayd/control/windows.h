/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Windows that have passed: which nodes might have begun in them and did not. Each is said once, also after
 * the gateway slept, or its clock jumped. Main thread. */
#pragma once
#include "control/core-private.h"

/* Says what was missed up to now, has nodes with an open session ask when a window has opened, and sets the
 * alarm for the next edge. */
void gw_windows_look(GwCore *core, GwRule *rule, GwChange *change);
void gw_windows_alarm(GwCore *core, gint64 rule_id);
