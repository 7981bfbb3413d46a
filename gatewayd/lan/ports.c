/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/ports.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"

#define RETRY_MS 5000

struct GwPorts {
  GwPortsSetup setup;
  GPtrArray *ports; /* GwPort; given-up ones too: connections refer to them */
  GVariant *lan;    /* a{ss} */
  GwTimer retry;
};

/* ---- one port ---- */

static void
route_free(gpointer data)
{
  GwRoute *route = data;

  g_free(route->host);
  g_free(route->path);
  g_free(route);
}

static void
port_free(gpointer data)
{
  GwPort *port = data;

  gw_listener_free(port->session_listener);
  g_ptr_array_unref(port->routes);
  g_free(port->text);
  g_free(port->certificate);
  g_free(port->key);
  g_free(port);
}

static gboolean
is_host(const char *wanted, GwSlice host)
{
  return !wanted || gw_slice_equal_nocase(host, wanted);
}

static gboolean
has_prefix(GwSlice path, const char *prefix, gsize size)
{
  return path.size >= size && memcmp(path.data, prefix, size) == 0;
}

GwHosted *
gw_port_route(const GwPort *port, GwSlice host, GwSlice path)
{
  const GwRoute *best = NULL;
  gsize best_rank = 0;

  for (guint i = 0; i < port->routes->len; i++) {
    const GwRoute *route = port->routes->pdata[i];
    gsize size = strlen(route->path);
    gsize rank = (size + 1) * 2 + (route->host != NULL);
    if (rank > best_rank && is_host(route->host, host) && has_prefix(path, route->path, size)) {
      best = route;
      best_rank = rank;
    }
  }
  return best ? best->hosted : NULL;
}

/* ---- listening ---- */

static char *
credential(const GwPorts *ports, const char *name)
{
  if (!*name)
    return NULL;
  if (g_path_is_absolute(name) || !ports->setup.credentials)
    return g_strdup(name);
  return g_build_filename(ports->setup.credentials, name, NULL);
}

/* Its descriptor is for the listener to take. */
static GwListen
listen_at(const GwPorts *ports, const GwPort *port)
{
  return (GwListen){ .address = port->address,
                     .inherited_fd = gw_inherited_take(ports->setup.inherited, &port->address) };
}

static gboolean
open_http(GwPorts *ports, GwPort *port, GError **error)
{
  g_autoptr(GwTls) tls = NULL;
  GwListen listen;

  if (port->is_tls && (!port->certificate || !port->key))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "TLS needs a certificate and a key");
  if (port->is_tls) {
    tls = gw_tls_new(port->certificate, port->key, error);
    if (!tls)
      return FALSE;
  }
  listen = listen_at(ports, port);
  port->listener = gw_http_server_listen(ports->setup.server, &listen, tls, port, error);
  return port->listener != NULL;
}

static void
on_accept(const GwAccepted *accepted, gpointer user)
{
  GwPort *port = user;
  GwPorts *ports = port->user;

  ports->setup.session(port, accepted, ports->setup.user);
}

static gboolean
open_session(GwPorts *ports, GwPort *port, GError **error)
{
  GwListen listen;

  if (port->is_tls)
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "TLS is for HTTP alone");
  listen = listen_at(ports, port);
  port->session_listener =
      gw_listener_new(ports->setup.reactor, ports->setup.gate, &listen, on_accept, port, error);
  return port->session_listener != NULL;
}

static gboolean
is_open(const GwPort *port)
{
  return port->listener || port->session_listener;
}

/* FALSE: to be tried again. */
static gboolean
open_port(GwPorts *ports, GwPort *port, gboolean is_first)
{
  g_autoptr(GError) error = NULL;
  const char *name =
      port->session ? port->session->plugin->name : ((GwRoute *)port->routes->pdata[0])->hosted->plugin->name;

  if (port->session ? open_session(ports, port, &error) : open_http(ports, port, &error)) {
    gw_info(GW_SUBJECT_PLUGIN, name, "listens at %s", port->text);
    return TRUE;
  }
  if (is_first)
    gw_err(GW_SUBJECT_PLUGIN, name, "cannot be reached at %s: %s", port->text, error->message);
  return FALSE;
}

static void
open_all(GwPorts *ports, gboolean is_first)
{
  gboolean is_any_missing = FALSE;

  for (guint i = 0; i < ports->ports->len; i++) {
    GwPort *port = ports->ports->pdata[i];
    if (port->is_wanted && (port->session || port->routes->len > 0) && !is_open(port))
      is_any_missing |= !open_port(ports, port, is_first);
  }
  if (is_any_missing)
    gw_wheel_arm(gw_reactor_wheel(ports->setup.reactor), &ports->retry,
                 gw_reactor_now_ms(ports->setup.reactor) + RETRY_MS);
}

