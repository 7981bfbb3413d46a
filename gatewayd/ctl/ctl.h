/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gatewayctl's side of D-Bus: one call at a time, its errors as ours, its results as JSON. */
#pragma once
#include <gio/gio.h>

typedef struct {
  const char *address; /* of the bus; NULL = the system bus */
  gboolean is_json, is_yes, is_wide;
  GDBusConnection *bus; /* once it was needed */
  gboolean is_refused;  /* the gateway said no, in words of its own */
} GwCtl;

typedef struct {
  const char *method;
  GVariant *arguments;         /* a tuple without the options, floating or not */
  GVariant *options;           /* a{sv}, floating or not; NULL = none */
  int fd;                      /* a{h}: goes along as handle 0; 0 = none */
  void (*tick)(gpointer user); /* or NULL; four times a second while we wait */
  gpointer user;
  gboolean is_slow; /* it answers when it is done, however long that takes */
} GwCtlCall;

/* Errors have the code and the text that the gateway gave; OFFLINE when there is none. @ret_result may be
 * NULL. */
gboolean gw_ctl_call(GwCtl *ctl, const GwCtlCall *call, GVariant **ret_result, GError **error);
/* The same for a call that needs nothing but arguments. */
gboolean gw_ctl_simple(GwCtl *ctl, const char *method, GVariant *arguments, GVariant **ret_result,
                       GError **error);
/* Connects if need be; for signals. */
GDBusConnection *gw_ctl_bus(GwCtl *ctl, GError **error);

/* Prints one JSON document. @value is sunk. */
void gw_ctl_print_json(GVariant *value);
/* The same on one line, for a stream of documents. */
void gw_ctl_print_json_line(GVariant *value);
/* With --json: prints the results of @method under the names that the interface gives them, and returns TRUE.
 */
gboolean gw_ctl_print_result(const GwCtl *ctl, const char *method, GVariant *result);
/* Asks back before something that cannot be undone: TRUE with --yes, or when the person says yes. Where
 * nobody can be asked, or the answer is no, it is an error. */
gboolean gw_ctl_confirm(const GwCtl *ctl, const char *question, GError **error);
/* One thing in full. @ret_details: a{sv}. */
gboolean gw_ctl_get(GwCtl *ctl, const char *kind, const char *id, GVariant **ret_details, GError **error);
