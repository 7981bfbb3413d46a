/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rig.h"

#include "base/file.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static gint64 clock_ms;

static gint64
read_clock(void)
{
  return clock_ms;
}

static void
on_progress(gpointer user, const GwTransferGauge *gauge)
{
  Rig *rig = user;

  rig->n_progress++;
  rig->gauge = *gauge;
}

static void
on_done(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  Rig *rig = user;

  rig->n_done++;
  rig->n_complete += (guint)is_complete;
  rig->gauge = *gauge;
}

static const GwTransferObserver observer = { .progress = on_progress, .done = on_done };

static GwSlice
slice(const char *text)
{
  return (GwSlice){ (const guint8 *)text, strlen(text) };
}

static void
reply_echo(Rig *rig, GwHttpExchange *exchange, const GwHttpRequest *request)
{
  g_autofree char *head = g_strdup_printf("%s %.*s %zu:", gw_http_method_name(request->head->method),
                                          (int)request->head->host.size,
                                          (const char *)request->head->host.data, (gsize)request->body_size);
  g_autoptr(GString) text = g_string_new(head);
  GwHttpReply reply = { .status = 200, .flags = rig->flags };

  g_string_append_len(text, (const char *)request->body.data, (gssize)request->body.size);
  reply.bytes = (GwSlice){ (const guint8 *)text->str, text->len };
  gw_http_reply(exchange, &reply);
}

static void
on_request(GwHttpExchange *exchange, const GwHttpRequest *request, gpointer user)
{
  Rig *rig = user;
  GwSlice path = request->head->path;
  GwHttpReply reply = { .status = 200, .flags = rig->flags };

  g_string_append_printf(rig->log, "%s %.*s;", gw_http_method_name(request->head->method), (int)path.size,
                         (const char *)path.data);
  if (gw_slice_equal(path, "/later"))
    rig->parked = exchange;
  else if (gw_slice_equal(path, "/stream")) {
    rig->streaming = exchange;
    gw_http_stream_begin(exchange, &reply);
  } else if (gw_slice_equal(path, "/echo"))
    reply_echo(rig, exchange, request);
  else if (gw_slice_equal(path, "/abort"))
    gw_http_abort(exchange);
  else if (gw_slice_equal(path, "/hello")) {
    reply.bytes = slice("hello\n");
    gw_http_reply(exchange, &reply);
  } else if (gw_slice_equal(path, "/head-of")) {
    reply.head_of = 600000;
    gw_http_reply(exchange, &reply);
  } else if (gw_slice_equal(path, "/image")) {
    reply.body = rig->image;
    reply.observer = &observer;
    reply.observer_user = rig;
    gw_http_reply(exchange, &reply);
  } else
    gw_http_reply_status(exchange, 404);
}

static GwHttpIntake
on_intake(GwHttpExchange *exchange, const GwHttpRequest *request, gpointer user)
{
  Rig *rig = user;

  if (rig->intake.kind == GW_HTTP_INTAKE_REFUSE && rig->intake.status == 0)
    gw_http_reply_status(exchange, 401);
  return rig->intake;
}

static void
on_gone(GwHttpExchange *exchange, gpointer user)
{
  Rig *rig = user;

  rig->n_gone++;
  if (rig->parked == exchange)
    rig->parked = NULL;
  if (rig->streaming == exchange)
    rig->streaming = NULL;
}

static void
on_refused(const GwAddress *peer, guint status, const char *why, gpointer user)
{
  Rig *rig = user;

  g_assert_nonnull(why);
  rig->n_refused++;
  rig->refused_status = status;
}

static GwBody *
make_image(gsize size)
{
  g_autofree guint8 *bytes = g_malloc(size);
  g_autoptr(GError) error = NULL;
  GwBody *body;
  int fd;

  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8)(i * 31 + i / 251);
  fd = gw_memfd_sealed("image", bytes, size, &error);
  g_assert_no_error(error);
  body = gw_body_new_fd(fd, size, "\"v1\"", &error);
  g_assert_no_error(error);
  return body;
}

Rig *
rig_new(const RigSetup *setup)
{
  Rig *rig = g_new0(Rig, 1);
  GwListen listen_on = { .inherited_fd = -1 };
  g_autoptr(GError) error = NULL;

  clock_ms = 1000000;
  rig->context = g_main_context_new();
  rig->reactor = gw_reactor_new(rig->context, &error);
  g_assert_no_error(error);
  gw_reactor_set_clock(rig->reactor, read_clock);
  rig->gate = gw_gate_new(&setup->gate);
  rig->handler = (GwHttpHandler){ .request = on_request, .gone = on_gone, .refused = on_refused };
  if (setup->has_intake)
    rig->handler.intake = on_intake;
  rig->server = gw_http_server_new(rig->reactor, rig->gate, &setup->limits, &rig->handler, rig);
  g_assert_true(gw_address_parse("127.0.0.1:0", 0, &listen_on.address, &error));
  rig->listener = gw_http_server_listen(rig->server, &listen_on, setup->tls, rig, &error);
  g_assert_no_error(error);
  rig->port = gw_listener_address(rig->listener)->port;
  rig->image = make_image(setup->image_size ? setup->image_size : 1 << 20);
  rig->log = g_string_new(NULL);
  return rig;
}

