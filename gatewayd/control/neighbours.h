/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which MAC is behind an address on a local network: one netlink question per new address, remembered until
 * the kernel tells of a change. NETLINK_ROUTE only: the core has no IP socket. Main thread; the kernel
 * answers at once, so nothing here waits. */
#pragma once
#include <glib.h>

typedef struct GwNeighbours GwNeighbours;
/* @address is numeric; @mac is normalised, "" = the entry is gone. */
typedef void (*GwNeighbourChanged)(const char *address, const char *mac, gpointer user);
/* Changes are told in @context. */
GwNeighbours *gw_neighbours_new(GMainContext *context, GwNeighbourChanged changed, gpointer user,
                                GError **error);
void gw_neighbours_free(GwNeighbours *neighbours);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwNeighbours, gw_neighbours_free)
/* FALSE: not on a local network, or not known. @interface may be "": then the route tells. */
gboolean gw_neighbours_find(GwNeighbours *neighbours, const char *address, const char *interface,
                            char ret_mac[18]);
