/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/resolve.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <gio/gio.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <resolv.h>
#include <string.h>

#include "base/error.h"

#define DNS_PORT 53
#define TRY_S 2
#define TRIES 2
#define REPLY_MAX 4096
#define LINK_LOCAL 0xa9feu /* 169.254 */

static void
add_address(GPtrArray *addresses, const struct in_addr *address)
{
  char text[INET_ADDRSTRLEN];

  inet_ntop(AF_INET, address, text, sizeof(text));
  if (!g_ptr_array_find_with_equal_func(addresses, text, g_str_equal, NULL))
    g_ptr_array_add(addresses, g_strdup(text));
}

gboolean
gw_resolve_is_address(const char *text)
{
  struct in_addr address;

  return inet_pton(AF_INET, text, &address) == 1;
}

/* --- as every program of this machine asks --- */

static gboolean
ask_system(const char *name, GPtrArray *addresses, GError **error)
{
  const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
  struct addrinfo *found = NULL;
  int status = getaddrinfo(name, NULL, &hints, &found);

  if (status == EAI_NONAME || status == EAI_NODATA)
    return TRUE;
  if (status != 0)
    return gw_fail(error, GW_ERROR_OFFLINE, "nobody says where %s leads: %s", name, gai_strerror(status));
  for (const struct addrinfo *info = found; info; info = info->ai_next)
    add_address(addresses, &((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr);
  freeaddrinfo(found);
  return TRUE;
}

/* --- as a node asks the server that it was given --- */

static gboolean
read_server(const char *text, struct sockaddr_in *ret_server, GError **error)
{
  g_auto(GStrv) parts = g_strsplit(text, ":", 2);
  guint64 port = DNS_PORT;

  memset(ret_server, 0, sizeof(*ret_server));
  if (inet_pton(AF_INET, parts[0] ? parts[0] : "", &ret_server->sin_addr) != 1 ||
      (parts[1] && !g_ascii_string_to_unsigned(parts[1], 10, 1, G_MAXUINT16, &port, NULL)))
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "--server=%s: expected the IPv4 address of a name server: 192.168.1.1", text);
  ret_server->sin_family = AF_INET;
  ret_server->sin_port = htons((guint16)port);
  return TRUE;
}

static void
read_reply(const guint8 *reply, int size, GPtrArray *addresses)
{
  ns_msg message;
  ns_rr record;

  if (ns_initparse(reply, size, &message) < 0)
    return;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); i++)
    if (ns_parserr(&message, ns_s_an, i, &record) == 0 && ns_rr_type(record) == ns_t_a &&
        ns_rr_rdlen(record) == sizeof(struct in_addr)) {
      struct in_addr address;

      memcpy(&address, ns_rr_rdata(record), sizeof(address));
      add_address(addresses, &address);
    }
}

static gboolean
ask_server(const char *name, const char *server, GPtrArray *addresses, GError **error)
{
  struct __res_state state = { 0 };
  guint8 reply[REPLY_MAX];
  int size, reason;

  if (res_ninit(&state) != 0)
    return gw_fail(error, GW_ERROR_INTERNAL, "the resolver cannot begin");
  state.nscount = 1;
  state.retrans = TRY_S;
  state.retry = TRIES;
  if (!read_server(server, &state.nsaddr_list[0], error)) {
    res_nclose(&state);
    return FALSE;
  }
  size = res_nquery(&state, name, ns_c_in, ns_t_a, reply, sizeof(reply));
  reason = state.res_h_errno;
  res_nclose(&state);
  if (size < 0 && reason != HOST_NOT_FOUND && reason != NO_DATA)
    return gw_fail(error, GW_ERROR_OFFLINE, "the name server %s does not answer", server);
  if (size > 0)
    read_reply(reply, MIN(size, REPLY_MAX), addresses);
  return TRUE;
}

GPtrArray *
gw_resolve(const char *name, const char *server, GError **error)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);

  if (server ? !ask_server(name, server, addresses, error) : !ask_system(name, addresses, error))
    return NULL;
  return g_steal_pointer(&addresses);
}

/* --- this machine --- */

static gboolean
is_reachable(const struct ifaddrs *one)
{
  const struct sockaddr_in *address = (const struct sockaddr_in *)(const void *)one->ifa_addr;

  return address && address->sin_family == AF_INET && (one->ifa_flags & IFF_UP) &&
         !(one->ifa_flags & IFF_LOOPBACK) && ntohl(address->sin_addr.s_addr) >> 16 != LINK_LOCAL;
}

GPtrArray *
gw_resolve_own_addresses(void)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func(g_free);
  struct ifaddrs *all = NULL;

  if (getifaddrs(&all) != 0)
    return addresses;
  for (const struct ifaddrs *one = all; one; one = one->ifa_next)
    if (is_reachable(one))
      add_address(addresses, &((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr);
  freeifaddrs(all);
  return addresses;
}
