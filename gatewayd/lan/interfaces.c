/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

typedef struct {
  GwAddress address;
  char name[IF_NAMESIZE];
} Interface;

struct GwInterfaces {
  GArray *list; /* Interface, one for each address */
  gint64 until_ms;
};

static void
read_all(GwInterfaces *interfaces)
{
  struct ifaddrs *all = NULL;

  g_array_set_size(interfaces->list, 0);
  if (getifaddrs(&all) < 0)
    return;
  for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
    Interface interface = { 0 };

    if (!one->ifa_addr || !gw_address_from_sockaddr(one->ifa_addr, &interface.address))
      continue;
    g_strlcpy(interface.name, one->ifa_name, sizeof interface.name);
    g_array_append_val(interfaces->list, interface);
  }
  freeifaddrs(all);
}

const char *
gw_interfaces_find(GwInterfaces *interfaces, const GwAddress *address, gint64 now_ms)
{
  if (now_ms >= interfaces->until_ms) {
    read_all(interfaces);
    interfaces->until_ms = now_ms + GW_INTERFACES_FRESH_MS;
  }
  for (guint i = 0; i < interfaces->list->len; i++) {
    const Interface *interface = &g_array_index(interfaces->list, Interface, i);
    if (gw_address_equal_host(&interface->address, address))
      return interface->name;
  }
  return "";
}

GwInterfaces *
gw_interfaces_new(void)
{
  GwInterfaces *interfaces = g_new0(GwInterfaces, 1);

  interfaces->list = g_array_new(FALSE, FALSE, sizeof(Interface));
  return interfaces;
}

void
gw_interfaces_free(GwInterfaces *interfaces)
{
  if (!interfaces)
    return;
  g_array_unref(interfaces->list);
  g_free(interfaces);
}
