/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a node does next, honest or not. It knows nothing of rules, hours or caps. */
#include <stdlib.h>
#include <string.h>

#include "fleet.h"

#define LOSS 0.03          /* of what it sends before it leaves the air */
#define TRANSFER_LOSS 0.12 /* of its downloads */

gboolean
sim_chance(Sim *sim, double probability)
{
  return g_rand_double(sim->rand) < probability;
}

gint64
sim_between(Sim *sim, gint64 least_ms, gint64 most_ms)
{
  return least_ms + (gint64)(g_rand_double(sim->rand) * (double)(most_ms - least_ms));
}

static void
set_next(Sim *sim, SimNode *node, SimPhase phase, gint64 wait_ms)
{
  node->phase = phase;
  sim->next_ms[node - sim->nodes] = sim->now_ms + wait_ms;
}

/* Its own rhythm: a mote that has everything asks often, so that it can be believed. */
static gint64
rhythm_ms(Sim *sim, const SimNode *node)
{
  if (node->is_sleeper)
    return sim_between(sim, 22 * SIM_HOUR_MS, 26 * SIM_HOUR_MS);
  if (node->is_watched)
    return sim_between(sim, SIM_MINUTE_MS, 4 * SIM_MINUTE_MS);
  return sim_between(sim, 30 * SIM_MINUTE_MS, 120 * SIM_MINUTE_MS);
}

static gboolean
dies_now(Sim *sim, SimNode *node)
{
  if (node->dies_ms > sim->now_ms)
    return FALSE;
  node->phase = SIM_DEAD;
  sim->next_ms[node - sim->nodes] = G_MAXINT64;
  return TRUE;
}

/* ---- it acts ---- */

static void
ask(Sim *sim, SimNode *node, GwAskKind kind)
{
  gboolean is_kept =
      kind == GW_ASK_OFFER && node->cached_until_ms > sim->now_ms && node->cached_epoch == sim->epoch;

  if (is_kept) {
    sim->n_cached++;
    set_next(sim, node, SIM_ASKING, rhythm_ms(sim, node));
  } else if (sim_chance(sim, LOSS)) {
    sim->next_ms[node - sim->nodes] = sim->now_ms + sim_between(sim, SIM_MINUTE_MS, 20 * SIM_MINUTE_MS);
  } else {
    sim_worker_ask(sim, node, kind);
  }
}

static void
end_transfer(Sim *sim, SimNode *node, gboolean is_death)
{
  if (is_death || sim_chance(sim, TRANSFER_LOSS)) {
    node->acked = (guint)g_rand_int_range(sim->rand, (gint32)node->acked, SIM_SIZE);
    node->n_lost++;
    sim_free_slot(sim, node);
    if (!is_death)
      node->phase = SIM_FETCHING;
    sim_worker_tell(sim, node, GW_TOLD_INTERRUPTED, node->acked);
    return;
  }
  node->acked = SIM_SIZE;
  node->has_begun = FALSE;
  node->is_watched = node->make == SIM_SILENT;
  node->phase = SIM_INSTALLING;
  sim_free_slot(sim, node);
  sim_worker_tell(sim, node, GW_TOLD_COMPLETE, SIM_SIZE);
}

/* It comes back, with the new version or not, and some say how it went. */
static void
install(Sim *sim, SimNode *node)
{
  gboolean is_done = node->temper != SIM_LIAR && node->n_failing == 0;

  node->acked = 0;
  if (is_done) {
    node->version = node->offered;
    node->had |= 1u << node->version;
    node->is_told = FALSE;
  }
  node->n_failing -= node->n_failing > 0 ? 1 : 0;
  set_next(sim, node, SIM_ASKING, sim_between(sim, SIM_STEP_MS, 5 * SIM_MINUTE_MS));
  if (node->make != SIM_SILENT && (node->temper == SIM_LIAR || sim_chance(sim, 0.5)))
    sim_worker_report(sim, node,
                      is_done || node->temper == SIM_LIAR ? GATEWAY_TELL_SUCCEEDED : GATEWAY_TELL_FAILED);
}

void
sim_node_act(Sim *sim, SimNode *node)
{
  if (node->phase == SIM_SENDING) {
    end_transfer(sim, node, dies_now(sim, node));
    return;
  }
  if (dies_now(sim, node))
    return;
  if (node->phase == SIM_INSTALLING)
    install(sim, node);
  else
    ask(sim, node, node->phase == SIM_FETCHING ? GW_ASK_BYTES : GW_ASK_OFFER);
}

