/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A year of windows, minute by minute, against a second, slow way of saying when they are open. */
#include "base/clock.h"
#include "model/when.h"

#define MINUTE G_GINT64_CONSTANT(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static gint64
at(const char *text)
{
  gint64 wall_ms = 0;
  g_assert_true(gw_clock_parse(text, &wall_ms, NULL));
  return wall_ms;
}

typedef struct {
  const char *name, *hours[3], *blackouts[3];
  guint weekdays; /* bit 0 = Monday */
  const char *not_before, *not_after;
} Case;

/* clang-format off */
static const Case cases[] = {
  { "night", { "22:00-04:30" }, { NULL }, 0, NULL, NULL },
  { "two-windows", { "22:00-04:30", "12:00-13:00" }, { NULL }, 0, NULL, NULL },
  { "to-midnight", { "22:00-24:00" }, { NULL }, 0x1f, NULL, NULL },
  { "workdays", { NULL }, { NULL }, 0x1f, NULL, NULL },
  { "sundays-into-monday", { "23:00-01:00" }, { NULL }, 0x40, NULL, NULL },
  { "one-day-a-week", { "08:00-09:00", "10:15-10:16" }, { NULL }, 0x04, NULL, NULL },
  { "blackouts", { "22:00-04:30" }, { "2028-02-28..2028-03-01", "2028-12-31" }, 0, NULL, NULL },
  { "blackouts-all-day", { NULL }, { "2028-05-01", "2028-05-02", "2028-10-01..2028-10-31" }, 0, NULL, NULL },
  { "blackouts-that-overlap", { "00:00-00:01" }, { "2028-05-01..2028-05-20", "2028-05-10..2028-06-02" }, 0x08, NULL,
    NULL },
  { "dates", { "22:00-04:30" }, { NULL }, 0x7f, "2028-01-31T23:00:00Z", "2028-11-30T22:30:00Z" },
  { "never", { NULL }, { "2027-01-01..2030-01-01" }, 0, NULL, "2029-06-01T00:00:00Z" },
};
/* clang-format on */

static void
fill(const Case *c, GwWhen *when)
{
  for (guint i = 0; i < 3 && c->hours[i]; i++) {
    GwHours hours;
    g_assert_true(gw_hours_parse(c->hours[i], &hours));
    gw_when_add_hours(when, hours.from_minute, hours.until_minute);
  }
  for (guint i = 0; i < 3 && c->blackouts[i]; i++) {
    GwDays days;
    g_assert_true(gw_days_parse(c->blackouts[i], &days));
    gw_when_add_blackout(when, days.first_day, days.last_day);
  }
  when->weekdays = c->weekdays;
  when->not_before_ms = c->not_before ? at(c->not_before) : 0;
  when->not_after_ms = c->not_after ? at(c->not_after) : 0;
}

/* By the calendar of GLib, and from the texts. */
static gboolean
is_day_in(const char *text, GDateTime *time)
{
  g_autofree char *day = g_date_time_format(time, "%Y-%m-%d");
  g_auto(GStrv) ends = g_strsplit(text, "..", 2);
  return g_strcmp0(day, ends[0]) >= 0 && g_strcmp0(day, ends[1] ? ends[1] : ends[0]) <= 0;
}

static gboolean
is_in_hours(const char *hours, GDateTime *time, guint weekdays)
{
  g_autofree char *minute = g_date_time_format(time, "%H:%M");
  guint today = 1u << (g_date_time_get_day_of_week(time) - 1);
  guint yesterday = today == 1 ? 0x40 : today >> 1;
  g_auto(GStrv) ends = g_strsplit(hours, "-", 2);
  if (g_strcmp0(ends[0], ends[1]) < 0)
    return g_strcmp0(minute, ends[0]) >= 0 && g_strcmp0(minute, ends[1]) < 0 && weekdays & today;
  return (g_strcmp0(minute, ends[0]) >= 0 && weekdays & today) ||
         (g_strcmp0(minute, ends[1]) < 0 && weekdays & yesterday);
}

static gboolean
is_open_slowly(const Case *c, gint64 wall_ms)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(wall_ms / 1000);
  guint weekdays = c->weekdays ? c->weekdays : 0x7f;
  gboolean is_open = !c->hours[0] && weekdays & 1u << (g_date_time_get_day_of_week(time) - 1);
  if ((c->not_before && wall_ms < at(c->not_before)) || (c->not_after && wall_ms >= at(c->not_after)))
    return FALSE;
  for (guint i = 0; i < 3 && c->blackouts[i]; i++)
    if (is_day_in(c->blackouts[i], time))
      return FALSE;
  for (guint i = 0; i < 3 && c->hours[i]; i++)
    is_open |= is_in_hours(c->hours[i], time, weekdays);
  return is_open;
}

/* All of the leap year 2028 in steps of five minutes and around each edge: open exactly then, and the edge is
 * the first minute at which that changes. */
