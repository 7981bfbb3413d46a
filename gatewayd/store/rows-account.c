/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/rows-private.h"

void
gw_rows_put_account(GwBatch *batch, const GwAccount *account)
{
  g_autofree char *nodes = gw_rows_write_strings(account->nodes);

  gw_batch_add(batch, "INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?)", "sssii", account->login,
               account->digest, nodes, account->expires_ms, account->made_ms);
}

void
gw_rows_delete_account(GwBatch *batch, const char *login)
{
  gw_batch_add(batch, "DELETE FROM account WHERE login = ?", "s", login);
}

typedef struct {
  void (*each)(GwAccount *account, gpointer user);
  gpointer user;
} AccountReader;

static void
read_account(const GwRow *row, gpointer user)
{
  const AccountReader *reader = user;
  GwAccount *account = gw_account_new(gw_row_text(row, 0));

  g_strlcpy(account->digest, gw_row_text(row, 1), sizeof account->digest);
  gw_rows_read_strings(gw_row_text(row, 2), account->nodes);
  account->expires_ms = gw_row_int(row, 3);
  account->made_ms = gw_row_int(row, 4);
  reader->each(account, reader->user);
}

gboolean
gw_rows_load_accounts(GwDb *db, void (*each)(GwAccount *account, gpointer user), gpointer user,
                      GError **error)
{
  AccountReader reader = { each, user };

  return gw_db_load(db, "SELECT * FROM account ORDER BY login", read_account, &reader, error);
}
