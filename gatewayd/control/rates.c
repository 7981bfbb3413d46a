/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/rates.h"

#include <string.h>

#include "control/workers.h"

#define MINUTE_MS 60000
#define DAY_MINUTES 1440

static gboolean
is_within(const GwHours *hours, guint minute)
{
  if (hours->from_minute == hours->until_minute)
    return TRUE;
  return hours->from_minute < hours->until_minute
             ? minute >= hours->from_minute && minute < hours->until_minute
             : minute >= hours->from_minute || minute < hours->until_minute;
}

/* "22:00-06:00 4MiB" */
static gboolean
parse(const char *text, GwHours *ret_hours, const char **ret_rate)
{
  const char *blank = strchr(text, ' ');
  g_autofree char *hours = blank ? g_strndup(text, (gsize)(blank - text)) : NULL;
  gint64 rate;

  if (!hours || !gw_hours_parse(hours, ret_hours) || !gw_parse_size(blank + 1, &rate))
    return FALSE;
  *ret_rate = blank + 1;
  return TRUE;
}

char *
gw_rates_now(const GwCore *core, const char *section)
{
  g_auto(GStrv) list = gw_config_list(core->config, section, NULL, "rate-hours");
  GwNow now = gw_core_now(core);
  guint minute = (guint)(now.wall_ms / MINUTE_MS % DAY_MINUTES);

  for (char **text = list; now.is_trusted && *text; text++) {
    GwHours hours;
    const char *rate;

    if (parse(*text, &hours, &rate) && is_within(&hours, minute))
      return g_strdup(rate);
  }
  return NULL;
}

guint
gw_rates_hash(const GwCore *core)
{
  g_autofree char *lan = gw_rates_now(core, "lan"), *wan = gw_rates_now(core, "wan");
  g_autofree char *both = g_strdup_printf("%s %s", lan ? lan : "-", wan ? wan : "-");

  return g_str_hash(both);
}

void
gw_rates_look(GwCore *core)
{
  guint hash = gw_rates_hash(core);

  if (core->rates_hash == hash)
    return;
  core->rates_hash = hash;
  gw_workers_configure(core->workers);
}
