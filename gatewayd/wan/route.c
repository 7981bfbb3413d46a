/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/route.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

#include "base/error.h"

#define DNS_PORT 53
#define DNS_TRIES 2
#define DNS_TRY_S 2
#define PINS_MAX 64

struct GwRoute {
  gatomicrefcount n_refs;
  struct sockaddr_in server; /* port 0 = none */
  GHashTable *pins;          /* host in lower case -> GInetAddress */
};

/* ---- a host at an address ---- */

/* GIO compares a server's certificate with the name of a GNetworkAddress, and connects to what it enumerates:
 * here another address than the name would lead to. */
typedef struct {
  GNetworkAddress parent;
  GSocketAddress *at;
} Place;
typedef struct {
  GNetworkAddressClass parent;
} PlaceClass;

static GType place_get_type(void);
static void place_connectable_init(GSocketConnectableIface *iface);
G_DEFINE_TYPE_WITH_CODE(Place, place, G_TYPE_NETWORK_ADDRESS,
                        G_IMPLEMENT_INTERFACE(G_TYPE_SOCKET_CONNECTABLE, place_connectable_init))

static GSocketAddressEnumerator *
place_enumerate(GSocketConnectable *connectable)
{
  return g_socket_connectable_enumerate(G_SOCKET_CONNECTABLE(((Place *)connectable)->at));
}

static void
place_connectable_init(GSocketConnectableIface *iface)
{
  iface->enumerate = place_enumerate;
  iface->proxy_enumerate = place_enumerate;
}

static void
place_finalize(GObject *object)
{
  g_object_unref(((Place *)object)->at);
  G_OBJECT_CLASS(place_parent_class)->finalize(object);
}

static void
place_class_init(PlaceClass *class)
{
  G_OBJECT_CLASS(class)->finalize = place_finalize;
}

static void
place_init(Place *place)
{
}

static GSocketConnectable *
place_new(const char *host, GInetAddress *address, guint16 port)
{
  Place *place = g_object_new(place_get_type(), "hostname", host, "port", (guint)port, NULL);

  place->at = g_inet_socket_address_new(address, port);
  return G_SOCKET_CONNECTABLE(place);
}

/* ---- the configuration ---- */

static gboolean
read_server(GwRoute *route, const char *text, GError **error)
{
  g_autoptr(GSocketConnectable) place = *text ? g_network_address_parse(text, DNS_PORT, NULL) : NULL;
  GNetworkAddress *address = (GNetworkAddress *)place;

  if (!*text)
    return TRUE;
  if (!place || inet_pton(AF_INET, g_network_address_get_hostname(address), &route->server.sin_addr) != 1)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "passthrough-resolver=%s is not the IPv4 address of a DNS server", text);
  route->server.sin_family = AF_INET;
  route->server.sin_port = htons(g_network_address_get_port(address));
  return TRUE;
}

static gboolean
read_pin(GwRoute *route, const char *text, GError **error)
{
  g_auto(GStrv) words = g_strsplit_set(text, " \t", 2);
  GInetAddress *address = words[0] && words[1] ? g_inet_address_new_from_string(g_strstrip(words[1])) : NULL;

  if (!address || g_hash_table_size(route->pins) >= PINS_MAX) {
    g_clear_object(&address);
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "passthrough-address: \"%s\" is not HOST ADDRESS, or one too many (%d)", text, PINS_MAX);
  }
  g_hash_table_replace(route->pins, g_ascii_strdown(words[0], -1), address);
  return TRUE;
}

GwRoute *
gw_route_new(const char *resolver, const char *pins, GError **error)
{
  g_autoptr(GwRoute) route = g_new0(GwRoute, 1);
  g_auto(GStrv) list = g_strsplit(pins, ",", -1);

  g_atomic_ref_count_init(&route->n_refs);
  route->pins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_object_unref);
  if (!read_server(route, resolver, error))
    return NULL;
  for (char **pin = list; *pin; pin++)
    if (*g_strstrip(*pin) && !read_pin(route, *pin, error))
      return NULL;
  return g_steal_pointer(&route);
}

GwRoute *
gw_route_ref(GwRoute *route)
{
  g_atomic_ref_count_inc(&route->n_refs);
  return route;
}

void
gw_route_unref(GwRoute *route)
{
  if (!route || !g_atomic_ref_count_dec(&route->n_refs))
    return;
  g_hash_table_unref(route->pins);
  g_free(route);
}

/* ---- the DNS server ---- */

static GInetAddress *
first_address(const guint8 *reply, int size)
{
  ns_msg message;
  ns_rr record;

  if (ns_initparse(reply, size, &message) < 0)
    return NULL;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); i++)
    if (ns_parserr(&message, ns_s_an, i, &record) == 0 && ns_rr_type(record) == ns_t_a &&
        ns_rr_rdlen(record) == 4)
      return g_inet_address_new_from_bytes(ns_rr_rdata(record), G_SOCKET_FAMILY_IPV4);
  return NULL;
}

static GInetAddress *
ask_server(const GwRoute *route, const char *host)
{
  struct __res_state state = { 0 };
  GInetAddress *address = NULL;
  guint8 reply[NS_PACKETSZ * 4];
  int size;

  if (res_ninit(&state) < 0)
    return NULL;
  state.nscount = 1;
  state.nsaddr_list[0] = route->server;
  state.retrans = DNS_TRY_S;
  state.retry = DNS_TRIES;
  state.options &= ~(unsigned long)(RES_DNSRCH | RES_DEFNAMES);
  size = res_nquery(&state, host, ns_c_in, ns_t_a, reply, sizeof reply);
  if (size > 0)
    address = first_address(reply, MIN(size, (int)sizeof reply));
  res_nclose(&state);
  return address;
}

static GInetAddress *
find_address(const GwRoute *route, const char *host, GError **error)
{
  g_autofree char *lower = g_ascii_strdown(host, -1);
  GInetAddress *pinned = g_hash_table_lookup(route->pins, lower);
  GInetAddress *address = g_inet_address_new_from_string(host);

  if (pinned) {
    g_clear_object(&address);
    return g_object_ref(pinned);
  }
  if (!address && !route->server.sin_port) {
    gw_fail(
        error, GW_ERROR_NOT_FOUND,
        "%s: its name leads to the gateway here; set passthrough-resolver= or passthrough-address= in [wan]",
        host);
    return NULL;
  }
  if (!address)
    address = ask_server(route, lower);
  if (!address)
    gw_fail(error, GW_ERROR_OFFLINE, "%s: the server of passthrough-resolver= knows no address", host);
  return address;
}

GSocketConnectable *
gw_route_find(const GwRoute *route, GUri *url, GError **error)
{
  const char *host = g_uri_get_host(url);
  int port = g_uri_get_port(url);
  g_autoptr(GInetAddress) address = find_address(route, host, error);

  if (!address)
    return NULL;
  if (port <= 0)
    port = g_str_equal(g_uri_get_scheme(url), "https") ? 443 : 80;
  return place_new(host, address, (guint16)port);
}

gboolean
gw_route_is_loop(GSocketAddress *local, GSocketAddress *remote)
{
  return G_IS_INET_SOCKET_ADDRESS(local) && G_IS_INET_SOCKET_ADDRESS(remote) &&
         g_inet_address_equal(g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(local)),
                              g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(remote)));
}