/* ---- it hears ---- */

static void
take_offer(Sim *sim, SimNode *node)
{
  gboolean has_it = node->offered == node->version && node->make == SIM_SILENT;

  if (has_it || node->n_skip > 0) {
    node->n_skip -= has_it ? 0 : 1;
    set_next(sim, node, SIM_ASKING,
             has_it ? rhythm_ms(sim, node) : sim_between(sim, SIM_MINUTE_MS, 9 * SIM_MINUTE_MS));
  } else if (node->make == SIM_SILENT && sim_chance(sim, 0.1)) {
    set_next(sim, node, SIM_FETCHING, sim_between(sim, SIM_HOUR_MS, 5 * SIM_HOUR_MS)); /* late, and served */
  } else {
    set_next(sim, node, SIM_FETCHING, sim_between(sim, 0, 6 * SIM_MINUTE_MS));
  }
}

static void
take_nothing(Sim *sim, SimNode *node, const GwAnswer *answer)
{
  gint64 wait_ms;

  node->is_watched = FALSE;
  wait_ms = rhythm_ms(sim, node);
  if (answer->kind == GATEWAY_ANSWER_LATER && !node->is_sleeper)
    wait_ms = MAX((gint64)answer->wait_s * 1000, sim_between(sim, SIM_STEP_MS, 10 * SIM_MINUTE_MS));
  if (answer->kind != GATEWAY_ANSWER_OFFER && answer->until_boot_ms) {
    node->cached_until_ms = sim->boot_at_ms + answer->until_boot_ms;
    node->cached_epoch = answer->epoch;
  }
  set_next(sim, node, SIM_ASKING, wait_ms);
}

static void
take_bytes(Sim *sim, SimNode *node)
{
  node->has_begun = TRUE;
  node->is_watched = FALSE;
  node->phase = SIM_SENDING;
  sim->n_transfers++;
  sim_worker_tell(sim, node, GW_TOLD_BEGUN, 0);
}

void
sim_node_answered(Sim *sim, SimNode *node, const SimWord *word, const GwAnswer *answer)
{
  if (word->kind == GW_ASK_OFFER)
    sim_check_told(sim, node);
  if (answer->kind == GATEWAY_ANSWER_OFFER)
    take_offer(sim, node);
  else if (answer->kind == GATEWAY_ANSWER_BYTES)
    take_bytes(sim, node);
  else
    take_nothing(sim, node, answer);
}

void
sim_node_acked(Sim *sim, SimNode *node, const SimWord *word, int kind)
{
  guint i = word->node;

  if (word->told == GW_TOLD_COMPLETE && kind == GATEWAY_ANSWER_ACCEPTED)
    sim_check_download(sim, node);
  if (node->phase == SIM_DEAD || sim->next_ms[i] != G_MAXINT64)
    return;
  if (word->told == GW_TOLD_BEGUN && node->phase == SIM_SENDING)
    sim->next_ms[i] = sim->now_ms + sim_between(sim, SIM_MINUTE_MS, 9 * SIM_MINUTE_MS);
  else if (word->told == GW_TOLD_COMPLETE)
    sim->next_ms[i] = sim->now_ms + sim_between(sim, SIM_MINUTE_MS, 8 * SIM_MINUTE_MS);
  else
    sim->next_ms[i] = sim->now_ms + sim_between(sim, SIM_STEP_MS, 6 * SIM_MINUTE_MS);
}

void
sim_node_cut(Sim *sim, SimNode *node)
{
  sim->n_cut++;
  set_next(sim, node, node->make == SIM_SILENT ? SIM_FETCHING : SIM_ASKING,
           sim_between(sim, SIM_STEP_MS, 10 * SIM_MINUTE_MS));
}

void
sim_node_woken(Sim *sim, const char *name)
{
  guint i = (guint)strtoul(name + 1, NULL, 10);

  g_assert_cmpuint(i, <, sim->n_nodes);
  if (sim->nodes[i].phase == SIM_ASKING && !sim->nodes[i].is_sleeper && sim->next_ms[i] != G_MAXINT64)
    sim->next_ms[i] = sim->now_ms + sim_between(sim, 0, SIM_MINUTE_MS);
}
