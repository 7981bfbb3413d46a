/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands in the sections of CONFIG, a(ssa{ss}). Pure. */
#pragma once
#include <glib.h>

/* "[section]" or "[section instance]" as a{ss}, to be unreferenced; NULL = not written. */
GVariant *gw_sections_find(GVariant *sections, const char *section, const char *instance);
/* type= of one section; "" = it has none. Borrowed. */
const char *gw_sections_type(GVariant *values);
/* Is the plugin of that name not switched off? */
gboolean gw_sections_is_enabled(GVariant *sections, const char *type);
