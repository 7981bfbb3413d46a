/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugins ..., code, verb: everything that is known about a make comes from the tables of its plugin. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/word.h"
#include "ctl/command.h"
#include "ctl/list.h"
#include "ctl/text.h"

static gboolean
run_list(GwCtl *ctl, const GwArgs *args, GError **error)
{
  return gw_ctl_list(ctl, "plugins", args, error);
}

/* --- a table's rows --- */

static GVariant *
rows_of(GVariant *plugin, const char *table)
{
  GVariant *rows = g_variant_lookup_value(plugin, table, G_VARIANT_TYPE("aa{sv}"));

  return rows ? rows : g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE_VARDICT, NULL, 0));
}

/* One line, inert; "" where the row does not say. */
static char *
text_of(GVariant *row, const char *key)
{
  g_autoptr(GVariant) value = g_variant_lookup_value(row, key, NULL);

  return gw_text_value(NULL, value);
}

/* --- show --- */

typedef struct {
  const char *table, *title;
  char *(*head)(GVariant *row); /* the line of the row */
  const char *body[3];          /* keys of the paragraphs below it */
} Section;

static char *
setting_head(GVariant *row)
{
  g_autofree char *key = text_of(row, "key");
  g_autofree char *fallback = text_of(row, "fallback");
  g_autofree char *choices = text_of(row, "choices");

  return g_strconcat(key, "=", fallback, *choices ? "  (" : "", choices, *choices ? ")" : "", NULL);
}

static char *
listen_head(GVariant *row)
{
  g_autofree char *port = text_of(row, "port");
  g_autofree char *host = text_of(row, "host");
  g_autofree char *path = text_of(row, "path");

  return g_strconcat("port ", port, *host ? ", host " : "", host, *path ? ", path " : "", path, NULL);
}

static char *
host_head(GVariant *row)
{
  g_autofree char *name = text_of(row, "name");
  g_autofree char *port = text_of(row, "port");

  return g_strconcat(name, ":", port, NULL);
}

static char *
field_head(GVariant *row)
{
  g_autofree char *key = text_of(row, "key");
  g_autofree char *label = text_of(row, "label");
  g_autofree char *fallback = text_of(row, "fallback");
  gboolean is_required = FALSE;

  if (!g_variant_lookup(row, "is_required", "b", &is_required))
    g_variant_lookup(row, "required", "b", &is_required);
  return g_strconcat(key, *fallback ? "=" : "", fallback, "  ", label, is_required ? " (needed)" : "", NULL);
}

static char *
code_head(GVariant *row)
{
  g_autofree char *group = text_of(row, "group");
  g_autofree char *code = text_of(row, "code");

  return g_strconcat(group, *group ? ": " : "", code, NULL);
}

static char *
verb_head(GVariant *row)
{
  g_autofree char *name = text_of(row, "name");
  g_autofree char *argument = text_of(row, "argument");
  g_autofree char *upper = g_utf8_strup(argument, -1);

  return g_strconcat(name, *upper ? " " : "", upper, NULL);
}

static const Section SECTIONS[] = {
  { "settings", "Settings of its section in gatewayd.conf", setting_head, { "help" } },
  { "listens", "Listens at, unless listen= says otherwise", listen_head, { NULL } },
  { "hosts", "Names that must lead to the gateway", host_head, { "help" } },
  { "form", "Form of a firmware", field_head, { "help" } },
  { "verbs", "Verbs: gatewayctl verb NODE ...", verb_head, { "help", "warning" } },
  { "codes", "Codes: gatewayctl code ...", code_head, { "meaning", "advice" } },
};

static void
print_row(const Section *section, GVariant *row, guint width)
{
  g_autofree char *head = section->head(row);

  g_print("  %s\n", head);
  for (const char *const *key = section->body; *key; key++) {
    g_autofree char *text = text_of(row, *key);
    g_autofree char *line = g_strconcat(strcmp(*key, "warning") == 0 ? "warning: " : "", text, NULL);

    if (*text)
      gw_text_print_lines(line, 6, width);
  }
}

