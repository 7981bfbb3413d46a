/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/when.h"
#include <stdio.h>
#include <string.h>

#define MINUTE_MS G_GINT64_CONSTANT(60000)
#define DAY_MS G_GINT64_CONSTANT(86400000)
#define DAY_MINUTES 1440u

void
gw_when_clear(GwWhen *when)
{
  g_clear_pointer(&when->hours, g_array_unref);
  g_clear_pointer(&when->blackouts, g_array_unref);
}

void
gw_when_add_hours(GwWhen *when, guint from_minute, guint until_minute)
{
  GwHours hours = { from_minute, until_minute };
  if (!when->hours)
    when->hours = g_array_new(FALSE, FALSE, sizeof(GwHours));
  g_array_append_val(when->hours, hours);
}

void
gw_when_add_blackout(GwWhen *when, gint64 first_day, gint64 last_day)
{
  GwDays days = { first_day, last_day };
  if (!when->blackouts)
    when->blackouts = g_array_new(FALSE, FALSE, sizeof(GwDays));
  g_array_append_val(when->blackouts, days);
}

gboolean
gw_when_is_timed(const GwWhen *when)
{
  return when->not_before_ms != 0 || when->not_after_ms != 0 || when->hours || when->blackouts ||
         (when->weekdays != 0 && when->weekdays != GW_WHEN_EVERY_DAY);
}

/* ---- open or not ---- */

static gint64
day_of(gint64 wall_ms)
{
  return wall_ms >= 0 ? wall_ms / DAY_MS : -((-wall_ms + DAY_MS - 1) / DAY_MS);
}

static gboolean
is_weekday(const GwWhen *when, gint64 day)
{
  gint64 weekday = (day + 3) % 7; /* 1970-01-01 was a Thursday */
  return !when->weekdays || (when->weekdays >> (weekday < 0 ? weekday + 7 : weekday) & 1);
}

/* The blackout in which @day lies, or NULL. */
static const GwDays *
blackout_of(const GwWhen *when, gint64 day)
{
  for (guint i = 0; when->blackouts && i < when->blackouts->len; i++) {
    const GwDays *days = &g_array_index(when->blackouts, GwDays, i);
    if (day >= days->first_day && day <= days->last_day)
      return days;
  }
  return NULL;
}

static gboolean
are_hours_open(const GwWhen *when, const GwHours *hours, gint64 day, gint64 into_ms)
{
  gint64 from_ms = hours->from_minute * MINUTE_MS, until_ms = hours->until_minute * MINUTE_MS;
  if (from_ms < until_ms)
    return into_ms >= from_ms && into_ms < until_ms && is_weekday(when, day);
  return (into_ms >= from_ms && is_weekday(when, day)) || (into_ms < until_ms && is_weekday(when, day - 1));
}

static gboolean
is_open_at(const GwWhen *when, gint64 wall_ms)
{
  gint64 day = day_of(wall_ms);
  if ((when->not_before_ms && wall_ms < when->not_before_ms) ||
      (when->not_after_ms && wall_ms >= when->not_after_ms))
    return FALSE;
  if (blackout_of(when, day))
    return FALSE;
  if (!when->hours)
    return is_weekday(when, day);
  for (guint i = 0; i < when->hours->len; i++)
    if (are_hours_open(when, &g_array_index(when->hours, GwHours, i), day, wall_ms - day * DAY_MS))
      return TRUE;
  return FALSE;
}

/* ---- the next edge ---- */

static void
note_instant(gint64 instant_ms, gint64 after_ms, gint64 *next_ms)
{
  if (instant_ms > after_ms && instant_ms < *next_ms)
    *next_ms = instant_ms;
}

/* Of the day pattern alone. */
static void
note_day(const GwWhen *when, gint64 day, gint64 after_ms, gint64 *next_ms)
{
  note_instant((day + 1) * DAY_MS, after_ms, next_ms);
  for (guint i = 0; when->hours && i < when->hours->len; i++) {
    const GwHours *hours = &g_array_index(when->hours, GwHours, i);
    note_instant(day * DAY_MS + hours->from_minute * MINUTE_MS, after_ms, next_ms);
    note_instant(day * DAY_MS + hours->until_minute * MINUTE_MS, after_ms, next_ms);
  }
}

/* The first instant after @wall_ms at which it may change; G_MAXINT64 = none. Where all is closed for long,
 * the end of that. */
static gint64
next_instant(const GwWhen *when, gint64 wall_ms)
{
  gint64 day = day_of(wall_ms), next_ms = G_MAXINT64;
  gboolean is_daily = when->hours || (when->weekdays && when->weekdays != GW_WHEN_EVERY_DAY);
  const GwDays *blackout = blackout_of(when, day);
  if (when->not_after_ms && wall_ms >= when->not_after_ms)
    return G_MAXINT64;
  if (when->not_before_ms && wall_ms < when->not_before_ms)
    return when->not_before_ms;
  if (blackout)
    return (blackout->last_day + 1) * DAY_MS;
  note_instant(when->not_after_ms, wall_ms, &next_ms);
  for (guint i = 0; when->blackouts && i < when->blackouts->len; i++)
    note_instant(g_array_index(when->blackouts, GwDays, i).first_day * DAY_MS, wall_ms, &next_ms);
  if (is_daily)
    note_day(when, day, wall_ms, &next_ms);
  return next_ms;
}

/* Every step but those over closed dates passes one edge of hours or one midnight, and the hours of some day
 * of the week differ, so few are needed. */
