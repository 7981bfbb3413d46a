/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/door.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "bus/methods.h"

struct GwDoor {
  GwCore *core; /* NULL once closed */
  gboolean is_foreground;
  guint n_calls, n_prompts;
  GHashTable *calls_by_sender; /* unique name -> GUINT_TO_POINTER(count) */
  GwLogLimit denied;
};

typedef struct {
  GwDoor *door;
  GDBusMethodInvocation *invocation;
  const GwMethod *method;
  GwRole role; /* being asked for */
  gboolean is_prompting;
  char *caller;
  guint watch; /* of the sender, while it may be sending a file; 0 = none */
} Call;

static void
door_clear(GwDoor *door)
{
  g_hash_table_unref(door->calls_by_sender);
}

GwDoor *
gw_door_new(GwCore *core, gboolean is_foreground)
{
  GwDoor *door = g_rc_box_new0(GwDoor);

  door->core = core;
  door->is_foreground = is_foreground;
  door->calls_by_sender = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return door;
}

void
gw_door_close(GwDoor *door)
{
  door->core = NULL;
}

void
gw_door_unref(GwDoor *door)
{
  g_rc_box_release_full(door, (GDestroyNotify)door_clear);
}

/* --- room --- */

static guint
calls_of(const GwDoor *door, const char *sender)
{
  return GPOINTER_TO_UINT(g_hash_table_lookup(door->calls_by_sender, sender));
}

static void
set_calls_of(GwDoor *door, const char *sender, guint n)
{
  if (n == 0)
    g_hash_table_remove(door->calls_by_sender, sender);
  else
    g_hash_table_insert(door->calls_by_sender, g_strdup(sender), GUINT_TO_POINTER(n));
}

static Call *
call_new(GwDoor *door, GDBusMethodInvocation *invocation, const GwMethod *method)
{
  const char *sender = g_dbus_method_invocation_get_sender(invocation);
  Call *call = g_new0(Call, 1);

  call->door = g_rc_box_acquire(door);
  call->invocation = invocation;
  call->method = method;
  call->role = method->role;
  door->n_calls++;
  set_calls_of(door, sender, calls_of(door, sender) + 1);
  return call;
}

static void
call_free(Call *call)
{
  const char *sender = g_dbus_method_invocation_get_sender(call->invocation);

  call->door->n_calls--;
  set_calls_of(call->door, sender, calls_of(call->door, sender) - 1);
  if (call->watch)
    g_bus_unwatch_name(call->watch);
  g_object_unref(call->invocation);
  gw_door_unref(call->door);
  g_free(call->caller);
  g_free(call);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Call, call_free)

/* --- the answer --- */

/* Takes nothing: the invocation keeps the reference that call_free() drops. */
static void
refuse(GDBusMethodInvocation *invocation, const GError *error)
{
  const GwErrorRow *row = gw_error_row(error->domain == GW_ERROR ? error->code : GW_ERROR_INTERNAL);

  g_dbus_method_invocation_return_dbus_error(g_object_ref(invocation), row->dbus_name, error->message);
}

static char *
out_signature(const GDBusMethodInvocation *invocation)
{
  const GDBusMethodInfo *info = g_dbus_method_invocation_get_method_info((GDBusMethodInvocation *)invocation);
  GString *signature = g_string_new("(");

  for (GDBusArgInfo **arg = info->out_args; arg && *arg; arg++)
    g_string_append(signature, (*arg)->signature);
  return g_string_free(g_string_append_c(signature, ')'), FALSE);
}

/* A command may give the tuple, its only member, or nothing where nothing is expected. */
static GVariant *
as_tuple(GVariant *result, const char *signature)
{
  if (!result)
    return g_variant_new_tuple(NULL, 0);
  if (g_variant_is_of_type(result, G_VARIANT_TYPE_TUPLE) || strlen(signature) <= 2)
    return result;
  return g_variant_new_tuple(&result, 1);
}

static void
on_result(GVariant *result, const GError *error, gpointer user)
{
  g_autoptr(Call) call = user;
  g_autofree char *signature = out_signature(call->invocation);
  g_autoptr(GVariant) tuple = NULL;
  g_autoptr(GError) mismatch = NULL;

  if (error) {
    refuse(call->invocation, error);
    return;
  }
  tuple = g_variant_ref_sink(as_tuple(result, signature));
  if (!g_variant_is_of_type(tuple, G_VARIANT_TYPE(signature))) {
    gw_fail(&mismatch, GW_ERROR_INTERNAL, "%s: the command gave %s instead of %s", call->method->name,
            g_variant_get_type_string(tuple), signature);
    refuse(call->invocation, mismatch);
    return;
  }
  g_dbus_method_invocation_return_value(g_object_ref(call->invocation), tuple);
}

/* --- may it --- */

static GVariant *
options_of(GDBusMethodInvocation *invocation)
{
  GVariant *parameters = g_dbus_method_invocation_get_parameters(invocation);

  return g_variant_get_child_value(parameters, g_variant_n_children(parameters) - 1);
}

