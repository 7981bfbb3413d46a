/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening sockets that the service manager made for us: ports below 1024 without a capability, and peers
 * that wait instead of being refused while we are started again. They stay ours as long as the process, so a
 * port that is given up can be had again. One thread, the reactor's. */
#pragma once
#include "net/gate.h"
#include "net/reactor.h"

typedef struct GwInherited GwInherited;
/* Takes those of @fds that listen for TCP connections, closes the others. */
GwInherited *gw_inherited_new(const int *fds, guint n_fds);
void gw_inherited_free(GwInherited *inherited);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwInherited, gw_inherited_free)
/* A duplicate for a listener, or -1: there is none for that address and port. */
int gw_inherited_take(const GwInherited *inherited, const GwAddress *address);
/* Who comes to a port that is not wanted is hung up on, rather than left waiting for an answer. Call again
 * when what is wanted has changed, and with @is_wanted NULL before @reactor goes. */
typedef struct {
  GwReactor *reactor;
  GwGate *gate;
  gboolean (*is_wanted)(const GwAddress *address, gpointer user);
  gpointer user;
} GwInheritedUse;
void gw_inherited_refuse_rest(GwInherited *inherited, const GwInheritedUse *use);
