/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports at which a known peer is expected: a pool, bound once, of which each lease gets a free one by chance.
 * A port bound for each connection would become slow to find when the kernel remembers many closed ones, and
 * one after the other could be guessed (RFC 2577). Promise L8. One thread, the reactor's. */
#pragma once
#include "net/address.h"
#include "net/reactor.h"

#define GW_PASSIVE_PORTS_MAX 1024

typedef struct {
  guint16 first, last;
} GwPortRange;

/* "30000-30099": ports from 1024 on, at most GW_PASSIVE_PORTS_MAX of them. */
gboolean gw_port_range_parse(const char *text, GwPortRange *ret_range, GError **error);

typedef struct GwPassive GwPassive;
/* Somebody came who was not expected, and was shown out. */
typedef void (*GwForeignFunc)(const GwAddress *peer, gpointer user);
/* Both families, at any address. What others hold of @range is left out; an error if nothing is left. */
GwPassive *gw_passive_new(GwReactor *reactor, const GwPortRange *range, GError **error);
/* After its last lease. */
void gw_passive_free(GwPassive *passive);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPassive, gw_passive_free)
void gw_passive_on_foreign(GwPassive *passive, GwForeignFunc foreign, gpointer user);
guint gw_passive_size(const GwPassive *passive);   /* ports that it holds */
guint gw_passive_n_free(const GwPassive *passive); /* of these, not leased */
guint64 gw_passive_n_foreign(const GwPassive *passive);

typedef struct GwLease GwLease;
/* Takes @fd, a connection of the peer's; -1: it came, but could not be accepted. The lease is over. Never
 * from inside a function of this header. */
typedef void (*GwLeaseFunc)(int fd, gpointer user);
/* A port at which one connection from the address of @peer is accepted, whatever its port; who came before
 * the lease is shown out. NULL: none is free. */
GwLease *gw_passive_lease(GwPassive *passive, const GwAddress *peer, GwLeaseFunc accept, gpointer user);
guint16 gw_lease_port(const GwLease *lease);
/* Gives back a lease that is not over. */
void gw_lease_free(GwLease *lease);
