/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/ctl.h"

#include <gio/gunixfdlist.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "ctl/terminal.h"
#include "gateway1.h"

#define OBJECT_PATH "/org/gatewayd/Gateway1"
#define TICK_MS 250
#define CALL_TIMEOUT_MS 120000

static const char *
interface_name(void)
{
  return gw_gateway1_interface_info()->name;
}

/* --- the connection --- */

GDBusConnection *
gw_ctl_bus(GwCtl *ctl, GError **error)
{
  g_autoptr(GError) failed = NULL;

  if (ctl->bus)
    return ctl->bus;
  if (ctl->address)
    ctl->bus = g_dbus_connection_new_for_address_sync(ctl->address,
                                                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                      NULL, NULL, &failed);
  else
    ctl->bus = g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, &failed);
  if (!ctl->bus)
    gw_fail(error, GW_ERROR_OFFLINE, "the bus %s cannot be reached: %s",
            ctl->address ? ctl->address : "(system)", failed->message);
  return ctl->bus;
}

/* --- errors --- */

static GwErrorCode
code_of(const GError *error, const char *remote_name)
{
  static const struct {
    int dbus;
    GwErrorCode code;
  } rows[] = {
    { G_DBUS_ERROR_SERVICE_UNKNOWN, GW_ERROR_OFFLINE },
    { G_DBUS_ERROR_NAME_HAS_NO_OWNER, GW_ERROR_OFFLINE },
    { G_DBUS_ERROR_DISCONNECTED, GW_ERROR_OFFLINE },
    { G_DBUS_ERROR_NO_REPLY, GW_ERROR_OFFLINE },
    { G_DBUS_ERROR_SPAWN_FAILED, GW_ERROR_OFFLINE },
    { G_DBUS_ERROR_SPAWN_CHILD_EXITED, GW_ERROR_OFFLINE },
    { G_DBUS_ERROR_ACCESS_DENIED, GW_ERROR_DENIED },
    { G_DBUS_ERROR_AUTH_FAILED, GW_ERROR_DENIED },
    { G_DBUS_ERROR_UNKNOWN_METHOD, GW_ERROR_UNSUPPORTED },
    { G_DBUS_ERROR_UNKNOWN_INTERFACE, GW_ERROR_UNSUPPORTED },
    { G_DBUS_ERROR_INVALID_ARGS, GW_ERROR_UNSUPPORTED },
    { G_DBUS_ERROR_TIMEOUT, GW_ERROR_TIMED_OUT },
    { G_DBUS_ERROR_TIMED_OUT, GW_ERROR_TIMED_OUT },
  };
  const GwErrorRow *row = gw_error_row_by_dbus_name(remote_name);

  if (row)
    return row->code;
  for (gsize i = 0; error->domain == G_DBUS_ERROR && i < G_N_ELEMENTS(rows); i++)
    if (rows[i].dbus == error->code)
      return rows[i].code;
  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return GW_ERROR_TIMED_OUT;
  return error->domain == G_IO_ERROR ? GW_ERROR_OFFLINE : GW_ERROR_INTERNAL;
}

