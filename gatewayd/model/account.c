/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/account.h"

#include <string.h>

#include "base/error.h"

#define LOGIN_MAX 16

GwAccount *
gw_account_new(const char *login)
{
  GwAccount *account = g_new0(GwAccount, 1);

  account->login = g_strdup(login);
  account->nodes = g_ptr_array_new_with_free_func(g_free);
  return account;
}

void
gw_account_free(GwAccount *account)
{
  if (!account)
    return;
  g_free(account->login);
  g_ptr_array_unref(account->nodes);
  g_free(account);
}

gboolean
gw_account_check_login(const char *login, GError **error)
{
  gsize size = strspn(login, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-");

  if (size > 0 && size <= LOGIN_MAX && login[size] == '\0')
    return TRUE;
  return gw_fail(error, GW_ERROR_BAD_INPUT, "a login has 1 to %d letters, digits, or . _ -", LOGIN_MAX);
}

gboolean
gw_account_is_valid(const GwAccount *account, const GwNow *now)
{
  return now->is_trusted && now->wall_ms < account->expires_ms;
}
