/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of a byte table: words, key=value pairs and texts with C escapes (\r \n \t \\ \" \xNN). Pure. */
#pragma once
#include "gateway-plugin.h"
#include <glib.h>

/* Splits at blanks; "..." keeps blanks together. Escapes are resolved. NULL and error for an open quote. */
GPtrArray *gw_words_split(const char *text, GError **error);
/* Resolves escapes in place of the whole text. NULL and error for an unknown escape. */
GString *gw_words_unescape(const char *text, GError **error);
/* The reverse, for messages: what is not printable becomes \xNN. Caller frees. */
char *gw_words_escape(GatewayText text);
