/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The LAN worker: every byte to and from nodes. No database, no D-Bus, no secret of a cloud. What it must
 * remember over its own death is one descriptor: whose code it was in. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "lan/lan.h"
#include "link/loader.h"

#define NOTES                                                                                                \
  "crash-notes" /* the descriptor's name in the service manager's store, and the file's in --state */

#define STATUS_MS 1000

typedef struct {
  char *link_path, *plugin_path, *log_level, *state, *instance;
  gboolean is_foreground, is_version;
} Options;

static gboolean
parse_options(int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
    { "link", 0, 0, G_OPTION_ARG_FILENAME, &options->link_path, "Socket of the core", "PATH" },
    { "plugin-path", 0, 0, G_OPTION_ARG_FILENAME, &options->plugin_path,
      "Folders with plugins (foreground only)", "A:B" },
    { "state", 0, 0, G_OPTION_ARG_FILENAME, &options->state, "Folder of the crash notes", "DIR" },
    { "instance", 0, 0, G_OPTION_ARG_STRING, &options->instance, "net: IP alone; serial: devices alone",
      "NAME" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &options->log_level, "err, warning, notice, info, debug",
      "LEVEL" },
    { "foreground", 0, 0, G_OPTION_ARG_NONE, &options->is_foreground, "Started by hand, not by systemd",
      NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->is_version, "Print the version", NULL },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- the gateway's worker towards the nodes");

  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "\"%s\" is no option", (*argv)[1]);
  if (options->plugin_path && !options->is_foreground)
    return gw_fail(error, GW_ERROR_DENIED, "--plugin-path is for --foreground alone");
  if (options->instance && strcmp(options->instance, "net") != 0 && strcmp(options->instance, "serial") != 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "--instance is net or serial");
  return TRUE;
}

