/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request and its reply under the watch of the client's patience. */
#include "base/clock.h"
#include "base/error.h"
#include "wan/http-private.h"

#define MAX_TICK_MS 250

/* HTTP/2 would save us nothing and costs a second, younger implementation to trust. */
void
gw_http_prepare(void)
{
  (void)g_setenv("SOUP_FORCE_HTTP1", "1", TRUE);
  (void)g_setenv("GIO_USE_VFS", "local", TRUE);
  (void)g_setenv("GIO_USE_PROXY_RESOLVER", "dummy", TRUE);
  (void)g_setenv("GSETTINGS_BACKEND", "memory", TRUE);
}

/* ---- the session */

/* @at: where to connect whatever the name of the host; NULL = where the name leads. */
static SoupSession *
make_session(const GwHttpOptions *options, GSocketConnectable *at, GError **error)
{
  g_autoptr(GTlsDatabase) database = NULL;
  g_autoptr(GProxyResolver) resolver = NULL;
  g_autoptr(SoupSession) session = NULL;

  if (options->ca_file && *options->ca_file) {
    g_autoptr(GError) why = NULL;

    database = g_tls_file_database_new(options->ca_file, &why);
    if (!database) {
      gw_fail(error, GW_ERROR_NOT_FOUND, "cannot use the CA file %s: %s", options->ca_file, why->message);
      return NULL;
    }
  }
  if (options->proxy && *options->proxy)
    resolver = g_simple_proxy_resolver_new(options->proxy, NULL);
  session = soup_session_new_with_options("user-agent", "gatewayd", "max-conns-per-host", 1,
                                          "remote-connectable", at, NULL);
  soup_session_set_proxy_resolver(session, resolver); /* NULL: none, whatever the environment says */
  if (database)
    soup_session_set_tls_database(session, database);
  soup_session_remove_feature_by_type(session, SOUP_TYPE_CONTENT_DECODER);
  soup_session_remove_feature_by_type(session, SOUP_TYPE_AUTH_MANAGER);
  return g_steal_pointer(&session);
}

GwHttp *
gw_http_new(const GwHttpOptions *options, GError **error)
{
  g_autoptr(GMainContext) context = g_main_context_new();
  SoupSession *session;
  GwHttp *http;

  g_main_context_push_thread_default(context);
  session = make_session(options, NULL, error);
  g_main_context_pop_thread_default(context);
  if (!session)
    return NULL;
  http = g_new0(GwHttp, 1);
  http->options = options;
  http->context = g_steal_pointer(&context);
  http->session = session;
  return http;
}

void
gw_http_free(GwHttp *http)
{
  if (!http)
    return;
  g_main_context_push_thread_default(http->context);
  soup_session_abort(http->session);
  g_object_unref(http->session);
  while (g_main_context_iteration(http->context, FALSE)) {
  }
  g_main_context_pop_thread_default(http->context);
  g_main_context_unref(http->context);
  g_free(http);
}

/* ---- one exchange */

/* In the thread that stops us: GIO's sources are not to be cancelled there (GLib 2.74 leaks them). */
static void
on_stop(GCancellable *stop, gpointer context)
{
  g_main_context_wakeup(context);
}

static void
on_starting(SoupMessage *message, gpointer user)
{
  GwExchange *exchange = user;
  const GwPatience *patience = &exchange->http->options->patience;

  exchange->is_sent = TRUE;
  gw_throttle_begin(&exchange->throttle, gw_clock_boot_ms(), patience->slow_window_ms,
                    patience->slow_bytes_per_s);
}

static gboolean
on_tick(gpointer user)
{
  GwExchange *exchange = user;
  gint64 now_ms = gw_clock_boot_ms();

  if (exchange->verdict != WATCH_CONTENT)
    return G_SOURCE_CONTINUE;
  if (!exchange->is_sent && now_ms - exchange->begun_ms > exchange->http->options->patience.connect_ms)
    exchange->verdict = WATCH_CONNECT;
  else if (exchange->is_sent && gw_throttle_is_slow(&exchange->throttle, now_ms))
    exchange->verdict = WATCH_SLOW;
  if (exchange->verdict != WATCH_CONTENT)
    g_cancellable_cancel(exchange->cancellable);
  return G_SOURCE_CONTINUE;
}

