/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What somebody should look at now: sentences for people, worst first. Nothing is kept; each is as true as
 * the moment in which it is asked. Main thread. */
#pragma once
#include "control/commands.h"

/* as, floating. */
GVariant *gw_problems_variant(GwCore *core);