static void
options_clear(Options *options)
{
  g_free(options->link_path);
  g_free(options->plugin_path);
  g_free(options->log_level);
  g_free(options->state);
  g_free(options->instance);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static int
read_level(const char *text, GError **error)
{
  static const char *const NAMES[] = { "err", "warning", "notice", "info", "debug" };

  for (int i = 0; text && i < (int)G_N_ELEMENTS(NAMES); i++) {
    if (strcmp(text, NAMES[i]) == 0)
      return LOG_ERR + i;
  }
  if (text)
    gw_fail(error, GW_ERROR_BAD_INPUT, "--log-level is err, warning, notice, info or debug");
  return LOG_INFO;
}

/* ---- what outlives us ---- */

/* What the service manager kept while we were dead: the notes (or -1), and sockets. */
static GwInherited *
take_inherited(int *ret_notes_fd)
{
  g_auto(GStrv) names = NULL;
  int n = sd_listen_fds_with_names(TRUE, &names);
  g_autoptr(GArray) sockets = g_array_new(FALSE, FALSE, sizeof(int));

  *ret_notes_fd = -1;
  for (int i = 0; i < n; i++) {
    int fd = SD_LISTEN_FDS_START + i;
    if (*ret_notes_fd < 0 && strcmp(names[i], NOTES) == 0)
      *ret_notes_fd = fd;
    else
      g_array_append_val(sockets, fd);
  }
  return gw_inherited_new((const int *)(void *)sockets->data, sockets->len);
}

static int
open_notes(const char *state, GError **error)
{
  int fd;

  if (state) {
    g_autofree char *path = g_build_filename(state, NOTES, NULL);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
      gw_fail_errno(error, errno, "cannot open %s", path);
    return fd;
  }
  fd = memfd_create(NOTES, MFD_CLOEXEC);
  if (fd < 0)
    gw_fail_errno(error, errno, "no memory for the crash notes");
  else
    (void)sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" NOTES, &fd, 1);
  return fd;
}

static GwGuard *
open_guard(int kept_fd, const char *state, GError **error)
{
  int fd = kept_fd >= 0 ? kept_fd : open_notes(state, error);

  return fd >= 0 ? gw_guard_new(fd, gw_clock_boot_ms(), error) : NULL;
}

/* ---- plugins ---- */

static char *
hold(const char *name, gpointer guard)
{
  return gw_guard_hold(guard, name, gw_clock_boot_ms());
}

static GPtrArray *
load_plugins(const Options *options, GwGuard *guard)
{
  const char *named = options->plugin_path     ? options->plugin_path
                      : options->is_foreground ? g_getenv("GATEWAYD_PLUGIN_PATH")
                                               : NULL;
  GwLoader loader = { .folders = named ? named : GW_PLUGIN_DIR,
                      .kinds = 1u << GATEWAY_REQUEST | 1u << GATEWAY_SESSION,
                      .hold = hold,
                      .user = guard };
  GPtrArray *files = gw_loader_run(&loader);

  for (guint i = 0; i < files->len; i++) {
    const GwPluginFile *file = files->pdata[i];
    if (file->refusal)
      gw_err(GW_SUBJECT_PLUGIN, file->name, "%s is not loaded: %s", file->path, file->refusal);
  }
  return files;
}

/* ---- running ---- */

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

/* As many descriptors as we may have: each node's connection is one. */
static void
raise_limit(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

static gboolean
on_status(gpointer lan)
{
  g_autofree char *status = gw_lan_condition(lan);

  (void)sd_notifyf(0, "STATUS=%s", status);
  return G_SOURCE_CONTINUE;
}

static void
run(GwLan *lan)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
  guint64 watchdog_us = 0;

  g_unix_signal_add(SIGTERM, on_signal, loop);
  g_unix_signal_add(SIGINT, on_signal, loop);
  if (sd_watchdog_enabled(0, &watchdog_us) > 0)
    g_timeout_add((guint)(watchdog_us / 3000), on_watchdog, NULL);
  g_timeout_add(STATUS_MS, on_status, lan);
  (void)sd_notify(0, "READY=1");
  g_main_loop_run(loop);
  (void)sd_notify(0, "STOPPING=1");
}

static gboolean
serve(const Options *options, GError **error)
{
  int notes_fd;
  g_autoptr(GwInherited) inherited = take_inherited(&notes_fd);
  g_autoptr(GwGuard) guard = open_guard(notes_fd, options->state, error);
  g_autoptr(GwReactor) reactor = NULL;
  g_autoptr(GPtrArray) files = NULL;
  g_autoptr(GwLan) lan = NULL;

  if (!guard)
    return FALSE;
  files = load_plugins(options, guard);
  reactor = gw_reactor_new(NULL, error);
  if (!reactor || !gw_guard_watch(guard, error))
    return FALSE;
  GwLanSetup setup = { .link_path = options->link_path ? options->link_path : "/run/gatewayd/lan.sock",
                       .instance = options->instance ? options->instance : "",
                       .files = files,
                       .guard = guard,
                       .inherited = inherited,
                       .credentials = g_getenv("CREDENTIALS_DIRECTORY") };
  lan = gw_lan_new(reactor, &setup, error);
  if (!lan)
    return FALSE;
  run(lan);
  g_clear_pointer(&lan, gw_lan_free);
  return TRUE;
}

int
main(int argc, char *argv[])
{
  g_auto(Options) options = { 0 };
  g_autoptr(GError) error = NULL;
  int level = LOG_INFO;

  setlocale(LC_ALL, "");
  if (parse_options(&argc, &argv, &options, &error))
    level = read_level(options.log_level, &error);
  if (error) {
    g_printerr("gatewayd-lan: %s; see --help\n", error->message);
    return 2;
  }
  if (options.is_version) {
    g_print("gatewayd-lan %s\n", GW_VERSION);
    return 0;
  }
  gw_log_init("gatewayd-lan", level);
  raise_limit();
  if (serve(&options, &error))
    return 0;
  gw_err(GW_SUBJECT_DAEMON, NULL, "cannot start: %s", error->message);
  return 1;
}
