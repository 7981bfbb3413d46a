/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a vendor's own hosts are. The site's resolver leads their names to this gateway, so it is never
 * asked: an address is pinned in the configuration, or a DNS server elsewhere is asked. Immutable; any
 * thread. */
#pragma once
#include <gio/gio.h>

typedef struct GwRoute GwRoute;
/* @resolver: IPv4 address of a DNS server, "192.0.2.53" or "192.0.2.53:5353"; "" = none. @pins: "HOST
 * ADDRESS, HOST ADDRESS"; "" = none. */
GwRoute *gw_route_new(const char *resolver, const char *pins, GError **error);
GwRoute *gw_route_ref(GwRoute *route);
void gw_route_unref(GwRoute *route);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwRoute, gw_route_unref)
/* Where the host of @url is: its name stays what a certificate is compared with. Blocks while a DNS server is
 * asked, up to 4 s. NULL: NOT_FOUND, or OFFLINE. */
GSocketConnectable *gw_route_find(const GwRoute *route, GUri *url, GError **error);
/* Does this connection lead to ourselves? */
gboolean gw_route_is_loop(GSocketAddress *local, GSocketAddress *remote);
