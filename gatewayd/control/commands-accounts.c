/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A login that several nodes share, because it is compiled into them: made on purpose, for named nodes, and
 * not for ever. No event holds its password. */
#include <string.h>

#include "base/config.h"
#include "base/error.h"
#include "control/commands-private.h"
#include "control/form.h"
#include "control/house.h"
#include "control/scheduler.h"

#define NODES_MAX 1000
#define ACCOUNTS_MAX 100
#define PASSWORD_MIN 8
#define PASSWORD_MAX 64
#define LIFE_MAX_MS (366 * G_GINT64_CONSTANT(86400000))

static const GwFormKey ACCOUNT_KEYS[] = {
  { "password", 's' },
  { "nodes", 'a' },
  { "expires", 's' },
  { NULL, 0 },
};

gboolean
gw_commands_check_password(const char *password, GError **error)
{
  gsize size = strlen(password);

  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isgraph(password[i]))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "a password has letters, digits and signs, no blanks");
  if (size < PASSWORD_MIN || size > PASSWORD_MAX)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a password has %d to %d characters", PASSWORD_MIN,
                   PASSWORD_MAX);
  return TRUE;
}

/* "90d", or a time. Never without an end, and not without a clock that could see it. */
static gboolean
read_end(const GwCore *core, const char *text, gint64 *ret_ms, GError **error)
{
  GwNow now = gw_core_now(core);
  gint64 life_ms;

  if (!*text)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "expires is missing: at most a year, like 90d");
  if (!now.is_trusted)
    return gw_fail(error, GW_ERROR_BUSY, "the clock is not trusted yet: when the account ends is not known");
  if (gw_parse_duration_ms(text, &life_ms))
    *ret_ms = life_ms <= LIFE_MAX_MS ? now.wall_ms + life_ms : G_MAXINT64;
  else if (!gw_clock_parse(text, ret_ms, error))
    return FALSE;
  if (*ret_ms <= now.wall_ms || *ret_ms > now.wall_ms + LIFE_MAX_MS)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "expires: expected a time within a year from now");
  return TRUE;
}

static gboolean
check_member(const GwNode *node, GError **error)
{
  if (!node->is_adopted)
    return gw_fail(error, GW_ERROR_DENIED, "node %s is not adopted", node->id);
  if (*node->credential_digest)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "node %s has a login of its own, which is better; revoke it first if you must", node->id);
  if (!*node->mac && !*node->address)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "of node %s neither MAC nor address is known, by which it could be told: see \"nodes set "
                   "--address\"",
                   node->id);
  return TRUE;
}

static gboolean
take_nodes(GwCore *core, GVariant *form, GwAccount *account, GError **error)
{
  g_auto(GStrv) ids = gw_form_list(form, "nodes");
  guint n = ids ? g_strv_length(ids) : 0;

  if (n == 0 || n > NODES_MAX)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "nodes: which? 1 to %d of them", NODES_MAX);
  for (guint i = 0; i < n; i++) {
    const GwNode *node = gw_commands_node(core, ids[i], error);

    if (!node || !check_member(node, error))
      return FALSE;
    if (!g_ptr_array_find_with_equal_func(account->nodes, node->id, g_str_equal, NULL))
      g_ptr_array_add(account->nodes, g_strdup(node->id));
  }
  return TRUE;
}

static gboolean
take_form(GwCore *core, GVariant *form, GwAccount *account, GError **error)
{
  GHashTableIter iter;
  guint n = 0;

  gw_accounts_iter(core->accounts, &iter);
  while (g_hash_table_iter_next(&iter, NULL, NULL))
    n++;
  if (!gw_form_check(form, ACCOUNT_KEYS, NULL, error) || !gw_account_check_login(account->login, error))
    return FALSE;
  if (gw_registry_find(core->registry, account->login))
    return gw_fail(error, GW_ERROR_EXISTS, "%s is the name of a node", account->login);
  if (n >= ACCOUNTS_MAX)
    return gw_fail(error, GW_ERROR_NO_SPACE, "there are %d accounts: remove some", ACCOUNTS_MAX);
  return gw_commands_check_password(gw_form_text(form, "password", ""), error) &&
         read_end(core, gw_form_text(form, "expires", ""), &account->expires_ms, error) &&
         take_nodes(core, form, account, error);
}

void
gw_command_account_set(GwCore *core, const GwCaller *caller, const char *login, GVariant *form, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwAccount) account = gw_account_new(login);
  g_autoptr(GwChange) change = NULL;
  g_autofree char *until = NULL;

  if (!take_form(core, form, account, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  gw_credentials_digest(core->credentials, login, gw_form_text(form, "password", ""), account->digest);
  account->made_ms = gw_core_now(core).wall_ms;
  until = gw_clock_format(account->expires_ms);
  change = gw_change_new(core, caller);
  gw_rows_put_account(gw_change_batch(change), account);
  gw_change_say(change, "account.set", &(GwAbout){ .name = login },
                "%u nodes may share the login %s until %s", account->nodes->len, login, until);
  gw_accounts_put(core->accounts, g_steal_pointer(&account));
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_changed(core);
  gw_house_snapshot_soon(core);
}

void
gw_command_account_remove(GwCore *core, const GwCaller *caller, const char *login, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwChange) change = NULL;

  if (!gw_accounts_find(core->accounts, login)) {
    gw_fail(&error, GW_ERROR_NOT_FOUND, "there is no account \"%.64s\"; see \"accounts list\"", login);
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  change = gw_change_new(core, caller);
  gw_rows_delete_account(gw_change_batch(change), login);
  gw_change_say(change, "account.removed", &(GwAbout){ .name = login },
                "no node shares the login %s any more", login);
  gw_accounts_remove(core->accounts, login);
  gw_change_finish(g_steal_pointer(&change), then, NULL);
  gw_scheduler_changed(core);
  gw_house_snapshot_soon(core);
}