static void
test_year(gconstpointer data)
{
  const Case *c = data;
  GwWhen when = { 0 };
  gint64 end_ms = at("2029-01-02T00:00:00Z"), edge_ms = 0;
  fill(c, &when);
  gboolean was_open = is_open_slowly(c, at("2028-01-01T00:00:00Z") - 5 * MINUTE);
  for (gint64 now_ms = at("2028-01-01T00:00:00Z"); now_ms < end_ms; now_ms += 5 * MINUTE) {
    gboolean is_open = is_open_slowly(c, now_ms);
    GwWindow window = gw_when_window(&when, now_ms);
    g_assert_cmpint(window.is_open, ==, is_open);
    g_assert_cmpint(window.edge_ms, >, now_ms);
    if (edge_ms > now_ms)
      g_assert_cmpint(window.edge_ms, ==, edge_ms);
    if (is_open != was_open && edge_ms)
      g_assert_cmpint(edge_ms, >, now_ms - 5 * MINUTE);
    edge_ms = window.edge_ms;
    was_open = is_open;
    if (edge_ms == G_MAXINT64 || edge_ms > now_ms + 5 * MINUTE)
      continue;
    g_assert_cmpint(is_open_slowly(c, edge_ms - 1), ==, is_open);
    g_assert_cmpint(is_open_slowly(c, edge_ms), ==, !is_open);
  }
  gw_when_clear(&when);
}

/* E4: from edge to edge each window is met once, and none is left out, whatever the clock does in between. */
static void
test_each_window_once(void)
{
  GwWhen when = { .weekdays = 0x1f };
  guint n_windows = 0;
  gw_when_add_hours(&when, 22 * 60, 4 * 60);
  when.not_before_ms = at("2028-01-01T00:00:00Z"); /* a Saturday, in the hours of Friday's window */
  when.not_after_ms = at("2029-01-01T00:00:00Z");
  for (gint64 now_ms = 0; now_ms != G_MAXINT64;) {
    GwWindow window = gw_when_window(&when, now_ms);
    n_windows += window.is_open;
    now_ms = window.edge_ms;
  }
  g_assert_cmpuint(n_windows, ==, 260 + 1); /* 260 working days, and the rest of the night before */
  gw_when_clear(&when);
}

/* The second before 2017 was told twice: nothing opens twice, and midnight is where it was. */
static void
test_leap_second(void)
{
  GwWhen when = { 0 };
  gint64 midnight_ms = at("2017-01-01T00:00:00Z");
  gw_when_add_hours(&when, 0, 60);
  for (gint64 now_ms = midnight_ms - 2000; now_ms < midnight_ms; now_ms += 500) {
    GwWindow window = gw_when_window(&when, now_ms);
    g_assert_false(window.is_open);
    g_assert_cmpint(window.edge_ms, ==, midnight_ms);
  }
  g_assert_true(gw_when_window(&when, midnight_ms).is_open);
  g_assert_cmpint(gw_when_window(&when, midnight_ms).edge_ms, ==, midnight_ms + HOUR);
  gw_when_clear(&when);
}

static void
test_hours_of_the_day(void)
{
  GwWhen when = { 0 };
  g_assert_cmphex(gw_when_hours_mask(&when), ==, 0xffffff);
  gw_when_add_hours(&when, 22 * 60 + 30, 60);
  g_assert_cmphex(gw_when_hours_mask(&when), ==, 1u << 22 | 1u << 23 | 1u);
  gw_when_add_hours(&when, 4 * 60 + 59, 5 * 60 + 1);
  g_assert_cmphex(gw_when_hours_mask(&when), ==, 1u << 22 | 1u << 23 | 1u | 1u << 4 | 1u << 5);
  gw_when_clear(&when);
}

static void
test_wait(void)
{
  GwWhen when = { 0 };
  gint64 noon_ms = at("2028-06-01T12:00:00Z");
  g_assert_cmpint(gw_when_wait_ms(&when, 6 * HOUR, noon_ms), ==, 0);
  gw_when_add_hours(&when, 22 * 60, 4 * 60);
  g_assert_cmpint(gw_when_wait_ms(&when, 6 * HOUR, noon_ms), ==, 4 * HOUR);
  g_assert_cmpint(gw_when_wait_ms(&when, 6 * HOUR, noon_ms + 4 * HOUR), ==, 0);
  g_assert_cmpint(gw_when_wait_ms(&when, 6 * HOUR, noon_ms + 11 * HOUR), ==, 0); /* it is open */
  when.not_before_ms = noon_ms + 10 * DAY;
  g_assert_cmpint(gw_when_wait_ms(&when, 6 * HOUR, noon_ms), ==, 10 * DAY + 4 * HOUR);
  when.not_after_ms = noon_ms - DAY;
  g_assert_cmpint(gw_when_wait_ms(&when, 6 * HOUR, noon_ms), ==, G_MAXINT64);
  gw_when_clear(&when);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = g_strconcat("/when/year/", cases[i].name, NULL);
    g_test_add_data_func(path, &cases[i], test_year);
  }
  g_test_add_func("/promise/E4/each-window-once", test_each_window_once);
  g_test_add_func("/when/leap-second", test_leap_second);
  g_test_add_func("/when/wait", test_wait);
  g_test_add_func("/when/hours-of-the-day", test_hours_of_the_day);
  return g_test_run();
}
