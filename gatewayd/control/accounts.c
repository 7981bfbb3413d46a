/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/accounts.h"

#include <string.h>

struct GwAccounts {
  GHashTable *by_login; /* login, borrowed from the account -> GwAccount, owned */
  gint64 asked_ms;      /* wall: up to here those that ended were told of */
};

GwAccounts *
gw_accounts_new(void)
{
  GwAccounts *accounts = g_new0(GwAccounts, 1);

  accounts->by_login = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_account_free);
  return accounts;
}

void
gw_accounts_free(GwAccounts *accounts)
{
  if (!accounts)
    return;
  g_hash_table_unref(accounts->by_login);
  g_free(accounts);
}

GwAccount *
gw_accounts_put(GwAccounts *accounts, GwAccount *account)
{
  g_hash_table_replace(accounts->by_login, account->login, account);
  return account;
}

void
gw_accounts_remove(GwAccounts *accounts, const char *login)
{
  g_hash_table_remove(accounts->by_login, login);
}

GwAccount *
gw_accounts_find(const GwAccounts *accounts, const char *login)
{
  return g_hash_table_lookup(accounts->by_login, login);
}

void
gw_accounts_iter(const GwAccounts *accounts, GHashTableIter *ret_iter)
{
  g_hash_table_iter_init(ret_iter, accounts->by_login);
}

gboolean
gw_accounts_take_expired(GwAccounts *accounts, const GwNow *now)
{
  gboolean is_any = FALSE;
  GHashTableIter iter;
  gpointer value;

  if (!now->is_trusted)
    return FALSE;
  gw_accounts_iter(accounts, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    gint64 expires_ms = ((const GwAccount *)value)->expires_ms;

    is_any |= expires_ms > accounts->asked_ms && expires_ms <= now->wall_ms;
  }
  accounts->asked_ms = now->wall_ms;
  return is_any;
}

void
gw_accounts_set_asked(GwAccounts *accounts, gint64 wall_ms)
{
  accounts->asked_ms = wall_ms;
}

gint64
gw_accounts_next_end_ms(const GwAccounts *accounts, gint64 wall_ms)
{
  gint64 next_ms = G_MAXINT64;
  GHashTableIter iter;
  gpointer value;

  gw_accounts_iter(accounts, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    gint64 expires_ms = ((const GwAccount *)value)->expires_ms;

    if (expires_ms > wall_ms)
      next_ms = MIN(next_ms, expires_ms);
  }
  return next_ms;
}

gboolean
gw_account_fits(const GwNode *node, const char *address, const char *mac)
{
  if (!node->is_adopted || *node->credential_digest)
    return FALSE;
  if (*mac && *node->mac)
    return strcmp(mac, node->mac) == 0;
  return *node->address && strcmp(node->address, address) == 0;
}
