/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/ages.h"

#define DAY_MS G_GINT64_CONSTANT(86400000)

struct GwAges {
  GArray *days;        /* GwAgeRow, oldest first */
  gint64 up_ms;        /* the gateway's running time, of all boots */
  gint64 seen_boot_ms; /* up to here it is in it; 0 = not looked yet */
};

GwAges *
gw_ages_new(void)
{
  GwAges *ages = g_new0(GwAges, 1);

  ages->days = g_array_new(FALSE, FALSE, sizeof(GwAgeRow));
  return ages;
}

void
gw_ages_free(GwAges *ages)
{
  if (!ages)
    return;
  g_array_unref(ages->days);
  g_free(ages);
}

void
gw_ages_load(const GwAgeRow *row, gpointer user)
{
  GwAges *ages = user;

  g_array_append_val(ages->days, *row);
  ages->up_ms = MAX(ages->up_ms, row->up_ms);
}

static GwAgeRow *
newest_day(const GwAges *ages)
{
  return ages->days->len ? &g_array_index(ages->days, GwAgeRow, ages->days->len - 1) : NULL;
}

/* Days that no setting asks for any more. */
static void
drop_days(GwCore *core, gint64 before, GwChange *change)
{
  guint n = 0;

  while (n < core->ages->days->len && g_array_index(core->ages->days, GwAgeRow, n).day < before)
    n++;
  if (n > 0)
    g_array_remove_range(core->ages->days, 0, n);
  gw_rows_trim_ages(gw_change_batch(change), before);
}

/* What was there before the very first day is not known to be old. */
static void
begin_day(GwCore *core, gboolean is_known)
{
  GwAgeRow day = { .day = core->ages->up_ms / DAY_MS };

  if (is_known) {
    day.event = gw_db_next_id(core->db, GW_SEQUENCE_EVENT);
    day.timeline = gw_db_next_id(core->db, GW_SEQUENCE_TIMELINE);
    day.update = gw_db_next_id(core->db, GW_SEQUENCE_UPDATE);
  }
  g_array_append_val(core->ages->days, day);
}

void
gw_ages_look(GwCore *core, GwChange *change)
{
  GwAges *ages = core->ages;
  gint64 boot_ms = gw_core_now(core).boot_ms;
  GwAgeRow *day = newest_day(ages);

  ages->up_ms += ages->seen_boot_ms ? MAX(boot_ms - ages->seen_boot_ms, 0) : 0;
  ages->seen_boot_ms = boot_ms;
  if (!day || ages->up_ms / DAY_MS > day->day) {
    begin_day(core, day != NULL);
    day = newest_day(ages);
    drop_days(core, day->day - GW_AGE_DAYS_MAX, change);
  }
  day->up_ms = ages->up_ms;
  gw_rows_put_age(gw_change_batch(change), day);
}

/* A day's ids were noted at some time of it, so only those of days that were over then are surely older. */
GwOld
gw_ages_older(const GwCore *core, gint64 age_ms)
{
  const GwAges *ages = core->ages;
  GwOld old = { 0 };

  for (guint i = 0; i < ages->days->len; i++) {
    const GwAgeRow *row = &g_array_index(ages->days, GwAgeRow, i);

    if ((row->day + 1) * DAY_MS <= ages->up_ms - age_ms)
      old = (GwOld){ row->event, row->timeline, row->update };
  }
  return old;
}
