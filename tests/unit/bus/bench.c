/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 10000

static const char CONFIG[] =
    "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN' "
    "'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>"
    "<busconfig><type>session</type><listen>%s</listen><auth>EXTERNAL</auth><policy context='default'>"
    "<allow send_destination='*'/><allow receive_sender='*'/><allow own='*'/></policy></busconfig>";

static const char POLKIT_XML[] =
    "<node><interface name='org.freedesktop.PolicyKit1.Authority'><method name='CheckAuthorization'>"
    "<arg type='(sa{sv})' direction='in'/><arg type='s' direction='in'/><arg type='a{ss}' direction='in'/>"
    "<arg type='u' direction='in'/><arg type='s' direction='in'/><arg type='(bba{ss})' direction='out'/>"
    "</method></interface></node>";

/* --- waiting --- */

static gboolean
on_deadline(gpointer user)
{
  g_error("waited %d s in vain", DEADLINE_MS / 1000);
  return G_SOURCE_REMOVE;
}

void
bench_wait(const gboolean *flag)
{
  guint id = g_timeout_add(DEADLINE_MS, on_deadline, NULL);

  while (!*flag)
    g_main_context_iteration(NULL, TRUE);
  g_source_remove(id);
}

void
bench_wait_up(const GwBus *bus)
{
  guint id = g_timeout_add(DEADLINE_MS, on_deadline, NULL);

  while (!gw_bus_is_up(bus))
    g_main_context_iteration(NULL, TRUE);
  g_source_remove(id);
}

/* --- the bus daemon --- */

static void
before_exec(gpointer user)
{
  int *ready = user;

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(*ready, 3);
}

void
bench_start_daemon(Bench *bench)
{
  g_autofree char *config = g_build_filename(bench->folder, "bus.conf", NULL);
  g_autofree char *text = g_strdup_printf(CONFIG, bench->address);
  g_autofree char *option = g_strconcat("--config-file=", config, NULL);
  char *argv[] = { (char *)"dbus-daemon",       option, (char *)"--nofork", (char *)"--nopidfile",
                   (char *)"--print-address=3", NULL };
  g_autoptr(GError) error = NULL;
  int ready[2];
  char byte;

  g_assert_true(g_file_set_contents(config, text, -1, NULL));
  g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
  g_spawn_async(NULL, argv, NULL,
                G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_DO_NOT_REAP_CHILD |
                    G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                before_exec, &ready[1], &bench->daemon, &error);
  g_assert_no_error(error);
  close(ready[1]);
  g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
  close(ready[0]);
}

void
bench_stop_daemon(Bench *bench)
{
  kill(bench->daemon, SIGKILL);
  waitpid(bench->daemon, NULL, 0);
}

