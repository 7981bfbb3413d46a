/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a name leads, as a node would find out: IPv4 alone, because that is what devices know. */
#pragma once
#include <glib.h>

/* The addresses of @name as texts, none if it has none; asked of @server ("192.0.2.53" or "192.0.2.53:5353"),
 * or, where that is NULL, as every program of this machine asks. BAD_INPUT: @server is no such thing;
 * OFFLINE: nobody answers. Caller frees. */
GPtrArray *gw_resolve(const char *name, const char *server, GError **error);
/* The addresses of this machine under which others can reach it, as texts. Caller frees. */
GPtrArray *gw_resolve_own_addresses(void);
/* Is it an IPv4 address in digits? */
gboolean gw_resolve_is_address(const char *text);
