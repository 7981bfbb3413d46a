/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "load.h"

#include <stdio.h>

gboolean
load_options_parse(LoadOptions *options, int argc, char **argv)
{
  gint64 requests = 0, rate = 0;
  int n_connections = (int)options->connections, n_sources = 0, n_nodes = 0, first = 0, repeat = 1;
  const GOptionEntry entries[] = {
    { "port", 'p', 0, G_OPTION_ARG_INT, &options->port, "port on 127.0.0.1", "PORT" },
    { "path", 'u', 0, G_OPTION_ARG_STRING, &options->path, "what to ask for; {} is the number of a node",
      "PATH" },
    { "connections", 'c', 0, G_OPTION_ARG_INT, &n_connections, "at a time", "N" },
    { "seconds", 'd', 0, G_OPTION_ARG_DOUBLE, &options->seconds, "for so long", "S" },
    { "requests", 'n', 0, G_OPTION_ARG_INT64, &requests, "or so many", "N" },
    { "new", 'x', 0, G_OPTION_ARG_NONE, &options->is_new_each_time, "a connection for each request", NULL },
    { "block", 'b', 0, G_OPTION_ARG_INT64, &options->block, "random blocks by Range", "BYTES" },
    { "image", 'i', 0, G_OPTION_ARG_INT64, &options->image_size, "size of the image they are of", "BYTES" },
    { "rate", 'r', 0, G_OPTION_ARG_INT64, &rate, "slow readers, one request each", "BYTES/S" },
    { "idle", 0, 0, G_OPTION_ARG_NONE, &options->is_idle, "hold connections until stdin is closed", NULL },
    { "verify", 'v', 0, G_OPTION_ARG_FILENAME, &options->verify, "compare every byte", "FILE" },
    { "sources", 0, 0, G_OPTION_ARG_INT, &n_sources, "from so many addresses", "N" },
    { "window", 'w', 0, G_OPTION_ARG_INT, &options->window, "size of the receive buffer", "BYTES" },
    { "nodes", 0, 0, G_OPTION_ARG_INT, &n_nodes, "so many numbers for {}", "N" },
    { "first", 0, 0, G_OPTION_ARG_INT, &first, "the first of them", "N" },
    { "repeat", 0, 0, G_OPTION_ARG_INT, &repeat, "each so often in a row", "N" },
    { "status", 0, 0, G_OPTION_ARG_INT, &options->status, "that every reply must have", "CODE" },
    { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_autoptr(GError) error = NULL;

  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    fprintf(stderr, "load: %s\n", error->message);
    return FALSE;
  }
  if (options->port <= 0 || n_connections <= 0 ||
      (options->block > 0 && options->image_size < options->block)) {
    fprintf(stderr, "load: --port, --connections and with --block --image must make sense\n");
    return FALSE;
  }
  options->connections = (guint)n_connections;
  options->sources = (guint)MAX(n_sources, 0);
  options->nodes = (guint)MAX(n_nodes, 1);
  options->first = (guint)MAX(first, 0);
  options->repeat = (guint)MAX(repeat, 1);
  options->requests = (guint64)MAX(requests, 0);
  options->rate = (guint64)MAX(rate, 0);
  return TRUE;
}
