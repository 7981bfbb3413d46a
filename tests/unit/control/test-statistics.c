/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How updates went, as it is told: counts, rates, durations, causes; shared logins apart. */
#include "rig.h"

#include "base/error.h"

#define HOUR_MS G_GINT64_CONSTANT(3600000)

/* The only row of the statistics by @by. */
static GVariant *
sole_row(Rig *rig, const char *by)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL, rows = NULL;

  rig_settle(rig);
  gw_query_statistics(rig->core, by, "", rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  rows = g_variant_get_child_value(result, 0);
  g_assert_cmpuint(g_variant_n_children(rows), ==, 1);
  return g_variant_get_child_value(rows, 0);
}

static gint64
number(GVariant *row, const char *key)
{
  gint64 n = -2;

  g_assert_true(g_variant_lookup(row, key, "x", &n));
  return n;
}

static void
assert_text(GVariant *row, const char *key, const char *expected)
{
  const char *text = NULL;

  g_assert_true(g_variant_lookup(row, key, "&s", &text));
  g_assert_cmpstr(text, ==, expected);
}

static void
assert_percent(GVariant *row, gint32 expected)
{
  gint32 percent = -2;

  g_assert_true(g_variant_lookup(row, "success-percent", "i", &percent));
  g_assert_cmpint(percent, ==, expected);
}

static void
assert_cause(GVariant *row, const char *cause, gint64 expected)
{
  g_autoptr(GVariant) causes = g_variant_lookup_value(row, "causes", G_VARIANT_TYPE("a{sx}"));
  gint64 n = 0;

  g_variant_lookup(causes, cause, "x", &n);
  g_assert_cmpint(n, ==, expected);
}

static RigAsker
asker(const char *node, const char *version)
{
  return (RigAsker){ .plugin = RIG_TOLD, .node = node, .version = version };
}

static void
enter(Rig *rig, const char *node)
{
  g_autoptr(GVariant) form = g_variant_ref_sink(
      g_variant_new_parsed("{'product': <'weather'>, 'location': <'Plant 2/Roof'>, 'version': <'3'>}"));

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, node, form, rig_then()));
}

/* n1 succeeds after an hour, n2 is not heard again, n3 is still offered. */
static Rig *
three_nodes(void)
{
  Rig *rig = rig_new(NULL);
  const RigAsker new1 = asker("n1", "5"), old1 = asker("n1", "3"), old2 = asker("n2", "3"),
                 old3 = asker("n3", "3");
  gint64 firmware;

  rig_product(rig, "weather", RIG_TOLD);
  firmware = rig_verified(rig, "weather", "5");
  for (const char *const *node = (const char *const[]){ "n1", "n2", "n3", NULL }; *node; node++)
    enter(rig, *node);
  rig_rule(rig, "all", firmware, "'nodes': <['n1', 'n2', 'n3']>");
  g_free(rig_download(rig, &old1, "5"));
  g_free(rig_download(rig, &old2, "5"));
  rig_pass(rig, HOUR_MS);
  rig_expect_nothing(rig, &new1, GATEWAY_REASON_UP_TO_DATE);
  rig_pass(rig, 24 * HOUR_MS);
  g_free(rig_expect_offer(rig, &old3, "5"));
  return rig;
}

static void
check_row(GVariant *row)
{
  g_assert_cmpint(number(row, "updates"), ==, 3);
  g_assert_cmpint(number(row, "open"), ==, 1);
  g_assert_cmpint(number(row, "offered"), ==, 1);
  g_assert_cmpint(number(row, "succeeded"), ==, 1);
  g_assert_cmpint(number(row, "failed"), ==, 1);
  g_assert_cmpint(number(row, "inferred"), ==, 0);
  g_assert_cmpint(number(row, "groups"), ==, 0);
  g_assert_cmpint(ABS(number(row, "median-ms") - HOUR_MS), <, HOUR_MS / 8);
  g_assert_cmpint(ABS(number(row, "p90-ms") - HOUR_MS), <, HOUR_MS / 8);
  assert_percent(row, 50);
  assert_cause(row, "not-back", 1);
}

static void
test_by_everything(void)
{
  g_autoptr(Rig) rig = three_nodes();
  g_autoptr(GVariant) rule = sole_row(rig, "rule"), product = sole_row(rig, "product"),
                      location = sole_row(rig, "location"), version = sole_row(rig, "version");

  check_row(rule);
  check_row(product);
  check_row(location);
  check_row(version);
  assert_text(rule, "name", "all");
  assert_text(product, "product", "weather");
  assert_text(location, "location", "Plant 2/Roof");
  assert_text(version, "version", "weather 5");
}

/* What is kept survives the core, and a late success moves what it had counted. */
static void
test_late_success_moves(void)
{
  g_autoptr(Rig) rig = three_nodes();
  const RigAsker new2 = asker("n2", "5");
  g_autoptr(GVariant) row = NULL;

  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_connect_wan(rig);
  rig_expect_nothing(rig, &new2, GATEWAY_REASON_UP_TO_DATE);
  row = sole_row(rig, "product");
  g_assert_cmpint(number(row, "succeeded"), ==, 2);
  g_assert_cmpint(number(row, "failed"), ==, 0);
  assert_percent(row, 100);
  assert_cause(row, "not-back", 0);
}

/* Members of a shared login: their downloads are a number, and never a success of anybody. */
static void
test_groups_are_counts(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const RigAsker member = { .plugin = RIG_SILENT, .node = "meters", .is_group = TRUE };
  g_autoptr(GVariant) row = NULL;

  rig_product(rig, "weather", RIG_SILENT);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &member, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "meters", "weather");
  rig_push(rig, 1, "meters");
  g_free(rig_download(rig, &member, "5"));
  g_free(rig_download(rig, &member, "5"));
  rig_pass(rig, RIG_DAY_MS);
  row = sole_row(rig, "version");
  g_assert_cmpint(number(row, "updates"), ==, 0);
  g_assert_cmpint(number(row, "succeeded"), ==, 0);
  g_assert_cmpint(number(row, "groups"), ==, 1);
  g_assert_cmpint(number(row, "group-downloads"), ==, 2);
  assert_percent(row, -1);
}

static void
test_bad_questions(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);

  rig_refused(rig, GW_ERROR_BAD_INPUT, "rule, product, location or version",
              gw_query_statistics(rig->core, "colour", "", rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "cursor", gw_query_statistics(rig->core, "rule", "x", rig_then()));
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/statistics/by-everything", test_by_everything);
  g_test_add_func("/control/statistics/late-success", test_late_success_moves);
  g_test_add_func("/control/statistics/groups", test_groups_are_counts);
  g_test_add_func("/control/statistics/bad-questions", test_bad_questions);
  return g_test_run();
}
