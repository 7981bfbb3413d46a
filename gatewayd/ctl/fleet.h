/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nodes import, replace, set-aside, return. */
#pragma once
#include "ctl/command.h"

/* Which nodes: --location, --label, --product; and why. Ended by name NULL. */
extern const GwArg gw_set_aside_args[], gw_return_args[];
gboolean gw_ctl_nodes_import(GwCtl *ctl, const GwArgs *args, GError **error);
gboolean gw_ctl_nodes_replace(GwCtl *ctl, const GwArgs *args, GError **error);
gboolean gw_ctl_nodes_set_aside(GwCtl *ctl, const GwArgs *args, GError **error);
gboolean gw_ctl_nodes_return(GwCtl *ctl, const GwArgs *args, GError **error);
