/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logins that named nodes share: found by name, and which of its nodes an asker is, told by MAC and address
 * alone. Several nodes at one address are one group: what becomes of each is not told apart. Main thread. */
#pragma once
#include "model/account.h"
#include "model/node.h"

typedef struct GwAccounts GwAccounts;
GwAccounts *gw_accounts_new(void);
void gw_accounts_free(GwAccounts *accounts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwAccounts, gw_accounts_free)

/* Takes @account, in place of an earlier one of that login. Returned: the same, borrowed until removed. */
GwAccount *gw_accounts_put(GwAccounts *accounts, GwAccount *account);
void gw_accounts_remove(GwAccounts *accounts, const char *login);
GwAccount *gw_accounts_find(const GwAccounts *accounts, const char *login);
/* login -> GwAccount. */
void gw_accounts_iter(const GwAccounts *accounts, GHashTableIter *ret_iter);
/* Is any of them past its end now that was not before @now was asked the last time? */
gboolean gw_accounts_take_expired(GwAccounts *accounts, const GwNow *now);
/* At start: when it was asked the last time and some were. */
void gw_accounts_set_asked(GwAccounts *accounts, gint64 wall_ms);
/* When the next one ends after @wall_ms; G_MAXINT64 = none does. */
gint64 gw_accounts_next_end_ms(const GwAccounts *accounts, gint64 wall_ms);

/* May @node be who asks from @address with @mac ("" = not known)? Never one with a secret of its own. */
gboolean gw_account_fits(const GwNode *node, const char *address, const char *mac);
