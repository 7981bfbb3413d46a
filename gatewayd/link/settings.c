/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/settings.h"

#include <string.h>

#include "base/config.h"
#include "base/error.h"

struct GwSettings {
  GatewaySettings view; /* first: what the plugin holds is this */
  const GatewaySetting *table;
  guint n_table;
  char **texts;    /* by row; NULL = neither written nor with a fallback */
  gint64 *numbers; /* by row */
};

static int
row_of(const GwSettings *settings, const char *key)
{
  for (guint i = 0; i < settings->n_table; i++) {
    if (g_str_equal(settings->table[i].key, key))
      return (int)i;
  }
  return -1;
}

static const char *
view_text(const GatewaySettings *view, const char *key)
{
  const GwSettings *settings = (const GwSettings *)view;
  int row = row_of(settings, key);

  return row < 0 || settings->table[row].kind == GATEWAY_SETTING_SECRET ? NULL : settings->texts[row];
}

static int64_t
view_number(const GatewaySettings *view, const char *key)
{
  return gw_settings_number((const GwSettings *)view, key, 0);
}

static bool
view_flag(const GatewaySettings *view, const char *key)
{
  return gw_settings_number((const GwSettings *)view, key, 0) != 0;
}

static gboolean
is_choice(const char *choices, const char *text)
{
  g_auto(GStrv) words = g_strsplit(choices, "|", -1);

  return g_strv_contains((const char *const *)words, text);
}

static gboolean
parse_number(const GatewaySetting *setting, const char *text, gint64 *ret_number)
{
  gboolean is_set = FALSE;

  switch (setting->kind) {
  case GATEWAY_SETTING_INTEGER:
    return g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, ret_number, NULL);
  case GATEWAY_SETTING_SIZE:
    return gw_parse_size(text, ret_number);
  case GATEWAY_SETTING_DURATION:
    return gw_parse_duration_ms(text, ret_number);
  case GATEWAY_SETTING_BOOLEAN:
    if (!gw_parse_boolean(text, &is_set))
      return FALSE;
    *ret_number = is_set;
    return TRUE;
  case GATEWAY_SETTING_CHOICE:
    return is_choice(setting->choices, text);
  default:
    return TRUE;
  }
}

static gboolean
take_value(GwSettings *settings, guint row, const char *text, GError **error)
{
  const GatewaySetting *setting = &settings->table[row];
  const char *help = setting->help ? setting->help : "see its table";
  gint64 number = 0;
  gboolean has_range = setting->min != 0 || setting->max != 0;

  if (!parse_number(setting, text, &number))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s=%s makes no sense (%s)", setting->key, text, help);
  if (has_range && (number < setting->min || (setting->max != 0 && number > setting->max)))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s=%s is out of range (%s)", setting->key, text, help);
  g_free(settings->texts[row]);
  settings->texts[row] = g_strdup(text);
  settings->numbers[row] = number;
  return TRUE;
}

static gboolean
fail_unknown(const GwSettings *settings, const char *key, GError **error)
{
  g_autoptr(GString) known = g_string_new(NULL);

  for (guint i = 0; i < settings->n_table; i++)
    g_string_append_printf(known, "%s%s", i ? ", " : "", settings->table[i].key);
  return gw_fail(error, GW_ERROR_BAD_INPUT, "%s= is not known here; known: %s", key, known->str);
}

static gboolean
take_all(GwSettings *settings, GVariant *values, const char *const *others, GError **error)
{
  GVariantIter iter;
  const char *key, *text;

  for (guint i = 0; i < settings->n_table; i++) {
    if (settings->table[i].fallback && !take_value(settings, i, settings->table[i].fallback, error))
      return FALSE;
  }
  g_variant_iter_init(&iter, values);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &text)) {
    int row = row_of(settings, key);

    if (row < 0 && others && g_strv_contains(others, key))
      continue;
    if (row < 0)
      return fail_unknown(settings, key, error);
    if (!take_value(settings, (guint)row, text, error))
      return FALSE;
  }
  return TRUE;
}

GwSettings *
gw_settings_new(const GatewaySetting *table, guint n_table, GVariant *values, const char *const *others,
                GError **error)
{
  g_autoptr(GwSettings) settings = g_new0(GwSettings, 1);

  settings->view = (GatewaySettings){ sizeof settings->view, view_text, view_number, view_flag };
  settings->table = table;
  settings->n_table = n_table;
  settings->texts = g_new0(char *, n_table + 1);
  settings->numbers = g_new0(gint64, n_table + 1);
  if (!take_all(settings, values, others, error))
    return NULL;
  return g_steal_pointer(&settings);
}

void
gw_settings_free(GwSettings *settings)
{
  if (!settings)
    return;
  for (guint i = 0; i < settings->n_table; i++)
    g_free(settings->texts[i]);
  g_free(settings->texts);
  g_free(settings->numbers);
  g_free(settings);
}

const GatewaySettings *
gw_settings_view(const GwSettings *settings)
{
  return &settings->view;
}

const char *
gw_settings_text(const GwSettings *settings, const char *key)
{
  int row = row_of(settings, key);

  return row >= 0 && settings->texts[row] ? settings->texts[row] : "";
}

gint64
gw_settings_number(const GwSettings *settings, const char *key, gint64 absent)
{
  int row = row_of(settings, key);

  return row >= 0 && settings->texts[row] ? settings->numbers[row] : absent;
}
