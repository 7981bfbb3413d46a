/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where nodes reach us over IP: which plugin listens where, and which of several on one port a request is
 * for. One thread, the reactor's. */
#pragma once
#include "lan/hosted.h"
#include "net/http-server.h"
#include "net/inherited.h"

typedef struct {
  GwHosted *hosted;
  char *host; /* lower case, or NULL = any */
  char *path; /* prefix */
} GwRoute;

/* One address. Lives as long as the ports: connections refer to it. */
typedef struct {
  char *text;        /* "127.0.0.1:8000", as said to the core */
  GwAddress address; /* as wanted */
  gboolean is_tls;
  char *certificate, *key;      /* paths, or NULL */
  GPtrArray *routes;            /* GwRoute; of requests */
  GwHosted *session;            /* or the one session plugin */
  const GwListener *listener;   /* of the HTTP server's */
  GwListener *session_listener; /* or our own */
  gpointer user;                /* of the ports */
  gboolean is_wanted;
} GwPort;

typedef struct {
  GwReactor *reactor;
  GwGate *gate;
  GwHttpServer *server;
  GwInherited *inherited;  /* sockets of the service manager, or NULL; borrowed */
  const char *credentials; /* folder in which keys with relative names are looked for, or NULL */
  void (*session)(GwPort *port, const GwAccepted *accepted, gpointer user);
  gpointer user;
} GwPortsSetup;

typedef struct GwPorts GwPorts;
GwPorts *gw_ports_new(const GwPortsSetup *setup);
/* Before the HTTP server goes, after its connections did. */
void gw_ports_free(GwPorts *ports);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPorts, gw_ports_free)
/* Listens where the plugins that are on want it, and nowhere else; connections that stand, stay. What cannot
 * be had is logged and tried again. @lan: a{ss} of [lan]. */
void gw_ports_configure(GwPorts *ports, const GPtrArray *hosted, GVariant *lan);
/* The plugin whose host and longest path prefix match, or NULL. */
GwHosted *gw_port_route(const GwPort *port, GwSlice host, GwSlice path);
/* Where the plugin of that name really listens first, or NULL. */
const GwAddress *gw_ports_find(const GwPorts *ports, const char *plugin);
/* FALSE: one that is wanted cannot be had just now; the log says why. */
gboolean gw_ports_are_open(const GwPorts *ports);
