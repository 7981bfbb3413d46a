/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One error domain for every process. The code says what the caller can do, the text says what we were doing,
 * to what, and why it failed: lower case, no full stop, outermost first. */
#pragma once
#include <glib.h>

typedef enum {
  GW_ERROR_BAD_INPUT = 1, /* mend the input and call again */
  GW_ERROR_DENIED,        /* ask for the right, or do without */
  GW_ERROR_NOT_FOUND,     /* the named thing does not exist */
  GW_ERROR_EXISTS,        /* it is there already */
  GW_ERROR_BUSY,          /* call again later */
  GW_ERROR_NO_SPACE,      /* make room first */
  GW_ERROR_CORRUPT,       /* what was stored or received is damaged: fetch it again */
  GW_ERROR_UNTRUSTED,     /* a signature, digest or sequence did not hold: never use it */
  GW_ERROR_TIMED_OUT,     /* call again later */
  GW_ERROR_OFFLINE,       /* the other side cannot be reached now */
  GW_ERROR_STOPPED,       /* somebody asked us to stop */
  GW_ERROR_UNSUPPORTED,   /* this build or this peer cannot do it */
  GW_ERROR_INTERNAL,      /* our fault: report it */
} GwErrorCode;

#define GW_ERROR gw_error_quark()
GQuark gw_error_quark(void);

/* One row for each code: how it is said on D-Bus, over HTTP and as an exit status. */
typedef struct {
  GwErrorCode code;
  const char *name;      /* "bad-input" */
  const char *dbus_name; /* "org.gatewayd.Error.BadInput" */
  int http_status;
  int exit_status; /* 1..125, distinct from 0, 1 (internal) where the caller can act */
} GwErrorRow;

/* The row of @code; an unknown code gives the row of GW_ERROR_INTERNAL. Static, never NULL. */
const GwErrorRow *gw_error_row(int code);
/* The row whose dbus_name is @dbus_name, or NULL. */
const GwErrorRow *gw_error_row_by_dbus_name(const char *dbus_name);
/* All rows, ended by one with name NULL. */
const GwErrorRow *gw_error_rows(void);

/* Shorthand for g_set_error(error, GW_ERROR, ...). Returns FALSE: "return gw_fail(...)" reads well. */
gboolean gw_fail(GError **error, GwErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The same, with ": <strerror(err)>" added and the code chosen from @err (ENOSPC, EDQUOT: no space; ENOENT:
 * not found; EACCES, EPERM: denied; EAGAIN, EMFILE, ENFILE: busy; else internal). */
gboolean gw_fail_errno(GError **error, int err, const char *format, ...) G_GNUC_PRINTF(3, 4);
