/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The WAN worker: every byte to and from clouds and other servers. No node-facing socket, no database, no
 * D-Bus. It holds nothing that has to survive it. */
#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "link/loader.h"
#include "wan/http.h"
#include "wan/wan.h"

#define GRACE_MS 3000
#define STATUS_MS 1000

typedef struct {
  char *link_path, *plugin_path, *log_level;
  gboolean is_foreground, is_version;
} Options;

static gboolean
parse_options(int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
    { "link", 0, 0, G_OPTION_ARG_FILENAME, &options->link_path, "Socket of the core", "PATH" },
    { "plugin-path", 0, 0, G_OPTION_ARG_FILENAME, &options->plugin_path, "Folders with plugins", "A:B" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &options->log_level, "err, warning, notice, info, debug",
      "LEVEL" },
    { "foreground", 0, 0, G_OPTION_ARG_NONE, &options->is_foreground, "Started by hand, not by systemd",
      NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->is_version, "Print the version", NULL },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- the gateway's worker towards the clouds");

  g_option_context_add_main_entries(context, entries, NULL);
  return g_option_context_parse(context, argc, argv, error);
}

static void
options_clear(Options *options)
{
  g_free(options->link_path);
  g_free(options->plugin_path);
  g_free(options->log_level);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* -1: no such level. */
static int
read_level(const char *text)
{
  static const char *const NAMES[] = { "err", "warning", "notice", "info", "debug" };

  for (int i = 0; text && i < (int)G_N_ELEMENTS(NAMES); i++) {
    if (g_str_equal(text, NAMES[i]))
      return LOG_ERR + i;
  }
  return text ? -1 : LOG_INFO;
}

static GPtrArray *
load_plugins(const char *folders)
{
  GwLoader loader = { .folders = folders, .kinds = 1u << GATEWAY_UPSTREAM | 1u << GATEWAY_OUTLET };
  GPtrArray *files = gw_loader_run(&loader);

  for (guint i = 0; i < files->len; i++) {
    const GwPluginFile *file = files->pdata[i];

    if (file->refusal)
      gw_warning(GW_SUBJECT_PLUGIN, file->name, "%s was refused: %s", file->path, file->refusal);
  }
  return files;
}

static gboolean
on_signal(gpointer loop)
{
  g_main_loop_quit(loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_watchdog(gpointer user)
{
  (void)sd_notify(0, "WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

static gboolean
on_status(gpointer wan)
{
  g_autofree char *status = gw_wan_condition(wan);

  (void)sd_notifyf(0, "STATUS=%s", status);
  return G_SOURCE_CONTINUE;
}

static void
run(GwWan *wan)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
  guint64 watchdog_us = 0;

  g_unix_signal_add(SIGTERM, on_signal, loop);
  g_unix_signal_add(SIGINT, on_signal, loop);
  if (sd_watchdog_enabled(0, &watchdog_us) > 0)
    g_timeout_add((guint)(watchdog_us / 3000), on_watchdog, NULL);
  g_timeout_add(STATUS_MS, on_status, wan);
  (void)sd_notify(0, "READY=1");
  g_main_loop_run(loop);
  (void)sd_notify(0, "STOPPING=1");
}

int
main(int argc, char *argv[])
{
  g_auto(Options) options = { 0 };
  g_autoptr(GError) error = NULL;
  static GPtrArray *plugins; /* as long as the process: what was loaded is never unloaded */
  GwWan *wan;
  int level;

  setlocale(LC_ALL, "");
  (void)signal(SIGPIPE, SIG_IGN); /* the core may give up a fetch at any time */
  if (!parse_options(&argc, &argv, &options, &error) || (level = read_level(options.log_level)) < 0 ||
      argc > 1) {
    g_printerr("gatewayd-wan: %s; see --help\n", error ? error->message : "bad arguments");
    return 2;
  }
  if (options.is_version) {
    g_print("gatewayd-wan %s\n", GW_VERSION);
    return 0;
  }
  gw_log_init("gatewayd-wan", level);
  gw_http_prepare();
  plugins = load_plugins(options.plugin_path ? options.plugin_path : GW_PLUGIN_DIR);
  wan = gw_wan_start(options.link_path ? options.link_path : "/run/gatewayd/wan.sock", plugins);
  run(wan);
  if (!gw_wan_stop(wan, GRACE_MS))
    _exit(0); /* a thread sits in a call that does not end; there is nothing to save */
  return 0;
}