GwWindow
gw_when_window(const GwWhen *when, gint64 wall_ms)
{
  GwWindow window = { .is_open = is_open_at(when, wall_ms), .edge_ms = wall_ms };
  while (window.edge_ms < G_MAXINT64) {
    window.edge_ms = next_instant(when, window.edge_ms);
    if (window.edge_ms < G_MAXINT64 && is_open_at(when, window.edge_ms) != window.is_open)
      break;
  }
  return window;
}

gint64
gw_when_wait_ms(const GwWhen *when, gint64 lead_ms, gint64 wall_ms)
{
  GwWindow window = gw_when_window(when, wall_ms);
  if (window.is_open)
    return 0;
  return window.edge_ms == G_MAXINT64 ? G_MAXINT64 : MAX(window.edge_ms - lead_ms - wall_ms, 0);
}

guint32
gw_when_hours_mask(const GwWhen *when)
{
  guint32 mask = when->hours ? 0 : 0xffffff;
  for (guint i = 0; when->hours && i < when->hours->len; i++) {
    const GwHours *hours = &g_array_index(when->hours, GwHours, i);
    guint length = (hours->until_minute + DAY_MINUTES - hours->from_minute) % DAY_MINUTES;
    for (guint minute = 0; minute < length; minute++)
      mask |= 1u << (hours->from_minute + minute) / 60 % 24;
  }
  return mask;
}

/* ---- as text ---- */

static const char *
read_minute(const char *text, guint *ret_minute)
{
  guint hour, minute;
  int n = 0;
  if (!g_ascii_isdigit(*text) || sscanf(text, "%2u:%2u%n", &hour, &minute, &n) != 2 || n != 5)
    return NULL;
  if (!g_ascii_isdigit(text[3]) || hour > 24 || minute > 59 || (hour == 24 && minute > 0))
    return NULL;
  *ret_minute = hour * 60 + minute;
  return text + n;
}

gboolean
gw_hours_parse(const char *text, GwHours *ret_hours)
{
  guint from, until;
  const char *end = read_minute(text, &from);
  if (!end || *end != '-' || !(end = read_minute(end + 1, &until)) || *end)
    return FALSE;
  if (from % DAY_MINUTES == until % DAY_MINUTES && from % DAY_MINUTES != 0)
    return FALSE;
  *ret_hours = (GwHours){ from % DAY_MINUTES, until % DAY_MINUTES };
  return TRUE;
}

char *
gw_hours_format(const GwHours *hours)
{
  guint until = hours->until_minute ? hours->until_minute : DAY_MINUTES;
  return g_strdup_printf("%02u:%02u-%02u:%02u", hours->from_minute / 60, hours->from_minute % 60, until / 60,
                         until % 60);
}

static const char *
read_day(const char *text, gint64 *ret_day)
{
  guint year, month, day;
  int n = 0;
  if (strspn(text, "0123456789-") < 10 || sscanf(text, "%4u-%2u-%2u%n", &year, &month, &day, &n) != 3 ||
      n != 10 || year < 1970 || !g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year))
    return NULL;
  g_autoptr(GDateTime) midnight = g_date_time_new_utc((gint)year, (gint)month, (gint)day, 0, 0, 0);
  *ret_day = g_date_time_to_unix(midnight) / (DAY_MS / 1000);
  return text + n;
}

gboolean
gw_days_parse(const char *text, GwDays *ret_days)
{
  GwDays days;
  const char *end = read_day(text, &days.first_day);
  days.last_day = days.first_day;
  if (end && g_str_has_prefix(end, ".."))
    end = read_day(end + 2, &days.last_day);
  if (!end || *end || days.last_day < days.first_day)
    return FALSE;
  *ret_days = days;
  return TRUE;
}

static char *
format_day(gint64 day)
{
  g_autoptr(GDateTime) midnight = g_date_time_new_from_unix_utc(day * (DAY_MS / 1000));
  return g_date_time_format(midnight, "%Y-%m-%d");
}

char *
gw_days_format(const GwDays *days)
{
  g_autofree char *first = format_day(days->first_day);
  g_autofree char *last = format_day(days->last_day);
  return days->first_day == days->last_day ? g_steal_pointer(&first) : g_strconcat(first, "..", last, NULL);
}

static const char *const WEEKDAYS[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

int
gw_weekday_parse(const char *text)
{
  for (guint i = 0; i < G_N_ELEMENTS(WEEKDAYS); i++)
    if (strcmp(text, WEEKDAYS[i]) == 0)
      return (int)i;
  return -1;
}

const char *
gw_weekday_name(guint weekday)
{
  return weekday < G_N_ELEMENTS(WEEKDAYS) ? WEEKDAYS[weekday] : "";
}

static void
append(GString *line, const char *text)
{
  g_string_append_printf(line, "%s%s", line->len ? ", " : "", text);
}

char *
gw_when_hours_text(const GwWhen *when)
{
  GString *line = g_string_new(NULL);
  for (guint i = 0; when->hours && i < when->hours->len; i++) {
    g_autofree char *text = gw_hours_format(&g_array_index(when->hours, GwHours, i));
    append(line, text);
  }
  return g_string_free(line, FALSE);
}

char *
gw_when_text(const GwWhen *when)
{
  g_autofree char *hours = gw_when_hours_text(when);
  GString *line = g_string_new(hours);
  if (line->len)
    g_string_append(line, " UTC");
  for (guint i = 0; i < G_N_ELEMENTS(WEEKDAYS); i++)
    if (when->weekdays != GW_WHEN_EVERY_DAY && (when->weekdays >> i & 1))
      append(line, WEEKDAYS[i]);
  for (guint i = 0; when->blackouts && i < when->blackouts->len; i++) {
    g_autofree char *days = gw_days_format(&g_array_index(when->blackouts, GwDays, i));
    append(line, "not ");
    g_string_append(line, days);
  }
  return g_string_free(line, FALSE);
}
