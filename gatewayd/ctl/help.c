/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/help.h"

#include <string.h>

#include "base/error.h"
#include "ctl/text.h"

#define LEFT 31 /* columns for what to type */
#define WIDTH 80

/* "  left      what it means", the meaning in a column of its own. */
static void
print_entry(const char *left, const char *meaning)
{
  g_auto(GStrv) words = g_strsplit(meaning, " ", -1);
  guint column = (guint)strlen(left) + 2;

  g_print("  %s%*s", left, column + 2 > LEFT ? 1 : (int)(LEFT - column - 1), "");
  column = MAX(column + 1, LEFT - 1);
  for (char **word = words; *word; word++) {
    gboolean is_full = column + 1 + strlen(*word) > WIDTH;

    g_print("%s%*s%s", is_full ? "\n" : "", is_full ? LEFT : 1, "", *word);
    column = (is_full ? LEFT : column + 1) + (guint)strlen(*word);
  }
  g_print("\n");
}

static void
print_title(const char *title)
{
  g_print("\n%s%s%s\n", gw_terminal_begin(GW_COLOUR_BOLD), title, gw_terminal_end(GW_COLOUR_BOLD));
}

static char *
synopsis(const GwCommand *command)
{
  return g_strconcat(command->noun, command->verb ? " " : "", command->verb ? command->verb : "",
                     *command->operands ? " " : "", command->operands, NULL);
}

static void
print_commands(const char *noun)
{
  const GwCommand *last = NULL;

  GW_FOR_EACH_COMMAND(command)
  {
    g_autofree char *left = synopsis(command);

    if (noun && strcmp(noun, command->noun) != 0)
      continue;
    if (last && strcmp(last->noun, command->noun) != 0 && (last->verb || command->verb))
      g_print("\n");
    print_entry(left, command->help);
    last = command;
  }
}

static void
print_options(const GwArg *args)
{
  for (const GwArg *arg = args; arg && arg->name; arg++) {
    g_autofree char *left =
        g_strconcat("--", arg->name, arg->value ? "=" : "", arg->value ? arg->value : "", NULL);

    print_entry(left, arg->help);
  }
}

static void
print_statuses(void)
{
  g_autoptr(GString) text = g_string_new("0=done");

  for (const GwErrorRow *row = gw_error_rows(); row->name; row++)
    g_string_append_printf(text, ", %d=%s", row->exit_status, row->name);
  gw_text_print_lines(text->str, 2, WIDTH);
}

static void
print_program(void)
{
  g_print("Usage: gatewayctl COMMAND [OPTION...]\n\n"
          "Looks at and operates the firmware gateway of this site.\n");
  print_title("Commands");
  print_commands(NULL);
  print_title("Options of every command");
  print_options(gw_common_args);
  print_title("Exit status");
  print_statuses();
  g_print("\n");
  gw_text_print_lines(
      "A noun alone lists what there is: \"gatewayctl nodes\". \"gatewayctl COMMAND --help\" says "
      "more of a command. Tables fit the terminal, or $COLUMNS; times are UTC.",
      0, WIDTH);
}

static void
print_command(const GwCommand *command)
{
  g_autofree char *usage = synopsis(command);

  g_print("Usage: gatewayctl %s%s\n\n%c%s%s\n", usage, command->args ? " [OPTION...]" : "",
          g_ascii_toupper(*command->help), command->help + 1,
          g_str_has_suffix(command->help, "?") ? "" : ".");
  if (command->more) {
    g_print("\n");
    gw_text_print_lines(command->more, 0, WIDTH);
  }
  if (command->args) {
    print_title("Options");
    print_options(command->args);
  }
  print_title("Options of every command");
  print_options(gw_common_args);
}

void
gw_help_print(const GwLine *line)
{
  if (!line->noun) {
    print_program();
  } else if (line->command && (line->is_verb_named || !line->command->verb)) {
    print_command(line->command);
  } else {
    g_print("Usage: gatewayctl %s VERB [OPTION...]\n\n", line->noun);
    print_commands(line->noun);
    g_print("\n\"gatewayctl %s VERB --help\" says more.\n", line->noun);
  }
}

