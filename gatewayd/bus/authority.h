/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* May the sender of a message do this? On the system bus polkit is asked; in the foreground only the daemon's
 * own user and root are let in. Whatever goes wrong on the way (polkit absent, dead or silent, the sender
 * gone) is a no. Main thread. */
#pragma once
#include <gio/gio.h>

typedef enum {
  GW_ROLE_READ = 1,
  GW_ROLE_OPERATE,
  GW_ROLE_ADMINISTER,
} GwRole;
/* "org.gatewayd.read"... Static. */
const char *gw_role_action(GwRole role);

typedef struct {
  GDBusConnection *bus; /* borrowed for the call */
  const char *sender;   /* unique name */
  GwRole role;
  gboolean is_foreground;  /* no polkit: own user and root only */
  gboolean is_interactive; /* polkit may ask the person for a password, however long that takes */
} GwAuthorityQuestion;

/* Called once, later, perhaps after the bus was closed. @caller: "root" or "uid 1000"; NULL when nobody
 * knows.
 * @error: the answer is no. */
typedef void (*GwAuthorityDone)(const char *caller, const GError *error, gpointer user);
void gw_authority_ask(const GwAuthorityQuestion *question, GwAuthorityDone done, gpointer user);

/* The foreground's rule: does a daemon run by @own admit @uid? Pure. */
gboolean gw_authority_admits(guint32 own, guint32 uid);
