/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/bus.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "bus/door.h"
#include "bus/pulse.h"
#include "gateway1.h"

#define RETRY_MS 1000
#define NAME_DO_NOT_QUEUE 4u
#define NAME_IS_OURS 1u
#define SYSTEM_BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

struct GwBus {
  GwCore *core;
  GwDoor *door;
  char *address, *version;
  GCancellable *cancellable;
  GDBusConnection *connection; /* or NULL */
  gulong closed_id;
  guint object_id, retry_id, signal_id;
  gboolean is_up, is_told; /* is_told: the log knows that the bus is lost */
  GwPulse pulse;
  gint64 newest_event;
};

static void bus_connect(GwBus *bus);

/* --- which bus --- */

static gboolean
is_same_file(const char *a, const char *b)
{
  struct stat st_a, st_b;

  return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 && st_a.st_dev == st_b.st_dev &&
         st_a.st_ino == st_b.st_ino;
}

/* The path= of one entry of an address, or NULL. */
static char *
entry_path(const char *entry)
{
  const char *colon = strchr(entry, ':');
  g_auto(GStrv) keys = colon ? g_strsplit(colon + 1, ",", -1) : NULL;

  for (char **key = keys; key && *key; key++)
    if (g_str_has_prefix(*key, "path="))
      return g_uri_unescape_string(*key + strlen("path="), NULL);
  return NULL;
}

static gboolean
is_same_bus(const char *a, const char *b)
{
  g_autofree char *path_a = entry_path(a);
  g_autofree char *path_b = entry_path(b);

  return strcmp(a, b) == 0 || (path_a && path_b && is_same_file(path_a, path_b));
}

gboolean
gw_bus_is_system(const char *address)
{
  g_autofree char *configured = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, NULL);
  g_autofree char *all = g_strconcat(SYSTEM_BUS_ADDRESS, ";", configured, NULL);
  g_auto(GStrv) system = g_strsplit(all, ";", -1);
  g_auto(GStrv) entries = g_strsplit(address, ";", -1);

  for (char **entry = entries; *entry; entry++)
    for (char **other = system; *other; other++)
      if (is_same_bus(*entry, *other))
        return TRUE;
  return FALSE;
}

static char *
choose_address(const GwBusOptions *options, GError **error)
{
  gboolean is_system = !options->address || gw_bus_is_system(options->address);
  g_autoptr(GError) unsupported = NULL;

  if (options->is_foreground && is_system) {
    gw_fail(error, GW_ERROR_DENIED,
            "a gateway in the foreground never goes on the system bus, where it could not "
            "ask polkit: name a bus of your own with --bus=ADDRESS");
    return NULL;
  }
  if (!options->address)
    return g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, error);
  if (!g_dbus_is_supported_address(options->address, &unsupported)) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "\"%s\" is no address of a bus: %s", options->address,
            unsupported->message);
    return NULL;
  }
  return g_strdup(options->address);
}

gboolean
gw_bus_check(const GwBusOptions *options, GError **error)
{
  g_autofree char *address = choose_address(options, error);

  return address != NULL;
}

/* --- the object --- */

static void
on_method_call(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
               const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user)
{
  GwBus *bus = user;

  gw_door_call(bus->door, invocation);
}

static GVariant *
on_get_property(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                const char *property, GError **error, gpointer user)
{
  GwBus *bus = user;

  if (strcmp(property, "Version") == 0)
    return g_variant_new_string(bus->version);
  g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY, "no property %s", property);
  return NULL;
}

/* --- news --- */

static gboolean
on_signal_due(gpointer user)
{
  GwBus *bus = user;

  bus->signal_id = 0;
  gw_pulse_beat(&bus->pulse, gw_clock_boot_ms());
  if (bus->is_up)
    g_dbus_connection_emit_signal(bus->connection, NULL, GW_BUS_PATH, GW_BUS_NAME, "EventsChanged",
                                  g_variant_new("(x)", bus->newest_event), NULL);
  return G_SOURCE_REMOVE;
}

static void
on_newest(gint64 event_id, gpointer user)
{
  GwBus *bus = user;
  gint64 wait_ms = gw_pulse_wait_ms(&bus->pulse, gw_clock_boot_ms());

  bus->newest_event = event_id;
  if (bus->signal_id != 0)
    return;
  if (wait_ms > 0)
    bus->signal_id = g_timeout_add((guint)wait_ms, on_signal_due, bus);
  else
    on_signal_due(bus);
}

/* --- the connection --- */

