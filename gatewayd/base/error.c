/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one table of errors. A test sees that no code lacks its row. */
#include "base/error.h"

#include <errno.h>

G_DEFINE_QUARK(gatewayd, gw_error)

#define DBUS_ERROR(name) "org.gatewayd.Error." name

static const GwErrorRow rows[] = {
  { GW_ERROR_BAD_INPUT, "bad-input", DBUS_ERROR("BadInput"), 400, 2 },
  { GW_ERROR_DENIED, "denied", DBUS_ERROR("Denied"), 403, 3 },
  { GW_ERROR_NOT_FOUND, "not-found", DBUS_ERROR("NotFound"), 404, 4 },
  { GW_ERROR_EXISTS, "exists", DBUS_ERROR("Exists"), 409, 5 },
  { GW_ERROR_BUSY, "busy", DBUS_ERROR("Busy"), 503, 6 },
  { GW_ERROR_NO_SPACE, "no-space", DBUS_ERROR("NoSpace"), 507, 7 },
  { GW_ERROR_CORRUPT, "corrupt", DBUS_ERROR("Corrupt"), 500, 8 },
  { GW_ERROR_UNTRUSTED, "untrusted", DBUS_ERROR("Untrusted"), 422, 9 },
  { GW_ERROR_TIMED_OUT, "timed-out", DBUS_ERROR("TimedOut"), 504, 10 },
  { GW_ERROR_OFFLINE, "offline", DBUS_ERROR("Offline"), 502, 11 },
  { GW_ERROR_STOPPED, "stopped", DBUS_ERROR("Stopped"), 503, 12 },
  { GW_ERROR_UNSUPPORTED, "unsupported", DBUS_ERROR("Unsupported"), 501, 13 },
  { GW_ERROR_INTERNAL, "internal", DBUS_ERROR("Internal"), 500, 1 },
  { 0, NULL, NULL, 0, 0 },
};

const GwErrorRow *
gw_error_row(int code)
{
  const GwErrorRow *row = rows;

  while (row->code != GW_ERROR_INTERNAL && (int)row->code != code)
    row++;
  return row;
}

const GwErrorRow *
gw_error_row_by_dbus_name(const char *dbus_name)
{
  for (const GwErrorRow *row = rows; row->name; row++)
    if (g_strcmp0(row->dbus_name, dbus_name) == 0)
      return row;
  return NULL;
}

const GwErrorRow *
gw_error_rows(void)
{
  return rows;
}

static GwErrorCode
code_of_errno(int err)
{
  switch (err) {
  case ENOSPC:
  case EDQUOT:
    return GW_ERROR_NO_SPACE;
  case ENOENT:
    return GW_ERROR_NOT_FOUND;
  case EACCES:
  case EPERM:
    return GW_ERROR_DENIED;
  case EAGAIN:
  case EMFILE:
  case ENFILE:
    return GW_ERROR_BUSY;
  default:
    return GW_ERROR_INTERNAL;
  }
}

gboolean
gw_fail(GError **error, GwErrorCode code, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  if (error)
    *error = g_error_new_valist(GW_ERROR, code, format, args);
  va_end(args);
  return FALSE;
}

gboolean
gw_fail_errno(GError **error, int err, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, GW_ERROR, (int)code_of_errno(err), "%s: %s", text, g_strerror(err));
  return FALSE;
}
