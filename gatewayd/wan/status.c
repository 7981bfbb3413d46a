/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/status.h"

#include "base/error.h"

gboolean
gw_http_fail_status(guint status, const char *phrase, GError **error)
{
  GwErrorCode code = GW_ERROR_BAD_INPUT;
  const char *advice = "";

  if (status == 401 || status == 403) {
    code = GW_ERROR_DENIED;
    advice = ": check token-file=, or user= and password-file=";
  } else if (status == 404 || status == 410) {
    code = GW_ERROR_NOT_FOUND;
  } else if (status == 408 || status == 425 || status == 429 || status >= 500) {
    code = GW_ERROR_BUSY;
  }
  return gw_fail(error, code, "the server answered %u %s%s", status, phrase, advice);
}
