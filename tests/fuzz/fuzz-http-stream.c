/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole connection: the bytes reach the server in one segment, and again in many. What it acts upon must be
 * the same, every answer must be a whole one, and nothing may stay behind. The first byte of the input
 * chooses the segments. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "net/http-server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
  GMainContext *context;
  GwHttpServer *server;
  GString *log; /* what the handler saw */
  int far_fd;
  GByteArray *heard;
  GByteArray *heads; /* for every request, was it HEAD? */
  GwHttpExchange *parked;
  int sink_fd;
} Site;

static gint64 clock_ms;

static gint64
read_clock(void)
{
  return clock_ms;
}

static void
on_done(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  g_assert(gauge->acked <= gauge->size);
}

static void
note(Site *site, const GwHttpRequest *request)
{
  const GwHttpHead *head = request->head;
  guint8 is_head = head->method == GW_HTTP_HEAD;

  g_byte_array_append(site->heads, &is_head, 1);
  g_string_append(site->log, gw_http_method_name(head->method));
  g_string_append_len(site->log, (const char *)head->path.data, (gssize)head->path.size);
  g_string_append_printf(site->log, " %" G_GUINT64_FORMAT " ", request->body_size);
  g_string_append_len(site->log, (const char *)request->body.data, (gssize)request->body.size);
  g_string_append_c(site->log, ';');
}

static void
on_request(GwHttpExchange *exchange, const GwHttpRequest *request, gpointer user)
{
  static const GwTransferObserver observer = { .done = on_done };
  Site *site = user;
  GwSlice path = request->head->path;
  GwHttpReply reply = { .status = 200, .bytes = request->body };

  note(site, request);
  if (path.size > 1 && path.data[1] == 'l') {
    site->parked = exchange;
    return;
  }
  if (path.size > 1 && path.data[1] == 'i') {
    g_autoptr(GwBody) body = gw_body_new_bytes("0123456789", 10, "\"v1\"");
    reply = (GwHttpReply){ .status = 200, .body = body, .observer = &observer };
    gw_http_reply(exchange, &reply);
    return;
  }
  if (path.size > 1 && path.data[1] == 'c')
    reply.flags = GW_HTTP_REPLY_ONE_CHUNK;
  gw_http_reply(exchange, &reply);
}

static GwHttpIntake
on_intake(GwHttpExchange *exchange, const GwHttpRequest *request, gpointer user)
{
  Site *site = user;
  GwHttpIntake intake = { .kind = GW_HTTP_INTAKE_BUFFER };

  if (request->head->method == GW_HTTP_PUT)
    intake = (GwHttpIntake){ .kind = GW_HTTP_INTAKE_FD, .fd = site->sink_fd, .max_size = 1000 };
  return intake;
}

static void
on_gone(GwHttpExchange *exchange, gpointer user)
{
  Site *site = user;

  if (site->parked == exchange)
    site->parked = NULL;
}

/* ---- one connection ---- */

