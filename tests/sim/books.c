/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the core says of the fleet, held against the truth. */
#include <stdlib.h>
#include <string.h>

#include "fleet.h"

/* ---- the books ---- */

static void
take_rows(Sim *sim, GVariant *rows, SimRow each, gpointer user)
{
  for (gsize i = 0; i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

    each(sim, row, user);
  }
}

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
    take_rows(sim, rows, each, user);
  } while (*cursor);
}

static void
take_text(Sim *sim, GVariant *row, gpointer user)
{
  gpointer *wanted = user;

  g_free(wanted[1]);
  wanted[1] = g_strdup(sim_text_of(row, wanted[0]));
}

char *
sim_look_up(Sim *sim, const char *kind, const char *key, const char *value, const char *column)
{
  const char *columns[] = { column, NULL };
  gpointer wanted[] = { (gpointer)column, NULL };
  g_autoptr(GVariant) filter = g_variant_ref_sink(g_variant_new_parsed("{%s: <%s>}", key, value));
  GwListQuery query = { kind, columns, filter, "", "", 1 };
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL, rows = NULL;

  gw_query_list(sim->rig->core, &query, rig_then());
  result = rig_result(sim->rig, &error);
  g_assert_no_error(error);
  rows = g_variant_get_child_value(result, 0);
  take_rows(sim, rows, take_text, wanted);
  return wanted[1];
}

void
sim_events(Sim *sim, const char *type, SimRow each, gpointer user)
{
  g_autoptr(GVariant) filter = g_variant_ref_sink(g_variant_new_parsed("{'type': <%s>}", type));
  gint64 after = 0, last = -1;

  while (after != last) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) result = NULL, rows = NULL;

    after = MAX(last, 0);
    gw_query_events(sim->rig->core, after, filter, 500, rig_then());
    result = rig_result(sim->rig, &error);
    g_assert_no_error(error);
    g_variant_get(result, "(@aa{sv}x)", &rows, &last);
    take_rows(sim, rows, each, user);
  }
}

const char *
sim_text_of(GVariant *row, const char *column)
{
  const char *text = "";

  g_variant_lookup(row, column, "&s", &text);
  return text;
}

static SimNode *
node_of(Sim *sim, GVariant *row, const char *column)
{
  const char *name = sim_text_of(row, column);

  if (*name != 'n' || !g_ascii_isdigit(name[1]))
    return NULL; /* the rig's own */
  return &sim->nodes[strtoul(name + 1, NULL, 10)];
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
    sim_fail(sim, node->name, "version %u is said to have succeeded, and never ran", version);
  if (strcmp(state, "failed") == 0 && node->version == version && node->is_told)
    sim_fail(sim, node->name, "version %u is said to have failed, and it runs, and said so", version);
}

static void
check_update(Sim *sim, GVariant *row, gpointer user)
{
  Books *books = user;
  SimNode *node = node_of(sim, row, "node");
  const char *state = sim_text_of(row, "state");
  guint version = (guint)strtoul(sim_text_of(row, "version"), NULL, 10);
  int rule = node ? sim_find_rule(sim, node->make, version) : -1;
  gsize i;

  if (!node)
    return;
  i = (gsize)(node - sim->nodes);
  g_assert_cmpint(rule, >=, 0);
  if (is_one_of(state, OPEN) && ++books->n_open[i] > 1)
    sim_fail(sim, node->name, "has two open updates");
  if (!is_one_of(state, UNDONE) && ++books->n_meant[i][rule] > 1)
    sim_fail(sim, node->name, "has two updates under rule %s", sim->rules[rule].name);
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
      (guint)strtoul(sim_text_of(row, "version"), NULL, 10) != node->version)
    sim_fail(sim, node->name, "runs version %u, and the books say %s", node->version,
             sim_text_of(row, "version"));
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

/* ---- successes ---- */

static void
take_success(Sim *sim, GVariant *row, gpointer user)
{
  SimNode *node = node_of(sim, row, "node");
  int rule =
      node ? sim_find_rule(sim, node->make, (guint)strtoul(sim_text_of(row, "version"), NULL, 10)) : -1;

  if (!node)
    return;
  g_assert_cmpint(rule, >=, 0);
  if (node->said >> rule & 1)
    sim_fail(sim, node->name, "its success under rule %s is said twice", sim->rules[rule].name);
  node->said |= 1u << rule;
  sim->rules[rule].n_successes++;
}

/* Who was heard to run what its rule brought has succeeded, and it was said once; nobody else has. What it
 * told a core that was killed in that moment the core may not know. */
static void
check_successes(Sim *sim)
{
  guint n_planned = 0, n_said = 0;

  sim_events(sim, "update.succeeded", take_success, NULL);
  for (guint i = 0; i < sim->n_nodes; i++) {
    const SimNode *node = &sim->nodes[i];
    guint planned = node->make == SIM_SILENT ? node->said : node->good;

    if ((node->said & ~planned) || (planned & ~node->said & ~node->doubtful))
      sim_fail(sim, node->name, "succeeded under rules %x, and %x is said", planned, node->said);
    n_planned += (guint)__builtin_popcount(planned);
    n_said += (guint)__builtin_popcount(node->said);
  }
  g_test_message("%u successes were to be said, %u are", n_planned, n_said);
}

void
sim_check_end(Sim *sim)
{
  static const char *const COLUMNS[] = { "id", "version", NULL };
  guint n_succeeded, n_said = 0;

  rig_settle(sim->rig);
  n_succeeded = read_updates(sim);
  check_successes(sim);
  sim_check_missed(sim);
  for (guint i = 0; i < sim->n_rules; i++)
    n_said += sim->rules[i].n_successes;
  g_assert_cmpuint(n_said, ==, n_succeeded);
  list(sim, "nodes", COLUMNS, check_version, NULL);
  check_reached(sim);
  g_test_message(
      "%u asks, %u answered from cache, %u offers, %u transfers, %u beyond the cap, %u broken off, "
      "%u restarts, %u succeeded",
      sim->n_asks, sim->n_cached, sim->n_offers, sim->n_transfers, sim->n_late, sim->n_cut, sim->n_restarts,
      n_succeeded);
}
