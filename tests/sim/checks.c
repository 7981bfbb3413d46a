/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold whatever happens. Everything is counted anew here, from what nodes were answered: nothing is
 * asked of the core but its books, and those are compared with the truth. */
#include <stdlib.h>
#include <string.h>

#include "fleet.h"

#define DAY_MINUTES 1440

static void G_GNUC_PRINTF(3, 4) G_GNUC_NORETURN
    fail_node(const Sim *sim, const SimNode *node, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  g_error("day %.3f, %s: %s", (double)(sim->now_ms - sim->began_ms) / RIG_DAY_MS, node->name, text);
}

/* ---- hours ---- */

static guint
minute_of(gint64 wall_ms)
{
  return (guint)(wall_ms / SIM_MINUTE_MS % DAY_MINUTES);
}

gboolean
sim_is_open(const Sim *sim, const SimRule *rule)
{
  guint minute = minute_of(sim->now_ms);

  if (rule->from_minute == rule->until_minute)
    return TRUE;
  if (rule->from_minute < rule->until_minute)
    return minute >= rule->from_minute && minute < rule->until_minute;
  return minute >= rule->from_minute || minute < rule->until_minute;
}

/* What was promised by a rule without hours is kept whatever the clock says. */
static void
check_may_start(Sim *sim, const SimNode *node, const SimRule *rule, const char *what)
{
  gboolean is_promised = node->rule >= 0 && rule == &sim->rules[node->rule] && node->offered == rule->version;

  if (!sim->rig->is_trusted && !(is_promised && rule->from_minute == rule->until_minute))
    fail_node(sim, node, "%s while the clock is not trusted", what);
  if (!rule->is_running)
    fail_node(sim, node, "%s by rule %s, which does not run", what, rule->name);
  if (!sim_is_open(sim, rule))
    fail_node(sim, node, "%s by rule %s outside of its hours", what, rule->name);
}

/* ---- places ---- */

static gboolean
holds_slot(const Sim *sim, const SimNode *node)
{
  return node->slot.rule >= 0 && (node->slot.is_running || node->slot.until_ms > sim->now_ms);
}

void
sim_free_slot(SimNode *node)
{
  node->slot = (SimSlot){ .rule = -1 };
}

static void
say_slots(const Sim *sim)
{
  for (guint i = 0; i < sim->n_nodes; i++)
    if (holds_slot(sim, &sim->nodes[i]))
      g_test_message("%s holds a place for %s, %s", sim->nodes[i].name,
                     sim->rules[sim->nodes[i].slot.rule].name,
                     sim->nodes[i].slot.is_running ? "and is sent bytes" : "and was offered them");
}

/* Who was let in whatever the caps say, at this very moment, may have come after @node: its answer did not
 * have to wait for the disk. */
static void
take_slot(Sim *sim, SimNode *node, gboolean is_forced)
{
  const SimRule *rule = &sim->rules[node->rule];
  guint n = 0, n_of_rule = 0;

  for (guint i = 0; i < sim->n_nodes; i++) {
    const SimNode *other = &sim->nodes[i];

    if (other == node || !holds_slot(sim, other) || (!is_forced && other->slot.forced_ms == sim->now_ms))
      continue;
    n++;
    n_of_rule += other->slot.rule == node->rule ? 1 : 0;
  }
  node->slot.forced_ms = is_forced ? sim->now_ms : 0;
  if (n < sim->cap && (!rule->cap || n_of_rule < rule->cap))
    return;
  if (!is_forced) {
    say_slots(sim);
    fail_node(sim, node, "beyond the cap: %u hold a place of %u, %u of rule %s a place of %u", n, sim->cap,
              n_of_rule, rule->name, rule->cap);
  }
  sim->n_late++;
}

/* ---- offers ---- */

static int
find_rule(const Sim *sim, SimMake make, guint version)
{
  for (guint i = 0; i < sim->n_rules; i++)
    if (sim->rules[i].make == make && sim->rules[i].version == version)
      return (int)i;
  return -1;
}

/* Three fifths of the first group must have been heard to run it before anybody else is offered it. */
static void
check_group(const Sim *sim, const SimNode *node, int number)
{
  const SimRule *rule = &sim->rules[number];
  guint n_begun = 0, n_good = 0;

  for (guint i = 0; i < sim->n_nodes; i++) {
    const SimNode *other = &sim->nodes[i];

    if (other->n_updates[number] == 0)
      continue;
    n_begun++;
    n_good += other->version >= rule->version && other->is_told ? 1 : 0;
  }
  if (rule->first_group && n_begun > rule->first_group && n_good * 10 < rule->first_group * 6)
    fail_node(sim, node, "rule %s is offered to %u nodes, and %u of its first %u run it", rule->name, n_begun,
              n_good, rule->first_group);
}

