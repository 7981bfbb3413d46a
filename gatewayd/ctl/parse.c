/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/parse.h"

#include <string.h>

#include "base/error.h"
#include "base/word.h"
#include "ctl/catalog.h"

const GwArg gw_common_args[] = {
  { "bus", GW_ARG_TEXT, NULL, "ADDRESS", "bus of the gateway; default: $GATEWAYD_BUS, else the system bus" },
  { "json", GW_ARG_FLAG, NULL, NULL, "one JSON document instead of text" },
  { "yes", GW_ARG_FLAG, NULL, NULL, "do not ask back (-y)" },
  { "wide", GW_ARG_FLAG, NULL, NULL, "never shorten a table to the width of the terminal" },
  { "help", GW_ARG_FLAG, NULL, NULL, "say what the command does, and how (-h)" },
  { "version", GW_ARG_FLAG, NULL, NULL, "print the version of gatewayctl" },
  { NULL, 0, NULL, NULL, NULL },
};

const GwCommand *const gw_command_tables[] = {
  gw_commands_general,
  gw_commands_firmware,
  gw_commands_nodes,
  gw_commands_accounts,
  gw_commands_rules,
  gw_commands_plugins,
  gw_commands_outlets,
  gw_commands_dns,
  gw_commands_catalog,
  gw_commands_export,
  NULL,
};

/* --- which command --- */

/* "node" and "nodes" mean the same. */
static gboolean
is_noun(const char *noun, const char *word)
{
  gsize size = strlen(noun) - (g_str_has_suffix(noun, "s") ? 1 : 0);

  return strncmp(noun, word, size) == 0 && (word[size] == '\0' || strcmp(word + size, "s") == 0);
}

static const GwCommand *
find_command(const char *noun, const char *verb)
{
  GW_FOR_EACH_COMMAND(command)
  if (is_noun(command->noun, noun) && (!command->verb || g_strcmp0(command->verb, verb) == 0))
    return command;
  return NULL;
}

static gboolean
fail_noun(const char *word, GError **error)
{
  GwClosest closest = gw_closest(word);

  GW_FOR_EACH_COMMAND(command)
  gw_closest_consider(&closest, command->noun);
  return gw_fail(error, GW_ERROR_BAD_INPUT, "there is no command \"%s\"%s%s%s", word,
                 closest.best ? "; did you mean \"" : "", closest.best ? closest.best : "",
                 closest.best ? "\"?" : "");
}

static gboolean
fail_verb(const char *noun, const char *word, GError **error)
{
  GwClosest closest = gw_closest(word ? word : "");
  g_autoptr(GString) verbs = g_string_new(NULL);

  GW_FOR_EACH_COMMAND(command)
  if (strcmp(command->noun, noun) == 0 && command->verb) {
    gw_closest_consider(&closest, command->verb);
    g_string_append_printf(verbs, "%s%s", verbs->len ? ", " : "", command->verb);
  }
  if (!word)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s what? one of: %s", noun, verbs->str);
  if (closest.best)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "there is no \"%s %s\"; did you mean \"%s %s\"?", noun, word,
                   noun, closest.best);
  return gw_fail(error, GW_ERROR_BAD_INPUT, "there is no \"%s %s\"; %s knows: %s", noun, word, noun,
                 verbs->str);
}

/* Takes the words that name the command from @plain, which holds those that are no options. */
static gboolean
choose_command(GwLine *line, GPtrArray *plain, GError **error)
{
  const char *noun = plain->len > 0 ? g_ptr_array_index(plain, 0) : NULL;
  const char *verb = plain->len > 1 ? g_ptr_array_index(plain, 1) : NULL;

  if (!noun)
    return TRUE;
  GW_FOR_EACH_COMMAND(command)
  if (is_noun(command->noun, noun))
    line->noun = command->noun;
  if (!line->noun)
    return fail_noun(noun, error);
  line->command = find_command(noun, verb);
  if (!line->command && !verb)
    line->command = find_command(noun, "list");
  if (!line->command)
    return fail_verb(line->noun, verb, error);
  line->is_verb_named = line->command->verb && verb;
  g_ptr_array_remove_range(plain, 0, line->is_verb_named ? 2 : 1);
  line->args.args = line->command->args;
  return TRUE;
}