GDBusConnection *
bench_connect(const Bench *bench)
{
  g_autoptr(GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_sync(
      bench->address,
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
      NULL, &error);

  g_assert_no_error(error);
  return connection;
}

/* --- polkit --- */

static void
polkit_answer(GDBusMethodInvocation *invocation, gboolean is_yes)
{
  g_dbus_method_invocation_return_value(invocation, g_variant_new("((bba{ss}))", is_yes, FALSE, NULL));
}

static void
on_polkit_call(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
               const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user)
{
  Bench *bench = user;
  g_autoptr(GVariant) subject = NULL;
  const char *kind, *action;
  guint32 flags;

  g_variant_get(parameters, "((&s@a{sv})&sa{ss}u&s)", &kind, &subject, &action, NULL, &flags, NULL);
  g_assert_cmpstr(kind, ==, "system-bus-name");
  g_ptr_array_add(bench->asked, g_strconcat(action, flags & 1 ? "!" : "", NULL));
  if (bench->polkit == POLKIT_HOLD)
    g_ptr_array_add(bench->held, invocation);
  else if (bench->polkit == POLKIT_ERROR)
    g_dbus_method_invocation_return_dbus_error(invocation, "org.freedesktop.PolicyKit1.Error.Failed",
                                               "it is sick");
  else
    polkit_answer(invocation, bench->polkit == POLKIT_YES || g_strcmp0(action, bench->yes_to) == 0);
}

static void
polkit_start(Bench *bench)
{
  static const GDBusInterfaceVTable vtable = { on_polkit_call, NULL, NULL, { 0 } };
  g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(POLKIT_XML, NULL);
  g_autoptr(GVariant) reply = NULL;

  bench->polkit_connection = bench_connect(bench);
  g_assert_cmpuint(g_dbus_connection_register_object(bench->polkit_connection,
                                                     "/org/freedesktop/PolicyKit1/Authority",
                                                     node->interfaces[0], &vtable, bench, NULL, NULL),
                   !=, 0);
  reply = g_dbus_connection_call_sync(
      bench->polkit_connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
      "RequestName", g_variant_new("(su)", "org.freedesktop.PolicyKit1", 0), NULL, 0, -1, NULL, NULL);
  g_assert_nonnull(reply);
}

void
bench_release(Bench *bench, gboolean is_yes)
{
  for (guint i = 0; i < bench->held->len; i++)
    polkit_answer(g_ptr_array_index(bench->held, i), is_yes);
  g_ptr_array_set_size(bench->held, 0);
}

/* --- the bench --- */

Bench *
bench_new(gboolean is_foreground, BenchPolkit polkit)
{
  Bench *bench = g_new0(Bench, 1);
  g_autoptr(GError) error = NULL;

  bench->folder = g_dir_make_tmp("gw-bus-XXXXXX", NULL);
  bench->address = g_strdup_printf("unix:path=%s/socket", bench->folder);
  bench->asked = g_ptr_array_new_with_free_func(g_free);
  bench->held = g_ptr_array_new();
  bench->polkit = polkit;
  bench->core = fake_core_new();
  bench_start_daemon(bench);
  if (polkit != POLKIT_ABSENT)
    polkit_start(bench);
  bench->bus = gw_bus_start(
      bench->core,
      &(GwBusOptions){ .address = bench->address, .is_foreground = is_foreground, .version = "9.8" }, &error);
  g_assert_no_error(error);
  bench_wait_up(bench->bus);
  bench->client = bench_connect(bench);
  return bench;
}

void
bench_free(Bench *bench)
{
  g_autofree char *config = g_build_filename(bench->folder, "bus.conf", NULL);
  g_autofree char *socket = g_build_filename(bench->folder, "socket", NULL);

  gw_bus_stop(bench->bus);
  g_clear_object(&bench->client);
  g_clear_object(&bench->polkit_connection);
  while (g_main_context_iteration(NULL, FALSE))
    ;
  fake_core_free(bench->core);
  bench_stop_daemon(bench);
  g_unlink(config);
  g_unlink(socket);
  g_rmdir(bench->folder);
  g_ptr_array_unref(bench->asked);
  g_ptr_array_unref(bench->held);
  g_free(bench->folder);
  g_free(bench->address);
  g_free(bench);
}

/* --- calls --- */

static GDBusMessage *
message_new(const char *method, GVariant *parameters, GUnixFDList *fds)
{
  GDBusMessage *message = g_dbus_message_new_method_call(GW_BUS_NAME, GW_BUS_PATH, GW_BUS_NAME, method);

  g_dbus_message_set_body(message, parameters);
  if (fds)
    g_dbus_message_set_unix_fd_list(message, fds);
  return message;
}

typedef struct {
  GDBusMessage *reply;
  gboolean is_done;
} Wait;

static void
on_reply(GObject *source, GAsyncResult *result, gpointer user)
{
  Wait *wait = user;
  g_autoptr(GError) error = NULL;

  wait->reply = g_dbus_connection_send_message_with_reply_finish(G_DBUS_CONNECTION(source), result, &error);
  g_assert_no_error(error);
  wait->is_done = TRUE;
}

GVariant *
bench_call(GDBusConnection *client, const char *method, GVariant *parameters, GUnixFDList *fds,
           char **ret_error_name)
{
  g_autoptr(GDBusMessage) message = message_new(method, parameters, fds);
  g_autoptr(GDBusMessage) reply = NULL;
  Wait wait = { NULL, FALSE };
  GVariant *body;

  g_dbus_connection_send_message_with_reply(client, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, -1, NULL, NULL,
                                            on_reply, &wait);
  bench_wait(&wait.is_done);
  reply = wait.reply;
  if (g_dbus_message_get_message_type(reply) == G_DBUS_MESSAGE_TYPE_ERROR) {
    *ret_error_name = g_strdup(g_dbus_message_get_error_name(reply));
    return NULL;
  }
  *ret_error_name = NULL;
  body = g_dbus_message_get_body(reply);
  return body ? g_variant_ref(body) : g_variant_ref_sink(g_variant_new("()"));
}

void
bench_send(GDBusConnection *client, const char *method, GVariant *parameters, GUnixFDList *fds,
           GDBusMessageFlags flags)
{
  g_autoptr(GDBusMessage) message = message_new(method, parameters, fds);

  g_dbus_message_set_flags(message, flags);
  g_dbus_connection_send_message(client, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  g_dbus_connection_flush_sync(client, NULL, NULL);
}

static GVariant *
argument(const char *signature, GVariant *options, GUnixFDList **ret_fds)
{
  int fd = -1;

  switch (*signature) {
  case 'h':
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    *ret_fds = g_unix_fd_list_new_from_array(&fd, 1);
    return g_variant_new_handle(0);
  case 'x':
    return g_variant_new_int64(7);
  case 'u':
    return g_variant_new_uint32(5);
  case 's':
    return g_variant_new_string("one");
  default:
    if (strcmp(signature, "as") == 0)
      return g_variant_new_strv((const char *[]){ "one", "two" }, 2);
    g_assert_cmpstr(signature, ==, "a{sv}");
    return options;
  }
}

GVariant *
bench_arguments(const GDBusMethodInfo *method, GVariant *options, GUnixFDList **ret_fds)
{
  GVariantBuilder builder;

  *ret_fds = NULL;
  g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
  for (GDBusArgInfo **arg = method->in_args; *arg; arg++) {
    GVariant *empty = g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0);
    gboolean is_last = arg[1] == NULL;

    g_variant_builder_add_value(&builder, argument((*arg)->signature, is_last ? options : empty, ret_fds));
  }
  return g_variant_builder_end(&builder);
}
