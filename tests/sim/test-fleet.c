/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Weeks of a fleet in seconds. Environment: SIM_NODES, SIM_DAYS, SIM_SEEDS and SIM_FIRST_SEED make it larger.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "fleet.h"

#define MEMORY_DISK "/dev/shm" /* what a real disk would do is not asked here */
#define TRIAL_VERSION 9

/* ---- the fleet ---- */

static SimTemper
temper_of(Sim *sim)
{
  double luck = g_rand_double(sim->rand);

  return luck < 0.80 ? SIM_HONEST : luck < 0.85 ? SIM_LIAR : luck < 0.93 ? SIM_RELAPSING : SIM_SKIPPING;
}

static void
make_node(Sim *sim, guint i, gint64 end_ms)
{
  SimNode *node = &sim->nodes[i];

  g_snprintf(node->name, sizeof node->name, "n%u", i);
  node->make = (SimMake)(i % SIM_N_MAKES);
  node->temper = temper_of(sim);
  node->is_sleeper = sim_chance(sim, 0.05);
  node->version = 1;
  node->had = 1u << 1;
  node->n_failing = node->temper == SIM_RELAPSING ? 1 : 0;
  node->n_skip = node->temper == SIM_SKIPPING ? 9 : 0;
  node->phase = SIM_ASKING;
  node->dies_ms = sim_chance(sim, 0.05) ? sim_between(sim, sim->now_ms, end_ms) : G_MAXINT64;
  node->rule = node->slot.rule = -1;
  sim->next_ms[i] = sim->now_ms + sim_between(sim, 0, 60 * SIM_MINUTE_MS);
  rig_expect_nothing(sim->rig, &(RigAsker){ .plugin = sim_plugins[node->make], .node = node->name },
                     GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(sim->rig, node->name, sim_products[node->make]);
}

static Sim *
sim_new(guint32 seed, guint n_nodes, gint64 end_after_ms)
{
  Sim *sim = g_new0(Sim, 1);
  g_autofree char *folder = g_strdup_printf(MEMORY_DISK "/gatewayd-fleet-XXXXXX");

  g_assert_nonnull(g_mkdtemp(folder));
  sim->cap = MAX(n_nodes / 50, 4);
  g_autofree char *config = g_strdup_printf("[limits]\ntransfers=%u\nevents=10000000\n", sim->cap);
  sim->rig = rig_new_at(folder, config);
  sim->rand = g_rand_new_with_seed(seed);
  sim->now_ms = sim->began_ms = sim->rig->wall_ms;
  sim->boot_at_ms = sim->now_ms - sim->rig->boot_ms;
  sim->n_nodes = n_nodes;
  sim->nodes = g_new0(SimNode, n_nodes);
  sim->next_ms = g_new0(gint64, n_nodes);
  sim->words = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  sim->owed = g_queue_new();
  sim->lapses = g_queue_new();
  sim->is_up = TRUE;
  sim->disaster_ms = sim->now_ms + SIM_HOUR_MS;
  for (int make = 0; make < SIM_N_MAKES; make++)
    rig_product(sim->rig, sim_products[make], sim_plugins[make]);
  for (guint i = 0; i < n_nodes; i++)
    make_node(sim, i, sim->now_ms + end_after_ms);
  return sim;
}

static void
sim_free(Sim *sim)
{
  rig_free(sim->rig);
  g_rand_free(sim->rand);
  g_hash_table_unref(sim->words);
  g_queue_free_full(sim->owed, g_free);
  g_queue_free_full(sim->lapses, g_free);
  for (guint i = 0; i < sim->n_rules; i++)
    g_array_unref(sim->rules[i].closings);
  g_free(sim->nodes);
  g_free(sim->next_ms);
  g_free(sim);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sim, sim_free)

/* ---- the operator ---- */

static gint64
import_image(Sim *sim, SimMake make, guint version)
{
  g_autofree char *number = g_strdup_printf("%u", version);

  return rig_import(sim->rig, sim_products[make], number, SIM_SIZE, (char)('a' + sim->n_rules));
}

/* Imported, and seen to run on a node beside the fleet. */
static gint64
verified_image(Sim *sim, SimMake make, guint version)
{
  gint64 firmware = import_image(sim, make, version);
  g_autofree char *number = g_strdup_printf("%u", version);
  g_autofree char *node = g_strdup_printf("trial-%s", sim_products[make]);

  rig_prove_on(sim->rig, firmware, node, sim_products[make], number);
  return firmware;
}

/* "HH:MM-HH:MM, ...", as the form has it. */
static void
set_hours(SimRule *rule, const char *text)
{
  g_auto(GStrv) parts = g_strsplit(text, ", ", SIM_HOURS_MAX);

  for (char **part = parts; *part; part++) {
    guint from[2], until[2];

    g_assert_cmpint(sscanf(*part, "%u:%u-%u:%u", &from[0], &from[1], &until[0], &until[1]), ==, 4);
    rule->hours[rule->n_hours].from_minute = from[0] * 60 + from[1];
    rule->hours[rule->n_hours++].until_minute = until[0] * 60 + until[1];
  }
}

static SimRule *
new_rule(Sim *sim, SimMake make, guint version)
{
  SimRule *rule = &sim->rules[sim->n_rules];

  g_assert_cmpuint(sim->n_rules, <, SIM_RULES_MAX);
  *rule = (SimRule){ .make = make, .version = version, .is_running = TRUE, .only = -1 };
  rule->closings = g_array_new(FALSE, FALSE, sizeof(SimClosing));
  g_snprintf(rule->name, sizeof rule->name, "%s-%u", sim_products[make], version);
  return rule;
}

/* A rule for all of a make: @hours "HH:MM-HH:MM, ...", or NULL for always; @more: text of further keys. */
static SimRule *
add_rule(Sim *sim, SimMake make, guint version, const char *hours, const char *more)
{
  SimRule *rule = new_rule(sim, make, version);
  g_autofree char *form = NULL;

  if (hours)
    set_hours(rule, hours);
  rule->cap = MAX(sim->cap / 2, 2);
  rule->firmware = verified_image(sim, make, version);
  form = g_strdup_printf("'cap': <uint32 %u>%s%s%s%s", rule->cap, hours ? ", 'hours': <'" : "",
                         hours ? hours : "", hours ? "'>" : "", more);
  sim->n_rules++;
  rule->id = rig_rule(sim->rig, rule->name, rule->firmware, form);
  rule->was_open = sim_is_open(sim, rule);
  return rule;
}

/* Not verified: no rule may bring it, and a push brings it to its one node. */
static void
add_trial(Sim *sim, SimMake make)
{
  SimRule *rule = new_rule(sim, make, TRIAL_VERSION);
  gint64 firmware = import_image(sim, make, TRIAL_VERSION);
  g_autofree char *text =
      g_strdup_printf("{'name': <'early'>, 'firmware': <int64 %" G_GINT64_FORMAT ">}", firmware);
  g_autoptr(GVariant) form = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);
  g_autoptr(GVariant) made = NULL;
  gint64 id = 0;

  gw_command_rule_create(sim->rig->core, &rig_caller, form, rig_then());
  made = rig_result(sim->rig, NULL);
  g_variant_get(made, "(x)", &id);
  rig_refused(sim->rig, GW_ERROR_BAD_INPUT, "may use it",
              gw_command_rule_start(sim->rig->core, &rig_caller, id, rig_then()));
  sim->n_rules++;
  rule->only = (int)make;
  g_strlcpy(rule->name, "trial", sizeof rule->name);
  rule->id = rig_push(sim->rig, firmware, sim->nodes[make].name);
}

