/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS 1.3 load on loopback: full handshakes with one request each, or requests on kept connections. Blocking
 * threads. Prints one JSON line. tls-load PORT PATH SECONDS THREADS [keep] */
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS_MAX 64
#define READ_SIZE 262144

static guint16 port;
static char request[512];
static gboolean is_kept;
static gint64 end_us;
static SSL_CTX *context;

typedef struct {
  GThread *thread;
  int fd;
  SSL *ssl;
  guint8 *buffer;
  guint64 n_done, n_bytes, n_errors;
} Worker;

static gboolean
open_session(Worker *worker)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
  struct timeval timeout = { .tv_sec = 10 };
  int one = 1;

  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  worker->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(worker->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(worker->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (connect(worker->fd, (struct sockaddr *)&to, sizeof to) < 0)
    return FALSE;
  worker->ssl = SSL_new(context);
  SSL_set_fd(worker->ssl, worker->fd);
  return SSL_connect(worker->ssl) == 1;
}

static void
close_session(Worker *worker)
{
  struct linger linger = { .l_onoff = 1 }; /* thousands of connections in TIME_WAIT would slow us down */

  if (worker->ssl)
    SSL_set_quiet_shutdown(worker->ssl, 1);
  SSL_free(worker->ssl);
  worker->ssl = NULL;
  setsockopt(worker->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(worker->fd);
}

/* Reads the rest of a body of @left bytes. */
static gboolean
read_body(Worker *worker, gint64 left)
{
  while (left > 0) {
    int n = SSL_read(worker->ssl, worker->buffer, (int)MIN(left, READ_SIZE));

    if (n <= 0)
      return FALSE;
    left -= n;
    worker->n_bytes += (guint64)n;
    if (g_get_monotonic_time() > end_us + 5 * G_USEC_PER_SEC)
      return TRUE;
  }
  return left == 0;
}

static gboolean
do_request(Worker *worker)
{
  const char *end = NULL, *length;
  char *head = (char *)worker->buffer;
  int used = 0;
  gint64 of_body;

  if (SSL_write(worker->ssl, request, (int)strlen(request)) <= 0)
    return FALSE;
  while (!end) {
    int n = SSL_read(worker->ssl, head + used, 4096 - used);

    if (n <= 0)
      return FALSE;
    used += n;
    head[used] = '\0';
    end = strstr(head, "\r\n\r\n");
  }
  length = strcasestr(head, "\r\nContent-Length: ");
  if (!g_str_has_prefix(head, "HTTP/1.1 200 ") || !length)
    return FALSE;
  of_body = used - (end + 4 - head);
  worker->n_bytes += (guint64)of_body;
  return read_body(worker, atoll(length + 18) - of_body);
}

static gpointer
work(gpointer data)
{
  Worker *worker = data;
  gboolean is_open = FALSE;

  worker->buffer = g_malloc(READ_SIZE);
  while (g_get_monotonic_time() < end_us) {
    gboolean is_good;

    if (!is_open)
      is_open = open_session(worker);
    is_good = is_open && do_request(worker);
    worker->n_done += (guint64)is_good;
    worker->n_errors += !is_good;
    if (is_good && is_kept)
      continue;
    close_session(worker);
    is_open = FALSE;
  }
  if (is_open)
    close_session(worker);
  g_free(worker->buffer);
  return NULL;
}

int
main(int argc, char **argv)
{
  static Worker workers[THREADS_MAX];
  guint64 n_done = 0, n_bytes = 0, n_errors = 0;
  gint64 start_us = g_get_monotonic_time();
  guint n_workers;

  if (argc < 5) {
    fprintf(stderr, "usage: tls-load PORT PATH SECONDS THREADS [keep]\n");
    return 2;
  }
  port = (guint16)atoi(argv[1]);
  is_kept = argc > 5;
  n_workers = (guint)CLAMP(atoi(argv[4]), 1, THREADS_MAX);
  g_snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", argv[2],
             is_kept ? "" : "Connection: close\r\n");
  end_us = start_us + (gint64)(atof(argv[3]) * G_USEC_PER_SEC);
  context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  for (guint i = 0; i < n_workers; i++)
    workers[i].thread = g_thread_new("load", work, &workers[i]);
  for (guint i = 0; i < n_workers; i++) {
    g_thread_join(workers[i].thread);
    n_done += workers[i].n_done;
    n_bytes += workers[i].n_bytes;
    n_errors += workers[i].n_errors;
  }
  SSL_CTX_free(context);
  printf("{\"requests\": %" G_GUINT64_FORMAT ", \"bytes\": %" G_GUINT64_FORMAT
         ", \"errors\": %" G_GUINT64_FORMAT ", \"bad\": 0, \"elapsed_s\": %.4f}\n",
         n_done, n_bytes, n_errors, (double)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC);
  return n_errors ? 1 : 0;
}
