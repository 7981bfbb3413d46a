/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a rule's windows are open, reckoned minute by minute and not by edges as the core does; and what was
 * missed in them. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet.h"

#define DAY_MINUTES 1440
#define MONDAY 4 /* 1970-01-05 */

static gboolean
is_on(const SimRule *rule, gint64 day)
{
  return rule->weekdays == 0 || (rule->weekdays >> ((day - MONDAY) % 7) & 1) != 0;
}

static gboolean
is_open_at(const SimRule *rule, gint64 wall_ms)
{
  gint64 day = wall_ms / RIG_DAY_MS;
  guint minute = (guint)(wall_ms / SIM_MINUTE_MS % DAY_MINUTES);

  if (rule->n_hours == 0)
    return TRUE;
  if (day == rule->blackout_day)
    return FALSE;
  for (guint i = 0; i < rule->n_hours; i++) {
    guint from = rule->hours[i].from_minute, until = rule->hours[i].until_minute;
    gboolean is_night = from > until;

    if (minute >= from && (is_night || minute < until) && is_on(rule, day))
      return TRUE;
    if (is_night && minute < until && is_on(rule, day - 1))
      return TRUE;
  }
  return FALSE;
}

gboolean
sim_is_open(const Sim *sim, const SimRule *rule)
{
  return is_open_at(rule, sim->now_ms);
}

/* Nobody who was heard to run it has missed anything; whoever was never offered it has. */
static void
note_closing(Sim *sim, SimRule *rule)
{
  guint number = (guint)(rule - sim->rules);
  g_autofree char *state = sim_look_up(sim, "rules", "name", rule->name, "state");
  SimClosing closing = { .end_ms = sim->now_ms - sim->now_ms % SIM_MINUTE_MS };

  for (guint i = 0; i < sim->n_nodes; i++) {
    const SimNode *node = &sim->nodes[i];

    if (node->make != rule->make ||
        (node->version >= rule->version && node->is_told && node->make != SIM_SILENT))
      continue;
    closing.most++;
    closing.least +=
        node->n_updates[number] == 0 && rule->groups[0].size == 0 && node->version < rule->version;
  }
  closing.is_exact = sim->rig->is_trusted && g_strcmp0(state, "running") == 0;
  g_array_append_val(rule->closings, closing);
}

void
sim_watch_windows(Sim *sim)
{
  for (guint i = 0; i < sim->n_rules; i++) {
    SimRule *rule = &sim->rules[i];
    gboolean is_open = sim_is_open(sim, rule);

    if (rule->was_open && !is_open && sim->is_up)
      note_closing(sim, rule);
    rule->was_open = is_open;
  }
}

/* ---- what the core says of it ---- */

/* Which rule missed how many until when: those that are told one by one are counted together. */
typedef struct {
  GHashTable *seen;   /* "RULE until TIME" or "NODE RULE until TIME" */
  GHashTable *counts; /* "RULE TIME" -> so many */
} Missed;

static char *
key_of(const SimRule *rule, const char *end)
{
  return g_strdup_printf("%s %.20s", rule->name, end);
}

static const SimRule *
rule_of(const Sim *sim, GVariant *row)
{
  gint64 id = 0;

  g_assert_true(g_variant_lookup(row, "rule", "x", &id));
  for (guint i = 0; i < sim->n_rules; i++)
    if (sim->rules[i].id == id)
      return &sim->rules[i];
  return NULL;
}

static void
take_missed(Sim *sim, GVariant *row, gpointer user)
{
  Missed *missed = user;
  const SimRule *rule = rule_of(sim, row);
  const char *text = sim_text_of(row, "text"), *until = strstr(text, " until "), *colon = strstr(text, ": ");
  const char *node = sim_text_of(row, "node");
  g_autofree char *key = NULL;
  guint n = 1;

  if (!rule)
    return;
  g_assert_nonnull(until);
  key = key_of(rule, until + strlen(" until "));
  if (!*node) {
    const char *number = strstr(text, rule->name) + strlen(rule->name);

    g_assert_nonnull(colon);
    g_assert_cmpint(sscanf(number, ": %u nodes", &n), ==, 1);
  }
  if (!g_hash_table_add(missed->seen, g_strdup_printf("%s %s", node, key)))
    sim_fail(sim, *node ? node : "rule", "missed %s twice", key);
  n += GPOINTER_TO_UINT(g_hash_table_lookup(missed->counts, key));
  g_hash_table_replace(missed->counts, g_steal_pointer(&key), GUINT_TO_POINTER(n));
}

/* One event may stand for several windows, where nobody could look at each. */
static void
check_closing(Sim *sim, const SimRule *rule, const SimClosing *closing, const Missed *missed)
{
  g_autofree char *end = gw_clock_format(closing->end_ms);
  g_autofree char *key = key_of(rule, end);
  guint n = GPOINTER_TO_UINT(g_hash_table_lookup(missed->counts, key));

  g_hash_table_remove(missed->counts, key);
  if (n > closing->most || (closing->is_exact && n < closing->least))
    sim_fail(sim, "rule", "%s: %u are said to have missed it, and it was %u to %u", key, n, closing->least,
             closing->most);
}

void
sim_check_missed(Sim *sim)
{
  Missed missed = { g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) };
  guint n_closings = 0, n_said;

  sim_events(sim, "rule.missed", take_missed, &missed);
  sim_events(sim, "node.missed", take_missed, &missed);
  n_said = g_hash_table_size(missed.counts);
  for (guint i = 0; i < sim->n_rules; i++)
    for (guint j = 0; j < sim->rules[i].closings->len; j++, n_closings++)
      check_closing(sim, &sim->rules[i], &g_array_index(sim->rules[i].closings, SimClosing, j), &missed);
  g_test_message("%u windows closed, %u were missed by somebody", n_closings, n_said);
  g_hash_table_unref(missed.seen);
  g_hash_table_unref(missed.counts);
}
