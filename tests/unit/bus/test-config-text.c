/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* units/gatewayd.conf is the schema in words: this program writes it (--print) and compares it. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/core.h"

#define WIDTH 110

static const char HEAD[] =
    "# SPDX-License-Identifier: LGPL-2.1-or-later\n"
    "# gatewayd.conf: every option, commented out, with its default. The gateway runs without any of them.\n"
    "# Later files win: /etc/gatewayd/gatewayd.conf, then /etc/gatewayd/gatewayd.conf.d/*.conf in the order "
    "of their\n"
    "# names. An unknown key or a bad value is refused with its file and line. \"gatewayctl reload\" reads "
    "them again.\n"
    "# Times: 90s, 15min, 24h, 30d. Sizes: 64KiB, 10MB. Lists: separated by commas.\n";

static const struct {
  const char *section, *text;
} INTROS[] = {
  { "daemon", "The core itself. These are read once, at the start." },
  { "clock", "When the time of day may be relied on. Intervals never depend on it." },
  { "limits", "How much, how often, how long." },
  { "cache", "The images that are kept here so that nodes need no cloud." },
  { "lan", "The side of the nodes." },
  { "wan", "The side of the clouds." },
  { "upstream",
    "Where firmware comes from; one section for each, with a name of your choice. Further keys are those of "
    "its plugin: \"gatewayctl plugins show TYPE\"." },
  { "outlet",
    "Other servers on which firmware is published; one section for each, with a name of your choice. Further "
    "keys are those of its plugin: \"gatewayctl plugins show TYPE\"." },
  { "keyring", "Whose signatures are trusted, and for which products; one section for each." },
  { "plugin", "A plugin, by its name. Further keys are its own: \"gatewayctl plugins show NAME\"." },
  { "line", "A serial line, with a name of your choice for listen= of a plugin." },
};

static const char *
intro_of(const char *section)
{
  for (gsize i = 0; i < G_N_ELEMENTS(INTROS); i++)
    if (strcmp(INTROS[i].section, section) == 0)
      return INTROS[i].text;
  return NULL;
}

static gboolean
is_instanced(const GwConfigSchema *schema, const char *section)
{
  return g_strv_contains(schema->instanced, section);
}

static void
append_comment(GString *text, const char *comment)
{
  g_auto(GStrv) words = g_strsplit(comment, " ", -1);
  gsize column = 1;

  g_string_append(text, "#");
  for (char **word = words; *word; word++) {
    if (column + 1 + strlen(*word) > WIDTH) {
      g_string_append(text, "\n#");
      column = 1;
    }
    g_string_append_printf(text, " %s", *word);
    column += 1 + strlen(*word);
  }
  g_string_append(text, "\n");
}

static void
append_section(GString *text, const GwConfigSchema *schema, const char *section)
{
  gboolean is_named = is_instanced(schema, section);

  g_assert_nonnull(intro_of(section));
  g_string_append(text, "\n");
  append_comment(text, intro_of(section));
  g_string_append_printf(text, "%s[%s%s]\n", is_named ? "#" : "", section, is_named ? " NAME" : "");
}

static char *
allowed(const GwOption *option)
{
  switch (option->kind) {
  case GW_OPTION_CHOICE:
    return g_strdup_printf(" (%s)", option->choices);
  case GW_OPTION_BOOLEAN:
    return g_strdup(" (yes|no)");
  case GW_OPTION_INTEGER:
    return option->max
               ? g_strdup_printf(" (%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT ")", option->min, option->max)
               : g_strdup("");
  default:
    return g_strdup("");
  }
}

static char *
write_text(const GwConfigSchema *schema)
{
  GString *text = g_string_new(HEAD);
  const char *section = "";

  for (const GwOption *option = schema->options; option->key; option++) {
    g_autofree char *range = allowed(option);
    g_autofree char *comment = g_strconcat(option->help, range, NULL);

    if (strcmp(section, option->section) != 0)
      append_section(text, schema, option->section);
    section = option->section;
    append_comment(text, comment);
    g_string_append_printf(text, "#%s=%s\n", option->key, option->fallback ? option->fallback : "");
  }
  return g_string_free(text, FALSE);
}

/* The file in the source is what the schema says. */
static void
test_is_current(void)
{
  g_autofree char *expected = write_text(gw_core_schema());
  g_autofree char *actual = NULL;
  g_autoptr(GError) error = NULL;

  g_file_get_contents(CONFIG_FILE, &actual, NULL, &error);
  g_assert_no_error(error);
  if (strcmp(actual, expected) != 0)
    g_test_message("to mend it: %s --print >%s", g_get_prgname(), CONFIG_FILE);
  g_assert_cmpstr(actual, ==, expected);
}

static void
test_sections_are_together(void)
{
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  const char *section = "";

  for (const GwOption *option = gw_core_schema()->options; option->key; option++) {
    if (strcmp(section, option->section) != 0)
      g_assert_true(g_hash_table_add(seen, (gpointer)option->section));
    section = option->section;
    g_assert_nonnull(option->help);
  }
  g_assert_cmpuint(g_hash_table_size(seen), ==, G_N_ELEMENTS(INTROS));
}

/* As it stands, and with every default written out. */
static void
test_is_valid(void)
{
  g_autofree char *text = write_text(gw_core_schema());
  g_autoptr(GRegex) named = g_regex_new("^#(\\[\\w+ NAME\\])$", G_REGEX_MULTILINE, 0, NULL);
  g_autoptr(GRegex) valued = g_regex_new("^#([a-z-]+=.+)$", G_REGEX_MULTILINE, 0, NULL);
  g_autofree char *half = g_regex_replace(named, text, -1, 0, "\\1", 0, NULL);
  g_autofree char *whole = g_regex_replace(valued, half, -1, 0, "\\1", 0, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GwConfig) commented = gw_config_load_text(gw_core_schema(), "a", text, strlen(text), &error);
  g_autoptr(GwConfig) written = NULL;

  g_assert_no_error(error);
  written = gw_config_load_text(gw_core_schema(), "b", whole, strlen(whole), &error);
  g_assert_no_error(error);
  g_assert_nonnull(commented);
  g_assert_nonnull(written);
  g_assert_nonnull(strstr(whole, "\n[upstream NAME]\n"));
}

int
main(int argc, char **argv)
{
  if (argc == 2 && strcmp(argv[1], "--print") == 0) {
    g_autofree char *text = write_text(gw_core_schema());

    fputs(text, stdout);
    return 0;
  }
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/config-text/is-current", test_is_current);
  g_test_add_func("/config-text/sections-are-together", test_sections_are_together);
  g_test_add_func("/config-text/is-valid", test_is_valid);
  return g_test_run();
}
