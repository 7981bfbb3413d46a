/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is told to ask when a window or a group opens, or an image is here: those of the rule that wait and
 * have an open session. So few in a turn that nobody else waits for it, and not a thousand sessions at once.
 */
#include "control/rollouts-private.h"

#define STEP_MAX 250 /* nodes that are looked at in one turn */
#define STEP_MS 500

static gboolean
has_sessions(const GwCore *core, const char *name)
{
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, name);

  return plugin && plugin->kind == GATEWAY_SESSION;
}

/* What a firmware is for, its nodes are of: where no transport of the rule keeps sessions, nobody is looked
 * at. */
static gboolean
may_have_sessions(const GwCore *core, const GwRule *rule)
{
  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i));

    if (firmware && (!*firmware->plugin || has_sessions(core, firmware->plugin)))
      return TRUE;
  }
  return FALSE;
}

static void
wake_node(GwCore *core, const GwRule *rule, const GwNode *node)
{
  if (has_sessions(core, node->plugin))
    gw_rollouts_wake(core, rule, node);
}

/* The nodes of a push are named, and have no turns. */
static void
wake_named(GwCore *core, const GwRule *rule)
{
  GHashTableIter iter;
  gpointer id;

  if (!rule->who.nodes)
    return;
  g_hash_table_iter_init(&iter, rule->who.nodes);
  while (g_hash_table_iter_next(&iter, &id, NULL)) {
    const GwNode *node = gw_registry_find(core->registry, id);

    if (node)
      wake_node(core, rule, node);
  }
}

void
gw_rollouts_wake_alarm(GwCore *core, gint64 rule_id)
{
  const GwRule *rule = gw_rules_find(core->rules, rule_id);
  GwRolloutState *rollout = gw_rollout_find(core, rule_id);
  const GwNode *node = NULL;

  if (!rule || !rollout || rule->state != GW_RULE_RUNNING)
    return;
  for (guint i = 0; i < STEP_MAX; i++) {
    node = gw_rollouts_next_waiting(core, rule_id, &rollout->wake_from);
    if (!node)
      break;
    wake_node(core, rule, node);
  }
  gw_core_alarm(core, GW_ALARM_WAKE, rule_id, node ? gw_core_now(core).boot_ms + STEP_MS : G_MAXINT64);
}

void
gw_rollouts_wake_all(GwCore *core, const GwRule *rule)
{
  GwRolloutState *rollout = gw_rollout_find(core, rule->id);

  if (rule->state != GW_RULE_RUNNING || !core->workers || !may_have_sessions(core, rule))
    return;
  if (rule->is_push)
    wake_named(core, rule);
  if (!rollout)
    return;
  rollout->wake_from = 0;
  gw_core_alarm(core, GW_ALARM_WAKE, rule->id, gw_core_now(core).boot_ms);
}

void
gw_rollouts_wake_firmware(GwCore *core, const GwFirmware *firmware)
{
  g_autoptr(GPtrArray) rules = g_ptr_array_new();

  gw_rules_collect_live(core->rules, rules);
  for (guint i = 0; i < rules->len; i++)
    if (gw_rule_has_firmware(rules->pdata[i], firmware->id))
      gw_rollouts_wake_all(core, rules->pdata[i]);
}
