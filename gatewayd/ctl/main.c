/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/main.h"

#include <locale.h>

#include "base/error.h"
#include "base/log.h"
#include "ctl/help.h"

/* Every line of the error is made inert: it may quote a node, a file or a cloud. */
static void
print_error(const GwLine *line, const GwCtl *ctl, const GError *error)
{
  g_autofree char *next = error->domain == GW_ERROR ? gw_help_next(line, ctl, error) : NULL;
  g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);

  for (char **text = lines; *text; text++) {
    g_autofree char *inert = gw_log_inert(*text);

    g_printerr("%s%s\n", text == lines ? "gatewayctl: " : "  ", inert);
  }
  if (next)
    g_printerr("next: %s\n", next);
}

static int
status_of(const GError *error)
{
  return gw_error_row(error->domain == GW_ERROR ? error->code : GW_ERROR_INTERNAL)->exit_status;
}

static void
say_what(const GwLine *line, GError **error)
{
  if (line->command)
    g_prefix_error(error, "%s%s%s: ", line->command->noun, line->command->verb ? " " : "",
                   line->command->verb ? line->command->verb : "");
}

/* Every command line that is not about help or version. */
static int
run(const GwLine *line)
{
  g_autoptr(GError) error = NULL;
  GwCtl ctl = {
    .address = gw_args_text(&line->args, "bus", g_getenv("GATEWAYD_BUS")),
    .is_json = gw_args_has(&line->args, "json"),
    .is_yes = gw_args_has(&line->args, "yes"),
    .is_wide = gw_args_has(&line->args, "wide"),
  };
  gboolean is_done;

  if (ctl.address && (!*ctl.address || strcmp(ctl.address, "system") == 0))
    ctl.address = NULL;
  is_done = line->command->run(&ctl, &line->args, &error);
  g_clear_object(&ctl.bus);
  if (is_done)
    return 0;
  say_what(line, &error);
  print_error(line, &ctl, error);
  return status_of(error);
}

/* Several commands have a --version=VERSION of their own. */
static gboolean
asks_for_version(const GwArgs *args)
{
  GVariant *value = g_hash_table_lookup(args->values, "version");

  return value && g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN);
}

int
gw_ctl_main(int argc, char **argv)
{
  g_auto(GwLine) line = { 0 };
  g_autoptr(GError) error = NULL;

  setlocale(LC_ALL, "");
  if (argc > 1 && strcmp(argv[1], "help") == 0)
    argv[1] = (char *)"--help";
  if (!gw_line_parse(argv + 1, &line, &error)) {
    say_what(&line, &error);
    print_error(&line, &(GwCtl){ 0 }, error);
    return status_of(error);
  }
  if (asks_for_version(&line.args)) {
    g_print("gatewayctl %s\n", GW_VERSION);
    return 0;
  }
  if (!line.command || gw_args_has(&line.args, "help")) {
    gw_help_print(&line);
    return gw_args_has(&line.args, "help") ? 0 : gw_error_row(GW_ERROR_BAD_INPUT)->exit_status;
  }
  return run(&line);
}
