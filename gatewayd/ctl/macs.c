/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/macs.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "model/node.h"

#define COMPLAINTS_MAX 10
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

static void
complain(GString *complaints, guint *n, const char *name, guint line, const char *word)
{
  g_autofree char *cut = g_strndup(word, 40);
  g_autofree char *inert = gw_log_inert(cut);

  if (++*n <= COMPLAINTS_MAX)
    g_string_append_printf(complaints, "%s%s:%u: \"%s\" is no MAC address", complaints->len ? "\n" : "", name,
                           line, inert);
}

gboolean
gw_macs_parse(const char *name, const char *text, GPtrArray *macs, GError **error)
{
  g_auto(GStrv) lines = g_strsplit(g_str_has_prefix(text, BYTE_ORDER_MARK) ? text + 3 : text, "\n", -1);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GString) complaints = g_string_new(NULL);
  guint n_complaints = 0;

  for (guint i = 0; lines[i]; i++) {
    char *word = g_strstrip(lines[i]);
    char mac[18];

    word[strcspn(word, "# \t,;\r")] = '\0';
    if (!*word)
      continue;
    if (!gw_mac_normalize(word, mac))
      complain(complaints, &n_complaints, name, i + 1, word);
    else if (g_hash_table_add(seen, g_strdup(mac)))
      g_ptr_array_add(macs, g_strdup(mac));
  }
  if (n_complaints > COMPLAINTS_MAX)
    g_string_append_printf(complaints, "\n%s: and %u more", name, n_complaints - COMPLAINTS_MAX);
  return n_complaints == 0 || gw_fail(error, GW_ERROR_BAD_INPUT, "%s", complaints->str);
}
