/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What it costs to know what each of 100,000 nodes may have under 100 rules: all of them once, and after one
 * node, one rule or the clock changed. Nodes are put into the core directly; all else is what the daemon
 * does. Prints JSON, in milliseconds of the main thread's CPU. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control/core-private.h"
#include "control/scheduler.h"
#include "rig.h"

#define N_NODES 100000
#define N_LISTED 1000 /* in a rule that lists */
#define N_SITES 100
#define N_LABELS 50
#define N_TRIES 2000

typedef struct {
  Rig *rig;
  GwNode **nodes;
  gint64 firmware;
  guint n_rules, n_offers;
} Bench;

/* CPU time of the main thread. */
static gint64
cpu_ns(void)
{
  struct timespec time;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * G_GINT64_CONSTANT(1000000000) + time.tv_nsec;
}

static double
since_ms(gint64 began_ns)
{
  return (double)(cpu_ns() - began_ns) / 1e6;
}

static int
compare(const void *a, const void *b)
{
  double left = *(const double *)a, right = *(const double *)b;

  return left < right ? -1 : left > right;
}

static double
median(double *values, guint n)
{
  qsort(values, n, sizeof *values, compare);
  return values[n / 2];
}

/* ---- the site ---- */

static GwNode *
make_node(guint i)
{
  char id[24], text[48];
  GwNode *node;

  g_snprintf(id, sizeof id, "node-%06u", i);
  node = gw_node_new(id);
  g_snprintf(node->mac, sizeof node->mac, "02:00:00:%02x:%02x:%02x", i >> 16 & 255, i >> 8 & 255, i & 255);
  g_snprintf(text, sizeof text, "Site %u/Hall %u/Row %u", i % N_SITES, i / N_SITES % 10, i / 1000 % 10);
  gw_shared_text_set(&node->location, text);
  g_snprintf(text, sizeof text, "label-%u", i % N_LABELS);
  g_ptr_array_add(node->labels, g_strdup(text));
  gw_shared_text_set(&node->product, "weather");
  gw_shared_text_set(&node->plugin, RIG_TOLD);
  gw_component_set(gw_node_add_component(node, ""), "3", GW_SOURCE_HEARD, 1);
  node->is_adopted = TRUE;
  return node;
}

static void
make_nodes(Bench *bench)
{
  bench->nodes = g_new(GwNode *, N_NODES);
  for (guint i = 0; i < N_NODES; i++)
    bench->nodes[i] = gw_registry_add(bench->rig->core->registry, make_node(i));
}

/* "['node-000001', ...]" */
static char *
list_of(guint first, gboolean is_mac)
{
  GString *text = g_string_new("[");

  for (guint i = first; i < first + N_LISTED; i++)
    if (is_mac)
      g_string_append_printf(text, "%s'02:00:00:%02x:%02x:%02x'", i > first ? "," : "", i >> 16 & 255,
                             i >> 8 & 255, i & 255);
    else
      g_string_append_printf(text, "%s'node-%06u'", i > first ? "," : "", i);
  return g_string_free(g_string_append(text, "]"), FALSE);
}

/* A fifth each: names, MACs, places, labels, and, where none of these is, all nodes at hours of their own. */
static char *
form_of(guint n)
{
  g_autofree char *list = n % 5 < 2 ? list_of(n * N_LISTED % N_NODES, n % 5 == 1) : NULL;

  switch (n % 5) {
  case 0:
    return g_strdup_printf("'nodes': <%s>", list);
  case 1:
    return g_strdup_printf("'macs': <%s>", list);
  case 2:
    return g_strdup_printf("'location': <'Site %u/**'>", n % N_SITES);
  case 3:
    return g_strdup_printf("'labels': <['label-%u']>", n % N_LABELS);
  default:
    return g_strdup_printf("'priority': <-1>, 'hours': <'%02u:00-%02u:30'>", n % 24, n % 24);
  }
}

