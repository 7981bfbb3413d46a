/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The core: cache, catalog, registry, rules, scheduler, and the D-Bus service in front of them. It has no IP
 * socket, starts no process and loads no plugin. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "bus/bus.h"
#include "control/core.h"
#include "link/link.h"

#define DEFAULT_CONFIG "/etc/gatewayd/gatewayd.conf"
#define STATUS_MS 1000

typedef struct {
  char *config, *state, *cache, *link_dir, *bus, *log_level;
  gboolean is_foreground, is_version;
} Options;

static gboolean
parse_options(int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config, "Configuration; default " DEFAULT_CONFIG,
      "FILE" },
    { "state", 0, 0, G_OPTION_ARG_FILENAME, &options->state, "Folder of the database", "FOLDER" },
    { "cache", 0, 0, G_OPTION_ARG_FILENAME, &options->cache, "Folder of the images", "FOLDER" },
    { "link-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->link_dir, "Folder of the workers' sockets",
      "FOLDER" },
    { "bus", 0, 0, G_OPTION_ARG_STRING, &options->bus, "\"system\", or the address of a D-Bus", "ADDRESS" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &options->log_level, "err, warning, notice, info, debug",
      "LEVEL" },
    { "foreground", 0, 0, G_OPTION_ARG_NONE, &options->is_foreground,
      "Started by hand: whoever is of the same user, or root, may do everything; not on the system bus",
      NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->is_version, "Print the version", NULL },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- the gateway's core");

  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, argc, argv, error))
    return FALSE;
  return *argc == 1 || gw_fail(error, GW_ERROR_BAD_INPUT, "unknown argument %s", (*argv)[1]);
}

