/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/config.h"
#include "base/error.h"
#include "check/run.h"
#include <stdio.h>

guint gw_run_line;

static const char *
setting_text(const GatewaySettings *settings, const char *key)
{
  const GwRun *run = ((const GwRunSettings *)(const void *)settings)->run;
  const char *set = run->settings ? g_hash_table_lookup(run->settings, key) : NULL;
  for (guint i = 0; !set && i < run->plugin->n_settings; i++) {
    if (strcmp(run->plugin->settings[i].key, key) == 0)
      set = run->plugin->settings[i].fallback;
  }
  return set;
}

static int64_t
setting_number(const GatewaySettings *settings, const char *key)
{
  const char *text = setting_text(settings, key);
  gint64 value = 0;
  if (text && !gw_parse_duration_ms(text, &value) && !gw_parse_size(text, &value))
    value = 0;
  return value;
}

static bool
setting_flag(const GatewaySettings *settings, const char *key)
{
  const char *text = setting_text(settings, key);
  gboolean value = FALSE;
  return text && gw_parse_boolean(text, &value) && value;
}

GwRunSettings
gw_run_settings(const GwRun *run)
{
  return (GwRunSettings){ { sizeof(GatewaySettings), setting_text, setting_number, setting_flag }, run };
}

void
gw_run_fail(GwRun *run, guint line, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  printf("not ok line %u (%s)\n%s\n", line, run->case_name, text);
  run->n_failed++;
}

/* What a case of each kind is made of. */
static const struct {
  const GwKeyword *keywords;
  gpointer (*begin)(GwRun *run);
  void (*end)(gpointer state);
} KINDS[] = {
  [GATEWAY_REQUEST] = { GW_REQUEST_KEYWORDS, gw_request_case_new, gw_request_case_free },
  [GATEWAY_SESSION] = { GW_SESSION_KEYWORDS, gw_session_case_new, gw_session_case_free },
  [GATEWAY_FORMAT] = { GW_FORMAT_KEYWORDS, gw_format_case_new, gw_format_case_free },
};

static const GwKeyword *
find_keyword(const GwRun *run, const char *word)
{
  for (const GwKeyword *keywords = KINDS[run->plugin->kind].keywords; keywords->keyword; keywords++) {
    if (strcmp(keywords->keyword, word) == 0)
      return keywords;
  }
  return NULL;
}

typedef struct {
  GwRun *run;
  gpointer state; /* of the case, NULL before the first */
} Table;

static void
end_case(Table *table)
{
  if (table->state)
    KINDS[table->run->plugin->kind].end(table->state);
  table->state = NULL;
}

static void
begin_case(Table *table, const char *name)
{
  GwRun *run = table->run;
  end_case(table);
  g_free((char *)run->case_name);
  run->case_name = g_strdup(name);
  run->n_cases++;
  table->state = KINDS[run->plugin->kind].begin(run);
}

static gboolean
run_line(Table *table, const char *line, GError **error)
{
  g_autoptr(GPtrArray) words = gw_words_split(line, error);
  if (!words)
    return FALSE;
  const GString *first = words->pdata[0];
  const char *rest = line + strcspn(line, " ");
  rest += *rest ? 1 : 0;
  if (strcmp(first->str, "case") == 0) {
    begin_case(table, rest);
    return TRUE;
  }
  if (strcmp(first->str, "setting") == 0 && words->len == 3) {
    const GString *key = words->pdata[1], *value = words->pdata[2];
    g_hash_table_insert(table->run->settings, g_strdup(key->str), g_strdup(value->str));
    return TRUE;
  }
  const GwKeyword *keyword = find_keyword(table->run, first->str);
  if (!keyword)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "unknown keyword '%s'", first->str);
  if (!table->state)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "'%s' before the first 'case'", first->str);
  return keyword->run(table->state, words, rest, error);
}

gboolean
gw_run_table(GwRun *run, const char *text, GError **error)
{
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  Table table = { run, NULL };
  gboolean is_good = TRUE;
  for (guint i = 0; is_good && lines[i]; i++) {
    const char *line = g_strchug(lines[i]);
    gw_run_line = i + 1;
    is_good = *line == 0 || *line == '#' || run_line(&table, line, error);
    if (!is_good)
      g_prefix_error(error, "line %u: ", i + 1);
  }
  end_case(&table);
  if (is_good && run->n_cases == 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the table holds no 'case'");
  return is_good;
}
