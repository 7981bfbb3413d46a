/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks into one file, says what is in it, and ends. Started by systemd for each job, with the connection as
 * its only open socket. The format plugins are loaded before a byte of the file is read; then everything is
 * taken away that reading and counting do not need. */
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "link/loader.h"
#include "link/settings.h"
#include "unpack/cage.h"
#include "unpack/host.h"
#include "unpack/port.h"

typedef struct {
  char *plugin_path;
  gboolean is_version;
} Options;

static gboolean
parse_options(int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
    { "plugin-path", 0, 0, G_OPTION_ARG_FILENAME, &options->plugin_path, "Folders with plugins", "A:B" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->is_version, "Print the version", NULL },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- looks into one file for gatewayd");

  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, argc, argv, error))
    return FALSE;
  return *argc == 1 || gw_fail(error, GW_ERROR_BAD_INPUT, "unknown argument %s", (*argv)[1]);
}

static const char *const OTHERS[] = { "enabled", NULL };

/* What the configuration says to this format; NULL = it is not to be used. What makes no sense is said, and
 * left out. */
static const GatewaySettings *
settings_of(const GatewayPlugin *plugin, GVariant *all)
{
  g_autoptr(GVariant) own = g_variant_lookup_value(all, plugin->name, G_VARIANT_TYPE("a{ss}"));
  g_autoptr(GVariant) none = g_variant_ref_sink(g_variant_new("a{ss}", NULL));
  g_autoptr(GError) error = NULL;
  gboolean is_enabled = TRUE;
  const char *enabled = "yes";
  GwSettings *settings =
      gw_settings_new(plugin->settings, plugin->n_settings, own ? own : none, OTHERS, &error);

  if (own)
    g_variant_lookup(own, "enabled", "&s", &enabled);
  if (gw_parse_boolean(enabled, &is_enabled) && !is_enabled)
    return NULL;

  if (!settings) {
    gw_warning(GW_SUBJECT_PLUGIN, plugin->name, "%s", error->message);
    settings = gw_settings_new(plugin->settings, plugin->n_settings, none, NULL, NULL);
  }
  return settings ? gw_settings_view(settings) : NULL;
}

static GwFormat *
prepare(const GPtrArray *files, GVariant *settings, guint *ret_n)
{
  GwFormat *formats = g_new0(GwFormat, files->len + 1);
  guint n = 0;

  for (guint i = 0; i < files->len; i++) {
    const GwPluginFile *file = files->pdata[i];
    GwFormat format = { .plugin = file->plugin };

    format.settings = file->plugin ? settings_of(file->plugin, settings) : NULL;
    if (!format.settings)
      continue;
    gw_loader_functions(format.plugin, &format.functions, sizeof format.functions);
    format.keys = gw_unpack_keys(format.settings->text(format.settings, GW_KEYS_SETTING));
    formats[n++] = format;
  }
  *ret_n = n;
  return formats;
}

/* Nothing is freed: what would do it is not allowed any more, and the process ends. */
static gboolean
work(int fd, const GPtrArray *files, GError **error)
{
  GwErrand errand;
  guint n_formats;

  if (!gw_port_receive(fd, &errand, error))
    return FALSE;
  GwFormat *formats = prepare(files, errand.job.settings, &n_formats);
  /* Who has a member taken out listens to the pipe, and perhaps not to us. */
  if (!gw_port_send(fd, gw_says_hello(gw_loader_hello(files)), error) && errand.output_fd < 0)
    return FALSE;
  g_clear_error(error);
  if (errand.input_fd < 0)
    return TRUE;
  const GwUnpackTask task = { .input_fd = errand.input_fd,
                              .output_fd = errand.output_fd,
                              .file_name = errand.job.file_name,
                              .member = errand.job.member,
                              .max_size = errand.job.max_size };
  gw_unpack_prepare();
  if (!gw_cage_enter(error))
    return FALSE;
  return gw_port_send(fd, gw_says_findings(gw_unpack_run(&task, formats, n_formats)), error);
}

int
main(int argc, char *argv[])
{
  Options options = { 0 };
  GwLoader loader = { .kinds = 1u << GATEWAY_FORMAT };
  g_autoptr(GError) error = NULL;

  (void)signal(SIGPIPE, SIG_IGN);
  if (!parse_options(&argc, &argv, &options, &error)) {
    g_printerr("gatewayd-unpack: %s; see --help\n", error->message);
    return 2;
  }
  if (options.is_version) {
    g_print("gatewayd-unpack %s\n", GW_VERSION);
    return 0;
  }
  gw_log_init("gatewayd-unpack", LOG_INFO);
  if (sd_listen_fds(0) != 1) {
    g_printerr("gatewayd-unpack: systemd starts it for each file: see gatewayd-unpack.socket, or "
               "systemd-socket-activate --accept --seqpacket\n");
    return 2;
  }
  loader.folders = options.plugin_path ? options.plugin_path : GW_PLUGIN_DIR;
  if (work(SD_LISTEN_FDS_START, gw_loader_run(&loader), &error))
    _exit(0);
  gw_warning(GW_SUBJECT_DAEMON, NULL, "%s", error->message);
  _exit(1);
}