static void
on_sender_left(GDBusConnection *bus, const char *sender, gpointer user)
{
  const Call *call = user;

  if (call->door->core)
    gw_core_caller_left(call->door->core, sender);
}

/* A file that is passed may be a pipe, whose other end may be with others still. */
static void
watch_sender(Call *call, const char *sender)
{
  GDBusConnection *bus = g_dbus_method_invocation_get_connection(call->invocation);

  call->watch = g_bus_watch_name_on_connection(bus, sender, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                               on_sender_left, call, NULL);
}

static void
run(Call *call)
{
  GDBusMessage *message = g_dbus_method_invocation_get_message(call->invocation);
  g_autoptr(GVariant) options = options_of(call->invocation);
  const char *sender = g_dbus_method_invocation_get_sender(call->invocation);
  const GwCaller caller = { call->caller, call->door->is_foreground ? "foreground" : "dbus", "", sender };
  const GwMethodCall method_call = {
    .core = call->door->core,
    .caller = &caller,
    .parameters = g_dbus_method_invocation_get_parameters(call->invocation),
    .options = options,
    .fds = g_dbus_message_get_unix_fd_list(message),
    .then = { on_result, call },
  };
  g_autoptr(GError) error = NULL;

  if (method_call.fds)
    watch_sender(call, sender);
  if (!gw_method_check_options(call->method, options, &error) ||
      (call->method->role > GW_ROLE_READ && !call->method->is_remedy &&
       !gw_core_takes_changes(call->door->core, &error)) ||
      !call->method->run(&method_call, &error))
    on_result(NULL, error, call);
}

static void ask(Call *call);

static void
on_role(GwRole role, const GError *error, gpointer user)
{
  Call *call = user;
  g_autoptr(GError) stopped = NULL;

  if (!call->door->core) {
    gw_fail(&stopped, GW_ERROR_STOPPED, "the gateway is stopping");
    on_result(NULL, stopped, call);
  } else if (error) {
    on_result(NULL, error, call);
  } else if (role > call->role) {
    call->role = role;
    ask(call);
  } else {
    run(call);
  }
}

static void
find_role(Call *call)
{
  const GwMethodCall method_call = {
    .core = call->door->core,
    .parameters = g_dbus_method_invocation_get_parameters(call->invocation),
  };

  call->method->find_role(&method_call, on_role, call);
}

static void
on_authority(const char *caller, const GError *error, gpointer user)
{
  Call *call = user;
  g_autoptr(GError) denied = NULL;

  call->door->n_prompts -= call->is_prompting ? 1 : 0;
  call->is_prompting = FALSE;
  if (error) {
    gw_log_peer(&call->door->denied, LOG_WARNING, GW_SUBJECT_USER, caller ? caller : "unknown",
                "%s denied: %s", call->method->name, error->message);
    gw_fail(&denied, GW_ERROR_DENIED, "%s: %s", call->method->name, error->message);
    on_result(NULL, denied, call);
    return;
  }
  g_free(call->caller);
  call->caller = g_strdup(caller);
  if (call->door->core && call->method->find_role && call->role == call->method->role)
    find_role(call);
  else
    on_role(call->role, NULL, call);
}

static void
ask(Call *call)
{
  GDBusMessage *message = g_dbus_method_invocation_get_message(call->invocation);
  GDBusMessageFlags flags = g_dbus_message_get_flags(message);
  GwDoor *door = call->door;

  call->is_prompting = (flags & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0 &&
                       door->n_prompts < GW_DOOR_PROMPTS_MAX;
  door->n_prompts += call->is_prompting ? 1 : 0;

  const GwAuthorityQuestion question = {
    .bus = g_dbus_method_invocation_get_connection(call->invocation),
    .sender = g_dbus_method_invocation_get_sender(call->invocation),
    .role = call->role,
    .is_foreground = door->is_foreground,
    .is_interactive = call->is_prompting,
  };

  gw_authority_ask(&question, on_authority, call);
}

void
gw_door_call(GwDoor *door, GDBusMethodInvocation *invocation)
{
  const GwMethod *method = gw_method_find(g_dbus_method_invocation_get_method_name(invocation));
  const char *sender = g_dbus_method_invocation_get_sender(invocation);
  g_autoptr(GError) error = NULL;

  if (!sender)
    gw_fail(&error, GW_ERROR_DENIED, "the message has no sender: only calls over a bus are answered");
  else if (!method)
    gw_fail(&error, GW_ERROR_DENIED, "the method is not in the table of roles");
  else if (g_variant_get_size(g_dbus_method_invocation_get_parameters(invocation)) > GW_DOOR_MESSAGE_MAX)
    gw_fail(&error, GW_ERROR_BAD_INPUT, "the arguments are larger than %u bytes", GW_DOOR_MESSAGE_MAX);
  else if (door->n_calls >= GW_DOOR_CALLS_MAX || calls_of(door, sender) >= GW_DOOR_SENDER_CALLS_MAX)
    gw_fail(&error, GW_ERROR_BUSY, "too many calls wait for an answer");
  if (error) {
    refuse(invocation, error);
    g_object_unref(invocation);
    return;
  }
  ask(call_new(door, invocation, method));
}
