/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of methods: what each needs, which options it knows, and the command behind it. A method that is
 * not in this table cannot be called, whatever the interface description says. Main thread. */
#pragma once
#include <gio/gunixfdlist.h>

#include "bus/authority.h"
#include "control/commands.h"

typedef struct {
  GwCore *core;
  const GwCaller *caller;
  GVariant *parameters; /* of the method, checked by GDBus against the interface */
  GVariant *options;    /* a{sv}, the last of them; every key is known */
  GUnixFDList *fds;     /* or NULL */
  GwThen then;
} GwMethodCall;

typedef void (*GwMethodRole)(GwRole role, const GError *error, gpointer user);

typedef struct {
  const char *name;
  GwRole role;
  const char *const *options; /* known keys, ended by NULL; NULL = none */
  /* Begins the command, which then calls call->then. FALSE and error: nothing was begun. */
  gboolean (*run)(const GwMethodCall *call, GError **error);
  /* Optional: the role that these very arguments need; asked after @role was granted. */
  void (*find_role)(const GwMethodCall *call, GwMethodRole done, gpointer user);
  gboolean is_remedy; /* it only takes away or stops: it runs on a full disk, too */
} GwMethod;

/* All of them, ended by one with name NULL. Static. */
const GwMethod *gw_methods(void);
/* NULL if there is none of that name. */
const GwMethod *gw_method_find(const char *name);
/* Every key of @options is one that @method knows, or the error names it and them. */
gboolean gw_method_check_options(const GwMethod *method, GVariant *options, GError **error);
