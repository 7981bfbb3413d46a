/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/words.h"
#include "base/error.h"

/* One escape at *at (behind the backslash); moves behind it. */
static gboolean
take_escape(const char **at, char *ret, GError **error)
{
  static const char NAMES[] = "rnt\\\"0 ", VALUES[] = "\r\n\t\\\"\0 ";
  const char *found = **at ? strchr(NAMES, **at) : NULL;
  if (found) {
    *ret = VALUES[found - NAMES];
    *at += 1;
    return TRUE;
  }
  if (**at == 'x' && g_ascii_isxdigit((*at)[1]) && g_ascii_isxdigit((*at)[2])) {
    *ret = (char)(g_ascii_xdigit_value((*at)[1]) * 16 + g_ascii_xdigit_value((*at)[2]));
    *at += 3;
    return TRUE;
  }
  return gw_fail(error, GW_ERROR_BAD_INPUT, "unknown escape \\%c (known: \\r \\n \\t \\\\ \\\" \\0 \\xNN)",
                 **at);
}

/* Up to a blank outside quotes, or to the end when @is_whole. */
static gboolean
take_text(const char **at, gboolean is_whole, GString *text, GError **error)
{
  gboolean is_quoted = FALSE;
  while (**at && (is_whole || is_quoted || **at != ' ')) {
    char c = *(*at)++;
    if (c == '"' && !is_whole) {
      is_quoted = !is_quoted;
      continue;
    }
    if (c == '\\' && !take_escape(at, &c, error))
      return FALSE;
    g_string_append_c(text, c);
  }
  return !is_quoted || gw_fail(error, GW_ERROR_BAD_INPUT, "a quote is not closed");
}

static void
free_string(gpointer text)
{
  g_string_free(text, TRUE);
}

GPtrArray *
gw_words_split(const char *text, GError **error)
{
  g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(free_string);
  for (;;) {
    text += strspn(text, " \t");
    if (!*text)
      return g_steal_pointer(&words);
    GString *word = g_string_new(NULL);
    g_ptr_array_add(words, word);
    if (!take_text(&text, FALSE, word, error))
      return NULL;
  }
}

GString *
gw_words_unescape(const char *text, GError **error)
{
  g_autoptr(GString) result = g_string_new(NULL);
  if (!take_text(&text, TRUE, result, error))
    return NULL;
  return g_steal_pointer(&result);
}

char *
gw_words_escape(GatewayText text)
{
  GString *result = g_string_new(NULL);
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '\r')
      g_string_append(result, "\\r");
    else if (c == '\n')
      g_string_append(result, "\\n");
    else if (g_ascii_isprint(c))
      g_string_append_c(result, c);
    else
      g_string_append_printf(result, "\\x%02x", (guint8)c);
  }
  return g_string_free(result, FALSE);
}
