/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A listening TCP socket: binds (or inherits from the service manager), accepts through the gate, backs off
 * when descriptors run out and is back within 250 ms after some are free (promise L3). What an accepted
 * connection says is its owner's business. One thread, the reactor's. */
#pragma once
#include "net/gate.h"
#include "net/reactor.h"

typedef struct {
  GwAddress address;       /* port 0: the kernel picks one, see gw_listener_address() */
  int inherited_fd;        /* >= 0: a listening socket to take over instead of binding; -1 = none */
  gboolean has_long_queue; /* what waits to be sent is not capped: better where bytes are made as they are
                              written */
  guint backlog;           /* 0 = 1024 */
  const char *refusal; /* what a refused peer is told before we close, borrowed for ever; NULL = nothing */
} GwListen;

/* A connection that came in: @fd is non-blocking and close-on-exec, with TCP_NODELAY; it and one place at
 * @gate are the receiver's: close, then gw_gate_leave(gate, &peer). */
typedef struct {
  int fd;
  GwAddress peer;
  GwGate *gate; /* borrowed: the listener's owner keeps it as long as any connection lives */
} GwAccepted;

typedef struct GwListener GwListener;
typedef void (*GwAcceptFunc)(const GwAccepted *accepted, gpointer user);
/* An IPv6 any-address takes IPv4 too. Takes @listen->inherited_fd in any case, also on failure. */
GwListener *gw_listener_new(GwReactor *reactor, GwGate *gate, const GwListen *listen, GwAcceptFunc accept,
                            gpointer user, GError **error);
/* Stops accepting; connections that came in stay. */
void gw_listener_free(GwListener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwListener, gw_listener_free)
/* Where it really listens. */
const GwAddress *gw_listener_address(const GwListener *listener);
/* TRUE while it waits for descriptors. */
gboolean gw_listener_is_backing_off(const GwListener *listener);
