/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Polkit first, then the sender's credentials, always in that order: the second question goes to the bus
 * itself, which no longer knows a sender that left while polkit (or a person at a password prompt) was
 * thinking. After a no it is asked, too: the log says who it was. */
#include "bus/authority.h"

#include <unistd.h>

#include "base/error.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ALLOW_INTERACTION 1u
#define POLKIT_TIMEOUT_MS 10000
#define PASSWORD_TIMEOUT_MS (5 * 60 * 1000)
#define BUS_TIMEOUT_MS 10000

typedef struct {
  GDBusConnection *bus;
  char *sender;
  GwRole role;
  gboolean is_foreground;
  char *refusal; /* polkit's, or NULL */
  GwAuthorityDone done;
  gpointer user;
} Inquiry;

const char *
gw_role_action(GwRole role)
{
  static const char *const actions[] = {
    [GW_ROLE_READ] = "org.gatewayd.read",
    [GW_ROLE_OPERATE] = "org.gatewayd.operate",
    [GW_ROLE_ADMINISTER] = "org.gatewayd.administer",
  };

  g_assert(role >= GW_ROLE_READ && role <= GW_ROLE_ADMINISTER);
  return actions[role];
}

gboolean
gw_authority_admits(guint32 own, guint32 uid)
{
  return uid == 0 || uid == own;
}

/* @refusal NULL = yes. */
static void
inquiry_end(Inquiry *inquiry, const char *caller, const char *refusal)
{
  g_autoptr(GError) error = NULL;

  if (refusal)
    gw_fail(&error, GW_ERROR_DENIED, "%s", refusal);
  inquiry->done(caller, error, inquiry->user);
  g_object_unref(inquiry->bus);
  g_free(inquiry->sender);
  g_free(inquiry->refusal);
  g_free(inquiry);
}

static void
on_credentials(GObject *source, GAsyncResult *result, gpointer data)
{
  Inquiry *inquiry = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
  g_autoptr(GVariant) credentials = reply ? g_variant_get_child_value(reply, 0) : NULL;
  g_autofree char *caller = NULL;
  guint32 uid;

  if (!credentials) {
    inquiry_end(inquiry, NULL, "the caller is gone");
    return;
  }
  if (!g_variant_lookup(credentials, "UnixUserID", "u", &uid)) {
    inquiry_end(inquiry, NULL, "the bus does not know the caller's user");
    return;
  }
  caller = uid == 0 ? g_strdup("root") : g_strdup_printf("uid %u", uid);
  if (inquiry->is_foreground && !gw_authority_admits(getuid(), uid))
    inquiry->refusal = g_strdup_printf("a gateway in the foreground answers only uid %u and root", getuid());
  inquiry_end(inquiry, caller, inquiry->refusal);
}

static void
ask_credentials(Inquiry *inquiry)
{
  g_dbus_connection_call(inquiry->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                         "org.freedesktop.DBus", "GetConnectionCredentials",
                         g_variant_new("(s)", inquiry->sender), G_VARIANT_TYPE("(a{sv})"),
                         G_DBUS_CALL_FLAGS_NONE, BUS_TIMEOUT_MS, NULL, on_credentials, inquiry);
}

static void
on_polkit(GObject *source, GAsyncResult *result, gpointer data)
{
  Inquiry *inquiry = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
  gboolean is_authorized = FALSE;

  if (reply)
    g_variant_get(reply, "((bb@a{ss}))", &is_authorized, NULL, NULL);
  else
    g_dbus_error_strip_remote_error(error);
  if (error)
    inquiry->refusal =
        g_strdup_printf("polkit cannot be asked about %s: %s", gw_role_action(inquiry->role), error->message);
  else if (!is_authorized)
    inquiry->refusal = g_strdup_printf("polkit does not allow %s", gw_role_action(inquiry->role));
  ask_credentials(inquiry);
}

static GVariant *
polkit_question(const GwAuthorityQuestion *question)
{
  GVariantBuilder subject;

  g_variant_builder_init(&subject, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add(&subject, "{sv}", "name", g_variant_new_string(question->sender));
  return g_variant_new("((sa{sv})sa{ss}us)", "system-bus-name", &subject, gw_role_action(question->role),
                       NULL, question->is_interactive ? POLKIT_ALLOW_INTERACTION : 0, "");
}

void
gw_authority_ask(const GwAuthorityQuestion *question, GwAuthorityDone done, gpointer user)
{
  Inquiry *inquiry = g_new0(Inquiry, 1);

  inquiry->bus = g_object_ref(question->bus);
  inquiry->sender = g_strdup(question->sender);
  inquiry->role = question->role;
  inquiry->is_foreground = question->is_foreground;
  inquiry->done = done;
  inquiry->user = user;
  if (question->is_foreground)
    ask_credentials(inquiry);
  else
    g_dbus_connection_call(question->bus, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization",
                           polkit_question(question), G_VARIANT_TYPE("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE,
                           question->is_interactive ? PASSWORD_TIMEOUT_MS : POLKIT_TIMEOUT_MS, NULL,
                           on_polkit, inquiry);
}
