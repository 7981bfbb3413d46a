/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What our daemons are compared with: the least that GLib and libsoup make of an HTTP server. */
#include <libsoup/soup.h>
#include <stdlib.h>

static void
answer(SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user)
{
  soup_server_message_set_status(message, 200, NULL);
  soup_server_message_set_response(message, "application/json", SOUP_MEMORY_STATIC, "{\"ota\":[]}", 10);
}

int
main(int argc, char **argv)
{
  g_autoptr(SoupServer) server = soup_server_new(NULL, NULL);
  g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
  g_autoptr(GError) error = NULL;

  soup_server_add_handler(server, NULL, answer, NULL, NULL);
  if (argc != 2 ||
      !soup_server_listen_local(server, (guint)atoi(argv[1]), SOUP_SERVER_LISTEN_IPV4_ONLY, &error))
    g_error("usage: bench-bare PORT: %s", error ? error->message : "no port");
  g_main_loop_run(loop);
  return 0;
}
