/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counting: rates that flatter nobody, and durations that stay true to within an eighth. */
#include "model/tally.h"

static void
test_classes(void)
{
  guint last = 0;

  g_assert_cmpuint(gw_tally_class(-5), ==, 0);
  g_assert_cmpuint(gw_tally_class(0), ==, 0);
  g_assert_cmpuint(gw_tally_class(999), ==, 0);
  g_assert_cmpuint(gw_tally_class(1000), ==, 1);
  g_assert_cmpuint(gw_tally_class(G_MAXINT64), ==, GW_TALLY_CLASSES - 1);
  for (gint64 ms = 1000; ms < G_GINT64_CONSTANT(1000) * 86400 * 400; ms += 1 + ms / 50) {
    guint class = gw_tally_class(ms);
    gint64 middle_ms = gw_tally_class_ms(class);

    g_assert_cmpuint(class, >=, last);
    g_assert_cmpuint(class, <, GW_TALLY_CLASSES - 1);
    last = class;
    if (ms >= 4000)
      g_assert_cmpint(ABS(middle_ms - ms), <=, ms / 8 + 1000);
  }
}

static void
test_percent(void)
{
  GwTally tally = { .n = { [GW_UPDATE_CANCELLED] = 5, [GW_UPDATE_DOWNLOADING] = 7 } };

  g_assert_cmpint(gw_tally_success_percent(&tally), ==, -1); /* nothing is known yet */
  tally.n[GW_UPDATE_SUCCEEDED] = 999;
  g_assert_cmpint(gw_tally_success_percent(&tally), ==, 100);
  tally.n[GW_UPDATE_EXPIRED] = 1;
  g_assert_cmpint(gw_tally_success_percent(&tally), ==, 99);
  tally.n[GW_UPDATE_SUCCEEDED] = 1;
  tally.n[GW_UPDATE_FAILED] = tally.n[GW_UPDATE_REFUSED] = 1;
  g_assert_cmpint(gw_tally_success_percent(&tally), ==, 25);
  tally.n[GW_UPDATE_SUCCEEDED] = 0;
  tally.n_groups = tally.n_downloads = 100; /* no member of a group ever counts as a success */
  g_assert_cmpint(gw_tally_success_percent(&tally), ==, 0);
}

static void
test_durations(void)
{
  GwTally tally = { 0 };

  g_assert_cmpint(gw_tally_took_ms(&tally, 50), ==, -1);
  for (int i = 1; i <= 100; i++)
    tally.took[gw_tally_class(i * 60000)]++;
  g_assert_cmpint(ABS(gw_tally_took_ms(&tally, 50) - 50 * 60000), <, 50 * 60000 / 8);
  g_assert_cmpint(ABS(gw_tally_took_ms(&tally, 90) - 90 * 60000), <, 90 * 60000 / 8);
  g_assert_cmpint(gw_tally_took_ms(&tally, 100), >=, gw_tally_took_ms(&tally, 90));
}

static void
test_only_successes_took_time(void)
{
  GwUpdate update = { .state = GW_UPDATE_FAILED, .created_ms = 1000, .finished_ms = 61000 };

  g_assert_cmpint(gw_tally_class_of(&update), ==, -1);
  update.state = GW_UPDATE_SUCCEEDED;
  g_assert_cmpint(gw_tally_class_of(&update), ==, (int)gw_tally_class(60000));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tally/classes", test_classes);
  g_test_add_func("/tally/percent", test_percent);
  g_test_add_func("/tally/durations", test_durations);
  g_test_add_func("/tally/only-successes-took-time", test_only_successes_took_time);
  return g_test_run();
}
