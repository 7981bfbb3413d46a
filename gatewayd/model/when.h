/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a rule may begin something: dates, and within them weekdays and hours of the UTC day, but for blackout
 * dates. Wall time has no leap seconds: 23:59:60 is 23:59:59 again. Pure. */
#pragma once
#include <glib.h>

#define GW_WHEN_HOURS_MAX 12
#define GW_WHEN_BLACKOUTS_MAX 100
#define GW_WHEN_EVERY_DAY 0x7fu

/* Minutes of the UTC day, 0..1439; until is the first minute outside. from > until crosses midnight, and
 * belongs to the day on which it begins. Never equal. */
typedef struct {
  guint from_minute, until_minute;
} GwHours;

/* Days since 1970-01-01 UTC, both ends included. */
typedef struct {
  gint64 first_day, last_day;
} GwDays;

typedef struct {
  gint64 not_before_ms, not_after_ms; /* wall ms, 0 = open; not_after_ms is the first instant outside */
  guint weekdays;                     /* bit 0 = Monday ... bit 6 = Sunday; 0 = every day */
  GArray *hours;                      /* GwHours, neither overlapping nor touching; NULL = all day */
  GArray *blackouts;                  /* GwDays: closed from midnight to midnight; NULL = none */
  gboolean is_cut_at_edge; /* begun downloads end there, where the transport can be cut; else they finish */
} GwWhen;
void gw_when_clear(GwWhen *when);
/* At the end. */
void gw_when_add_hours(GwWhen *when, guint from_minute, guint until_minute);
void gw_when_add_blackout(GwWhen *when, gint64 first_day, gint64 last_day);

typedef struct {
  gboolean is_open;
  gint64 edge_ms; /* wall: when is_open next changes; G_MAXINT64 = never */
} GwWindow;
GwWindow gw_when_window(const GwWhen *when, gint64 wall_ms);
/* How long until @lead_ms before it is open, so that what is needed then can be made ready: 0 = now,
 * G_MAXINT64 = it is never open again. */
gint64 gw_when_wait_ms(const GwWhen *when, gint64 lead_ms, gint64 wall_ms);
/* Has it any condition at all? Such a rule waits for a trusted clock. */
gboolean gw_when_is_timed(const GwWhen *when);

/* Bit h = some minute of the hour from h:00 UTC is in its hours; weekdays and dates aside. */
guint32 gw_when_hours_mask(const GwWhen *when);

/* "22:00-04:30"; 24:00 is midnight. FALSE if it is not of this form, or of no length. The whole day,
 * "00:00-24:00", reads as 0 to 0. */
gboolean gw_hours_parse(const char *text, GwHours *ret_hours);
char *gw_hours_format(const GwHours *hours);
/* "2026-12-24" or "2026-12-24..2027-01-01". FALSE if it is not of this form, or runs backwards. */
gboolean gw_days_parse(const char *text, GwDays *ret_days);
char *gw_days_format(const GwDays *days);
/* "mon" ... "sun", 0..6; -1 = unknown. */
int gw_weekday_parse(const char *text);
const char *gw_weekday_name(guint weekday);
/* The hours, "22:00-04:30, 12:00-13:00"; "" = all day. Caller frees. */
char *gw_when_hours_text(const GwWhen *when);
/* All of it but the dates in one line, "22:00-04:30 UTC, mon, tue, not 2026-12-24"; "" = always. Caller
 * frees. */
char *gw_when_text(const GwWhen *when);
