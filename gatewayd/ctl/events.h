/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gatewayctl events: what happened, and what happens now. */
#pragma once
#include "ctl/command.h"

gboolean gw_ctl_events(GwCtl *ctl, const GwArgs *args, GError **error);