static double
make_rules(Bench *bench, guint n_rules)
{
  double started_ms[N_NODES / N_LISTED];

  for (guint n = 0; n < n_rules; n++) {
    g_autofree char *name = g_strdup_printf("rule-%u", n), *form = form_of(n);
    gint64 began_ns = cpu_ns();

    rig_rule(bench->rig, name, bench->firmware, form);
    started_ms[n] = since_ms(began_ns);
  }
  bench->n_rules = n_rules;
  return median(started_ms, n_rules);
}

/* ---- what is measured ---- */

static void
decide(Bench *bench, const GwNode *node)
{
  GwNow now = gw_core_now(bench->rig->core);
  GwVerdict verdict = gw_scheduler_decide(bench->rig->core, &(GwSituation){ .node = node, .type = "" }, &now);

  bench->n_offers += verdict.is_offer ? 1 : 0;
}

static double
plan_all(Bench *bench)
{
  gint64 began_ns = cpu_ns();

  for (guint i = 0; i < N_NODES; i++)
    decide(bench, bench->nodes[i]);
  return since_ms(began_ns);
}

/* A node moves: what it may have is decided anew. */
static double
plan_one(Bench *bench)
{
  static double took_ms[N_TRIES];

  for (guint i = 0; i < N_TRIES; i++) {
    GwNode *node = bench->nodes[(guint64)i * 7919 % N_NODES];
    gint64 began_ns = cpu_ns();

    gw_shared_text_set(&node->location, "Site 12/Hall 1");
    decide(bench, node);
    took_ms[i] = since_ms(began_ns);
  }
  return median(took_ms, N_TRIES);
}

/* A rule is paused, and runs again. */
static double
change_one(Bench *bench)
{
  static double took_ms[N_TRIES];
  GwCore *core = bench->rig->core;
  GHashTableIter iter;
  gpointer rule;
  guint n = 0;

  gw_rules_iter(core->rules, &iter);
  while (n < N_TRIES && g_hash_table_iter_next(&iter, NULL, &rule)) {
    gint64 began_ns = cpu_ns();

    ((GwRule *)rule)->state = GW_RULE_STOPPED;
    gw_rules_reindex(core->rules);
    ((GwRule *)rule)->state = GW_RULE_RUNNING;
    gw_rules_reindex(core->rules);
    gw_scheduler_changed(core);
    took_ms[n++] = since_ms(began_ns) / 2;
  }
  return median(took_ms, n);
}

/* An edge of some rule's hours comes: the core's whole turn. */
static double
pass_edges(Bench *bench)
{
  double took_ms[48];

  for (guint i = 0; i < G_N_ELEMENTS(took_ms); i++) {
    gint64 began_ns;

    bench->rig->boot_ms += 1800000;
    bench->rig->wall_ms += 1800000;
    began_ns = cpu_ns();
    gw_core_turn(bench->rig->core);
    took_ms[i] = since_ms(began_ns);
    rig_settle(bench->rig);
  }
  return median(took_ms, G_N_ELEMENTS(took_ms));
}

int
main(int argc, char **argv)
{
  Bench bench = { .rig = rig_new_at(argc > 1 ? argv[1] : NULL, NULL) };
  double start_ms, all_ms, one_ms, rule_ms, edge_ms;

  rig_product(bench.rig, "weather", RIG_TOLD);
  bench.firmware = rig_verified(bench.rig, "weather", "5");
  make_nodes(&bench);
  start_ms = make_rules(&bench, 100);
  all_ms = plan_all(&bench);
  one_ms = plan_one(&bench);
  rule_ms = change_one(&bench);
  edge_ms = pass_edges(&bench);
  if (bench.n_offers == 0)
    g_error("nothing was offered to anybody");
  printf("{\"all_ms\": %.3f, \"node_ms\": %.4f, \"rule_ms\": %.4f, \"edge_ms\": %.4f, \"start_ms\": %.3f}\n",
         all_ms, one_ms, rule_ms, edge_ms, start_ms);
  rig_free(bench.rig);
  g_free(bench.nodes);
  return 0;
}
