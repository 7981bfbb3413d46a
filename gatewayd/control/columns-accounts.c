/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be listed of the logins that nodes share; never the digest. */
#include "control/columns.h"

static GVariant *
account_login(GwCore *core, gconstpointer item)
{
  return g_variant_new_string(((const GwAccount *)item)->login);
}

static GVariant *
account_nodes(GwCore *core, gconstpointer item)
{
  const GPtrArray *nodes = ((const GwAccount *)item)->nodes;

  return g_variant_new_strv((const char *const *)nodes->pdata, (gssize)nodes->len);
}

static GVariant *
account_expires(GwCore *core, gconstpointer item)
{
  return g_variant_new_int64(((const GwAccount *)item)->expires_ms);
}

static GVariant *
account_valid(GwCore *core, gconstpointer item)
{
  GwNow now = gw_core_now(core);

  return g_variant_new_boolean(gw_account_is_valid(item, &now));
}

static GVariant *
account_made(GwCore *core, gconstpointer item)
{
  return g_variant_new_int64(((const GwAccount *)item)->made_ms);
}

static const GwColumn ACCOUNTS[] = {
  { "login", TRUE, account_login }, { "nodes", TRUE, account_nodes }, { "expires", TRUE, account_expires },
  { "valid", TRUE, account_valid }, { "made", FALSE, account_made },  { NULL },
};

static GPtrArray *
account_items(GwCore *core)
{
  GPtrArray *items = g_ptr_array_new();
  GHashTableIter iter;
  gpointer account;

  gw_accounts_iter(core->accounts, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &account))
    g_ptr_array_add(items, account);
  return items;
}

const GwKind gw_columns_accounts = { "accounts", "login", ACCOUNTS, account_items };
