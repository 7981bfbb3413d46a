/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device was swapped: the new one takes the old one's place, with its product, location, labels, history,
 * rules and shared logins. What was known of the old device itself (versions, addresses, login) goes with it,
 * and so does what it had been through: the new one begins anew under every rule, also where the targets were
 * fixed, and with a firmware that was on trial on the old one. */
#include <string.h>

#include "base/error.h"
#include "control/commands-private.h"
#include "control/identity.h"
#include "control/progress.h"
#include "control/rollouts.h"
#include "control/scheduler.h"
#include "control/timeline.h"
#include "control/verifications.h"

/* ---- may it be? ---- */

static gboolean
check(GwCore *core, const GwNode *old, const GwNode *new, GError **error)
{
  if (old == new)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a node does not replace itself");
  if (!old->is_adopted)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "node %s is not adopted: it has no place to give", old->id);
  if (old->is_group || new->is_group)
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "%s is a login that several devices share",
                   old->is_group ? old->id : new->id);
  if (*old->plugin && *new->plugin && strcmp(old->plugin, new->plugin) != 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s speaks %s, and %s speaks %s", old->id, old->plugin, new->id,
                   new->plugin);
  if (gw_updates_open(core->updates, new->id, ""))
    return gw_fail(error, GW_ERROR_BUSY, "node %s has an open update: wait, or cancel it", new->id);
  return TRUE;
}

/* ---- the place ---- */

/* A list that names nobody any more is none. */
static gboolean
unlist(GHashTable **set, const char *name)
{
  if (!*set || !g_hash_table_remove(*set, name))
    return FALSE;
  if (g_hash_table_size(*set) == 0)
    g_clear_pointer(set, g_hash_table_unref);
  return TRUE;
}

static gboolean
unlist_aliases(GHashTable **set, const GwNode *node, const char *kind)
{
  gboolean is_listed = FALSE;

  for (guint i = 0; i < node->aliases->len; i++) {
    const char *alias = node->aliases->pdata[i];
    char mac[18];

    if (g_str_has_prefix(alias, kind))
      is_listed |= unlist(set, gw_mac_normalize(alias + strlen(kind), mac) ? mac : alias + strlen(kind));
  }
  return is_listed;
}

static gboolean
fits_prefix(const GwWho *who, const char *id)
{
  GHashTableIter iter;
  gpointer prefix;

  if (!who->prefixes)
    return FALSE;
  g_hash_table_iter_init(&iter, who->prefixes);
  while (g_hash_table_iter_next(&iter, &prefix, NULL))
    if (g_str_has_prefix(id, prefix))
      return TRUE;
  return FALSE;
}

/* However the rule named the old one, it names the new one by its id: its other names may not be known yet.
 */
static gboolean
move_rule(GwWho *who, const GwNode *old, const GwNode *new)
{
  gboolean is_named = unlist(&who->nodes, old->id);

  is_named |= unlist(&who->macs, old->mac);
  is_named |= unlist_aliases(&who->macs, old, "mac=");
  is_named |= unlist(&who->imeis, old->id);
  is_named |= unlist_aliases(&who->imeis, old, "imei=");
  is_named |= fits_prefix(who, old->id) && !fits_prefix(who, new->id);
  if (!is_named)
    return FALSE;
  if (!who->nodes)
    who->nodes = gw_who_set_new();
  g_hash_table_add(who->nodes, g_strdup(new->id));
  return TRUE;
}

static guint
move_rules(GwCore *core, const GwNode *old, const GwNode *new, GwChange *change)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  gw_rules_iter(core->rules, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwRule *rule = value;

    if (!move_rule(&rule->who, old, new))
      continue;
    rule->changed_ms = gw_core_now(core).wall_ms;
    gw_rows_put_rule(gw_change_batch(change), rule);
    n++;
  }
  if (n)
    gw_rules_reindex(core->rules);
  return n;
}

