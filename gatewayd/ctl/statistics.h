/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* statistics ... */
#pragma once
#include "ctl/command.h"

gboolean gw_ctl_statistics(GwCtl *ctl, const GwArgs *args, GError **error);
/* One page: aa{sv}. *cursor is "" at first, and again after the last. */
gboolean gw_ctl_fetch_statistics(GwCtl *ctl, const char *by, char **cursor, GVariant **ret_rows,
                                 GError **error);
/* What the failures of a row came from: "stalled 3, not-back 1". Caller frees. */
char *gw_ctl_causes(GVariant *row);
