/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/shared-text.h"

#include <string.h>

gboolean
gw_shared_text_set(const char **text, const char *value)
{
  const char *before = *text;

  if (before && strcmp(before, value) == 0)
    return FALSE;
  *text = g_ref_string_new_intern(value); /* first: @value may be what is held */
  if (before)
    g_ref_string_release((char *)before);
  return TRUE;
}

void
gw_shared_text_clear(const char **text)
{
  if (*text)
    g_ref_string_release((char *)*text);
  *text = NULL;
}
