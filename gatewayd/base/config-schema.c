/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/config-schema.h"

#include <string.h>

#include "base/word.h"

static gboolean
is_listed(const char *const *list, const char *word)
{
  return list && g_strv_contains(list, word);
}

gboolean
gw_schema_is_instanced(const GwConfigSchema *schema, const char *section)
{
  return is_listed(schema->instanced, section);
}

gboolean
gw_schema_is_open(const GwConfigSchema *schema, const char *section)
{
  return is_listed(schema->open, section);
}

gboolean
gw_schema_has_section(const GwConfigSchema *schema, const char *section)
{
  for (const GwOption *option = schema->options; option->key; option++)
    if (strcmp(option->section, section) == 0)
      return TRUE;
  return gw_schema_is_instanced(schema, section) || gw_schema_is_open(schema, section);
}

const GwOption *
gw_schema_option(const GwConfigSchema *schema, const char *section, const char *key)
{
  for (const GwOption *option = schema->options; option->key; option++)
    if (strcmp(option->section, section) == 0 && strcmp(option->key, key) == 0)
      return option;
  return NULL;
}

char *
gw_schema_hint(const GwConfigSchema *schema, const char *section, const char *word)
{
  GwClosest closest = gw_closest(word);

  for (const GwOption *option = schema->options; option->key; option++)
    if (!section)
      gw_closest_consider(&closest, option->section);
    else if (strcmp(section, option->section) == 0)
      gw_closest_consider(&closest, option->key);
  for (const char *const *open = section ? NULL : schema->open; open && *open; open++)
    gw_closest_consider(&closest, *open);
  return closest.best ? g_strdup_printf("; did you mean \"%s\"?", closest.best) : g_strdup("");
}

static gboolean
parse_number(const GwOption *option, const char *value, gint64 *ret_n)
{
  switch (option->kind) {
  case GW_OPTION_INTEGER:
    return g_ascii_string_to_signed(value, 10, G_MININT64, G_MAXINT64, ret_n, NULL) && *value != '+';
  case GW_OPTION_SIZE:
    return gw_parse_size(value, ret_n);
  case GW_OPTION_DURATION:
    return gw_parse_duration_ms(value, ret_n);
  default:
    return FALSE;
  }
}

static char *
number_objection(const GwOption *option, const char *value)
{
  static const char *const expected[] = {
    [GW_OPTION_INTEGER] = "a number",
    [GW_OPTION_SIZE] = "a size like 64KiB or 10MB",
    [GW_OPTION_DURATION] = "a time with its unit: 500ms, 90s, 15min, 24h, 30d",
  };
  static const char *const unit[] = {
    [GW_OPTION_INTEGER] = "", [GW_OPTION_SIZE] = " bytes", [GW_OPTION_DURATION] = " ms"
  };
  gint64 n;

  if (!parse_number(option, value, &n))
    return g_strdup(expected[option->kind]);
  if ((option->min == 0 && option->max == 0) || (n >= option->min && n <= option->max))
    return NULL;
  return g_strdup_printf("%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT "%s", option->min, option->max,
                         unit[option->kind]);
}

static char *
choice_objection(const GwOption *option, const char *value)
{
  g_auto(GStrv) choices = g_strsplit(option->choices, "|", -1);

  return g_strv_contains((const char *const *)choices, value) ? NULL : g_strdup_printf("%s", option->choices);
}

/* "[tls:]ADDRESS:PORT", "[tls:]:PORT", or the name of a line; what an address is its worker knows. */
static gboolean
is_listen(const char *item)
{
  const char *place = g_str_has_prefix(item, "tls:") ? item + strlen("tls:") : item;
  const char *colon = strrchr(place, ':');
  guint64 port;

  if (!colon)
    return *place && place == item && strspn(place, "0123456789.") < strlen(place);
  return g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT16, &port, NULL) &&
         (strchr(place, ':') == colon || *place == '[');
}

static char *
listen_objection(const char *value)
{
  g_auto(GStrv) items = g_strsplit_set(value, ",;", -1);

  for (char **item = items; *item; item++)
    if (*g_strstrip(*item) && !is_listen(*item))
      return g_strdup_printf(
          "ADDRESS:PORT, [ADDRESS]:PORT or :PORT, with \"tls:\" in front for TLS, or the name of "
          "a line, and not \"%s\"",
          *item);
  return NULL;
}

char *
gw_option_objection(const GwOption *option, const char *value)
{
  gboolean unused;

  switch (option->kind) {
  case GW_OPTION_STRING:
  case GW_OPTION_LIST:
    return NULL;
  case GW_OPTION_LISTEN:
    return listen_objection(value);
  case GW_OPTION_BOOLEAN:
    return gw_parse_boolean(value, &unused) ? NULL : g_strdup("yes or no");
  case GW_OPTION_CHOICE:
    return choice_objection(option, value);
  case GW_OPTION_PATH:
    return *value == '/' ? NULL : g_strdup("a path that begins with /");
  default:
    return number_objection(option, value);
  }
}
