/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold at each answer, whatever happens. Everything is counted anew here, from what nodes were
 * answered: nothing is asked of the core. */
#include <stdlib.h>
#include <string.h>

#include "fleet.h"

void
sim_fail(const Sim *sim, const char *name, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  g_error("day %.3f, %s: %s", (double)(sim->now_ms - sim->began_ms) / RIG_DAY_MS, name, text);
}

/* ---- hours ---- */

/* What was promised by a rule without hours is kept whatever the clock says. */
static void
check_may_start(Sim *sim, const SimNode *node, const SimRule *rule, const char *what)
{
  gboolean is_promised = node->rule >= 0 && rule == &sim->rules[node->rule] && node->offered == rule->version;

  if (!sim->rig->is_trusted && !(is_promised && rule->n_hours == 0))
    sim_fail(sim, node->name, "%s while the clock is not trusted", what);
  if (!rule->is_running)
    sim_fail(sim, node->name, "%s by rule %s, which does not run", what, rule->name);
  if (!sim_is_open(sim, rule))
    sim_fail(sim, node->name, "%s by rule %s outside of its hours", what, rule->name);
}

/* ---- offers ---- */

int
sim_find_rule(const Sim *sim, SimMake make, guint version)
{
  for (guint i = 0; i < sim->n_rules; i++)
    if (sim->rules[i].make == make && sim->rules[i].version == version)
      return (int)i;
  return -1;
}

/* Enough of each group must have been heard to run it before anybody of a later one is offered it. */
static void
check_group(const Sim *sim, const SimNode *node, const SimRule *rule)
{
  guint n_before = 0, n_needed = 0;

  for (guint i = 0; i < SIM_GROUPS_MAX && rule->groups[i].size; i++) {
    n_before += rule->groups[i].size;
    n_needed += (rule->groups[i].size * rule->groups[i].percent + 99) / 100;
    if (rule->n_begun > n_before && rule->n_good < n_needed)
      sim_fail(sim, node->name, "rule %s is offered to %u nodes, and %u of the first %u run it", rule->name,
               rule->n_begun, rule->n_good, n_before);
  }
}

void
sim_check_told(Sim *sim, SimNode *node)
{
  node->is_told = TRUE;
  node->told_ms = sim->now_ms;
  for (guint i = 0; i < sim->n_rules; i++) {
    SimRule *rule = &sim->rules[i];

    if (node->make == SIM_SILENT || rule->make != node->make || rule->version != node->version ||
        node->n_updates[i] == 0)
      continue;
    rule->n_good += (node->good >> i & 1) ? 0 : 1;
    node->good |= 1u << i;
  }
}

static void
check_day(const Sim *sim, SimNode *node, int number)
{
  gint64 day = sim->now_ms / RIG_DAY_MS;

  if (sim->rules[number].is_once_a_day && node->last_day[number] == day)
    sim_fail(sim, node->name, "rule %s begins twice on one day", sim->rules[number].name);
  node->last_day[number] = day;
}

static void
check_update_is_sole(Sim *sim, SimNode *node, const GwAnswer *answer, int rule)
{
  const SimRule *by = &sim->rules[rule];

  if (answer->update == node->update)
    return; /* another attempt */
  if (by->only >= 0 && by->only != node - sim->nodes)
    sim_fail(sim, node->name, "offered what is not verified, and is on trial on another node");
  if (++node->n_updates[rule] > 1)
    sim_fail(sim, node->name, "rule %s fired %u times", by->name, node->n_updates[rule]);
  node->update = answer->update;
  node->n_downloads = 0;
  sim->rules[rule].n_begun++;
  check_group(sim, node, by);
}

static void
check_promise(Sim *sim, SimNode *node, const GwAnswer *answer, int rule)
{
  check_may_start(sim, node, &sim->rules[rule], "offered anew");
  check_update_is_sole(sim, node, answer, rule);
  check_day(sim, node, rule);
  g_strlcpy(node->token, answer->token, sizeof node->token);
  node->rule = rule;
  node->has_begun = node->is_watched = FALSE;
  node->acked = 0;
  node->offered_ms = sim->now_ms;
  sim_free_slot(sim, node);
  sim->n_offers++;
}

void
sim_check_download(Sim *sim, SimNode *node)
{
  guint n_more = node->make == SIM_SILENT ? 1 : 0; /* asking again ends its update, and still it is served */

  if (++node->n_downloads > SIM_ATTEMPTS + n_more)
    sim_fail(sim, node->name, "was let download %u times under one update", node->n_downloads);
}

static void
check_offer(Sim *sim, SimNode *node, const GwAnswer *answer)
{
  guint version = (guint)strtoul(answer->software_version, NULL, 10);
  int rule = sim_find_rule(sim, node->make, version);

  if (rule < 0)
    sim_fail(sim, node->name, "offered version %u, which no rule brings", version);
  if (node->make != SIM_SILENT && version == node->version)
    sim_fail(sim, node->name, "offered version %u, which it said it runs", version);
  if (strcmp(node->token, answer->token) != 0)
    check_promise(sim, node, answer, rule);
  else if (node->make != SIM_SILENT && !node->has_begun)
    check_may_start(sim, node, &sim->rules[rule], "offered again");
  node->offered = version;
  if (!node->is_watched && !sim_holds_slot(sim, node))
    sim_take_slot(sim, node, rule, FALSE);
}

static void
check_bytes(Sim *sim, SimNode *node, const SimWord *word, const GwAnswer *answer)
{
  if (strcmp(node->token, answer->token) != 0 || strcmp(word->token, answer->token) != 0)
    sim_fail(sim, node->name, "was given the bytes of another's token");
  if ((guint)strtoul(answer->software_version, NULL, 10) != node->offered)
    sim_fail(sim, node->name, "was offered version %u, and given version %s", node->offered,
             answer->software_version);
  if (node->make != SIM_SILENT && !node->has_begun)
    check_may_start(sim, node, &sim->rules[node->rule], "given bytes");
  if (!sim_holds_slot(sim, node))
    sim_take_slot(sim, node, node->rule, node->make == SIM_SILENT);
  sim_run_slot(sim, node);
}

void
sim_check_answer(Sim *sim, SimNode *node, const SimWord *word, const GwAnswer *answer)
{
  if (answer->kind == GATEWAY_ANSWER_OFFER)
    check_offer(sim, node, answer);
  else if (answer->kind == GATEWAY_ANSWER_BYTES)
    check_bytes(sim, node, word, answer);
  else if (answer->kind == GATEWAY_ANSWER_DENIED)
    sim_fail(sim, node->name, "was turned away");
}
