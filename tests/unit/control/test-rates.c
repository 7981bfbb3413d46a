/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rates by the hour, as the workers are told them. */
#include <string.h>

#include "rig.h"

#define MINUTE_MS G_GINT64_CONSTANT(60000)
#define HOUR_MS (60 * MINUTE_MS)

/* What @key is in that section of a configuration, and nothing of hours. Caller frees. */
static char *
find_rate(const RigMessage *message, const char *section, const char *key)
{
  g_autoptr(GVariant) sections = NULL;
  GVariantIter iter, values_iter;
  const char *a_section, *name, *value;
  GVariant *values;
  guint32 epoch;
  char *rate = NULL;

  g_assert_true(gw_config_unpack(message->payload, &epoch, &sections));
  g_variant_iter_init(&iter, sections);
  while (g_variant_iter_loop(&iter, "(&s&s@a{ss})", &a_section, NULL, &values)) {
    g_variant_iter_init(&values_iter, values);
    while (g_variant_iter_next(&values_iter, "{&s&s}", &name, &value)) {
      g_assert_false(g_str_has_suffix(name, "rate-hours"));
      if (strcmp(a_section, section) == 0 && strcmp(name, key) == 0)
        rate = g_strdup(value);
    }
  }
  return rate;
}

static const struct {
  const char *section, *key, *night, *day;
  gboolean is_lan;
} RATES[] = {
  { "lan", "rate", "4MiB", "9KiB", TRUE },      { "lan", "segment-rate", "2MiB", "8KiB", TRUE },
  { "lan", "node-rate", "1MiB", "7KiB", TRUE }, { "lan", "transfer-rate", "512KiB", "6KiB", TRUE },
  { "wan", "rate", "3MiB", "5KiB", FALSE },     { "upstream", "rate", "300KiB", "4KiB", FALSE },
};

static Rig *
rig_with_rates(void)
{
  g_autoptr(GString) text = g_string_new("[upstream cloud]\ntype=" RIG_CLOUD "\n");

  for (guint i = 0; i < G_N_ELEMENTS(RATES); i++)
    g_string_append_printf(text, "[%s%s]\n%s=%s\n%s-hours=nonsense, 22:00-06:00 %s, 22:00-23:00 1\n",
                           RATES[i].section, strcmp(RATES[i].section, "upstream") == 0 ? " cloud" : "",
                           RATES[i].key, RATES[i].day, RATES[i].key, RATES[i].night);
  return rig_new(text->str);
}

static void
assert_rates(Rig *rig, gboolean is_night)
{
  g_autoptr(RigMessage) lan = rig_take(rig, TRUE, GW_MESSAGE_CONFIG);
  g_autoptr(RigMessage) wan = rig_take(rig, FALSE, GW_MESSAGE_CONFIG);

  g_assert_nonnull(lan);
  g_assert_nonnull(wan);
  for (guint i = 0; i < G_N_ELEMENTS(RATES); i++) {
    g_autofree char *rate = find_rate(RATES[i].is_lan ? lan : wan, RATES[i].section, RATES[i].key);

    g_assert_cmpstr(rate, ==, is_night ? RATES[i].night : RATES[i].day);
  }
}

static void
test_by_hours(void)
{
  g_autoptr(Rig) rig = rig_with_rates();
  gint64 until_22_ms = (46 * HOUR_MS - rig->wall_ms % RIG_DAY_MS) % RIG_DAY_MS;

  rig_pass(rig, until_22_ms - 5 * MINUTE_MS + RIG_DAY_MS);
  rig_forget_messages(rig);
  rig_pass(rig, 6 * MINUTE_MS);
  assert_rates(rig, TRUE);
  rig_pass(rig, 3 * HOUR_MS);
  g_assert_null(rig_take(rig, TRUE, GW_MESSAGE_CONFIG)); /* nothing has changed */
  rig_pass(rig, 5 * HOUR_MS);
  assert_rates(rig, FALSE);
}

/* One whose hours alone differ is noticed, too. */
static void
test_one_upstream(void)
{
  g_autoptr(Rig) rig =
      rig_new("[upstream cloud]\ntype=" RIG_CLOUD "\nrate=4KiB\nrate-hours=22:00-06:00 300KiB\n");
  gint64 until_22_ms = (46 * HOUR_MS - rig->wall_ms % RIG_DAY_MS) % RIG_DAY_MS;
  g_autoptr(RigMessage) message = NULL;
  g_autofree char *rate = NULL;

  rig_pass(rig, until_22_ms - 5 * MINUTE_MS + RIG_DAY_MS);
  rig_forget_messages(rig);
  rig_pass(rig, 6 * MINUTE_MS);
  message = rig_take(rig, FALSE, GW_MESSAGE_CONFIG);
  g_assert_nonnull(message);
  rate = find_rate(message, "upstream", "rate");
  g_assert_cmpstr(rate, ==, "300KiB");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/rates/by-hours", test_by_hours);
  g_test_add_func("/control/rates/one-upstream", test_one_upstream);
  return g_test_run();
}
