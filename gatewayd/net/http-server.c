/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-private.h"

#include "base/clock.h"
#include <time.h>

/* Written as it is, before anything was read. */
static const char refusal[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Length: 0\r\n"
                              "Connection: close\r\n\r\n";

static void
fill_limits(GwHttpLimits *limits)
{
  const GwHttpLimits fallback = {
    .head_ms = 15000,
    .idle_ms = 60000,
    .linger_ms = 5000,
    .min_bytes_per_s = 64,
    .rate_window_ms = 300000,
    .max_parked = 1024,
    .max_buffered = 8 << 20,
  };

#define FILL(member) limits->member = limits->member ? limits->member : fallback.member
  FILL(head_ms);
  FILL(idle_ms);
  FILL(linger_ms);
  FILL(min_bytes_per_s);
  FILL(rate_window_ms);
  FILL(max_parked);
  FILL(max_buffered);
#undef FILL
}

static void
port_free(gpointer data)
{
  GwHttpPort *port = data;

  gw_listener_free(port->listener);
  gw_tls_unref(port->tls);
  g_free(port);
}

GwHttpServer *
gw_http_server_new(GwReactor *reactor, GwGate *gate, const GwHttpLimits *limits, const GwHttpHandler *handler,
                   gpointer user)
{
  GwHttpServer *server = g_new0(GwHttpServer, 1);

  server->reactor = reactor;
  server->gate = gw_gate_ref(gate);
  server->handler = handler;
  server->user = user;
  server->ports = g_ptr_array_new_with_free_func(port_free);
  server->pace = gw_pace_new(gw_reactor_wheel(reactor), 0, 0);
  gw_http_server_set_limits(server, limits);
  return server;
}

void
gw_http_server_set_limits(GwHttpServer *server, const GwHttpLimits *limits)
{
  server->limits = *limits;
  fill_limits(&server->limits);
  gw_pace_set(server->pace,
              &(GwPaceRates){ limits->total_bytes_per_s, limits->segment_bytes_per_s,
                              limits->node_bytes_per_s, limits->transfer_bytes_per_s },
              gw_reactor_now_ms(server->reactor));
}

GwPace *
gw_http_server_pace(const GwHttpServer *server)
{
  return server->pace;
}

void
gw_http_server_free(GwHttpServer *server)
{
  if (!server)
    return;
  for (guint i = 0; i < server->ports->len; i++) {
    GwHttpPort *port = server->ports->pdata[i];

    gw_listener_free(g_steal_pointer(&port->listener));
  }
  while (server->connections)
    gw_http_connection_close(server->connections, FALSE);
  g_ptr_array_unref(server->ports);
  gw_pace_free(server->pace);
  gw_gate_unref(server->gate);
  g_free(server);
}

static void
on_accept(const GwAccepted *accepted, gpointer user)
{
  gw_http_connection_new(user, accepted);
}

static GwHttpPort *
port_new(GwHttpServer *server, GwTls *tls, gpointer tag)
{
  GwHttpPort *port = g_new0(GwHttpPort, 1);

  port->server = server;
  port->tls = tls ? gw_tls_ref(tls) : NULL;
  port->tag = tag;
  return port;
}

const GwListener *
gw_http_server_listen(GwHttpServer *server, const GwListen *where, GwTls *tls, gpointer tag, GError **error)
{
  GwHttpPort *port = port_new(server, tls, tag);
  GwListen listen_on = *where;

  listen_on.refusal = tls ? NULL : refusal;
  listen_on.has_long_queue = tls != NULL;
  port->listener = gw_listener_new(server->reactor, server->gate, &listen_on, on_accept, port, error);
  if (!port->listener) {
    port_free(port);
    return NULL;
  }
  g_ptr_array_add(server->ports, port);
  return port->listener;
}

void
gw_http_server_unlisten(GwHttpServer *server, const GwListener *listener)
{
  for (guint i = 0; i < server->ports->len; i++) {
    GwHttpPort *port = server->ports->pdata[i];

    if (port->listener == listener)
      g_clear_pointer(&port->listener, gw_listener_free);
  }
}

void
gw_http_server_adopt(GwHttpServer *server, const GwAccepted *accepted, GwTls *tls, gpointer tag)
{
  GwHttpPort *port = NULL;

  for (guint i = 0; i < server->ports->len && !port; i++) {
    GwHttpPort *candidate = server->ports->pdata[i];

    if (!candidate->listener && candidate->tls == tls && candidate->tag == tag)
      port = candidate;
  }
  if (!port) {
    port = port_new(server, tls, tag);
    g_ptr_array_add(server->ports, port);
  }
  gw_http_connection_new(port, accepted);
}

const GwHttpCounters *
gw_http_server_counters(const GwHttpServer *server)
{
  return &server->counters;
}

gboolean
gw_http_server_charge(GwHttpServer *server, gsize size)
{
  if (size > server->limits.max_buffered - MIN(server->counters.buffered, server->limits.max_buffered))
    return FALSE;
  server->counters.buffered += size;
  return TRUE;
}

void
gw_http_server_discharge(GwHttpServer *server, gsize size)
{
  g_assert(size <= server->counters.buffered);
  server->counters.buffered -= size;
}

const char *
gw_http_server_date(GwHttpServer *server)
{
  gint64 now_s = time(NULL);
  time_t when = now_s;
  struct tm parts;

  if (now_s != server->date_s) { /* strftime() would follow a locale */
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    gmtime_r(&when, &parts);
    g_snprintf(server->date, sizeof server->date, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
               days + 3 * parts.tm_wday, parts.tm_mday, months + 3 * parts.tm_mon, parts.tm_year + 1900,
               parts.tm_hour, parts.tm_min, parts.tm_sec);
    server->date_s = now_s;
  }
  return server->date;
}
