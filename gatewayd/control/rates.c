/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/rates.h"

#include <string.h>

#include "control/workers.h"

#define MINUTE_MS 60000
#define DAY_MINUTES 1440
#define HOURS "rate-hours" /* as what ends so is not for the workers */

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

/* What @hours say of now; NULL = nothing. Points into the list. */
static const char *
rate_of(char **hours, const GwNow *now)
{
  guint minute = (guint)(now->wall_ms / MINUTE_MS % DAY_MINUTES);

  for (char **text = hours; now->is_trusted && *text; text++) {
    GwHours span;
    const char *rate;

    if (parse(g_strstrip(*text), &span, &rate) && is_within(&span, minute))
      return rate;
  }
  return NULL;
}

GVariant *
gw_rates_apply(const GwCore *core, GVariant *values)
{
  GwNow now = gw_core_now(core);
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key, *value;

  (void)g_variant_get_data(values); /* as bytes: else to look up a text may move the others */
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  g_variant_iter_init(&iter, values);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &value)) {
    g_autofree char *hours_key = g_strconcat(key, "-hours", NULL);
    const char *written = "", *rate = NULL;
    g_auto(GStrv) hours = NULL;

    if (g_str_has_suffix(key, HOURS))
      continue;
    if (g_variant_lookup(values, hours_key, "&s", &written))
      rate = rate_of(hours = g_strsplit(written, ",", -1), &now);
    g_variant_builder_add(&builder, "{ss}", key, rate ? rate : value);
  }
  return g_variant_builder_end(&builder);
}

/* Of what the workers are told of rates now, as far as it has hours. */
guint
gw_rates_hash(const GwCore *core)
{
  guint hash = 0;

  for (guint is_lan = 0; is_lan < 2; is_lan++) {
    g_autoptr(GVariant) sections = g_variant_ref_sink(gw_workers_config_sections((GwCore *)core, is_lan));
    GVariantIter iter, values_iter;
    GVariant *values;
    const char *key, *value;

    g_variant_iter_init(&iter, sections);
    while (g_variant_iter_next(&iter, "(&s&s@a{ss})", NULL, NULL, &values)) {
      g_variant_iter_init(&values_iter, values);
      while (g_variant_iter_next(&values_iter, "{&s&s}", &key, &value))
        hash = hash * 31 + (g_str_has_suffix(key, "rate") ? g_str_hash(value) : 0);
      g_variant_unref(values);
    }
  }
  return hash;
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
