/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A loaded transport in its place: its functions, its settings, and calls into it under guard. What it hands
 * back is brought within the contract's bounds before anybody looks at it. One thread. */
#pragma once
#include "lan/guard.h"
#include "link/loader.h"
#include "link/settings.h"
#include "net/passive.h"

#define GW_HOSTED_SCRATCH 16384 /* for each of read and write */

typedef struct {
  const GwPluginFile *file;
  const GatewayPlugin *plugin;
  GatewayRequestFunctions request;         /* kind GATEWAY_REQUEST */
  GwSettings *settings;                    /* NULL = switched off, or its section is wrong */
  GVariant *section;                       /* a{ss}, as configured */
  GwPassive *passive;                      /* GATEWAY_SESSION: ports of data channels, or NULL = none */
  GwPortRange passive_range, wanted_range; /* theirs, and what is configured now */
  GwGuard *guard;
  guint number;                       /* of its own */
  char scratch[2][GW_HOSTED_SCRATCH]; /* of the request that is worked on, until its reply is out */
} GwHosted;

/* @file: one that was loaded. */
GwHosted *gw_hosted_new(const GwPluginFile *file, guint number, GwGuard *guard);
void gw_hosted_free(GwHosted *hosted);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHosted, gw_hosted_free)
/* @section: a{ss}, [plugin NAME] as written, or NULL. An unknown key or a bad value is GW_ERROR_BAD_INPUT;
 * then the plugin stays off. */
gboolean gw_hosted_configure(GwHosted *hosted, GVariant *section, GError **error);
/* Holds the passive ports that the configuration wants, and no other. No session may be open. FALSE: it wants
 * some, and there are none. */
gboolean gw_hosted_open_ports(GwHosted *hosted, GwReactor *reactor, GError **error);
gboolean gw_hosted_is_on(const GwHosted *hosted);
/* One of the keys that the host reads itself: "listen", "certificate", "key"; "" = not written. */
const char *gw_hosted_option(const GwHosted *hosted, const char *key);

/* request->peer ends in a NUL. FALSE: not understood, or beyond the bounds (a text over 512 bytes, a NUL in
 * it, a name that is none). What
 * @ret_ask points to lives until the next call. */
gboolean gw_hosted_read(GwHosted *hosted, const GatewayRequest *request, GatewayAsk *ret_ask);
/* @answer NULL for GATEWAY_ASK_NOTHING. An overfull scratch gives 500. */
void gw_hosted_write(GwHosted *hosted, const GatewayRequest *request, const GatewayAsk *ask,
                     const GatewayAnswer *answer, GatewayReply *ret_reply);
/* What does the vendor's reply teach? FALSE: nothing. What @ret_lead points to lives until the next call. */
gboolean gw_hosted_learn(GwHosted *hosted, const GatewayRequest *request, const GatewayAnswer *relayed,
                         GatewayLead *ret_lead);
/* Is the ask of a request or session within the bounds? */
gboolean gw_ask_is_bounded(const GatewayAsk *ask);
