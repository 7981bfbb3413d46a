/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules of "once a day": on which UTC day something was last started for a node. It is on disk before it is
 * done, so that no restart, and no clock that stands still, starts it twice. */
#include "control/rollouts-private.h"

#include "control/scheduler.h"

#define DAY_MS G_GINT64_CONSTANT(86400000)

typedef struct {
  GwCore *core;
  char *node;
} Wake;

/* The parts of a node have their days each. */
static gint64
key_of(const GwRule *rule, const char *node, const GwFirmware *firmware)
{
  guint64 key = gw_rollout_hash(rule->id, node);

  return (gint64)(firmware ? gw_rollout_hash((gint64)key, firmware->type) : key);
}

void
gw_rollout_set_day(GwRolloutState *rollout, gint64 key, gint64 day)
{
  if (!rollout->days)
    rollout->days = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  g_hash_table_replace(rollout->days, g_memdup2(&key, sizeof(key)), GINT_TO_POINTER((gint)day));
}

gint64
gw_rollouts_day_wait_ms(const GwCore *core, const GwRule *rule, const char *node, const GwFirmware *firmware)
{
  const GwRolloutState *rollout = rule->rollout.is_once_a_day ? gw_rollout_find(core, rule->id) : NULL;
  gint64 wall_ms = gw_core_now(core).wall_ms, today = wall_ms / DAY_MS, key = key_of(rule, node, firmware);
  gpointer day = NULL;

  if (!rollout || !rollout->days || !g_hash_table_lookup_extended(rollout->days, &key, NULL, &day))
    return 0;
  /* A clock that was set back over midnight has this day before it once more. */
  if (GPOINTER_TO_INT(day) != today && GPOINTER_TO_INT(day) != today + 1)
    return 0;
  return (GPOINTER_TO_INT(day) + 1) * DAY_MS - wall_ms;
}

void
gw_rollouts_use_day(GwCore *core, const GwRule *rule, const char *node, const GwFirmware *firmware,
                    GwChange *change)
{
  GwRolloutState *rollout = rule->rollout.is_once_a_day ? gw_rollout_find(core, rule->id) : NULL;
  gint64 day = gw_core_now(core).wall_ms / DAY_MS, key = key_of(rule, node, firmware);

  if (!rollout)
    return;
  gw_rollout_set_day(rollout, key, day);
  gw_rows_put_day(gw_change_batch(change), rule->id, key, day);
}

static void
on_day_durable(const GError *error, gpointer user)
{
  Wake *wake = user;
  const GwNode *node = error ? NULL : gw_registry_find(wake->core->registry, wake->node);

  if (node && wake->core->workers)
    gw_scheduler_wake(wake->core, node);
  g_free(wake->node);
  g_free(wake);
}

void
gw_rollouts_wake(GwCore *core, const GwRule *rule, const GwNode *node)
{
  GwChange *change;
  Wake *wake;

  if (!rule->rollout.is_once_a_day || !gw_rollout_find(core, rule->id)) {
    gw_scheduler_wake(core, node);
    return;
  }
  /* Without the time nothing would begin, and the day is not known. */
  if (!gw_core_now(core).is_trusted || gw_rollouts_day_wait_ms(core, rule, node->id, NULL) > 0)
    return;
  change = gw_change_new(core, NULL);
  gw_rollouts_use_day(core, rule, node->id, NULL, change);
  wake = g_new(Wake, 1);
  *wake = (Wake){ core, g_strdup(node->id) };
  gw_change_commit(change, on_day_durable, wake);
}
