/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/coverage.h"

static void
test_joins(void)
{
  GwCoverage coverage = { 0 };

  g_assert_false(gw_coverage_has_all(&coverage, 1));
  gw_coverage_add(&coverage, 10, 10);
  gw_coverage_add(&coverage, 30, 10);
  g_assert_cmpuint(coverage.n, ==, 2);
  gw_coverage_add(&coverage, 20, 10); /* touches both */
  g_assert_cmpuint(coverage.n, ==, 1);
  g_assert_cmpuint(gw_coverage_total(&coverage), ==, 30);
  gw_coverage_add(&coverage, 15, 5); /* was there already */
  g_assert_cmpuint(gw_coverage_total(&coverage), ==, 30);
  gw_coverage_add(&coverage, 0, 10);
  g_assert_true(gw_coverage_has_all(&coverage, 40));
  g_assert_false(gw_coverage_has_all(&coverage, 41));
  gw_coverage_add(&coverage, 100, 0);
  g_assert_cmpuint(coverage.n, ==, 1);
  gw_coverage_clear(&coverage);
  g_assert_cmpuint(gw_coverage_total(&coverage), ==, 0);
}

static void
test_extremes(void)
{
  GwCoverage coverage = { 0 };

  gw_coverage_add(&coverage, G_MAXUINT64 - 5, 100);
  g_assert_cmpuint(gw_coverage_total(&coverage), ==, 5);
  gw_coverage_add(&coverage, 0, G_MAXUINT64);
  g_assert_cmpuint(coverage.n, ==, 1);
  gw_coverage_clear(&coverage);
}

/* Against a map of bits, in an order that a seed gives: it never has more than there is. */
static void
test_against_bits(void)
{
  g_autoptr(GRand) chance = g_rand_new_with_seed(5);
  GwCoverage coverage = { 0 };
  guint8 bits[4000] = { 0 };

  for (guint i = 0; i < 3000; i++) {
    guint offset = (guint)g_rand_int_range(chance, 0, 3990), size = (guint)g_rand_int_range(chance, 0, 10);
    guint64 n_bits = 0;
    gw_coverage_add(&coverage, offset, size);
    for (guint at = offset; at < offset + size; at++)
      bits[at] = 1;
    for (guint at = 0; at < sizeof bits; at++)
      n_bits += bits[at];
    g_assert_cmpuint(coverage.n, <=, GW_COVERAGE_RANGES);
    g_assert_cmpuint(gw_coverage_total(&coverage), <=, n_bits);
    for (guint r = 0; r + 1 < coverage.n; r++)
      g_assert_cmpuint(coverage.ranges[r].end, <, coverage.ranges[r + 1].start);
    for (guint r = 0; r < coverage.n; r++)
      for (guint64 at = coverage.ranges[r].start; at < coverage.ranges[r].end; at++)
        g_assert_cmpuint(bits[at], ==, 1);
  }
  gw_coverage_clear(&coverage);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/coverage/joins", test_joins);
  g_test_add_func("/coverage/extremes", test_extremes);
  g_test_add_func("/coverage/against-bits", test_against_bits);
  return g_test_run();
}