static void
check_day(const Sim *sim, SimNode *node, int number)
{
  gint64 day = sim->now_ms / RIG_DAY_MS;

  if (sim->rules[number].is_once_a_day && node->last_day[number] == day)
    fail_node(sim, node, "rule %s begins twice on one day", sim->rules[number].name);
  node->last_day[number] = day;
}

static void
check_update_is_sole(Sim *sim, SimNode *node, const GwAnswer *answer, int rule)
{
  const SimRule *by = &sim->rules[rule];

  if (answer->update == node->update)
    return; /* another attempt */
  if (by->only >= 0 && by->only != node - sim->nodes)
    fail_node(sim, node, "offered what is not verified, and is on trial on another node");
  if (++node->n_updates[rule] > 1)
    fail_node(sim, node, "rule %s fired %u times", by->name, node->n_updates[rule]);
  node->update = answer->update;
  node->n_downloads = 0;
  check_group(sim, node, rule);
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
  sim_free_slot(node);
  sim->n_offers++;
}

void
sim_check_download(Sim *sim, SimNode *node)
{
  guint n_more = node->make == SIM_SILENT ? 1 : 0; /* asking again ends its update, and still it is served */

  if (++node->n_downloads > SIM_ATTEMPTS + n_more)
    fail_node(sim, node, "was let download %u times under one update", node->n_downloads);
}

static void
check_offer(Sim *sim, SimNode *node, const GwAnswer *answer)
{
  guint version = (guint)strtoul(answer->software_version, NULL, 10);
  int rule = find_rule(sim, node->make, version);

  if (rule < 0)
    fail_node(sim, node, "offered version %u, which no rule brings", version);
  if (node->make != SIM_SILENT && version == node->version)
    fail_node(sim, node, "offered version %u, which it said it runs", version);
  if (strcmp(node->token, answer->token) != 0)
    check_promise(sim, node, answer, rule);
  else if (node->make != SIM_SILENT && !node->has_begun)
    check_may_start(sim, node, &sim->rules[rule], "offered again");
  node->offered = version;
  if (node->is_watched || holds_slot(sim, node))
    return;
  take_slot(sim, node, FALSE);
  node->slot = (SimSlot){ .rule = rule, .until_ms = sim->now_ms + SIM_SLOT_MS };
}

static void
check_bytes(Sim *sim, SimNode *node, const SimWord *word, const GwAnswer *answer)
{
  if (strcmp(node->token, answer->token) != 0 || strcmp(word->token, answer->token) != 0)
    fail_node(sim, node, "was given the bytes of another's token");
  if ((guint)strtoul(answer->software_version, NULL, 10) != node->offered)
    fail_node(sim, node, "was offered version %u, and given version %s", node->offered,
              answer->software_version);
  if (node->make != SIM_SILENT && !node->has_begun)
    check_may_start(sim, node, &sim->rules[node->rule], "given bytes");
  if (!holds_slot(sim, node))
    take_slot(sim, node, node->make == SIM_SILENT);
  node->slot.rule = node->rule;
  node->slot.is_running = TRUE;
}

void
sim_check_answer(Sim *sim, SimNode *node, const SimWord *word, const GwAnswer *answer)
{
  if (answer->kind == GATEWAY_ANSWER_OFFER)
    check_offer(sim, node, answer);
  else if (answer->kind == GATEWAY_ANSWER_BYTES)
    check_bytes(sim, node, word, answer);
  else if (answer->kind == GATEWAY_ANSWER_DENIED)
    fail_node(sim, node, "was turned away");
}

/* ---- the books ---- */

typedef void (*SimRow)(Sim *sim, GVariant *row, gpointer user);

static void
list(Sim *sim, const char *kind, const char *const *columns, SimRow each, gpointer user)
{
  g_autofree char *cursor = g_strdup("");

  do {
    g_autoptr(GVariant) filter = g_variant_ref_sink(g_variant_new("a{sv}", NULL));
    GwListQuery query = { kind, (const char *const *)columns, filter, "id", cursor, 500 };
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) result = NULL, rows = NULL;

    gw_query_list(sim->rig->core, &query, rig_then());
    result = rig_result(sim->rig, &error);
    g_assert_no_error(error);
    g_free(cursor);
    g_variant_get(result, "(@aa{sv}su)", &rows, &cursor, NULL);
    for (gsize i = 0; i < g_variant_n_children(rows); i++) {
      g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

      each(sim, row, user);
    }
  } while (*cursor);
}

static SimNode *
node_of(Sim *sim, GVariant *row, const char *column)
{
  const char *name = NULL;

  g_assert_true(g_variant_lookup(row, column, "&s", &name));
  if (*name != 'n' || !g_ascii_isdigit(name[1]))
    return NULL; /* the rig's own */
  return &sim->nodes[strtoul(name + 1, NULL, 10)];
}

static const char *
text_of(GVariant *row, const char *column)
{
  const char *text = NULL;

  g_assert_true(g_variant_lookup(row, column, "&s", &text));
  return text;
}

