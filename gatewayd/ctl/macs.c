/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/macs.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "model/node.h"

#define COMPLAINTS_MAX 10
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

typedef struct {
  const char *what; /* "MAC address" */
  gboolean (*normalize)(const char *text, char ret_text[18]);
} Kind;

static gboolean
normalize_imei(const char *text, char ret_text[18])
{
  if (!gw_imei_check(text))
    return FALSE;
  g_strlcpy(ret_text, text, 18);
  return TRUE;
}

typedef struct {
  const char *name, *what;
  GString *text;
  guint n;
} Complaints;

static void
complain(Complaints *complaints, guint line, const char *word)
{
  g_autofree char *cut = g_strndup(word, 40);
  g_autofree char *inert = gw_log_inert(cut);

  if (++complaints->n <= COMPLAINTS_MAX)
    g_string_append_printf(complaints->text, "%s%s:%u: \"%s\" is no %s", complaints->text->len ? "\n" : "",
                           complaints->name, line, inert, complaints->what);
}

static gboolean
parse(const Kind *kind, const char *name, const char *text, GPtrArray *found, GError **error)
{
  g_auto(GStrv) lines = g_strsplit(g_str_has_prefix(text, BYTE_ORDER_MARK) ? text + 3 : text, "\n", -1);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GString) said = g_string_new(NULL);
  Complaints complaints = { name, kind->what, said, 0 };

  for (guint i = 0; lines[i]; i++) {
    char *word = g_strstrip(lines[i]);
    char normal[18];

    word[strcspn(word, "# \t,;\r")] = '\0';
    if (!*word)
      continue;
    if (!kind->normalize(word, normal))
      complain(&complaints, i + 1, word);
    else if (g_hash_table_add(seen, g_strdup(normal)))
      g_ptr_array_add(found, g_strdup(normal));
  }
  if (complaints.n > COMPLAINTS_MAX)
    g_string_append_printf(said, "\n%s: and %u more", name, complaints.n - COMPLAINTS_MAX);
  return complaints.n == 0 || gw_fail(error, GW_ERROR_BAD_INPUT, "%s", said->str);
}

gboolean
gw_macs_parse(const char *name, const char *text, GPtrArray *macs, GError **error)
{
  static const Kind kind = { "MAC address", gw_mac_normalize };

  return parse(&kind, name, text, macs, error);
}

gboolean
gw_imeis_parse(const char *name, const char *text, GPtrArray *imeis, GError **error)
{
  static const Kind kind = { "IMEI", normalize_imei };

  return parse(&kind, name, text, imeis, error);
}