static void
print_section(const Section *section, GVariant *plugin, guint width)
{
  g_autoptr(GVariant) rows = rows_of(plugin, section->table);

  if (g_variant_n_children(rows) == 0)
    return;
  g_print("\n%s%s%s\n", gw_terminal_begin(GW_COLOUR_BOLD), section->title, gw_terminal_end(GW_COLOUR_BOLD));
  for (gsize i = 0; i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

    print_row(section, row, width);
  }
}

static gboolean
run_show(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_autoptr(GVariant) plugin = NULL;
  g_autofree char *name = NULL, *title = NULL, *version = NULL;
  const char *setup = NULL;

  if (!gw_ctl_get(ctl, "plugins", args->operands[0], &plugin, error))
    return FALSE;
  if (ctl->is_json) {
    gw_ctl_print_json(plugin);
    return TRUE;
  }
  name = text_of(plugin, "name");
  title = text_of(plugin, "title");
  version = text_of(plugin, "version");
  g_print("%s%s%s  %s, version %s\n", gw_terminal_begin(GW_COLOUR_BOLD), name,
          gw_terminal_end(GW_COLOUR_BOLD), title, version);
  if (g_variant_lookup(plugin, "setup", "&s", &setup) && *setup)
    gw_text_print_lines(setup, 2, gw_ctl_width(ctl));
  for (gsize i = 0; i < G_N_ELEMENTS(SECTIONS); i++)
    print_section(&SECTIONS[i], plugin, gw_ctl_width(ctl));
  return TRUE;
}

/* --- code --- */

static gboolean
is_code(GVariant *row, const char *group, const char *code)
{
  const char *row_group = "", *row_code = "";

  g_variant_lookup(row, "group", "&s", &row_group);
  g_variant_lookup(row, "code", "&s", &row_code);
  return strcmp(row_code, code) == 0 && (!group || strcmp(row_group, group) == 0);
}

static GVariant *
matching_codes(GVariant *plugin, const char *group, const char *code)
{
  g_autoptr(GVariant) rows = rows_of(plugin, "codes");
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

    if (is_code(row, group, code))
      g_variant_builder_add_value(&builder, row);
  }
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static gboolean
run_code(GwCtl *ctl, const GwArgs *args, GError **error)
{
  g_auto(GStrv) where = g_strsplit(args->operands[0], ":", 2);
  const Section section = { "codes", NULL, code_head, { "meaning", "advice" } };
  g_autoptr(GVariant) plugin = NULL;
  g_autoptr(GVariant) rows = NULL;

  if (!gw_ctl_get(ctl, "plugins", where[0], &plugin, error))
    return FALSE;
  rows = matching_codes(plugin, where[1], args->operands[1]);
  if (g_variant_n_children(rows) == 0)
    return gw_fail(error, GW_ERROR_NOT_FOUND,
                   "%s knows no code \"%s\"; gatewayctl plugins show %s lists its codes", args->operands[0],
                   args->operands[1], where[0]);
  if (ctl->is_json)
    gw_ctl_print_json(g_variant_new_parsed("{'codes': <%@aa{sv}>}", rows));
  for (gsize i = 0; !ctl->is_json && i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

    print_row(&section, row, gw_ctl_width(ctl));
  }
  return TRUE;
}

/* --- verb --- */

/* The plugin of @node and its table. */
static gboolean
plugin_of(GwCtl *ctl, const char *node, char **ret_name, GVariant **ret_plugin, GError **error)
{
  g_autoptr(GVariant) details = NULL;
  g_autofree char *name = NULL;

  if (!gw_ctl_get(ctl, "nodes", node, &details, error))
    return FALSE;
  g_variant_lookup(details, "plugin", "s", &name);
  if (!name || !*name)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "no plugin has heard node %s yet, so it has no verbs", node);
  if (!gw_ctl_get(ctl, "plugins", name, ret_plugin, error))
    return FALSE;
  *ret_name = g_steal_pointer(&name);
  return TRUE;
}

