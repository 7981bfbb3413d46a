/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/logins.h"

#include <string.h>

#include "control/identity.h"
#include "control/scheduler.h"

#define ASKED_KEY "accounts-asked"

/* Who showed it is not known: the name is what was typed, and the address where it came from. */
static GwNode *
refuse(GwCore *core, const GwNode *node, const GwAsk *ask, const char *why)
{
  g_autoptr(GwChange) change = NULL;
  GwAbout about = { .node = node ? node->id : NULL, .name = node ? NULL : ask->node };

  if (!gw_identity_may_say(core, &core->refused) || !gw_node_check_id(ask->node, NULL))
    return NULL;
  change = gw_change_new(core, NULL);
  gw_change_say(change, "node.login-refused", &about, "a login as %s from %s was refused: %s", ask->node,
                gw_identity_plain_address(ask->address), why);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  return NULL;
}

/* The digest is made for every name, so that the time tells nobody which there are. */
static GwNode *
resolve_own(GwCore *core, const GwAsk *ask)
{
  char mac[18];
  GwNode *node = gw_registry_find(core->registry, gw_mac_normalize(ask->node, mac) ? mac : ask->node);
  gboolean is_right = gw_credentials_is_right(core->credentials, node ? node->id : "", ask->credential,
                                              node ? node->credential_digest : "");

  if (is_right && node->is_adopted && gw_identity_is_compatible(node, ask))
    return node;
  return refuse(core, node, ask,
                !node                       ? "there is no such node"
                : !*node->credential_digest ? "the node has no credential"
                : !is_right                 ? "the credential is wrong"
                                            : "the node is not adopted, or speaks otherwise");
}

/* ---- logins that nodes share ---- */

/* The nodes of the account that the asker may be; *ret_found: the last of them. */
static guint
find_members(const GwCore *core, const GwAccount *account, const GwAsk *ask, GwNode **ret_found)
{
  char mac[18];
  guint n = 0;

  gw_identity_device((GwCore *)core, ask, mac);
  for (guint i = 0; i < account->nodes->len; i++) {
    GwNode *node = gw_registry_find(core->registry, account->nodes->pdata[i]);

    if (!node || !gw_account_fits(node, gw_identity_plain_address(ask->address), mac) ||
        !gw_identity_is_compatible(node, ask))
      continue;
    *ret_found = node;
    n++;
  }
  return n;
}

/* By its address alone: of which device behind it a member is, nothing is known. */
static GwNode *
member_of(const GwCore *core, const GwAccount *account, guint i, const GwNode *group)
{
  GwNode *node = gw_registry_find(core->registry, account->nodes->pdata[i]);

  return node && node != group && gw_account_fits(node, group->address, "") ? node : NULL;
}

/* A number that one of them heard under its own name is none for the group, and the other way round. */
static void
gather_numbers(const GwCore *core, const GwAccount *account, GwNode *group)
{
  for (guint i = 0; i < account->nodes->len; i++) {
    const GwNode *node = member_of(core, account, i, group);

    if (node)
      group->told_number = MAX(group->told_number, node->told_number);
  }
}

void
gw_logins_tell_members(GwCore *core, const GwNode *group, GwChange *change)
{
  g_autofree char *login = g_strndup(group->id, strcspn(group->id, "@"));
  const GwAccount *account = group->is_group ? gw_accounts_find(core->accounts, login) : NULL;

  for (guint i = 0; account && i < account->nodes->len; i++) {
    GwNode *node = member_of(core, account, i, group);

    if (!node || node->told_number >= group->told_number)
      continue;
    node->told_number = group->told_number;
    node->told_firmware = group->told_firmware;
    gw_rows_put_node(gw_change_batch(change), node);
  }
}

/* Several at one address: LOGIN@ADDRESS stands for all of them. */
static GwNode *
find_group(GwCore *core, const GwAccount *account, const GwNode *member, const GwAsk *ask)
{
  g_autofree char *plain = g_strdelimit(g_strdup(gw_identity_plain_address(ask->address)), "%/ ", '@');
  g_autofree char *id = g_strdup_printf("%s@%s", account->login, plain);
  GwNode *group = gw_registry_find(core->registry, id);
  g_autoptr(GwChange) change = NULL;

  if (!gw_node_check_id(id, NULL) || (group && (group->is_group || group->is_adopted)))
    return group && group->is_group && group->is_adopted ? group : NULL;
  change = gw_change_new(core, NULL);
  if (group) /* a stranger that calls itself so */
    gw_identity_forget(core, group, change);
  group = gw_identity_make(core, id, GW_IDENTITY_ADDRESS, ask);
  group->is_group = TRUE;
  gw_identity_adopt(core, group, *member->product ? member->product : NULL, member->location, change);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  return group;
}

static GwNode *
resolve_shared(GwCore *core, const GwAccount *account, const GwAsk *ask)
{
  GwNow now = gw_core_now(core);
  GwNode *node = NULL;
  guint n;

  if (!gw_credentials_is_right(core->credentials, account->login, ask->credential, account->digest))
    return refuse(core, NULL, ask, "the password of the account is wrong");
  if (!gw_account_is_valid(account, &now))
    return refuse(core, NULL, ask, now.is_trusted ? "the account has expired" : "the clock is not trusted");
  n = find_members(core, account, ask, &node);
  if (n > 1 && (node = find_group(core, account, node, ask)))
    gather_numbers(core, account, node);
  return node ? node : refuse(core, NULL, ask, "the account is for none of the nodes at that address");
}

GwNode *
gw_logins_resolve(GwCore *core, const GwAsk *ask)
{
  const GwAccount *account = gw_accounts_find(core->accounts, ask->node);

  return account ? resolve_shared(core, account, ask) : resolve_own(core, ask);
}

void
gw_logins_load(GwCore *core, const char *key, const char *value)
{
  if (strcmp(key, ASKED_KEY) == 0)
    gw_accounts_set_asked(core->accounts, g_ascii_strtoll(value, NULL, 10));
}

void
gw_logins_check_expiry(GwCore *core)
{
  GwNow now = gw_core_now(core);
  g_autofree char *asked = g_strdup_printf("%" G_GINT64_FORMAT, now.wall_ms);
  g_autoptr(GwChange) change = NULL;

  if (!gw_accounts_take_expired(core->accounts, &now))
    return;
  change = gw_change_new(core, NULL);
  gw_rows_put_meta(gw_change_batch(change), ASKED_KEY, asked); /* a restart does not say it again */
  gw_change_say(change, "account.expired", &(GwAbout){ 0 },
                "a login that nodes share has expired: see \"accounts list\"");
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  gw_scheduler_changed(core);
}
