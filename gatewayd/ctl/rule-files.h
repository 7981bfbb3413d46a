/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules as files, and the lists that people paste. */
#pragma once
#include "ctl/command.h"

/* rules apply FILE */
gboolean gw_rule_files_apply(GwCtl *ctl, const GwArgs *args, GError **error);
/* The document of a rule, as a file holds it. */
gboolean gw_rule_files_export(GwCtl *ctl, const char *id, GError **error);
/* --mac, --macs-file, --imei, --imeis-file: adds macs and imeis to the form. */
gboolean gw_rule_files_add_lists(const GwArgs *args, GVariantBuilder *form, GError **error);
/* "22:00-04:30, 12:00-13:00" in UTC as it is by the clock here, now. Caller frees. */
char *gw_rule_files_local_hours(const char *hours);