void
rig_free(Rig *rig)
{
  const GwHttpCounters *counters = gw_http_server_counters(rig->server);

  rig_turn(rig);
  if (counters->n_connections == 0) { /* nothing may be left behind */
    g_assert_cmpuint(counters->buffered, ==, 0);
    g_assert_cmpuint(counters->n_parked, ==, 0);
    g_assert_cmpuint(counters->n_transfers, ==, 0);
  }
  gw_http_server_free(rig->server);
  g_assert_cmpuint(gw_gate_counters(rig->gate)->n_inside, ==, 0);
  gw_gate_unref(rig->gate);
  gw_body_unref(rig->image);
  gw_reactor_free(rig->reactor);
  g_main_context_unref(rig->context);
  g_string_free(rig->log, TRUE);
  g_free(rig);
}

void
rig_turn(Rig *rig)
{
  for (guint i = 0; i < 50 && g_main_context_iteration(rig->context, FALSE); i++)
    ;
}

void
rig_pass_ms(Rig *rig, gint64 ms)
{
  gint64 end_ms = clock_ms + ms;

  while (clock_ms < end_ms) {
    clock_ms = MIN(clock_ms + 100, end_ms);
    rig_turn(rig);
  }
}

void
rig_breathe(Rig *rig)
{
  clock_ms += 8;
  if (!g_main_context_iteration(rig->context, FALSE))
    poll(NULL, 0, 1);
}

static Peer *
prepare(Rig *rig, const char *source, int receive_buffer)
{
  struct sockaddr_in from = { .sin_family = AF_INET };
  Peer *peer = g_new0(Peer, 1);
  int one = 1;

  peer->rig = rig;
  peer->heard = g_string_new(NULL);
  peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_cmpint(peer->fd, >=, 0);
  setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (receive_buffer)
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  inet_pton(AF_INET, source ? source : "127.0.0.1", &from.sin_addr);
  g_assert_cmpint(bind(peer->fd, (struct sockaddr *)&from, sizeof from), ==, 0);
  return peer;
}

Peer *
peer_prepare(Rig *rig, const char *source)
{
  return prepare(rig, source, 0);
}

void
peer_connect(Peer *peer)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(peer->rig->port) };
  struct pollfd poll_fd = { .fd = peer->fd, .events = POLLOUT };

  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  if (connect(peer->fd, (struct sockaddr *)&to, sizeof to) < 0)
    g_assert_cmpint(errno, ==, EINPROGRESS);
  RIG_UNTIL(peer->rig, poll(&poll_fd, 1, 0) == 1);
}

Peer *
peer_new(Rig *rig, const char *source)
{
  Peer *peer = prepare(rig, source, 0);

  peer_connect(peer);
  return peer;
}

Peer *
peer_new_narrow(Rig *rig)
{
  Peer *peer = prepare(rig, NULL, 4096);

  peer_connect(peer);
  return peer;
}

void
peer_free(Peer *peer)
{
  gw_close(&peer->fd);
  rig_turn(peer->rig);
  g_string_free(peer->heard, TRUE);
  g_free(peer);
}

void
peer_say_bytes(Peer *peer, const void *data, gsize size)
{
  const char *at = data;

  while (size > 0) {
    gssize n = send(peer->fd, at, size, MSG_NOSIGNAL);

    if (n < 0 && errno == EAGAIN)
      rig_breathe(peer->rig);
    else if (n < 0)
      return; /* the other side has closed: whoever cares will hear it */
    at += MAX(n, 0);
    size -= (gsize)MAX(n, 0);
  }
  rig_turn(peer->rig);
}

void
peer_say(Peer *peer, const char *text)
{
  peer_say_bytes(peer, text, strlen(text));
}

void
peer_hear(Peer *peer)
{
  char buffer[65536];
  gssize n;

  while ((n = recv(peer->fd, buffer, sizeof buffer, 0)) > 0)
    g_string_append_len(peer->heard, buffer, n);
  if (n == 0)
    peer->is_closed = TRUE;
  else if (errno != EAGAIN)
    peer->is_reset = TRUE;
}

static gboolean
has_heard(Peer *peer, const char *text)
{
  peer_hear(peer);
  return memmem(peer->heard->str, peer->heard->len, text, strlen(text)) != NULL;
}

void
peer_hear_until(Peer *peer, const char *text)
{
  RIG_UNTIL(peer->rig, has_heard(peer, text) || peer->is_closed || peer->is_reset);
  if (!has_heard(peer, text))
    g_error("heard no \"%s\" in \"%s\"", text, peer->heard->str);
}

void
peer_hear_size(Peer *peer, gsize size)
{
  RIG_UNTIL(peer->rig, (peer_hear(peer), peer->heard->len >= size || peer->is_closed || peer->is_reset));
  g_assert_cmpuint(peer->heard->len, >=, size);
}

gboolean
peer_swallow(Peer *peer, gsize size)
{
  gint64 until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
  gint64 before_ms = clock_ms;
  char buffer[4096];

  while (size > 0 && g_get_monotonic_time() < until_us) {
    gssize n = recv(peer->fd, buffer, MIN(size, sizeof buffer), 0);

    if (n == 0 || (n < 0 && errno != EAGAIN))
      return FALSE;
    size -= (gsize)MAX(n, 0);
    rig_breathe(peer->rig);
    clock_ms = before_ms;
  }
  return size == 0;
}

void
peer_hear_end(Peer *peer)
{
  RIG_UNTIL(peer->rig, (peer_hear(peer), peer->is_closed || peer->is_reset));
}

void
peer_forget(Peer *peer)
{
  g_string_truncate(peer->heard, 0);
}