/* What became of it by itself may be another thing. */
static gboolean
is_rule(Sim *sim, const SimRule *rule, const char *state)
{
  g_autofree char *text = rig_column(sim->rig, "rules", "name", rule->name, "state");

  return g_strcmp0(text, state) == 0;
}

static void
pause_rule(Sim *sim, SimRule *rule)
{
  if (!is_rule(sim, rule, "running"))
    return;
  rig_run(sim->rig,
          gw_command_rule_pause(sim->rig->core, &rig_caller, rule->id, "the operator looks", rig_then()));
  rule->is_running = FALSE;
}

static void
resume_rule(Sim *sim, SimRule *rule)
{
  if (!is_rule(sim, rule, "paused"))
    return;
  rig_run(sim->rig, gw_command_rule_start(sim->rig->core, &rig_caller, rule->id, rig_then()));
  rule->is_running = TRUE;
}

/* Rules that paused by themselves are let go on. */
static void
look_at_rules(Sim *sim)
{
  for (guint i = 0; i < sim->n_rules; i++) {
    SimRule *rule = &sim->rules[i];
    g_autofree char *state = rig_column(sim->rig, "rules", "name", rule->name, "state");

    if (!rule->is_running || rule->only >= 0 || g_strcmp0(state, "paused") != 0)
      continue;
    resume_rule(sim, rule);
    rule->groups[0].size = rule->groups[1].size = 0; /* in spite of what failed */
  }
}

