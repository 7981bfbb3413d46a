/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/budget.h"

#include <stdio.h>
#include <string.h>

#define KEY "wan-budget" /* "2026-11 1234567" */
#define WARN_PERCENT 80

static int
month_of(gint64 wall_ms)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(wall_ms / 1000);

  return time ? g_date_time_get_year(time) * 12 + g_date_time_get_month(time) - 1 : 0;
}

/* A new month begins with nothing; an earlier one is a clock that jumped. */
static void
turn_month(GwCore *core)
{
  GwNow now = gw_core_now(core);
  int month = now.is_trusted ? month_of(now.wall_ms) : core->budget.month;

  if (month <= core->budget.month)
    return;
  core->budget.month = month;
  core->budget.used = 0;
}

guint64
gw_budget_used(GwCore *core)
{
  turn_month(core);
  return core->budget.used;
}

gboolean
gw_budget_has_room(GwCore *core, guint64 size)
{
  guint64 max = core->limits.wan_month, used = gw_budget_used(core);

  return max == 0 || (used < max && size <= max - used);
}

/* Was the line crossed by these bytes? */
static gboolean
crosses(guint64 before, guint64 after, guint64 line)
{
  return line > 0 && before < line && after >= line;
}

void
gw_budget_spend(GwCore *core, guint64 bytes)
{
  g_autoptr(GwChange) change = NULL;
  g_autofree char *value = NULL;
  guint64 max = core->limits.wan_month, before = gw_budget_used(core), after = before + bytes;

  if (bytes == 0)
    return;
  core->budget.used = after;
  change = gw_change_new(core, NULL);
  value = g_strdup_printf("%04d-%02d %" G_GUINT64_FORMAT, core->budget.month / 12,
                          core->budget.month % 12 + 1, after);
  gw_rows_put_meta(gw_change_batch(change), KEY, value);
  if (crosses(before, after, max))
    gw_change_say(change, "daemon.budget-spent", &(GwAbout){ 0 },
                  "the month's budget of the WAN is spent (%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                  " bytes): no image is fetched before the next month",
                  after, max);
  else if (crosses(before, after, max / 100 * WARN_PERCENT))
    gw_change_say(change, "daemon.budget-low", &(GwAbout){ 0 },
                  "%" G_GUINT64_FORMAT " of the %" G_GUINT64_FORMAT
                  " bytes that may come over the WAN in this month are used",
                  after, max);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

void
gw_budget_load(GwCore *core, const char *key, const char *value)
{
  int year, month;
  guint64 used;

  if (strcmp(key, KEY) != 0 || sscanf(value, "%d-%d %" G_GUINT64_FORMAT, &year, &month, &used) != 3)
    return;
  core->budget = (GwBudget){ year * 12 + month - 1, used };
}
