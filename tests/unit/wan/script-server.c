/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "script-server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct ScriptServer {
  const ScriptReply *replies;
  guint n_replies;
  int listen_fd, stop_fd;
  guint16 port;
  GThread *thread;
  GMutex mutex;
  GCond cond;
  GPtrArray *requests;
};

/* FALSE: the server is to end, or nothing came in time. */
static gboolean
wait_fd(ScriptServer *server, int fd, short events, int ms)
{
  struct pollfd polled[] = { { .fd = fd, .events = events }, { .fd = server->stop_fd, .events = POLLIN } };

  return poll(polled, G_N_ELEMENTS(polled), ms) > 0 && !polled[1].revents;
}

static void
keep_request(ScriptServer *server, int fd)
{
  GString *head = g_string_new(NULL);
  char buffer[4096];

  while (!strstr(head->str, "\r\n\r\n") && wait_fd(server, fd, POLLIN, 5000)) {
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);

    if (n <= 0)
      break;
    g_string_append_len(head, buffer, n);
  }
  g_mutex_lock(&server->mutex);
  g_ptr_array_add(server->requests, g_string_free(head, FALSE));
  g_cond_broadcast(&server->cond);
  g_mutex_unlock(&server->mutex);
}

static gboolean
send_text(ScriptServer *server, int fd, const char *text)
{
  gsize size = strlen(text), n_sent = 0;

  while (n_sent < size && wait_fd(server, fd, POLLOUT, -1)) {
    ssize_t n = send(fd, text + n_sent, size - n_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN)
      return FALSE;
    n_sent += n > 0 ? (gsize)n : 0;
  }
  return n_sent == size;
}

static void
play(ScriptServer *server, int fd, const ScriptReply *reply)
{
  if (!reply->reply) {
    (void)wait_fd(server, fd, POLLRDHUP, -1);
    return;
  }
  if (!send_text(server, fd, reply->reply))
    return;
  while (reply->repeated && send_text(server, fd, reply->repeated)) {
    if (reply->every_ms > 0 && wait_fd(server, fd, POLLRDHUP, (int)reply->every_ms))
      return;
    if (!wait_fd(server, fd, POLLOUT, -1))
      return;
  }
}

static gpointer
serve(gpointer data)
{
  ScriptServer *server = data;

  for (guint n = 0; wait_fd(server, server->listen_fd, POLLIN, -1); n++) {
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    keep_request(server, fd);
    play(server, fd, &server->replies[MIN(n, server->n_replies - 1)]);
    (void)shutdown(fd, SHUT_WR);
    (void)wait_fd(server, fd, POLLRDHUP, 1000);
    (void)close(fd);
  }
  return NULL;
}

ScriptServer *
script_server_new(const ScriptReply *replies, guint n_replies)
{
  ScriptServer *server = g_new0(ScriptServer, 1);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof address;

  server->replies = replies;
  server->n_replies = n_replies;
  server->requests = g_ptr_array_new_with_free_func(g_free);
  g_mutex_init(&server->mutex);
  g_cond_init(&server->cond);
  server->stop_fd = eventfd(0, EFD_CLOEXEC);
  server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(server->listen_fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(listen(server->listen_fd, 16), ==, 0);
  g_assert_cmpint(getsockname(server->listen_fd, (struct sockaddr *)&address, &size), ==, 0);
  server->port = ntohs(address.sin_port);
  server->thread = g_thread_new("script", serve, server);
  return server;
}

void
script_server_free(ScriptServer *server)
{
  guint64 one = 1;

  g_assert_cmpint(write(server->stop_fd, &one, sizeof one), ==, sizeof one);
  g_thread_join(server->thread);
  (void)close(server->listen_fd);
  (void)close(server->stop_fd);
  g_ptr_array_unref(server->requests);
  g_mutex_clear(&server->mutex);
  g_cond_clear(&server->cond);
  g_free(server);
}

char *
script_server_url(const ScriptServer *server)
{
  return g_strdup_printf("http://127.0.0.1:%u", server->port);
}

char *
script_server_request(ScriptServer *server, guint n)
{
  gint64 end_us = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
  char *head;

  g_mutex_lock(&server->mutex);
  while (server->requests->len <= n && g_cond_wait_until(&server->cond, &server->mutex, end_us)) {
  }
  g_assert_cmpuint(server->requests->len, >, n);
  head = g_strdup(server->requests->pdata[n]);
  g_mutex_unlock(&server->mutex);
  return head;
}

guint
script_server_count(ScriptServer *server)
{
  guint n;

  g_mutex_lock(&server->mutex);
  n = server->requests->len;
  g_mutex_unlock(&server->mutex);
  return n;
}