/* Two groups before the rest, the second larger; on work days, at night and at noon. */
static void
add_rule_in_groups(Sim *sim)
{
  guint first = MAX(sim->n_nodes / 500, 4), second = MAX(sim->n_nodes / 50, 6);
  g_autofree char *more = g_strdup_printf(
      ", 'groups': <['%u,success=50', '%u,success=50', 'rest']>, 'weekdays': <'mon, tue, wed, thu, fri'>",
      first, second);
  SimRule *rule = add_rule(sim, SIM_TOLD, 3, "12:00-13:30, 01:00-05:00", more);

  rule->weekdays = 0x1f;
  rule->groups[0] = (SimGroup){ first, 50 };
  rule->groups[1] = (SimGroup){ second, 50 };
}

static void
add_rule_with_blackout(Sim *sim, gint64 blackout_ms)
{
  g_autofree char *day = gw_clock_format(blackout_ms);
  g_autofree char *more = g_strdup_printf(", 'blackouts': <'%.10s'>", day);

  add_rule(sim, SIM_SILENT, 3, "23:30-03:30", more)->blackout_day = blackout_ms / RIG_DAY_MS;
}

/* What is done on each day, at its first moment: when nothing is under way. */
static void
run_script(Sim *sim, guint day)
{
  switch (day) {
  case 0:
    add_rule(sim, SIM_TOLD, 2, "22:00-02:00, 02:30-04:30", "");
    add_rule(sim, SIM_SESSION, 2, NULL, "");
    add_rule(sim, SIM_SILENT, 2, "22:00-04:30, 12:00-12:30", "");
    break;
  case 2:
    add_trial(sim, SIM_TOLD);
    break;
  case 3:
    pause_rule(sim, &sim->rules[SIM_TOLD]);
    break;
  case 4:
    resume_rule(sim, &sim->rules[SIM_TOLD]);
    break;
  case 7:
    add_rule_in_groups(sim);
    add_rule_with_blackout(sim, sim->now_ms + 2 * RIG_DAY_MS);
    break;
  case 9: /* a rule without hours, while nobody knows the time */
    sim->trusted_ms = sim->now_ms + 2 * SIM_HOUR_MS;
    sim_set_clock(sim);
    add_rule(sim, SIM_SESSION, 3, NULL, ", 'once-a-day': <true>")->is_once_a_day = TRUE;
    break;
  default:
    break;
  }
}

/* ---- time ---- */

/* A simulated hour is soon over, and its snapshot is not: nobody should wait behind many of them. */
static void
wait_for_disk(Sim *sim)
{
  if (sim->is_up && (sim->now_ms - sim->began_ms) % (6 * SIM_HOUR_MS) == 0)
    g_free(sim_look_up(sim, "updates", "node", "nobody", "id"));
}

static void
live_a_step(Sim *sim)
{
  sim_set_clock(sim);
  sim_watch_windows(sim);
  if (sim->is_up)
    gw_core_turn(sim->rig->core);
  for (guint i = 0; i < sim->n_nodes; i++)
    if (sim->next_ms[i] <= sim->now_ms)
      sim_node_act(sim, &sim->nodes[i]);
  sim_disasters(sim);
  if (sim->is_up)
    sim_worker_settle(sim);
  wait_for_disk(sim);
  sim->now_ms += SIM_STEP_MS;
}

static void
live_a_day(Sim *sim, guint day)
{
  gint64 end_ms = sim->began_ms + (day + 1) * RIG_DAY_MS;

  while (!sim->is_up)
    live_a_step(sim);
  sim_set_clock(sim);
  look_at_rules(sim);
  run_script(sim, day);
  while (sim->now_ms < end_ms)
    live_a_step(sim);
  if (sim->is_up)
    sim_check_books(sim);
}

static guint
setting(const char *name, guint usual)
{
  const char *text = g_getenv(name);

  return text ? (guint)strtoul(text, NULL, 10) : usual;
}

static void
live(guint32 seed, guint n_nodes, guint n_days)
{
  g_autoptr(Sim) sim = sim_new(seed, n_nodes, n_days * RIG_DAY_MS);

  g_test_message("%u nodes, %u days, seed %u", n_nodes, n_days, seed);
  for (guint day = 0; day < n_days; day++)
    live_a_day(sim, day);
  while (!sim->is_up)
    live_a_step(sim);
  sim_check_end(sim);
}

static void
test_small(void)
{
  live(7, 80, 14);
}

static void
test_weeks(void)
{
  guint first = setting("SIM_FIRST_SEED", 1), n_seeds = setting("SIM_SEEDS", 1);

  for (guint seed = first; seed < first + n_seeds; seed++)
    live(seed, setting("SIM_NODES", 40), setting("SIM_DAYS", 14));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sim/small", test_small);
  g_test_add_func("/sim/weeks", test_weeks);
  return g_test_run();
}
