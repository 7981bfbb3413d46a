/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request and its reply, for those who need one: http.c and http-pass.c. Private to wan/http*. */
#pragma once
#include <libsoup/soup.h>

#include "wan/http.h"
#include "wan/throttle.h"

#define GW_HTTP_BUFFER ((gsize)64 * 1024)

struct GwHttp {
  const GwHttpOptions *options;
  GMainContext *context;
  SoupSession *session;
};

typedef enum { WATCH_CONTENT = 0, WATCH_CONNECT, WATCH_SLOW, WATCH_LOOP } Watch;

typedef struct {
  GwHttp *http;
  SoupSession *session; /* its own, or NULL: the client's */
  SoupMessage *message;
  GInputStream *body;
  GCancellable *cancellable; /* ends with the caller's stop, or by the watch */
  GCancellable *stop;
  gulong stop_handler;
  GSource *watch;
  GwThrottle throttle;
  gint64 begun_ms;
  gboolean is_sent;
  gboolean is_done; /* the asynchronous call under way is through */
  Watch verdict;
  gssize n_read;
  GError *error;
} GwExchange;
void gw_exchange_clear(GwExchange *exchange);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwExchange, gw_exchange_clear)
/* Takes @message; returns when its head is there. In @http's context, which is the thread's default. */
gboolean gw_exchange_send(GwExchange *exchange, GwHttp *http, GCancellable *stop, SoupMessage *message,
                          GError **error);
/* The next bytes of the body, at most GW_HTTP_BUFFER; 0 at its end, -1 and error. */
gssize gw_exchange_read(GwExchange *exchange, void *buffer, GError **error);