static gboolean
is_wanted_at(const GwAddress *address, gpointer user)
{
  const GwPorts *ports = user;

  for (guint i = 0; i < ports->ports->len; i++) {
    const GwPort *port = ports->ports->pdata[i];
    if (port->is_wanted && port->address.port == address->port &&
        gw_address_equal_host(&port->address, address))
      return TRUE;
  }
  return FALSE;
}

static void
refuse_rest(GwPorts *ports, gboolean is_ending)
{
  GwInheritedUse use = { .reactor = ports->setup.reactor,
                         .gate = ports->setup.gate,
                         .is_wanted = is_ending ? NULL : is_wanted_at,
                         .user = ports };

  gw_inherited_refuse_rest(ports->setup.inherited, &use);
}

/* An address may appear later, and another's socket go. */
static void
on_retry(GwTimer *timer, gint64 now_ms)
{
  open_all((GwPorts *)(void *)((char *)timer - G_STRUCT_OFFSET(GwPorts, retry)), FALSE);
}

static void
close_port(GwPorts *ports, GwPort *port)
{
  if (port->listener)
    gw_http_server_unlisten(ports->setup.server, port->listener);
  port->listener = NULL;
  g_clear_pointer(&port->session_listener, gw_listener_free);
}

/* ---- what is wanted ---- */

static const char *
lan_option(const GwPorts *ports, const char *key)
{
  const char *value = "";

  if (ports->lan)
    (void)g_variant_lookup(ports->lan, key, "&s", &value);
  return value;
}

static const char *
either(const char *first, const char *second, const char *third)
{
  return *first ? first : *second ? second : third;
}

static gboolean
is_same(const GwPort *a, const GwPort *b)
{
  return gw_address_equal_host(&a->address, &b->address) && a->address.port == b->address.port &&
         a->is_tls == b->is_tls && g_strcmp0(a->certificate, b->certificate) == 0 &&
         g_strcmp0(a->key, b->key) == 0;
}

/* The port that stands already, or @wanted itself, taken. */
static GwPort *
find_or_add(GwPorts *ports, GwPort *wanted)
{
  for (guint i = 0; i < ports->ports->len; i++) {
    GwPort *port = ports->ports->pdata[i];
    if (!is_same(port, wanted))
      continue;
    port_free(wanted);
    return port;
  }
  g_ptr_array_add(ports->ports, wanted);
  return wanted;
}

static GwPort *
port_new(GwPorts *ports, const GwHosted *hosted, const char *text, GError **error)
{
  gboolean is_tls = g_str_has_prefix(text, "tls:");
  const char *address_text = is_tls ? text + strlen("tls:") : text;
  GwAddress address;

  if (!gw_address_parse(address_text, 0, &address, error))
    return NULL;
  GwPort *port = g_new0(GwPort, 1);
  port->text = g_strdup(text);
  port->address = address;
  port->is_tls = is_tls;
  port->routes = g_ptr_array_new_with_free_func(route_free);
  port->user = ports;
  if (is_tls) {
    port->certificate = credential(
        ports, either(gw_hosted_option(hosted, "certificate"), lan_option(ports, "tls-certificate"), ""));
    port->key =
        credential(ports, either(gw_hosted_option(hosted, "key"), lan_option(ports, "tls-key"), "tls-key"));
  }
  return port;
}

static const GwRoute *
find_route(const GwPort *port, const GwRoute *wanted)
{
  for (guint i = 0; i < port->routes->len; i++) {
    const GwRoute *route = port->routes->pdata[i];
    if (g_strcmp0(route->host, wanted->host) == 0 && strcmp(route->path, wanted->path) == 0)
      return route;
  }
  return NULL;
}

static void
add_route(GwPort *port, GwHosted *hosted, const GatewayListen *listen)
{
  GwRoute *route = g_new0(GwRoute, 1);
  const GwRoute *other;

  route->hosted = hosted;
  route->host = listen && listen->host ? g_ascii_strdown(listen->host, -1) : NULL;
  route->path = g_strdup(listen && listen->path ? listen->path : "/");
  other = find_route(port, route);
  if (other && other->hosted != hosted)
    gw_err(GW_SUBJECT_PLUGIN, hosted->plugin->name, "%s%s at %s is answered by %s already",
           route->host ? route->host : "", route->path, port->text, other->hosted->plugin->name);
  if (other)
    route_free(route);
  else
    g_ptr_array_add(port->routes, route);
}