static gboolean
on_retry(gpointer user)
{
  GwBus *bus = user;

  bus->retry_id = 0;
  bus_connect(bus);
  return G_SOURCE_REMOVE;
}

static void
bus_disconnect(GwBus *bus)
{
  if (!bus->connection)
    return;
  bus->is_up = FALSE;
  g_signal_handler_disconnect(bus->connection, bus->closed_id);
  g_dbus_connection_unregister_object(bus->connection, bus->object_id);
  g_dbus_connection_close(bus->connection, NULL, NULL, NULL);
  g_clear_object(&bus->connection);
}

static void
bus_lost(GwBus *bus, const char *why)
{
  if (!bus->is_told)
    gw_warning(GW_SUBJECT_DAEMON, NULL, "not on the bus: %s; nodes are served as before, trying again", why);
  bus->is_told = TRUE;
  bus_disconnect(bus);
  if (bus->retry_id == 0)
    bus->retry_id = g_timeout_add(RETRY_MS, on_retry, bus);
}

static void
on_closed(GDBusConnection *connection, gboolean is_remote, const GError *error, gpointer user)
{
  bus_lost(user, error ? error->message : "the connection was closed");
}

/* Asked for by hand: g_bus_unown_name() would wait for the bus at shutdown. */
static void
on_name(GObject *source, GAsyncResult *result, gpointer user)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
  GwBus *bus = user; /* gone if cancelled */
  guint32 answer = 0;

  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
      G_DBUS_CONNECTION(source) != bus->connection)
    return;
  if (reply)
    g_variant_get(reply, "(u)", &answer);
  if (answer != NAME_IS_OURS) {
    bus_lost(bus, error ? error->message : "another process owns the name " GW_BUS_NAME);
    return;
  }
  bus->is_up = TRUE;
  bus->is_told = FALSE;
  gw_notice(GW_SUBJECT_DAEMON, NULL, "on the bus as %s", GW_BUS_NAME);
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer user)
{
  static const GDBusInterfaceVTable vtable = { on_method_call, on_get_property, NULL, { 0 } };
  g_autoptr(GError) error = NULL;
  g_autoptr(GDBusConnection) connection = g_dbus_connection_new_for_address_finish(result, &error);
  GwBus *bus = user; /* gone if cancelled */

  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!connection) {
    bus_lost(bus, error->message);
    return;
  }
  bus->connection = g_steal_pointer(&connection);
  bus->closed_id = g_signal_connect(bus->connection, "closed", G_CALLBACK(on_closed), bus);
  bus->object_id = g_dbus_connection_register_object(
      bus->connection, GW_BUS_PATH, gw_gateway1_interface_info(), &vtable, bus, NULL, &error);
  g_assert(bus->object_id != 0);
  g_dbus_connection_call(bus->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                         "org.freedesktop.DBus", "RequestName",
                         g_variant_new("(su)", GW_BUS_NAME, NAME_DO_NOT_QUEUE), G_VARIANT_TYPE("(u)"),
                         G_DBUS_CALL_FLAGS_NONE, -1, bus->cancellable, on_name, bus);
}

static void
bus_connect(GwBus *bus)
{
  g_dbus_connection_new_for_address(bus->address,
                                    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                        G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                    NULL, bus->cancellable, on_connected, bus);
}

GwBus *
gw_bus_start(GwCore *core, const GwBusOptions *options, GError **error)
{
  g_autofree char *address = choose_address(options, error);
  GwBus *bus;

  if (!address)
    return NULL;
  bus = g_new0(GwBus, 1);
  bus->core = core;
  bus->door = gw_door_new(core, options->is_foreground);
  bus->address = g_steal_pointer(&address);
  bus->version = g_strdup(options->version);
  bus->cancellable = g_cancellable_new();
  gw_core_set_listener(core, on_newest, bus);
  bus_connect(bus);
  return bus;
}

void
gw_bus_stop(GwBus *bus)
{
  if (!bus)
    return;
  gw_core_set_listener(bus->core, NULL, NULL);
  g_cancellable_cancel(bus->cancellable);
  g_clear_handle_id(&bus->retry_id, g_source_remove);
  g_clear_handle_id(&bus->signal_id, g_source_remove);
  gw_door_close(bus->door);
  bus_disconnect(bus);
  gw_door_unref(bus->door);
  g_object_unref(bus->cancellable);
  g_free(bus->address);
  g_free(bus->version);
  g_free(bus);
}

gboolean
gw_bus_is_up(const GwBus *bus)
{
  return bus->is_up;
}