static void
options_clear(Options *options)
{
  g_free(options->config);
  g_free(options->state);
  g_free(options->cache);
  g_free(options->link_dir);
  g_free(options->bus);
  g_free(options->log_level);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* -1: no such level. */
static int
read_level(const char *text)
{
  static const char *const NAMES[] = { "err", "warning", "notice", "info", "debug" };

  for (int i = 0; i < (int)G_N_ELEMENTS(NAMES); i++)
    if (strcmp(text, NAMES[i]) == 0)
      return LOG_ERR + i;
  return -1;
}

/* What was said on the command line, else in the configuration. */
static void
complete_options(Options *options, const GwConfig *config)
{
  struct {
    char **option;
    const char *key;
  } pairs[] = {
    { &options->state, "state" }, { &options->cache, "cache" },         { &options->link_dir, "link-dir" },
    { &options->bus, "bus" },     { &options->log_level, "log-level" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
    if (!*pairs[i].option)
      *pairs[i].option = g_strdup(gw_config_text(config, "daemon", NULL, pairs[i].key));
}

static int
open_folder(const char *path, GError **error)
{
  int fd;

  if (g_mkdir_with_parents(path, 0700) < 0) {
    gw_fail_errno(error, errno, "cannot make folder %s", path);
    return -1;
  }
  fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    gw_fail_errno(error, errno, "cannot open folder %s", path);
  return fd;
}

/* Two cores on one folder would take each other's sockets away before the database refuses the second. The
 * lock lasts as long as the descriptor. */
static int
lock_folder(const char *path, GError **error)
{
  GW_AUTO_FD int fd = open_folder(path, error);

  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
    gw_fail(error, GW_ERROR_BUSY, "another gatewayd runs with folder %s", path);
    return -1;
  }
  return g_steal_fd(&fd);
}

/* A socket that systemd holds for us under this name, or -1. */
static int
inherited(const char *name)
{
  char **names = NULL;
  int n = sd_listen_fds_with_names(0, &names);
  int fd = -1;

  for (int i = 0; i < n; i++) {
    if (fd < 0 && strcmp(names[i], name) == 0)
      fd = SD_LISTEN_FDS_START + i;
    free(names[i]);
  }
  free(names);
  return fd;
}

static int
listen_for(const Options *options, const char *name, GError **error)
{
  g_autofree char *file = g_strconcat(name, ".sock", NULL);
  g_autofree char *path = g_build_filename(options->link_dir, file, NULL);
  int fd = inherited(name);

  if (fd >= 0)
    return fd;
  if (g_mkdir_with_parents(options->link_dir, 0755) < 0) {
    gw_fail_errno(error, errno, "cannot make folder %s", options->link_dir);
    return -1;
  }
  return gw_link_listen(path, error);
}

/* The loop, and why it ended. */
typedef struct {
  GMainLoop *loop;
  gboolean is_broken;
} Life;

static void
life_clear(Life *life)
{
  g_main_loop_unref(life->loop);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Life, life_clear)

static void
on_broken(gpointer user)
{
  Life *life = user;

  life->is_broken = TRUE;
  g_main_loop_quit(life->loop);
}

static GwCore *
start_core(const Options *options, GwConfig *config, const char *config_path, Life *life, GError **error)
{
  GW_AUTO_FD int state_fd = open_folder(options->state, error);
  GW_AUTO_FD int cache_fd = state_fd < 0 ? -1 : open_folder(options->cache, error);
  GW_AUTO_FD int lan_fd = cache_fd < 0 ? -1 : listen_for(options, "lan", error);
  GW_AUTO_FD int wan_fd = lan_fd < 0 ? -1 : listen_for(options, "wan", error);
  g_autofree char *unpack_path = g_build_filename(options->link_dir, "unpack.sock", NULL);
  GwCorePlaces places = {
    .config_path = config_path, .unpack_path = unpack_path, .broken = on_broken, .broken_user = life
  };

  if (wan_fd < 0)
    return NULL;
  places.lan_listen_fd = g_steal_fd(&lan_fd);
  places.wan_listen_fd = g_steal_fd(&wan_fd);
  places.state_fd = state_fd;
  places.cache_fd = cache_fd;
  return gw_core_start(config, &places, error);
}

/* ---- running ---- */

static gboolean
on_stop_signal(gpointer loop)
{
  g_main_loop_quit(loop);
  return G_SOURCE_CONTINUE;
}

static void
on_reloaded(GVariant *result, const GError *error, gpointer user)
{
  if (error)
    gw_err(GW_SUBJECT_DAEMON, NULL, "the configuration was not read again, the old one stays: %s",
           error->message);
  (void)sd_notify(0, "READY=1");
}

static gboolean
on_reload_signal(gpointer core)
{
  static const GwCaller CALLER = { "SIGHUP", "signal", "" };

  (void)sd_notify(0, "RELOADING=1");
  gw_command_reload(core, &CALLER, (GwThen){ on_reloaded, NULL });
  return G_SOURCE_CONTINUE;
}

typedef struct {
  GwCore *core;
  GwBus *bus;
  gint64 patience_ms;
  char *status; /* as told last */
} Running;

/* Honest: this loop turns, and the database thread lives. */
static gboolean
on_watchdog(gpointer user)
{
  const Running *running = user;

  if (gw_core_is_healthy(running->core, running->patience_ms))
    (void)sd_notify(0, "WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

/* Inert: upstreams have a say in it, and a second line would be a message to systemd. */
static gboolean
on_status(gpointer user)
{
  Running *running = user;
  g_autofree char *condition = gw_core_condition(running->core);
  g_autofree char *raw = g_strconcat(gw_bus_is_up(running->bus) ? "" : "not on the bus; ", condition, NULL);
  g_autofree char *status = gw_log_inert(raw);

  if (g_strcmp0(status, running->status) != 0)
    (void)sd_notifyf(0, "STATUS=%s", status);
  g_free(running->status);
  running->status = g_steal_pointer(&status);
  return G_SOURCE_CONTINUE;
}

static void
run(GwCore *core, GwBus *bus, GMainLoop *loop)
{
  Running running = { .core = core, .bus = bus };
  guint64 watchdog_us = 0;

  g_unix_signal_add(SIGTERM, on_stop_signal, loop);
  g_unix_signal_add(SIGINT, on_stop_signal, loop);
  g_unix_signal_add(SIGHUP, on_reload_signal, core);
  if (sd_watchdog_enabled(0, &watchdog_us) > 0)
    g_timeout_add((guint)(watchdog_us / 3000), on_watchdog, &running);
  running.patience_ms = (gint64)(watchdog_us / 2000);
  g_timeout_add(STATUS_MS, on_status, &running);
  (void)sd_notify(0, "READY=1");
  g_main_loop_run(loop);
  (void)sd_notify(0, "STOPPING=1");
  g_free(running.status);
}

static int
serve(Options *options, GError **error)
{
  const char *path = options->config                                   ? options->config
                     : g_file_test(DEFAULT_CONFIG, G_FILE_TEST_EXISTS) ? DEFAULT_CONFIG
                                                                       : NULL;
  g_autoptr(GwConfig) config = gw_config_load(gw_core_schema(), path, error);
  GW_AUTO_FD int lock_fd = -1;
  g_auto(Life) life = { g_main_loop_new(NULL, FALSE), FALSE };
  g_autoptr(GwCore) core = NULL;
  g_autoptr(GwBus) bus = NULL;
  GwBusOptions bus_options;
  int level;

  if (!config)
    return gw_error_row((*error)->code)->exit_status;
  complete_options(options, config);
  level = read_level(options->log_level);
  if (level < 0) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "log-level: expected err, warning, notice, info or debug");
    return gw_error_row(GW_ERROR_BAD_INPUT)->exit_status;
  }
  bus_options = (GwBusOptions){ .address = strcmp(options->bus, "system") == 0 ? NULL : options->bus,
                                .is_foreground = options->is_foreground,
                                .version = GW_VERSION };
  gw_log_init("gatewayd", level);
  if (!gw_bus_check(&bus_options, error)) /* before any folder is made */
    return gw_error_row((*error)->code)->exit_status;
  lock_fd = lock_folder(options->state, error);
  if (lock_fd >= 0)
    core = start_core(options, config, path, &life, error);
  if (core)
    bus = gw_bus_start(core, &bus_options, error);
  if (!bus)
    return gw_error_row((*error)->code)->exit_status;
  run(core, bus, life.loop);
  return life.is_broken ? 1 : 0;
}

int
main(int argc, char *argv[])
{
  g_auto(Options) options = { 0 };
  g_autoptr(GError) error = NULL;
  int status;

  setlocale(LC_ALL, "");
  umask(077);
  (void)signal(SIGPIPE, SIG_IGN);
  if (!parse_options(&argc, &argv, &options, &error)) {
    g_printerr("gatewayd: %s\n", error->message);
    return 2;
  }
  if (options.is_version) {
    g_print("gatewayd %s\n", GW_VERSION);
    return 0;
  }
  status = serve(&options, &error);
  if (error)
    g_printerr("gatewayd: %s\n", error->message);
  return status;
}