static GSource *
watch_new(GwExchange *exchange)
{
  const GwPatience *patience = &exchange->http->options->patience;
  gint64 shortest_ms = MIN(patience->connect_ms, patience->slow_window_ms);
  GSource *source = g_timeout_source_new((guint)CLAMP(shortest_ms / 16, 1, MAX_TICK_MS));

  g_source_set_callback(source, on_tick, exchange, NULL);
  g_source_attach(source, exchange->http->context);
  return source;
}

/* Turns our context until the asynchronous call is through; it ends by itself, by the watch or by the stop.
 */
static void
exchange_wait(GwExchange *exchange)
{
  exchange->is_done = FALSE;
  while (!exchange->is_done) {
    if (g_cancellable_is_cancelled(exchange->stop))
      g_cancellable_cancel(exchange->cancellable);
    g_main_context_iteration(exchange->http->context, TRUE);
  }
}

static gboolean
fail_certificate(SoupMessage *message, GError **error)
{
  static const struct {
    GTlsCertificateFlags flag;
    const char *text;
  } REASONS[] = {
    { G_TLS_CERTIFICATE_UNKNOWN_CA, "signed by an unknown authority: see ca-file=" },
    { G_TLS_CERTIFICATE_BAD_IDENTITY, "it is for another name" },
    { G_TLS_CERTIFICATE_NOT_ACTIVATED, "not valid yet: is the clock right?" },
    { G_TLS_CERTIFICATE_EXPIRED, "it has expired" },
    { G_TLS_CERTIFICATE_REVOKED, "it was revoked" },
    { G_TLS_CERTIFICATE_INSECURE, "its algorithm is insecure" },
  };
  GTlsCertificateFlags flags = soup_message_get_tls_peer_certificate_errors(message);

  for (gsize i = 0; i < G_N_ELEMENTS(REASONS); i++) {
    if (flags & REASONS[i].flag)
      return gw_fail(error, GW_ERROR_OFFLINE, "the server's certificate was refused: %s", REASONS[i].text);
  }
  return gw_fail(error, GW_ERROR_OFFLINE, "the server's certificate was refused");
}

static gboolean
exchange_fail(GwExchange *exchange, GError **error)
{
  const GwPatience *patience = &exchange->http->options->patience;

  if (exchange->verdict == WATCH_CONNECT)
    return gw_fail(error, GW_ERROR_TIMED_OUT, "no connection within %" G_GINT64_FORMAT " s",
                   (patience->connect_ms + 999) / 1000);
  if (exchange->verdict == WATCH_SLOW)
    return gw_fail(error, GW_ERROR_TIMED_OUT,
                   "too slow: under %" G_GUINT64_FORMAT " bytes/s over %" G_GINT64_FORMAT " s",
                   patience->slow_bytes_per_s, (patience->slow_window_ms + 999) / 1000);
  if (exchange->verdict == WATCH_LOOP)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a loop: the host's address is our own");
  if (g_cancellable_is_cancelled(exchange->stop))
    return gw_fail(error, GW_ERROR_STOPPED, "stopped");
  if (g_error_matches(exchange->error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE))
    return fail_certificate(exchange->message, error);
  if (g_error_matches(exchange->error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT))
    return gw_fail(error, GW_ERROR_CORRUPT, "the server ended in the middle of the body");
  return gw_fail(error, GW_ERROR_OFFLINE, "%s", exchange->error->message);
}

