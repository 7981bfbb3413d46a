/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a status that is none of success means to us. Pure. */
#pragma once
#include <glib.h>

/* FALSE, and an error: DENIED, NOT_FOUND, BUSY = try again later, or BAD_INPUT. @phrase:
 * our own words for it, never the server's: those might repeat what it was shown. */
gboolean gw_http_fail_status(guint status, const char *phrase, GError **error);
