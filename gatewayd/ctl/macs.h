/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A list of MAC addresses or IMEIs as people keep them: one in a line, MACs in any of the usual spellings,
 * with comments. */
#pragma once
#include <glib.h>

#define GW_MACS_FILE_MAX (4u * 1024 * 1024)

/* Adds each address to @macs (char *, "02:00:0a:00:00:01"), once. "#" begins a comment; what follows an
 * address after a blank, a comma or a semicolon is ignored. Every line that is wrong is named in the error,
 * up to ten, as "NAME:LINE". Pure. */
gboolean gw_macs_parse(const char *name, const char *text, GPtrArray *macs, GError **error);
/* The same for IMEIs, 15 digits each. */
gboolean gw_imeis_parse(const char *name, const char *text, GPtrArray *imeis, GError **error);