void
gw_exchange_clear(GwExchange *exchange)
{
  if (exchange->watch)
    g_source_destroy(exchange->watch);
  g_clear_pointer(&exchange->watch, g_source_unref);
  if (exchange->stop)
    g_cancellable_disconnect(exchange->stop, exchange->stop_handler);
  if (exchange->cancellable)
    g_cancellable_cancel(exchange->cancellable); /* a body half read is not read on */
  if (exchange->message)
    g_signal_handlers_disconnect_by_data(exchange->message, exchange);
  g_clear_object(&exchange->body);
  g_clear_object(&exchange->message);
  g_clear_object(&exchange->cancellable);
  g_clear_error(&exchange->error);
  if (exchange->session)
    soup_session_abort(exchange->session);
  g_clear_object(&exchange->session);
}

static void
on_sent(GObject *session, GAsyncResult *result, gpointer user)
{
  GwExchange *exchange = user;

  exchange->body = soup_session_send_finish(SOUP_SESSION(session), result, &exchange->error);
  exchange->is_done = TRUE;
}

/* ---- the vendor's own cloud: never where the site's resolver says, which points at us */

/* The peer is known, and nothing was sent yet. */
static void
on_network_event(SoupMessage *message, GSocketClientEvent event, GIOStream *connection, gpointer user)
{
  GwExchange *exchange = user;
  g_autoptr(GSocketAddress) local = NULL;
  g_autoptr(GSocketAddress) remote = NULL;

  if (event != G_SOCKET_CLIENT_CONNECTED || !G_IS_SOCKET_CONNECTION(connection))
    return;
  local = g_socket_connection_get_local_address(G_SOCKET_CONNECTION(connection), NULL);
  remote = g_socket_connection_get_remote_address(G_SOCKET_CONNECTION(connection), NULL);
  if (local && remote && !gw_route_is_loop(local, remote))
    return;
  exchange->verdict = WATCH_LOOP;
  g_cancellable_cancel(exchange->cancellable);
}

/* A session of its own, that leads there. */
static gboolean
take_route(GwExchange *exchange, GError **error)
{
  const GwHttpOptions *options = exchange->http->options;
  g_autoptr(GSocketConnectable) at = NULL;

  if (!options->route || (options->proxy && *options->proxy))
    return TRUE;
  at = gw_route_find(options->route, soup_message_get_uri(exchange->message), error);
  if (!at)
    return FALSE;
  g_signal_connect(exchange->message, "network-event", G_CALLBACK(on_network_event), exchange);
  exchange->session = make_session(options, at, error);
  return exchange->session != NULL;
}

gboolean
gw_exchange_send(GwExchange *exchange, GwHttp *http, GCancellable *stop, SoupMessage *message, GError **error)
{
  exchange->http = http;
  exchange->message = message;
  exchange->cancellable = g_cancellable_new();
  exchange->stop = stop;
  exchange->stop_handler = g_cancellable_connect(stop, G_CALLBACK(on_stop), http->context, NULL);
  if (!take_route(exchange, error))
    return FALSE;
  exchange->begun_ms = gw_clock_boot_ms();
  exchange->watch = watch_new(exchange);
  g_signal_connect(message, "starting", G_CALLBACK(on_starting), exchange);
  soup_session_send_async(exchange->session ? exchange->session : http->session, message, G_PRIORITY_DEFAULT,
                          exchange->cancellable, on_sent, exchange);
  exchange_wait(exchange);
  return exchange->body ? TRUE : exchange_fail(exchange, error);
}

static void
on_read(GObject *stream, GAsyncResult *result, gpointer user)
{
  GwExchange *exchange = user;

  exchange->n_read = g_input_stream_read_finish(G_INPUT_STREAM(stream), result, &exchange->error);
  exchange->is_done = TRUE;
}

gssize
gw_exchange_read(GwExchange *exchange, void *buffer, GError **error)
{
  g_input_stream_read_async(exchange->body, buffer, GW_HTTP_BUFFER, G_PRIORITY_DEFAULT, exchange->cancellable,
                            on_read, exchange);
  exchange_wait(exchange);
  if (exchange->n_read < 0)
    exchange_fail(exchange, error);
  else
    gw_throttle_count(&exchange->throttle, gw_clock_boot_ms(), (guint64)exchange->n_read);
  return exchange->n_read;
}
