/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

#define NOV_2026_MS G_GINT64_CONSTANT(1795262400000) /* 2026-11-21T12:00:00Z */

static const GwNow noon = { .boot_ms = 100000, .wall_ms = NOV_2026_MS, .is_trusted = TRUE };

static void
test_now(void)
{
  GwNow a = gw_clock_now(), b = gw_clock_now();

  g_assert_cmpint(a.boot_ms, >, 0);
  g_assert_cmpint(b.boot_ms, >=, a.boot_ms);
  g_assert_cmpint(ABS(a.wall_ms - g_get_real_time() / 1000), <, 60000);
}

static void
test_trust_can_be_declared(void)
{
  gw_clock_trust_always(TRUE);
  g_assert_cmpint(gw_clock_now().is_trusted, ==, gw_clock_wall_ms() >= (gint64)GW_BUILD_EPOCH_S * 1000);
  gw_clock_trust_always(FALSE);
}

static void
test_boot_id(void)
{
  const char *id = gw_clock_boot_id();

  g_assert_cmpuint(strlen(id), ==, 32);
  g_assert_cmpuint(strspn(id, "0123456789abcdef"), ==, 32);
  g_assert_cmpuint(strspn(id, "0"), <, 32);
  g_assert_true(gw_clock_boot_id() == id);
}

static void
test_parse(void)
{
  static const struct {
    const char *text;
    gint64 wall_ms;
  } cases[] = {
    { "2026-11-21T12:00:00Z", NOV_2026_MS },
    { "2026-11-21T13:30:00+01:30", NOV_2026_MS },
    { "2026-11-21T06:00:00-06:00", NOV_2026_MS },
    { "2026-11-21T12:00:00.250Z", NOV_2026_MS + 250 },
    { "1970-01-01T00:00:00Z", 0 },
    { "1969-12-31T23:59:59Z", -1000 },
    { "2016-12-31T23:59:60Z", G_GINT64_CONSTANT(1483228799000) }, /* a leap second is no error */
    { "2024-02-29T00:00:00Z", G_GINT64_CONSTANT(1709164800000) },
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    gint64 wall_ms = 1;

    g_assert_true(gw_clock_parse(cases[i].text, &wall_ms, &error));
    g_assert_no_error(error);
    g_assert_cmpint(wall_ms, ==, cases[i].wall_ms);
  }
}

static void
test_parse_refuses(void)
{
  static const char *const cases[] = {
    "",
    "now",
    "2026-11-21",
    "2026-11-21T12:00:00",
    "2026-11-21 12:00:00Z",
    "2026-11-21t12:00:00z",
    "20261121T120000Z",
    "2026-11-21T12:00Z",
    "2026-11-21T12:00:00.Z",
    "2026-11-21T12:00:00+1",
    "2026-11-21T12:00:00+01",
    "2026-11-21T12:00:00Z ",
    "2026-13-21T12:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-11-21T24:00:00Z",
    "2026-11-21T12:61:00Z",
    "2026-11-21T12:00:00+25:00",
    "-026-11-21T12:00:00Z",
    "0000-01-01T00:00:00Z",
    "2026-W47-6T12:00:00Z",
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    gint64 wall_ms = 4242;

    g_test_message("\"%s\"", cases[i]);
    g_assert_false(gw_clock_parse(cases[i], &wall_ms, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    g_assert_cmpint(wall_ms, ==, 4242);
  }
}

static void
test_format(void)
{
  static const struct {
    gint64 wall_ms;
    const char *text;
  } cases[] = {
    { NOV_2026_MS, "2026-11-21T12:00:00Z" }, { NOV_2026_MS + 999, "2026-11-21T12:00:00Z" },
    { 0, "1970-01-01T00:00:00Z" },           { -1, "1969-12-31T23:59:59Z" },
    { -1000, "1969-12-31T23:59:59Z" },       { G_MAXINT64, "out-of-range" },
    { G_MININT64, "out-of-range" },
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *text = gw_clock_format(cases[i].wall_ms);

    g_assert_cmpstr(text, ==, cases[i].text);
  }
}

static void
test_deadline_in_this_boot(void)
{
  GwDeadline deadline = gw_deadline_in(&noon, 5000);
  GwNow later = noon;

  g_assert_cmpstr(deadline.boot_id, ==, gw_clock_boot_id());
  g_assert_cmpint(gw_deadline_boot_ms(&deadline, &noon), ==, 105000);
  later.boot_ms += 2000;
  g_assert_cmpint(gw_deadline_boot_ms(&deadline, &later), ==, 105000);
  gw_deadline_touch(&deadline, &later);
  g_assert_cmpint(deadline.boot_ms, ==, 105000);
  g_assert_cmpint(deadline.remaining_ms, ==, 3000);
  later.boot_ms += 10000;
  gw_deadline_touch(&deadline, &later);
  g_assert_cmpint(deadline.boot_ms, ==, 105000);
  g_assert_cmpint(deadline.remaining_ms, ==, 0);
}

/* What was left when it was last written is left after the reboot, whatever the wall clock did meanwhile. */
static void
test_deadline_over_a_reboot(void)
{
  GwDeadline deadline = gw_deadline_in(&noon, 5000);
  GwNow before = { .boot_ms = 103000 }, after = { .boot_ms = 700, .wall_ms = 0 };

  gw_deadline_touch(&deadline, &before);
  memset(deadline.boot_id, 'f', 32);
  g_assert_cmpint(gw_deadline_boot_ms(&deadline, &after), ==, 2700);
  gw_deadline_touch(&deadline, &after);
  g_assert_cmpstr(deadline.boot_id, ==, gw_clock_boot_id());
  after.boot_ms += 500;
  g_assert_cmpint(gw_deadline_boot_ms(&deadline, &after), ==, 2700);
}

/* Where the boot id cannot be read, a reboot looks like this boot with a clock that went back. */
static void
test_deadline_over_an_unseen_reboot(void)
{
  GwDeadline deadline = gw_deadline_in(&noon, 5000);
  GwNow after = { .boot_ms = 700 };

  g_assert_cmpint(gw_deadline_boot_ms(&deadline, &after), ==, 5700);
}

static void
test_deadline_damaged(void)
{
  GwDeadline deadline = { .boot_id = "nonsense", .boot_ms = 5, .remaining_ms = -7 };

  g_assert_cmpint(gw_deadline_boot_ms(&deadline, &noon), ==, noon.boot_ms);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/clock/now", test_now);
  g_test_add_func("/clock/trust-can-be-declared", test_trust_can_be_declared);
  g_test_add_func("/clock/boot-id", test_boot_id);
  g_test_add_func("/clock/parse", test_parse);
  g_test_add_func("/clock/parse-refuses", test_parse_refuses);
  g_test_add_func("/clock/format", test_format);
  g_test_add_func("/clock/deadline-in-this-boot", test_deadline_in_this_boot);
  g_test_add_func("/clock/deadline-over-a-reboot", test_deadline_over_a_reboot);
  g_test_add_func("/clock/deadline-over-an-unseen-reboot", test_deadline_over_an_unseen_reboot);
  g_test_add_func("/clock/deadline-damaged", test_deadline_damaged);
  return g_test_run();
}