/* @listen: the row of the plugin's table whose host and path hold there; NULL = all of them. */
static gboolean
want(GwPorts *ports, GwHosted *hosted, const char *text, const GatewayListen *listen, GError **error)
{
  GwPort *port = port_new(ports, hosted, text, error);
  const GatewayPlugin *plugin = hosted->plugin;

  if (!port)
    return FALSE;
  port = find_or_add(ports, port);
  if (port->is_wanted && (plugin->kind == GATEWAY_SESSION || port->session))
    return gw_fail(error, GW_ERROR_EXISTS, "another plugin listens at %s already", text);
  port->is_wanted = TRUE;
  if (plugin->kind == GATEWAY_SESSION)
    port->session = hosted;
  else if (listen || plugin->n_listens == 0)
    add_route(port, hosted, listen);
  for (guint i = 0; plugin->kind == GATEWAY_REQUEST && !listen && i < plugin->n_listens; i++)
    add_route(port, hosted, &plugin->listens[i]);
  return TRUE;
}

static void
want_or_complain(GwPorts *ports, GwHosted *hosted, const char *text, const GatewayListen *listen)
{
  g_autoptr(GError) error = NULL;

  if (!want(ports, hosted, text, listen, &error))
    gw_err(GW_SUBJECT_PLUGIN, hosted->plugin->name, "%s", error->message);
}

/* A word without a colon names a serial line. */
static void
want_written(GwPorts *ports, GwHosted *hosted, const char *listen)
{
  g_auto(GStrv) texts = g_strsplit_set(listen, ",;", -1);

  for (char **text = texts; *text; text++) {
    g_strstrip(*text);
    if (strchr(*text, ':'))
      want_or_complain(ports, hosted, *text, NULL);
  }
}

static void
want_own(GwPorts *ports, GwHosted *hosted)
{
  const GatewayPlugin *plugin = hosted->plugin;

  for (guint i = 0; i < plugin->n_listens; i++) {
    const GatewayListen *listen = &plugin->listens[i];
    g_autofree char *text = g_strdup_printf(":%u", listen->port);
    if (!(listen->flags & GATEWAY_LISTEN_SERIAL))
      want_or_complain(ports, hosted, text, listen);
  }
}

void
gw_ports_configure(GwPorts *ports, const GPtrArray *hosted, GVariant *lan)
{
  g_clear_pointer(&ports->lan, g_variant_unref);
  ports->lan = lan ? g_variant_ref(lan) : NULL;
  for (guint i = 0; i < ports->ports->len; i++) {
    GwPort *port = ports->ports->pdata[i];
    port->is_wanted = FALSE;
    port->session = NULL;
    g_ptr_array_set_size(port->routes, 0);
  }
  for (guint i = 0; i < hosted->len; i++) {
    GwHosted *one = hosted->pdata[i];
    const char *listen = gw_hosted_option(one, "listen");
    if (gw_hosted_is_on(one) && *listen)
      want_written(ports, one, listen);
    else if (gw_hosted_is_on(one))
      want_own(ports, one);
  }
  for (guint i = 0; i < ports->ports->len; i++) {
    GwPort *port = ports->ports->pdata[i];
    if (!port->is_wanted || (port->session ? port->listener != NULL : port->session_listener != NULL))
      close_port(ports, port);
  }
  refuse_rest(ports, FALSE);
  open_all(ports, TRUE);
}

static gboolean
is_of(const GwPort *port, const char *plugin)
{
  gboolean is_found = port->session && strcmp(port->session->plugin->name, plugin) == 0;

  for (guint i = 0; i < port->routes->len; i++)
    is_found |= strcmp(((const GwRoute *)port->routes->pdata[i])->hosted->plugin->name, plugin) == 0;
  return is_found;
}

gboolean
gw_ports_are_open(const GwPorts *ports)
{
  for (guint i = 0; i < ports->ports->len; i++) {
    const GwPort *port = ports->ports->pdata[i];
    if (port->is_wanted && !is_open(port))
      return FALSE;
  }
  return TRUE;
}

const GwAddress *
gw_ports_find(const GwPorts *ports, const char *plugin)
{
  for (guint i = 0; i < ports->ports->len; i++) {
    const GwPort *port = ports->ports->pdata[i];
    if (is_open(port) && is_of(port, plugin))
      return gw_listener_address(port->listener ? port->listener : port->session_listener);
  }
  return NULL;
}

GwPorts *
gw_ports_new(const GwPortsSetup *setup)
{
  GwPorts *ports = g_new0(GwPorts, 1);

  ports->setup = *setup;
  ports->ports = g_ptr_array_new_with_free_func(port_free);
  ports->retry.fire = on_retry;
  return ports;
}

void
gw_ports_free(GwPorts *ports)
{
  if (!ports)
    return;
  gw_wheel_cancel(&ports->retry);
  refuse_rest(ports, TRUE);
  g_ptr_array_unref(ports->ports);
  g_clear_pointer(&ports->lan, g_variant_unref);
  g_free(ports);
}
