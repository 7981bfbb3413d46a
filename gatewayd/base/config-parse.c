/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GKeyFile reads the same grammar but forgets the lines and swallows repeated keys, and an operator needs
 * both. */
#include "base/config-parse.h"

#include <string.h>

#include "base/config-schema.h"
#include "base/error.h"

#define NAME_MAX_BYTES 64

typedef struct {
  const GwConfigSchema *schema;
  const char *name;
  guint line;
  GPtrArray *sections;
  GwConfigSection *current;
  GHashTable *written; /* GwConfigEntry that this text wrote */
} Parser;

static void
entry_free(gpointer data)
{
  GwConfigEntry *entry = data;

  g_free(entry->key);
  g_free(entry->value);
  g_free(entry->where);
  g_free(entry);
}

void
gw_config_section_free(GwConfigSection *section)
{
  g_free(section->kind);
  g_free(section->instance);
  g_ptr_array_unref(section->entries);
  g_free(section);
}

GwConfigSection *
gw_config_find(const GPtrArray *sections, const char *kind, const char *instance)
{
  for (guint i = 0; i < sections->len; i++) {
    GwConfigSection *section = sections->pdata[i];

    if (strcmp(section->kind, kind) == 0 && g_strcmp0(section->instance, instance) == 0)
      return section;
  }
  return NULL;
}

GwConfigEntry *
gw_config_section_find(const GwConfigSection *section, const char *key)
{
  for (guint i = 0; section && i < section->entries->len; i++) {
    GwConfigEntry *entry = section->entries->pdata[i];

    if (strcmp(entry->key, key) == 0)
      return entry;
  }
  return NULL;
}

static gboolean G_GNUC_PRINTF(3, 4) refuse(const Parser *parser, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  return gw_fail(error, GW_ERROR_BAD_INPUT, "%s:%u: %s", parser->name, parser->line, text);
}

static gboolean
is_name(const char *text, const char *punctuation)
{
  gsize size = strlen(text);

  if (size == 0 || size > NAME_MAX_BYTES)
    return FALSE;
  for (; *text; text++)
    if (!g_ascii_isalnum(*text) && !strchr(punctuation, *text))
      return FALSE;
  return TRUE;
}

static gboolean
check_section(const Parser *parser, const char *kind, const char *instance, GError **error)
{
  gboolean is_instanced = gw_schema_is_instanced(parser->schema, kind);
  g_autofree char *hint = NULL;

  if (!gw_schema_has_section(parser->schema, kind)) {
    hint = gw_schema_hint(parser->schema, NULL, kind);
    return refuse(parser, error, "unknown section [%.64s]%s", kind, hint);
  }
  if (is_instanced && !instance)
    return refuse(parser, error, "section [%s] needs a name: [%s NAME]", kind, kind);
  if (!is_instanced && instance)
    return refuse(parser, error, "section [%s] takes no name", kind);
  if (instance && !is_name(instance, "._:-"))
    return refuse(parser, error, "a name in [%s NAME] is 1 to %d letters, digits or ._:-", kind,
                  NAME_MAX_BYTES);
  return TRUE;
}

/* @line begins with '[' and has no blanks at its end. It is cut in place. */
static gboolean
parse_section(Parser *parser, char *line, GError **error)
{
  gsize size = strlen(line);
  char *kind = line + 1, *instance;

  if (line[size - 1] != ']')
    return refuse(parser, error, "a section is written [name]");
  line[size - 1] = '\0';
  kind = g_strstrip(kind);
  instance = strpbrk(kind, " \t");
  if (instance) {
    *instance++ = '\0';
    g_strstrip(instance);
  }
  if (!check_section(parser, kind, instance, error))
    return FALSE;
  parser->current = gw_config_find(parser->sections, kind, instance);
  if (!parser->current) {
    parser->current = g_new0(GwConfigSection, 1);
    parser->current->kind = g_strdup(kind);
    parser->current->instance = g_strdup(instance);
    parser->current->entries = g_ptr_array_new_with_free_func(entry_free);
    g_ptr_array_add(parser->sections, parser->current);
  }
  return TRUE;
}

