/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A numeric address and port, IPv4 kept as IPv4-mapped IPv6, so that one value serves as a hash key. */
#pragma once
#include <glib.h>
#include <sys/socket.h>

typedef struct {
  guint8 bytes[16];
  guint16 port;
  guint32 scope; /* interface index of a link-local address, else 0 */
} GwAddress;

#define GW_ADDRESS_TEXT 64
/* FALSE unless @sockaddr is AF_INET or AF_INET6. */
gboolean gw_address_from_sockaddr(const struct sockaddr *sockaddr, GwAddress *ret_address);
/* Returns the length of the sockaddr; an IPv4 address gives AF_INET. */
socklen_t gw_address_to_sockaddr(const GwAddress *address, struct sockaddr_storage *ret_sockaddr);
/* "192.0.2.1:80", "[2001:db8::1]:80", ":80" and "*:80" (any address, both families), without port only if
 * @default_port is not 0. Numeric only. */
gboolean gw_address_parse(const char *text, guint16 default_port, GwAddress *ret_address, GError **error);
/* Without port: "192.0.2.1", "2001:db8::1", "fe80::1%3". @ret_text has room for GW_ADDRESS_TEXT. */
void gw_address_format(const GwAddress *address, char *ret_text);
gboolean gw_address_is_ipv4(const GwAddress *address);
/* The beginning of its segment: of an IPv4 /24 or an IPv6 /64. */
void gw_address_cut_to_segment(GwAddress *address);
/* Address and scope; the port is not looked at. */
gboolean gw_address_equal_host(const GwAddress *a, const GwAddress *b);
guint gw_address_hash_host(const GwAddress *address);