static gboolean
fail_remote(GwCtl *ctl, GError *remote, GError **error)
{
  g_autofree char *name = g_dbus_error_get_remote_error(remote);
  GwErrorCode code = code_of(remote, name);

  g_dbus_error_strip_remote_error(remote);
  ctl->is_refused = gw_error_row_by_dbus_name(name) != NULL;
  if (ctl->is_refused)
    return gw_fail(error, code, "%s", remote->message);
  if (g_error_matches(remote, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
      g_error_matches(remote, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    return gw_fail(error, code, "gatewayd is not running: nobody answers to %s on this bus",
                   interface_name());
  if (code == GW_ERROR_OFFLINE)
    return gw_fail(error, code, "gatewayd went away before it answered: %s", remote->message);
  if (code == GW_ERROR_UNSUPPORTED)
    return gw_fail(error, code, "this gatewayd and this gatewayctl are of different versions: %s",
                   remote->message);
  return gw_fail(error, code, "%s", remote->message);
}

/* --- a call --- */

typedef struct {
  const GwCtlCall *call;
  GVariant *result;
  GError *error;
  gboolean is_done;
} Wait;

static void
on_reply(GObject *source, GAsyncResult *reply, gpointer user)
{
  Wait *wait = user;

  wait->result =
      g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, reply, &wait->error);
  wait->is_done = TRUE;
}

static gboolean
on_tick(gpointer user)
{
  Wait *wait = user;

  wait->call->tick(wait->call->user);
  return G_SOURCE_CONTINUE;
}

/* The arguments and, as every method wants it, the options at their end. */
static GVariant *
with_options(const GwCtlCall *call)
{
  g_autoptr(GVariant) arguments = g_variant_ref_sink(call->arguments);
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
  for (gsize i = 0; i < g_variant_n_children(arguments); i++) {
    g_autoptr(GVariant) child = g_variant_get_child_value(arguments, i);

    g_variant_builder_add_value(&builder, child);
  }
  g_variant_builder_add_value(&builder, call->options ? call->options
                                                      : g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
  return g_variant_builder_end(&builder);
}

gboolean
gw_ctl_call(GwCtl *ctl, const GwCtlCall *call, GVariant **ret_result, GError **error)
{
  g_autoptr(GVariant) arguments = g_variant_ref_sink(with_options(call));
  g_autoptr(GUnixFDList) fds = call->fd > 0 ? g_unix_fd_list_new() : NULL;
  gboolean may_prompt = gw_terminal_can_ask();
  Wait wait = { .call = call };
  guint tick_id;

  if (!gw_ctl_bus(ctl, error))
    return FALSE;
  if (fds && g_unix_fd_list_append(fds, call->fd, error) < 0)
    return FALSE;
  tick_id = call->tick ? g_timeout_add(TICK_MS, on_tick, &wait) : 0;
  g_dbus_connection_call_with_unix_fd_list(
      ctl->bus, interface_name(), OBJECT_PATH, interface_name(), call->method, arguments, NULL,
      may_prompt ? G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION : G_DBUS_CALL_FLAGS_NONE,
      fds || may_prompt || call->is_slow ? G_MAXINT : CALL_TIMEOUT_MS, fds, NULL, on_reply, &wait);
  while (!wait.is_done)
    g_main_context_iteration(NULL, TRUE);
  g_clear_handle_id(&tick_id, g_source_remove);
  if (wait.error) {
    fail_remote(ctl, wait.error, error);
    g_error_free(wait.error);
    return FALSE;
  }
  if (ret_result)
    *ret_result = wait.result;
  else
    g_variant_unref(wait.result);
  return TRUE;
}

gboolean
gw_ctl_simple(GwCtl *ctl, const char *method, GVariant *arguments, GVariant **ret_result, GError **error)
{
  return gw_ctl_call(ctl, &(GwCtlCall){ .method = method, .arguments = arguments }, ret_result, error);
}

gboolean
gw_ctl_get(GwCtl *ctl, const char *kind, const char *id, GVariant **ret_details, GError **error)
{
  g_autoptr(GVariant) result = NULL;

  if (!gw_ctl_simple(ctl, "Get", g_variant_new("(ss)", kind, id), &result, error))
    return FALSE;
  *ret_details = g_variant_get_child_value(result, 0);
  return TRUE;
}

/* --- JSON --- */

static json_t *json_of(GVariant *value);

static json_t *
json_of_dictionary(GVariant *value)
{
  json_t *object = json_object();

  for (gsize i = 0; i < g_variant_n_children(value); i++) {
    g_autoptr(GVariant) entry = g_variant_get_child_value(value, i);
    g_autoptr(GVariant) key = g_variant_get_child_value(entry, 0);
    g_autoptr(GVariant) member = g_variant_get_child_value(entry, 1);
    g_autofree char *name = g_variant_is_of_type(key, G_VARIANT_TYPE_STRING) ? g_variant_dup_string(key, NULL)
                                                                             : g_variant_print(key, FALSE);

    json_object_set_new(object, name, json_of(member));
  }
  return object;
}

static json_t *
json_of_sequence(GVariant *value)
{
  json_t *array = json_array();

  for (gsize i = 0; i < g_variant_n_children(value); i++) {
    g_autoptr(GVariant) child = g_variant_get_child_value(value, i);

    json_array_append_new(array, json_of(child));
  }
  return array;
}

static json_t *
json_of_text(GVariant *value)
{
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
    return json_string(g_variant_get_string(value, NULL));

  g_autofree char *text = g_variant_print(value, FALSE);
  gint64 n;

  /* What prints as a decimal number is one: every integer type does. */
  return g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &n, NULL) ? json_integer(n)
                                                                              : json_string(text);
}

static json_t *
json_of(GVariant *value)
{
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARIANT)) {
    g_autoptr(GVariant) inner = g_variant_get_variant(value);

    return json_of(inner);
  }
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
    return json_boolean(g_variant_get_boolean(value));
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_DOUBLE))
    return json_real(g_variant_get_double(value));
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_DICTIONARY))
    return json_of_dictionary(value);
  if (g_variant_is_container(value))
    return json_of_sequence(value);
  return json_of_text(value);
}

static void
print_json(GVariant *value, size_t flags)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink(value);
  json_t *document = json_of(sunk);
  char *text = json_dumps(document, flags | JSON_ENSURE_ASCII | JSON_SORT_KEYS);

  g_print("%s\n", text);
  free(text);
  json_decref(document);
}

void
gw_ctl_print_json(GVariant *value)
{
  print_json(value, JSON_INDENT(2));
}

void
gw_ctl_print_json_line(GVariant *value)
{
  print_json(value, JSON_COMPACT);
}

gboolean
gw_ctl_print_result(const GwCtl *ctl, const char *method, GVariant *result)
{
  const GDBusMethodInfo *info = g_dbus_interface_info_lookup_method(gw_gateway1_interface_info(), method);
  GVariantBuilder builder;

  if (!ctl->is_json)
    return FALSE;
  g_assert(info);
  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  for (gsize i = 0; info->out_args && info->out_args[i]; i++) {
    g_autoptr(GVariant) member = g_variant_get_child_value(result, i);

    g_variant_builder_add(&builder, "{sv}", info->out_args[i]->name, member);
  }
  gw_ctl_print_json(g_variant_builder_end(&builder));
  return TRUE;
}

/* --- asking back --- */

gboolean
gw_ctl_confirm(const GwCtl *ctl, const char *question, GError **error)
{
  if (ctl->is_yes)
    return TRUE;
  if (!gw_terminal_can_ask())
    return gw_fail(error, GW_ERROR_BAD_INPUT, "nobody can be asked here; add --yes if you are sure");
  if (!gw_terminal_ask(question))
    return gw_fail(error, GW_ERROR_STOPPED, "not done, as you said");
  return TRUE;
}
