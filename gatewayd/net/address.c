/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/address.h"

#include "base/error.h"
#include "base/reader.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static const guint8 ipv4_prefix[12] = { [10] = 0xff, [11] = 0xff };

gboolean
gw_address_from_sockaddr(const struct sockaddr *sockaddr, GwAddress *ret_address)
{
  GwAddress address = { 0 };

  if (sockaddr->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const void *)sockaddr;

    memcpy(address.bytes, ipv4_prefix, sizeof ipv4_prefix);
    memcpy(address.bytes + 12, &in->sin_addr, 4);
    address.port = ntohs(in->sin_port);
  } else if (sockaddr->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const void *)sockaddr;

    memcpy(address.bytes, &in6->sin6_addr, 16);
    address.port = ntohs(in6->sin6_port);
    address.scope = IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) ? in6->sin6_scope_id : 0;
  } else
    return FALSE;
  *ret_address = address;
  return TRUE;
}

socklen_t
gw_address_to_sockaddr(const GwAddress *address, struct sockaddr_storage *ret_sockaddr)
{
  *ret_sockaddr = (struct sockaddr_storage){ 0 };
  if (gw_address_is_ipv4(address)) {
    struct sockaddr_in *in = (void *)ret_sockaddr;

    in->sin_family = AF_INET;
    in->sin_port = htons(address->port);
    memcpy(&in->sin_addr, address->bytes + 12, 4);
    return sizeof *in;
  }
  struct sockaddr_in6 *in6 = (void *)ret_sockaddr;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(address->port);
  in6->sin6_scope_id = address->scope;
  memcpy(&in6->sin6_addr, address->bytes, 16);
  return sizeof *in6;
}

/* "192.0.2.1", "2001:db8::1", "fe80::1%eth0"; empty and "*" are any address. */
static gboolean
parse_host(const char *host, GwAddress *address)
{
  g_auto(GStrv) parts = g_strsplit(host, "%", 2);
  struct in_addr in;

  if (!*host || strcmp(host, "*") == 0) {
    memset(address->bytes, 0, sizeof address->bytes);
    return TRUE;
  }
  if (inet_pton(AF_INET, host, &in) == 1) {
    memcpy(address->bytes, ipv4_prefix, sizeof ipv4_prefix);
    memcpy(address->bytes + 12, &in, 4);
    return TRUE;
  }
  if (parts[1]) {
    address->scope = if_nametoindex(parts[1]);
    if (address->scope == 0)
      return FALSE;
  }
  return inet_pton(AF_INET6, parts[0], address->bytes) == 1;
}

/* Splits "[host]:port", "host:port" and "host"; a bare IPv6 address has more than one colon. */
static char *
split_port(const char *text, const char **ret_port)
{
  const char *colon = strrchr(text, ':');
  const char *bracket = strchr(text, ']');

  *ret_port = NULL;
  if (text[0] == '[' && bracket) {
    if (bracket[1] == ':')
      *ret_port = bracket + 2;
    else if (bracket[1])
      *ret_port = ""; /* refused: no digits */
    return g_strndup(text + 1, (gsize)(bracket - text - 1));
  }
  if (!colon || strchr(text, ':') != colon)
    return g_strdup(text);
  *ret_port = colon + 1;
  return g_strndup(text, (gsize)(colon - text));
}

gboolean
gw_address_parse(const char *text, guint16 default_port, GwAddress *ret_address, GError **error)
{
  GwAddress address = { 0 };
  const char *port_text;
  g_autofree char *host = split_port(text, &port_text);
  guint64 port = default_port;
  GwSlice digits = { (const guint8 *)port_text, port_text ? strlen(port_text) : 0 };

  if (port_text && !gw_slice_decimal(digits, G_MAXUINT16, &port))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "\"%s\" is no address: the port must be a number up to 65535",
                   text);
  if (!port_text && default_port == 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "\"%s\" is no address: the port is missing", text);
  if (!parse_host(host, &address))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "\"%s\" is no numeric address", text);
  address.port = (guint16)port;
  *ret_address = address;
  return TRUE;
}

void
gw_address_format(const GwAddress *address, char *ret_text)
{
  gsize used;

  if (gw_address_is_ipv4(address)) {
    inet_ntop(AF_INET, address->bytes + 12, ret_text, GW_ADDRESS_TEXT);
    return;
  }
  inet_ntop(AF_INET6, address->bytes, ret_text, GW_ADDRESS_TEXT);
  used = strlen(ret_text);
  if (address->scope)
    g_snprintf(ret_text + used, GW_ADDRESS_TEXT - used, "%%%u", address->scope);
}

gboolean
gw_address_is_ipv4(const GwAddress *address)
{
  return memcmp(address->bytes, ipv4_prefix, sizeof ipv4_prefix) == 0;
}

gboolean
gw_address_equal_host(const GwAddress *a, const GwAddress *b)
{
  return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0 && a->scope == b->scope;
}

guint
gw_address_hash_host(const GwAddress *address)
{
  guint64 words[2];

  memcpy(words, address->bytes, sizeof words);
  words[0] = (words[0] ^ words[1] ^ address->scope) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  return (guint)(words[0] >> 32);
}

void
gw_address_cut_to_segment(GwAddress *address)
{
  if (gw_address_is_ipv4(address))
    address->bytes[15] = 0;
  else
    memset(address->bytes + 8, 0, 8);
  address->port = 0;
}