/* --- options --- */

static const GwArg *
find_arg(const GwArg *args, const char *name)
{
  for (const GwArg *arg = args; arg && arg->name; arg++)
    if (strcmp(arg->name, name) == 0)
      return arg;
  return NULL;
}

static gboolean
fail_option(const GwLine *line, const char *name, GError **error)
{
  GwClosest closest = gw_closest(name);

  for (const GwArg *arg = line->args.args; arg && arg->name; arg++)
    gw_closest_consider(&closest, arg->name);
  for (const GwArg *arg = gw_common_args; arg->name; arg++)
    gw_closest_consider(&closest, arg->name);
  return gw_fail(error, GW_ERROR_BAD_INPUT, "there is no option --%s here%s%s%s", name,
                 closest.best ? "; did you mean --" : "", closest.best ? closest.best : "",
                 closest.best ? "?" : "");
}

static GVariant *
with_text(GVariant *texts, const char *text)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_STRING_ARRAY);
  for (gsize i = 0; texts && i < g_variant_n_children(texts); i++) {
    g_autoptr(GVariant) child = g_variant_get_child_value(texts, i);

    g_variant_builder_add_value(&builder, child);
  }
  g_variant_builder_add(&builder, "s", text);
  return g_variant_builder_end(&builder);
}

static gboolean
value_of(const GwLine *line, const GwArg *arg, const char *text, GVariant **ret_value, GError **error)
{
  guint64 n;
  gint64 signed_n;

  if (!g_utf8_validate(text, -1, NULL))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "--%s: the value is not UTF-8", arg->name);
  switch (arg->kind) {
  case GW_ARG_NUMBER:
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &n, NULL))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "--%s=%s: expected a number", arg->name, text);
    *ret_value = g_variant_new_uint32((guint32)n);
    return TRUE;
  case GW_ARG_SIGNED:
    if (!g_ascii_string_to_signed(text, 10, G_MININT32, G_MAXINT32, &signed_n, NULL))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "--%s=%s: expected a whole number", arg->name, text);
    *ret_value = g_variant_new_int32((gint32)signed_n);
    return TRUE;
  case GW_ARG_CHOICE:
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
      return gw_fail(error, GW_ERROR_BAD_INPUT, "--%s=%s: expected yes or no", arg->name, text);
    *ret_value = g_variant_new_boolean(strcmp(text, "yes") == 0);
    return TRUE;
  case GW_ARG_TEXTS:
    *ret_value = with_text(g_hash_table_lookup(line->args.values, arg->name), text);
    return TRUE;
  default:
    *ret_value = g_variant_new_string(text);
    return TRUE;
  }
}

/* @word begins with "--"; *@next is the word after it, and is stepped over if it was taken as the value. */
static gboolean
take_option(GwLine *line, const char *word, char ***next, GError **error)
{
  const char *equals = strchr(word, '=');
  g_autofree char *name = equals ? g_strndup(word + 2, (gsize)(equals - word - 2)) : g_strdup(word + 2);
  const GwArg *arg = find_arg(line->args.args, name);
  const char *text = equals ? equals + 1 : NULL;
  GVariant *value = NULL;

  arg = arg ? arg : find_arg(gw_common_args, name);
  if (!arg)
    return fail_option(line, name, error);
  if (arg->kind == GW_ARG_FLAG && equals)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "--%s takes no value", name);
  if (arg->kind != GW_ARG_FLAG && !text && !(text = **next))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "--%s needs a value: --%s=%s", name, name, arg->value);
  if (arg->kind != GW_ARG_FLAG && !equals)
    (*next)++;
  if (arg->kind == GW_ARG_FLAG)
    value = g_variant_new_boolean(TRUE);
  else if (!value_of(line, arg, text, &value, error))
    return FALSE;
  g_hash_table_replace(line->args.values, (gpointer)arg->name, g_variant_ref_sink(value));
  return TRUE;
}