static void
hear(Site *site)
{
  guint8 buffer[4096];
  gssize n;

  while ((n = recv(site->far_fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
    g_byte_array_append(site->heard, buffer, (guint)n);
}

static void
turn(Site *site)
{
  for (guint i = 0; i < 20 && g_main_context_iteration(site->context, FALSE); i++)
    ;
  if (site->parked)
    gw_http_reply_status(g_steal_pointer(&site->parked), 202);
  hear(site);
}

/* Returns the size of the body that follows the head @head, or -1 if its framing says nothing of it. */
static gssize
body_size(Site *site, GwSlice head, guint *n_replies)
{
  const guint8 *length = memmem(head.data, head.size, "Content-Length: ", 16);

  if (memmem(head.data, head.size, "\r\nTransfer-Encoding: chunked", 28))
    return -1;
  if (memcmp(head.data, "HTTP/1.1 100", 12) == 0)
    return 0;
  if (++*n_replies <= site->heads->len && site->heads->data[*n_replies - 1])
    return 0; /* the answer to HEAD */
  return length ? atol((const char *)length + 16) : 0;
}

/* Every reply is whole, and nothing lies between them. */
static void
check_heard(Site *site)
{
  const guint8 *at = site->heard->data;
  gsize left = site->heard->len;
  guint n_replies = 0;

  while (left > 0) {
    const guint8 *end = memmem(at, left, "\r\n\r\n", 4);
    gssize size;

    g_assert(left > 13 && memcmp(at, "HTTP/1.1 ", 9) == 0);
    g_assert(end != NULL);
    size = body_size(site, (GwSlice){ at, (gsize)(end + 4 - at) }, &n_replies);
    left -= (gsize)(end + 4 - at);
    at = end + 4;
    if (size < 0)
      return;
    g_assert((gsize)size <= left);
    left -= (gsize)size;
    at += size;
  }
}

static gboolean
send_all(Site *site, const uint8_t *data, gsize size)
{
  while (size > 0) {
    gssize n = send(site->far_fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN)
      return FALSE; /* the server closed: it has heard enough */
    data += MAX(n, 0);
    size -= (gsize)MAX(n, 0);
    if (size > 0)
      turn(site);
  }
  return TRUE;
}

/* Segments of a pseudo-random size that depends on @seed; 0 = one. */
static void
send_segments(Site *site, const uint8_t *data, gsize size, guint seed)
{
  while (size > 0) {
    gsize n = seed ? MIN(size, 1 + (seed >> 3) % 37) : size;

    seed = seed * 1103515245u + 12345u;
    if (!send_all(site, data, n))
      return;
    turn(site);
    data += n;
    size -= n;
  }
}

static char *
run(const uint8_t *data, gsize size, guint seed)
{
  const GwHttpHandler handler = { .request = on_request, .intake = on_intake, .gone = on_gone };
  const GwGateLimits gate_limits = { 0 };
  const GwHttpLimits limits = { 0 };
  GwAccepted accepted = { .fd = -1 };
  Site site = { .log = g_string_new(NULL), .heard = g_byte_array_new(), .heads = g_byte_array_new() };
  int fds[2];

  site.context = g_main_context_new();
  site.sink_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  g_autoptr(GwReactor) reactor = gw_reactor_new(site.context, NULL);
  g_autoptr(GwGate) gate = gw_gate_new(&gate_limits);
  gw_reactor_set_clock(reactor, read_clock);
  site.server = gw_http_server_new(reactor, gate, &limits, &handler, &site);
  g_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  site.far_fd = fds[1];
  accepted.fd = fds[0];
  g_assert(gw_gate_enter(gate, &accepted.peer));
  gw_http_server_adopt(site.server, &accepted, NULL, NULL);

  send_segments(&site, data, size, seed);
  for (guint i = 0; i < 6; i++) { /* whatever waits for its timer gets its turn */
    clock_ms += 50;
    turn(&site);
  }
  check_heard(&site);
  close(site.far_fd);
  turn(&site);
  clock_ms += 1000000;
  turn(&site);
  g_assert(gw_http_server_counters(site.server)->n_connections == 0);
  g_assert(gw_http_server_counters(site.server)->buffered == 0);
  g_assert(gw_http_server_counters(site.server)->n_parked == 0);
  gw_http_server_free(site.server);
  turn(&(Site){ .context = site.context, .far_fd = -1 });
  close(site.sink_fd);
  g_byte_array_unref(site.heard);
  g_byte_array_unref(site.heads);
  g_main_context_unref(site.context);
  return g_string_free(site.log, FALSE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autofree char *whole = NULL;
  g_autofree char *segments = NULL;

  if (size < 2)
    return 0;
  whole = run(data + 1, size - 1, 0);
  segments = run(data + 1, size - 1, 1u + data[0]);
  g_assert_cmpstr(whole, ==, segments);
  return 0;
}
