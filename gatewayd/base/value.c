/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values as people write them: an amount and a unit. */
#include <string.h>

#include "base/config.h"

typedef struct {
  const char *name;
  gint64 factor;
} Unit;

#define KIB G_GINT64_CONSTANT(1024)
#define KB G_GINT64_CONSTANT(1000)

static const Unit size_units[] = {
  { "", 1 },
  { "B", 1 },
  { "KiB", KIB },
  { "MiB", KIB *KIB },
  { "GiB", KIB *KIB *KIB },
  { "TiB", KIB *KIB *KIB *KIB },
  { "KB", KB },
  { "kB", KB },
  { "MB", KB *KB },
  { "GB", KB *KB *KB },
  { "TB", KB *KB *KB *KB },
  { NULL, 0 },
};

static const Unit duration_units[] = {
  { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};

static gboolean
parse_amount(const char *text, const Unit *units, gint64 *ret_value)
{
  gint64 amount = 0;

  if (!g_ascii_isdigit(*text))
    return FALSE;
  for (; g_ascii_isdigit(*text); text++) {
    int digit = *text - '0';

    if (amount > (G_MAXINT64 - digit) / 10)
      return FALSE;
    amount = amount * 10 + digit;
  }
  while (*text == ' ')
    text++;
  while (units->name && strcmp(units->name, text) != 0)
    units++;
  if (!units->name || amount > G_MAXINT64 / units->factor)
    return FALSE;
  *ret_value = amount * units->factor;
  return TRUE;
}

gboolean
gw_parse_duration_ms(const char *text, gint64 *ret_ms)
{
  if (strcmp(text, "0") == 0) {
    *ret_ms = 0;
    return TRUE;
  }
  return parse_amount(text, duration_units, ret_ms);
}

gboolean
gw_parse_size(const char *text, gint64 *ret_bytes)
{
  return parse_amount(text, size_units, ret_bytes);
}

gboolean
gw_parse_boolean(const char *text, gboolean *ret_value)
{
  static const char *const yes[] = { "yes", "true", "on", "1", NULL };
  static const char *const no[] = { "no", "false", "off", "0", NULL };
  gboolean is_yes = g_strv_contains(yes, text);

  if (!is_yes && !g_strv_contains(no, text))
    return FALSE;
  *ret_value = is_yes;
  return TRUE;
}
