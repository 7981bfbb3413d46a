/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caps, as an onlooker counts them: as places are taken, used, left and lapse. */
#include "fleet.h"

typedef struct {
  guint node;
  gint64 until_ms;
} SimLapse;

static void
count(Sim *sim, const SimNode *node, int by)
{
  gboolean is_forced = node->slot.forced_ms == sim->now_ms;
  SimRule *rule = &sim->rules[node->slot.rule];

  sim->held.n += (guint)by;
  rule->held.n += (guint)by;
  sim->held.n_forced += is_forced ? (guint)by : 0;
  rule->held.n_forced += is_forced ? (guint)by : 0;
}

void
sim_free_slot(Sim *sim, SimNode *node)
{
  if (node->slot.rule >= 0)
    count(sim, node, -1);
  node->slot = (SimSlot){ .rule = -1 };
}

/* Places are taken in the order in which they lapse: all for the same time. */
static void
look_at_clock(Sim *sim)
{
  const SimLapse *lapse;

  while ((lapse = g_queue_peek_head(sim->lapses)) && lapse->until_ms <= sim->now_ms) {
    g_autofree SimLapse *owned = g_queue_pop_head(sim->lapses);
    SimNode *node = &sim->nodes[owned->node];

    if (node->slot.rule >= 0 && !node->slot.is_running && node->slot.until_ms == owned->until_ms)
      sim_free_slot(sim, node);
  }
  if (sim->forced_ms == sim->now_ms)
    return;
  sim->forced_ms = sim->now_ms;
  sim->held.n_forced = 0;
  for (guint i = 0; i < sim->n_rules; i++)
    sim->rules[i].held.n_forced = 0;
}

gboolean
sim_holds_slot(Sim *sim, SimNode *node)
{
  look_at_clock(sim);
  return node->slot.rule >= 0;
}

static void
say_slots(const Sim *sim)
{
  for (guint i = 0; i < sim->n_nodes; i++)
    if (sim->nodes[i].slot.rule >= 0)
      g_test_message("%s holds a place for %s, %s", sim->nodes[i].name,
                     sim->rules[sim->nodes[i].slot.rule].name,
                     sim->nodes[i].slot.is_running ? "and is sent bytes" : "and was offered them");
}

/* Who was let in whatever the caps say, at this very moment, may have come after @node: its answer did not
 * have to wait for the disk. */
static void
check_caps(Sim *sim, const SimNode *node, const SimRule *rule, gboolean is_forced)
{
  guint n = sim->held.n - (is_forced ? 0 : sim->held.n_forced);
  guint n_of_rule = rule->held.n - (is_forced ? 0 : rule->held.n_forced);

  if (n < sim->cap && (!rule->cap || n_of_rule < rule->cap))
    return;
  if (!is_forced) {
    say_slots(sim);
    sim_fail(sim, node->name, "beyond the cap: %u hold a place of %u, %u of rule %s a place of %u", n,
             sim->cap, n_of_rule, rule->name, rule->cap);
  }
  sim->n_late++;
}

void
sim_take_slot(Sim *sim, SimNode *node, int rule, gboolean is_forced)
{
  SimLapse *lapse;

  look_at_clock(sim);
  check_caps(sim, node, &sim->rules[rule], is_forced);
  node->slot = (SimSlot){ .rule = rule,
                          .until_ms = sim->now_ms + SIM_SLOT_MS,
                          .forced_ms = is_forced ? sim->now_ms : 0 };
  count(sim, node, 1);
  lapse = g_new(SimLapse, 1);
  *lapse = (SimLapse){ (guint)(node - sim->nodes), node->slot.until_ms };
  g_queue_push_tail(sim->lapses, lapse);
}

void
sim_run_slot(Sim *sim, SimNode *node)
{
  node->slot.is_running = TRUE;
}