static const char *
long_form(const char *word)
{
  if (strcmp(word, "-h") == 0)
    return "--help";
  return strcmp(word, "-y") == 0 ? "--yes" : word;
}

/* The words before the first option that is not one of the common ones, without these. */
static void
collect_plain(char **words, GPtrArray *plain)
{
  for (; *words; words++) {
    const char *word = long_form(*words);

    if (strcmp(word, "--bus") == 0 && words[1])
      words++;
    else if (*word != '-')
      g_ptr_array_add(plain, *words);
    else if (!g_str_has_prefix(word, "--bus=") && !find_arg(gw_common_args, word + MIN(strlen(word), 2)))
      return;
  }
}

/* --- the line --- */

static gboolean
take_words(GwLine *line, char **words, GPtrArray *operands, GError **error)
{
  gboolean is_option_allowed = TRUE;

  while (*words) {
    const char *word = long_form(*words++);

    if (is_option_allowed && strcmp(word, "--") == 0)
      is_option_allowed = FALSE;
    else if (!is_option_allowed || *word != '-' || g_ascii_isdigit(word[1])) /* -70 is a code */
      g_ptr_array_add(operands, (char *)word);
    else if (word[1] != '-')
      return gw_fail(error, GW_ERROR_BAD_INPUT, "there is no option %s; options are written out, like --json",
                     word);
    else if (!take_option(line, word, &words, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_operands(const GwLine *line, GError **error)
{
  const GwCommand *command = line->command;
  guint n = line->args.n_operands;

  for (guint i = 0; i < n; i++)
    if (!g_utf8_validate(line->args.operands[i], -1, NULL))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "word %u after the command is not UTF-8", i + 1);
  if (n >= command->n_min && n <= command->n_max)
    return TRUE;
  if (n > command->n_max)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "\"%s\" is one word too many",
                   line->args.operands[command->n_max]);
  return gw_fail(error, GW_ERROR_BAD_INPUT, "missing: %s", command->operands);
}

static gboolean
asks_for_help(char **words)
{
  for (; *words; words++)
    if (strcmp(long_form(*words), "--help") == 0)
      return TRUE;
  return FALSE;
}

gboolean
gw_line_parse(char **words, GwLine *ret_line, GError **error)
{
  g_autoptr(GPtrArray) plain = g_ptr_array_new();
  g_autoptr(GPtrArray) operands = g_ptr_array_new();
  g_autoptr(GError) unknown = NULL;
  guint n_named;

  *ret_line = (GwLine){ 0 };
  ret_line->args.values =
      g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_variant_unref);
  collect_plain(words, plain);
  n_named = plain->len;
  if (!choose_command(ret_line, plain, &unknown) && !asks_for_help(words)) {
    g_propagate_error(error, g_steal_pointer(&unknown));
    return FALSE;
  }
  n_named -= plain->len;
  if (!take_words(ret_line, words, operands, error))
    return FALSE;
  g_ptr_array_remove_range(operands, 0, MIN(n_named, operands->len));
  g_ptr_array_add(operands, NULL);
  ret_line->args.n_operands = operands->len - 1;
  ret_line->args.operands = (char **)g_ptr_array_free(g_steal_pointer(&operands), FALSE);
  return !ret_line->command || gw_args_has(&ret_line->args, "help") || check_operands(ret_line, error);
}

void
gw_line_clear(GwLine *line)
{
  g_clear_pointer(&line->args.values, g_hash_table_unref);
  g_clear_pointer(&line->args.operands, g_free);
}
