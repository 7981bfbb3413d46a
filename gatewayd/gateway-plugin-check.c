/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gateway-plugin-check FILE.so TABLE: runs a plugin's byte table and a short fuzz, without the daemon. */
#include "base/error.h"
#include "base/file.h"
#include "check/run.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLE_MAX (1024 * 1024)

static void
usage(FILE *file)
{
  fputs(
      "usage: gateway-plugin-check [--fuzz=N] [--seed=N] [--flips=N] FILE.so [TABLE]\n"
      "Runs the byte table of a transport or format plugin, then N (default 20000) random inputs, and each\n"
      "\"flips\" of a format's table N times (default 1) as often as it says.\n"
      "Exit status: 0 all well, 1 a case or the fuzz failed, 2 wrong usage, 3 the plugin or table cannot "
      "be read.\n",
      file);
}

static const GatewayPlugin *
load(const char *path, GError **error)
{
  g_autofree char *full = g_canonicalize_filename(path, NULL);
  void *object = dlopen(full, RTLD_NOW | RTLD_LOCAL);
  const GatewayPlugin *plugin = object ? dlsym(object, "gateway_plugin") : NULL;
  if (!plugin) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "%s", dlerror());
    return NULL;
  }
  if (plugin->abi != GATEWAY_PLUGIN_ABI || plugin->size < sizeof(GatewayPlugin)) {
    gw_fail(error, GW_ERROR_UNSUPPORTED, "'%s' is built for ABI %u, this program for %u", path, plugin->abi,
            GATEWAY_PLUGIN_ABI);
    return NULL;
  }
  if (plugin->kind != GATEWAY_REQUEST && plugin->kind != GATEWAY_SESSION && plugin->kind != GATEWAY_FORMAT) {
    gw_fail(error, GW_ERROR_UNSUPPORTED,
            "'%s' is neither transport nor format: there are no tables for its kind", path);
    return NULL;
  }
  return plugin;
}

static gboolean
run_table(GwRun *run, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize size;
  if (!gw_file_read(AT_FDCWD, path, TABLE_MAX, &text, &size, error) || !gw_run_table(run, text, error)) {
    g_prefix_error(error, "table '%s': ", path);
    return FALSE;
  }
  return TRUE;
}

static gboolean
run_fuzz(GwRun *run, guint n, guint32 seed)
{
  g_autoptr(GError) error = NULL;
  gboolean (*fuzz)(GwRun * run, guint n, guint32 seed, GError * *error) =
      run->plugin->kind == GATEWAY_SESSION  ? gw_fuzz_session
      : run->plugin->kind == GATEWAY_FORMAT ? gw_fuzz_format
                                            : gw_fuzz_request;
  if (fuzz(run, n, seed, &error))
    return TRUE;
  printf("not ok %s\n", error->message);
  run->n_failed++;
  return FALSE;
}

int
main(int argc, char **argv)
{
  static const struct option OPTIONS[] = { { "fuzz", 1, NULL, 'f' },
                                           { "seed", 1, NULL, 's' },
                                           { "flips", 1, NULL, 'l' },
                                           { "help", 0, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
  guint n = 20000;
  guint32 seed = 1, flips = 1;
  for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
    if (o == 'h') {
      usage(stdout);
      return 0;
    }
    guint64 number;
    if (o == '?' || !g_ascii_string_to_unsigned(optarg, 10, 0, G_MAXUINT32, &number, NULL))
      return usage(stderr), 2;
    *(o == 'f' ? &n : o == 's' ? &seed : &flips) = (guint32)number;
  }
  if (optind >= argc || argc - optind > 2)
    return usage(stderr), 2;
  g_autoptr(GError) error = NULL;
  g_autoptr(GHashTable) settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  GwRun run = { .plugin = load(argv[optind], &error), .settings = settings, .flips_factor = flips };
  if (!run.plugin || (argc - optind == 2 && !run_table(&run, argv[optind + 1], &error))) {
    fprintf(stderr, "gateway-plugin-check: %s\n", error->message);
    return 3;
  }
  run_fuzz(&run, n, seed);
  printf("%s: %u cases, %u random inputs, %u failed\n", run.plugin->name, run.n_cases, n, run.n_failed);
  g_free((char *)run.case_name);
  return run.n_failed ? 1 : 0;
}