/* GKeyFile's escapes: \s \t \n \r \\ ; in place. */
static gboolean
unescape(char *value)
{
  static const char names[] = "stnr\\", meanings[] = " \t\n\r\\";
  char *out = value;

  for (; *value; value++) {
    const char *found = value[0] == '\\' && value[1] ? strchr(names, value[1]) : NULL;

    if (*value == '\\' && !found)
      return FALSE;
    *out++ = found ? meanings[found - names] : *value;
    value += found ? 1 : 0;
  }
  *out = '\0';
  return TRUE;
}

static gboolean
check_entry(const Parser *parser, const char *key, const char *value, GError **error)
{
  const char *kind = parser->current->kind;
  const GwOption *option = gw_schema_option(parser->schema, kind, key);
  g_autofree char *hint = NULL;
  g_autofree char *expected = NULL;

  if (!is_name(key, "._-"))
    return refuse(parser, error, "\"%.64s\" cannot be a key", key);
  if (!option && !gw_schema_is_open(parser->schema, kind)) {
    hint = gw_schema_hint(parser->schema, kind, key);
    return refuse(parser, error, "unknown key \"%s\" in [%s]%s", key, kind, hint);
  }
  expected = option ? gw_option_objection(option, value) : NULL;
  if (expected)
    return refuse(parser, error, "%s=%.64s: expected %s", key, value, expected);
  return TRUE;
}

static gboolean
store_entry(Parser *parser, const char *key, const char *value, GError **error)
{
  GwConfigEntry *entry = gw_config_section_find(parser->current, key);

  if (entry && g_hash_table_contains(parser->written, entry))
    return refuse(parser, error, "\"%s\" is set already at %s", key, entry->where);
  if (!entry) {
    entry = g_new0(GwConfigEntry, 1);
    entry->key = g_strdup(key);
    g_ptr_array_add(parser->current->entries, entry);
  }
  g_free(entry->value);
  g_free(entry->where);
  entry->value = g_strdup(value);
  entry->where = g_strdup_printf("%s:%u", parser->name, parser->line);
  g_hash_table_add(parser->written, entry);
  return TRUE;
}

static gboolean
parse_line(Parser *parser, char *line, GError **error)
{
  char *value;

  g_strstrip(line);
  if (*line == '\0' || *line == '#')
    return TRUE;
  if (*line == '[')
    return parse_section(parser, line, error);
  value = strchr(line, '=');
  if (!value)
    return refuse(parser, error, "expected key=value, [section] or # comment");
  if (!parser->current)
    return refuse(parser, error, "a key before the first [section]");
  *value++ = '\0';
  g_strchomp(line);
  g_strchug(value);
  if (!unescape(value))
    return refuse(parser, error, "unknown escape; known are \\s \\t \\n \\r \\\\");
  return check_entry(parser, line, value, error) && store_entry(parser, line, value, error);
}

gboolean
gw_config_parse(const GwConfigSchema *schema, const char *name, const char *text, gsize size,
                GPtrArray *sections, GError **error)
{
  g_autoptr(GHashTable) written = g_hash_table_new(NULL, NULL);
  Parser parser = { .schema = schema, .name = name, .sections = sections, .written = written };
  const char *end = text + size;

  if (size > GW_CONFIG_FILE_MAX)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s: larger than %" G_GSIZE_FORMAT " bytes", name,
                   GW_CONFIG_FILE_MAX);
  while (text < end) {
    const char *stop = memchr(text, '\n', (gsize)(end - text));
    g_autofree char *line = NULL;

    stop = stop ? stop : end;
    parser.line++;
    if (!g_utf8_validate_len(text, (gsize)(stop - text), NULL))
      return refuse(&parser, error, "not UTF-8 text");
    line = g_strndup(text, (gsize)(stop - text));
    if (!parse_line(&parser, line, error))
      return FALSE;
    text = stop + 1;
  }
  return TRUE;
}