/* --- after an error --- */

static char *
next_when_denied(const GError *error)
{
  if (strstr(error->message, "foreground"))
    return g_strdup("run gatewayctl as the user who runs the gateway, or as root");
  if (strstr(error->message, "org.gatewayd.administer"))
    return g_strdup("administering needs an administrator: try again with sudo");
  return g_strdup("try again with sudo, or have an administrator add you to the group gateway-operators "
                  "(the polkit actions are in org.gatewayd.policy)");
}

static char *
next_when_offline(const GwCtl *ctl, const GError *error)
{
  if (strstr(error->message, "gatewayd is not running") && !ctl->address)
    return g_strdup(
        "start it: systemctl start gatewayd; why it stopped: journalctl -u gatewayd; a gateway in the "
        "foreground is found with --bus=ADDRESS or GATEWAYD_BUS");
  if (strstr(error->message, "Permission denied") || strstr(error->message, "connection is closed"))
    return g_strdup("is that the bus of another user? Run gatewayctl as that user, or as root");
  if (strstr(error->message, "cannot be reached"))
    return g_strdup(
        "is the address right, and does that bus run? --bus=ADDRESS or GATEWAYD_BUS names another");
  if (strstr(error->message, "gatewayd is not running"))
    return g_strdup(
        "start the gateway of that bus, or name the right bus with --bus=ADDRESS or GATEWAYD_BUS");
  return NULL;
}

/* What the gateway refuses, it explains itself; so does a question that nobody could be asked. */
static char *
next_when_bad_input(const GwLine *line, const GwCtl *ctl, const GError *error)
{
  if (ctl->is_refused || strstr(error->message, "--yes"))
    return NULL;
  if (!line->command)
    return g_strdup_printf("gatewayctl %s%s--help", line->noun ? line->noun : "", line->noun ? " " : "");
  return g_strdup_printf("gatewayctl %s%s%s --help", line->command->noun, line->command->verb ? " " : "",
                         line->command->verb ? line->command->verb : "");
}

static gboolean
has_list(const char *noun)
{
  GW_FOR_EACH_COMMAND(command)
  if (strcmp(command->noun, noun) == 0 && g_strcmp0(command->verb, "list") == 0)
    return TRUE;
  return FALSE;
}

static char *
next_when_not_found(const GwLine *line, const GwCtl *ctl, const GError *error)
{
  const char *noun = line->command && has_list(line->command->noun) ? line->command->noun : NULL;
  gboolean is_node = ctl->is_refused && line->command && strstr(line->command->operands, "NODE");

  if (strchr(error->message, ';') || (!noun && !is_node))
    return NULL; /* it says what to do, or a file is not there */
  return g_strdup_printf("gatewayctl %s list shows what there is", noun ? noun : "nodes");
}

char *
gw_help_next(const GwLine *line, const GwCtl *ctl, const GError *error)
{
  switch (error->code) {
  case GW_ERROR_BAD_INPUT:
    return next_when_bad_input(line, ctl, error);
  case GW_ERROR_DENIED:
    return next_when_denied(error);
  case GW_ERROR_OFFLINE:
    return next_when_offline(ctl, error);
  case GW_ERROR_NOT_FOUND:
    return next_when_not_found(line, ctl, error);
  case GW_ERROR_NO_SPACE:
    return g_strdup(
        "gatewayctl cache shows what fills it, [cache] size= in gatewayd.conf how much it may take");
  case GW_ERROR_BUSY:
    return strstr(error->message, "first") ? NULL : g_strdup("try again in a moment");
  case GW_ERROR_TIMED_OUT:
    return g_strdup("try again in a moment");
  case GW_ERROR_INTERNAL:
    return g_strdup("this should not happen: journalctl -u gatewayd knows more");
  default:
    return NULL;
  }
}