static gboolean
is_one_of(const char *state, const char *const *states)
{
  return g_strv_contains(states, state);
}

static const char *const OPEN[] = { "scheduled",  "offered",  "downloading", "downloaded",
                                    "installing", "reported", NULL };
static const char *const UNDONE[] = { "superseded", "expired", "cancelled", NULL };

typedef struct {
  guint *n_open;                   /* by node */
  guint (*n_meant)[SIM_RULES_MAX]; /* by node and rule */
  guint n_succeeded;
  gboolean is_end;
} Books;

static void
check_outcome(Sim *sim, const SimNode *node, const char *state, guint version)
{
  gboolean had_it = (node->had & (1u << version)) != 0;

  if (strcmp(state, "succeeded") == 0 && !had_it)
    fail_node(sim, node, "version %u is said to have succeeded, and never ran", version);
  if (strcmp(state, "failed") == 0 && node->version == version && node->is_told)
    fail_node(sim, node, "version %u is said to have failed, and it runs, and said so", version);
}

static void
check_update(Sim *sim, GVariant *row, gpointer user)
{
  Books *books = user;
  SimNode *node = node_of(sim, row, "node");
  const char *state = text_of(row, "state");
  guint version = (guint)strtoul(text_of(row, "version"), NULL, 10);
  int rule = node ? find_rule(sim, node->make, version) : -1;
  gsize i;

  if (!node)
    return;
  i = (gsize)(node - sim->nodes);
  g_assert_cmpint(rule, >=, 0);
  if (is_one_of(state, OPEN) && ++books->n_open[i] > 1)
    fail_node(sim, node, "has two open updates");
  if (!is_one_of(state, UNDONE) && ++books->n_meant[i][rule] > 1)
    fail_node(sim, node, "has two updates under rule %s", sim->rules[rule].name);
  check_outcome(sim, node, state, version);
  books->n_succeeded += strcmp(state, "succeeded") == 0 ? 1 : 0;
}

static guint
read_updates(Sim *sim)
{
  static const char *const COLUMNS[] = { "id", "node", "state", "version", NULL };
  g_autofree guint *n_open = g_new0(guint, sim->n_nodes);
  g_autofree gpointer n_meant = g_malloc0(sim->n_nodes * sizeof(guint[SIM_RULES_MAX]));
  Books books = { n_open, n_meant, 0, FALSE };

  list(sim, "updates", COLUMNS, check_update, &books);
  return books.n_succeeded;
}

void
sim_check_books(Sim *sim)
{
  (void)read_updates(sim);
}

/* ---- the end ---- */

static void
check_version(Sim *sim, GVariant *row, gpointer user)
{
  SimNode *node = node_of(sim, row, "id");

  if (node && node->is_told && node->make != SIM_SILENT &&
      (guint)strtoul(text_of(row, "version"), NULL, 10) != node->version)
    fail_node(sim, node, "runs version %u, and the books say %s", node->version, text_of(row, "version"));
}

/* The newest that a rule brings to all of its make. */
static guint
wanted_version(const Sim *sim, SimMake make)
{
  guint version = 0;

  for (guint i = 0; i < sim->n_rules; i++)
    if (sim->rules[i].make == make && sim->rules[i].only < 0)
      version = MAX(version, sim->rules[i].version);
  return version;
}

static gboolean
is_able(const SimNode *node)
{
  return node->phase != SIM_DEAD && !node->is_sleeper && node->temper != SIM_LIAR;
}

/* Nobody who could was left behind, but by bad luck: each broken transfer is worth a night. */
static void
check_reached(Sim *sim)
{
  guint n_able = 0, n_reached = 0;

  for (guint i = 0; i < sim->n_nodes; i++) {
    const SimNode *node = &sim->nodes[i];
    gboolean is_reached = node->version >= wanted_version(sim, node->make);

    if (!is_able(node))
      continue;
    n_able++;
    n_reached += is_reached ? 1 : 0;
    if (!is_reached)
      g_test_message("%s of %s runs %u after %u broken transfers", node->name, sim_products[node->make],
                     node->version, node->n_lost);
  }
  g_test_message("%u of %u that could be were brought to the newest version", n_reached, n_able);
  g_assert_cmpuint(n_reached * 100, >=, n_able * 99);
}

void
sim_check_end(Sim *sim)
{
  static const char *const COLUMNS[] = { "id", "version", NULL };
  guint n_succeeded;

  rig_settle(sim->rig);
  n_succeeded = read_updates(sim);
  list(sim, "nodes", COLUMNS, check_version, NULL);
  check_reached(sim);
  g_test_message(
      "%u asks, %u answered from cache, %u offers, %u transfers, %u beyond the cap, %u broken off, "
      "%u restarts, %u succeeded",
      sim->n_asks, sim->n_cached, sim->n_offers, sim->n_transfers, sim->n_late, sim->n_cut, sim->n_restarts,
      n_succeeded);
}
