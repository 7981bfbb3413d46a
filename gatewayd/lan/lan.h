/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The LAN worker as its main sees it: every byte to and from nodes. It decides nothing: it asks the core,
 * remembers answers as long as they hold, and streams sealed images. One thread, the reactor's. */
#pragma once
#include "lan/guard.h"
#include "net/inherited.h"
#include "net/reactor.h"

#define GW_LAN_CONTACTS_MS 900 /* contacts answered from cache are told so soon */

typedef struct {
  const char *link_path;
  const char *instance;   /* "net": IP alone; "serial": devices alone; "" = both */
  const GPtrArray *files; /* of gw_loader_run() */
  GwGuard *guard;
  const char *credentials; /* folder of TLS keys, or NULL */
  GwInherited *inherited;  /* sockets of the service manager, or NULL */
} GwLanSetup;

typedef struct GwLan GwLan;
/* All of @setup is borrowed as long as the worker lives. Never waits for the core. */
GwLan *gw_lan_new(GwReactor *reactor, const GwLanSetup *setup, GError **error);
/* Never waits for a peer: what is not acknowledged is cut. */
void gw_lan_free(GwLan *lan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwLan, gw_lan_free)
/* TRUE once a configuration came. */
gboolean gw_lan_is_configured(const GwLan *lan);
/* One line for people: what is wrong, else whom it serves. Caller frees. */
char *gw_lan_condition(const GwLan *lan);
/* Where the plugin of that name really listens first, or NULL. */
const GwAddress *gw_lan_address(const GwLan *lan, const char *plugin);