static guint
move_accounts(GwCore *core, const GwNode *old, const GwNode *new, GwChange *change)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0, index;

  gw_accounts_iter(core->accounts, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwAccount *account = value;

    if (!g_ptr_array_find_with_equal_func(account->nodes, old->id, g_str_equal, &index))
      continue;
    g_ptr_array_remove_index(account->nodes, index);
    if (!g_ptr_array_find_with_equal_func(account->nodes, new->id, g_str_equal, NULL))
      g_ptr_array_add(account->nodes, g_strdup(new->id));
    gw_rows_put_account(gw_change_batch(change), account);
    n++;
  }
  return n;
}

static void
take_place(GwNode *new, const GwNode *old)
{
  gw_shared_text_set(&new->product, old->product);
  gw_shared_text_set(&new->location, old->location);
  if (!*new->plugin)
    gw_shared_text_set(&new->plugin, old->plugin);
  g_ptr_array_set_size(new->labels, 0);
  for (guint i = 0; i < old->labels->len; i++)
    g_ptr_array_add(new->labels, g_strdup(old->labels->pdata[i]));
}

typedef struct {
  GwBatch *batch;
  const char *node;
} Heir;

static void
inherit(const GwTimelineRow *row, gpointer user)
{
  const Heir *heir = user;
  GwTimelineRow own = *row;

  own.node = heir->node;
  gw_rows_put_timeline(heir->batch, &own);
}

/* The old one's rows go to the new name; memory forgets them, so that no rule takes the new one for done. */
static void
move_history(GwCore *core, const GwNode *old, const GwNode *new, GwChange *change)
{
  Heir heir = { gw_change_batch(change), new->id };

  gw_commands_drop_node(core, old, change);
  gw_timeline_unwritten(core->timeline, old->id, inherit, &heir);
  gw_timeline_forget(core->timeline, old->id);
  gw_rows_replace_node(heir.batch, old->id, new->id);
}

static void
hand_over(GwCore *core, const GwNode *from, GwNode *to, GwChange *change)
{
  gw_verifications_hand_over(core, from->id, to->id);
  gw_rollouts_node_replaced(core, from, to, change);
}

/* FALSE = it stays as it was, but for updates that were cancelled. */
static gboolean
replace(GwCore *core, GwNode *old, GwNode *new, GwChange *change, GError **error)
{
  g_autofree char *name = g_strdup(old->id);
  guint n_rules, n_accounts;

  if (!check(core, old, new, error))
    return FALSE;
  hand_over(core, old, new, change); /* first: an update that ends because of this is nobody's failure */
  if (!gw_commands_end_updates(core, old, "its device was replaced", change, error)) {
    hand_over(core, new, old, change);
    return FALSE;
  }
  n_rules = move_rules(core, old, new, change);
  n_accounts = move_accounts(core, old, new, change);
  take_place(new, old);
  move_history(core, old, new, change);
  gw_identity_remove(core, old);
  gw_identity_adopt(core, new, NULL, NULL, change);
  gw_verifications_begin_anew(core, new, change);
  gw_change_say(change, "node.replaced", &(GwAbout){ .node = new->id },
                "%s took the place of %s, with its history, %u rules and %u shared logins", new->id, name,
                n_rules, n_accounts);
  return TRUE;
}

void
gw_command_node_replace(GwCore *core, const GwCaller *caller, const char *old_id, const char *new_id,
                        GwThen then)
{
  g_autoptr(GError) error = NULL;
  gboolean is_new = !gw_commands_node(core, new_id, NULL);
  GwNode *old = gw_commands_node(core, old_id, &error);
  GwNode *new = old ? gw_commands_enter_node(core, new_id, &error) : NULL;
  g_autoptr(GwChange) change = gw_change_new(core, caller);

  if (new &&replace(core, old, new, change, &error)) {
    gw_change_finish(g_steal_pointer(&change), then, NULL);
    gw_scheduler_changed(core);
    return;
  }
  if (new &&is_new)
    gw_identity_remove(core, new);
  gw_change_commit_if_any(g_steal_pointer(&change)); /* what was cancelled is */
  gw_then_fail(core, then, g_steal_pointer(&error));
}