static GVariant *
find_verb(GVariant *plugin, const char *verb, GwClosest *closest)
{
  g_autoptr(GVariant) rows = rows_of(plugin, "verbs");

  for (gsize i = 0; i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
    const char *name = "";

    g_variant_lookup(row, "name", "&s", &name);
    if (strcmp(name, verb) == 0)
      return g_steal_pointer(&row);
    gw_closest_consider(closest, name); /* lives as long as @plugin */
  }
  return NULL;
}

static gboolean
check_argument(const GwArgs *args, GVariant *row, GError **error)
{
  g_autofree char *argument = text_of(row, "argument");

  if (*argument && args->n_operands < 3)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s needs an argument: %s", args->operands[1], argument);
  if (!*argument && args->n_operands == 3)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s takes no argument", args->operands[1]);
  return TRUE;
}

static gboolean
confirm_verb(const GwCtl *ctl, const GwArgs *args, GVariant *row, GError **error)
{
  g_autofree char *warning = text_of(row, "warning");
  g_autofree char *node = gw_log_inert(args->operands[0]);
  g_autofree char *question = g_strdup_printf("%s %s?", args->operands[1], node);

  if (!*warning)
    return TRUE;
  g_printerr("warning: %s\n", warning);
  return gw_ctl_confirm(ctl, question, error);
}

static gboolean
list_verbs(GwCtl *ctl, GVariant *plugin)
{
  g_autoptr(GVariant) rows = rows_of(plugin, "verbs");

  if (ctl->is_json)
    gw_ctl_print_json(g_variant_new_parsed("{'verbs': <%@aa{sv}>}", rows));
  else if (g_variant_n_children(rows) == 0)
    g_printerr("there are no verbs for this node\n");
  for (gsize i = 0; !ctl->is_json && i < g_variant_n_children(rows); i++) {
    const Section section = { "verbs", NULL, verb_head, { "help", "warning" } };
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

    print_row(&section, row, gw_ctl_width(ctl));
  }
  return TRUE;
}

static gboolean
run_verb(GwCtl *ctl, const GwArgs *args, GError **error)
{
  const char *node = args->operands[0], *verb = args->operands[1];
  GwClosest closest = gw_closest(verb ? verb : "");
  g_autoptr(GVariant) plugin = NULL, row = NULL, result = NULL;
  g_autofree char *name = NULL;

  if (!plugin_of(ctl, node, &name, &plugin, error))
    return FALSE;
  if (!verb)
    return list_verbs(ctl, plugin);
  row = find_verb(plugin, verb, &closest);
  if (!row)
    return gw_fail(error, GW_ERROR_NOT_FOUND, "%s knows no verb \"%s\"%s%s%s", name, verb,
                   closest.best ? "; did you mean \"" : "", closest.best ? closest.best : "",
                   closest.best ? "\"?" : "");
  if (!check_argument(args, row, error) || !confirm_verb(ctl, args, row, error))
    return FALSE;
  if (!gw_ctl_simple(
          ctl, "RunVerb",
          g_variant_new("(ssss)", name, verb, node, args->n_operands == 3 ? args->operands[2] : ""), &result,
          error))
    return FALSE;
  if (!gw_ctl_print_result(ctl, "RunVerb", result))
    g_print("%s is done at the next contact of %s; watch: gatewayctl events --filter=node=%s --follow\n",
            verb, node, node);
  return TRUE;
}

const GwCommand gw_commands_plugins[] = {
  { "plugins", "list", "", 0, 0, gw_list_args, "makes and clouds that this gateway speaks to", GW_LIST_MORE,
    run_list },
  { "plugins", "show", "NAME", 1, 1, NULL, "settings, ports, form, codes and verbs of one", NULL, run_show },
  { "code", NULL, "PLUGIN[:GROUP] CODE", 2, 2, NULL, "what a code that a node reports means, and what to do",
    NULL, run_code },
  { "verb", NULL, "NODE [VERB [ARGUMENT]]", 1, 3, NULL, "ask something of a node that its make can do",
    "Without VERB: what can be asked. It is done at the node's next contact.", run_verb },
  { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
