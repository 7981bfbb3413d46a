/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client for clouds, and the only door to libsoup. One object serves one thread; it keeps connections
 * only as long as it lives. What no plugin should have to think of is done here: TLS against the system's or
 * a private CA, an explicit proxy (never one from the environment), credentials for the upstream's own origin
 * alone, redirects, limits of size and patience, conditional and resumed requests. Bodies are never
 * transcoded: digests are over the exact bytes. */
#pragma once
#include <gio/gio.h>

#include "gateway-plugin.h"
#include "link/messages.h"
#include "wan/rate.h"
#include "wan/route.h"
#include "wan/secret.h"

#define GW_HTTP_DEFAULT_MAX_SIZE ((guint64)1024 * 1024) /* of a body, where the caller names no limit */

/* When waiting ends. */
typedef struct {
  gint64 connect_ms;     /* name, connection and TLS together */
  gint64 slow_window_ms; /* less than slow_bytes_per_s over so long, head included: abandoned */
  guint64 slow_bytes_per_s;
} GwPatience;
#define GW_PATIENCE_DEFAULT ((GwPatience){ 15 * 1000, 60 * 1000, 1024 })

typedef struct {
  char *home;    /* URL whose scheme, host and port may see the credentials; "" = none */
  char *proxy;   /* "http://host:port", "socks5://host:port"; "" = none */
  char *ca_file; /* PEM: trusted in place of the system's CAs; "" = the system's */
  GwSecretFiles secrets;
  GwPatience patience;
  GwRate *rates[2]; /* that all upstreams share, and its own; NULL = none */
  GwRoute *route; /* hosts are found by it alone, and never are we ourselves; NULL = by the site's resolver */
} GwHttpOptions;
void gw_http_options_clear(GwHttpOptions *options);

/* Once, before there are threads: settles what libsoup and GIO would take from the environment. */
void gw_http_prepare(void);

typedef struct GwHttp GwHttp;
/* @options is borrowed for the lifetime. */
GwHttp *gw_http_new(const GwHttpOptions *options, GError **error);
void gw_http_free(GwHttp *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHttp, gw_http_free)

typedef struct {
  GatewaySink sink; /* called with at most 64 KiB at a time; FALSE stops */
  void *user;
} GwHttpSink;
/* Blocks. TRUE with ret_fetched->status 200, 206 (as resumed) or 304; ret_fetched is also filled as far as it
 * was known when FALSE is returned, status 0 = there was no answer. Errors: STOPPED (by @stop or the sink),
 * TIMED_OUT, OFFLINE, CORRUPT (ended early), BUSY (408, 425, 429, 5xx), DENIED (401, 403), NOT_FOUND (404,
 * 410), BAD_INPUT (other statuses, too large, bad URL), UNTRUSTED (https to http). */
gboolean gw_http_run(GwHttp *http, const GatewayFetch *fetch, GCancellable *stop, const GwHttpSink *sink,
                     GatewayFetched *ret_fetched, GError **error);
/* Passes a node's request on, whatever the status of the reply: no redirect is followed. Blocks. The body of
 * the reply is kept up to GW_RELAY_BODY_MAX; of a larger one its size is told, as far as it was announced.
 * FALSE: ret_answer says why, and whether the cloud was reached. */
gboolean gw_http_pass(GwHttp *http, const GwRelayAsk *ask, GCancellable *stop, GwRelayAnswer *ret_answer,
                      GError **error);
