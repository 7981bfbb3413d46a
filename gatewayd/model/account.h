/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A login that several named nodes share, because it is compiled into them and they cannot be given one of
 * their own. It ends by itself. Pure. */
#pragma once
#include "base/clock.h"

typedef struct {
  char *login;                /* [A-Za-z0-9._-]{1,16}; the name of no node */
  char digest[65];            /* keyed, hex */
  GPtrArray *nodes;           /* char *, ids: nobody else may use it */
  gint64 expires_ms, made_ms; /* wall */
} GwAccount;

GwAccount *gw_account_new(const char *login);
void gw_account_free(GwAccount *account);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwAccount, gw_account_free)
gboolean gw_account_check_login(const char *login, GError **error);
/* FALSE also while the clock is not trusted: nobody can tell then. */
gboolean gw_account_is_valid(const GwAccount *account, const GwNow *now);
