/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/sections.h"

#include "base/config.h"

GVariant *
gw_sections_find(GVariant *sections, const char *section, const char *instance)
{
  GVariantIter iter;
  const char *a_section, *an_instance;
  GVariant *values;

  g_variant_iter_init(&iter, sections);
  while (g_variant_iter_next(&iter, "(&s&s@a{ss})", &a_section, &an_instance, &values)) {
    if (g_str_equal(a_section, section) && g_str_equal(an_instance, instance))
      return values;
    g_variant_unref(values);
  }
  return NULL;
}

const char *
gw_sections_type(GVariant *values)
{
  const char *type = "";

  (void)g_variant_lookup(values, "type", "&s", &type);
  return type;
}

gboolean
gw_sections_is_enabled(GVariant *sections, const char *type)
{
  g_autoptr(GVariant) values = gw_sections_find(sections, "plugin", type);
  const char *text = "yes";
  gboolean is_on = TRUE;

  return !values || !g_variant_lookup(values, "enabled", "&s", &text) || !gw_parse_boolean(text, &is_on) ||
         is_on;
}
