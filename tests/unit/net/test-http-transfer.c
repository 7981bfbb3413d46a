/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When is something downloaded, and who is too slow? */
#include "rig.h"
#include <string.h>
#include <sys/socket.h>

#define IMAGE "GET /image HTTP/1.1\r\nHost: h\r\n\r\n"
#define MINUTE_MS 60000
/* More than the kernel takes from us for a peer that does not read. */
#define LARGE (6 << 20)

static const RigSetup plain;

static void
test_unread_is_never_done(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 300000 });
  g_autoptr(Peer) peer = peer_new_narrow(rig);

  peer_say(peer, IMAGE);
  rig_pass_ms(rig, 4 * MINUTE_MS);
  g_assert_cmpuint(rig->n_done, ==, 0);
  g_assert_cmpuint(rig->gauge.acked, <, 100000); /* what its kernel took, not what ours holds */
  rig_pass_ms(rig, 7 * MINUTE_MS);
  g_assert_cmpuint(rig->n_done, ==, 1);
  g_assert_cmpuint(rig->n_complete, ==, 0);
  g_assert_cmpuint(rig->gauge.acked, <, 100000);
  peer_hear_end(peer);
  g_assert_true(peer->is_reset);
  g_assert_cmpuint(peer->heard->len, >=, rig->gauge.acked);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_transfers_aborted, ==, 1);
}

/* All written and nothing read: the last byte lies in our kernel, and that is not enough. */
static void
test_written_is_not_done(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 60000 });
  g_autoptr(Peer) peer = peer_new_narrow(rig);

  peer_say(peer, IMAGE);
  rig_pass_ms(rig, 10000);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_transfers, ==, 0); /* written */
  g_assert_cmpuint(rig->n_done, ==, 0);
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_done == 1));
  g_assert_cmpuint(rig->n_complete, ==, 1);
  g_assert_cmpuint(rig->gauge.acked, ==, 60000);
}

static void
test_leaving_in_the_middle(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = LARGE });
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, IMAGE);
  peer_hear_size(peer, 200000);
  g_clear_pointer(&peer, peer_free);
  RIG_UNTIL(rig, rig->n_done == 1);
  g_assert_cmpuint(rig->n_complete, ==, 0);
  g_assert_cmpuint(rig->gauge.acked, <, LARGE);
  RIG_UNTIL(rig, gw_http_server_counters(rig->server)->n_connections == 0);
}

/* Many devices close as soon as they have the last byte. */
static void
test_leaving_after_the_last_byte(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  const char *end;

  peer_say(peer, IMAGE);
  peer_hear_until(peer, "\r\n\r\n");
  end = strstr(peer->heard->str, "\r\n\r\n");
  peer_hear_size(peer, (gsize)(end - peer->heard->str) + 4 + (1 << 20));
  g_clear_pointer(&peer, peer_free);
  RIG_UNTIL(rig, rig->n_done == 1);
  g_assert_cmpuint(rig->n_complete, ==, 1);
}

static void
test_half_closed_peer_still_gets_all(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = LARGE });
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, IMAGE);
  shutdown(peer->fd, SHUT_WR);
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_done == 1));
  g_assert_cmpuint(rig->n_complete, ==, 1);
}

/* Promise L2: a real slow reader is never cut. */
static void
test_slow_reader(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 700000 });
  g_autoptr(Peer) peer = peer_new_narrow(rig);

  peer_say(peer, IMAGE);
  for (guint seconds = 0; seconds < 700; seconds++) {
    g_assert_true(peer_swallow(peer, 900));
    rig_pass_ms(rig, 1000);
  }
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_done == 1));
  g_assert_cmpuint(rig->n_complete, ==, 1);
  g_assert_cmpuint(rig->n_progress, >, 10);
}

static void
test_too_slow_reader(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 700000 });
  g_autoptr(Peer) peer = peer_new_narrow(rig);
  guint seconds = 0;

  peer_say(peer, IMAGE);
  while (rig->n_done == 0 && seconds < 1200) {
    if (!peer_swallow(peer, 30))
      break;
    rig_pass_ms(rig, 1000);
    seconds++;
  }
  g_assert_cmpuint(rig->n_done, ==, 1);
  g_assert_cmpuint(rig->n_complete, ==, 0);
  g_assert_cmpuint(seconds, <=, 601);
}

/* Idle time is no limit on a transfer, and begins when it is through. */
static void
test_idle_begins_after_the_transfer(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 60000, .limits.idle_ms = 1000 });
  g_autoptr(Peer) peer = peer_new_narrow(rig);

  peer_say(peer, IMAGE);
  rig_pass_ms(rig, MINUTE_MS);
  peer_hear(peer);
  g_assert_false(peer->is_closed || peer->is_reset);
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_complete == 1));
  rig_pass_ms(rig, 2000);
  peer_hear_end(peer);
  g_assert_true(peer->is_closed);
}

static void
test_transfers_are_paced(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 100000, .limits.transfer_bytes_per_s = 10000 });
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  gint64 start_ms = gw_reactor_now_ms(rig->reactor);

  peer_say(peer, IMAGE);
  peer_hear_until(peer, "\r\n\r\n");
  g_assert_cmpuint(peer->heard->len, >, 600); /* the first segment holds the head and some of the body */
  while (rig->n_done == 0) {
    rig_breathe(rig);
    peer_hear(peer);
  }
  g_assert_cmpuint(rig->n_complete, ==, 1);
  g_assert_cmpint(gw_reactor_now_ms(rig->reactor) - start_ms, >, 9000);
  g_assert_cmpint(gw_reactor_now_ms(rig->reactor) - start_ms, <, 11000);
}

/* Our own slowness is not held against the peer. */
static void
test_paced_below_the_minimum_rate(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 30000, .limits.total_bytes_per_s = 20 });
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, IMAGE);
  for (guint i = 0; i < 1500 && rig->n_done == 0; i++) {
    rig_pass_ms(rig, 1000);
    peer_hear(peer);
  }
  RIG_UNTIL(rig, rig->n_done == 1);
  g_assert_cmpuint(rig->n_complete, ==, 1);
}

static void
test_rates_change_while_under_way(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 1 << 20, .limits.total_bytes_per_s = 1000 });
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, IMAGE);
  rig_pass_ms(rig, 5000);
  g_assert_cmpuint(rig->n_done, ==, 0);
  gw_http_server_set_limits(rig->server, &(GwHttpLimits){ 0 });
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_done == 1));
  g_assert_cmpuint(rig->n_complete, ==, 1);
}

static void
on_progress_abort(gpointer user, const GwTransferGauge *gauge)
{
  GwHttpExchange **exchange = user;

  if (*exchange)
    gw_http_abort(g_steal_pointer(exchange));
}

static guint n_aborted;

static void
on_done_count(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  n_aborted += !is_complete;
}

/* An observer may cut what it observes. */
static void
test_abort_from_an_observer(void)
{
  static const GwTransferObserver observer = { .progress = on_progress_abort, .done = on_done_count };
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = LARGE });
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  GwHttpExchange *exchange;
  GwHttpReply reply = {
    .status = 200, .body = rig->image, .observer = &observer, .observer_user = &exchange
  };

  n_aborted = 0;
  peer_say(peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  exchange = g_steal_pointer(&rig->parked);
  gw_http_reply(exchange, &reply);
  RIG_UNTIL(rig, exchange == NULL);
  g_assert_cmpuint(n_aborted, ==, 1);
  peer_hear_end(peer);
  g_assert_true(peer->is_reset);
}

static void
test_bytes_can_be_observed(void)
{
  static const GwTransferObserver observer = { .done = on_done_count };
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  GwHttpReply reply = { .status = 200, .bytes = { (const guint8 *)"abc", 3 }, .observer = &observer };

  n_aborted = 0;
  peer_say(peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  gw_http_reply(g_steal_pointer(&rig->parked), &reply);
  RIG_UNTIL(rig, gw_http_server_counters(rig->server)->n_transfers_complete == 1);
  g_assert_cmpuint(n_aborted, ==, 0);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_acked_bytes, ==, 3);
}

/* ---- replies that stay open ---- */

#define STREAM "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"

static void
test_stream(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  rig->flags = GW_HTTP_REPLY_PLAIN_HEAD;
  peer_say(peer, STREAM);
  peer_hear_until(peer, "\r\n\r\n");
  g_assert_cmpstr(peer->heard->str, ==, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  peer_forget(peer);
  rig_pass_ms(rig, 60 * MINUTE_MS);
  g_assert_true(gw_http_stream_write(rig->streaming, "data: x\n\n", 9));
  peer_hear_until(peer, "9\r\ndata: x\n\n\r\n");
  gw_http_stream_end(g_steal_pointer(&rig->streaming));
  peer_hear_until(peer, "0\r\n\r\n");
  peer_say(peer, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  peer_hear_until(peer, "hello\n");
  g_assert_cmpuint(rig->n_gone, ==, 0);
}

static void
test_stream_until_close(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, "GET /stream HTTP/1.0\r\n\r\n");
  gw_http_stream_write(rig->streaming, "abc", 3);
  gw_http_stream_end(g_steal_pointer(&rig->streaming));
  peer_hear_end(peer);
  g_assert_true(peer->is_closed);
  g_assert_true(g_str_has_suffix(peer->heard->str, "Connection: close\r\n\r\nabc"));
}

static void
test_stream_queue_is_bounded(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new_narrow(rig);
  g_autofree char *piece = g_strnfill(1000, 'x');
  guint n_taken = 0;

  peer_say(peer, STREAM);
  while (n_taken < 100000 && gw_http_stream_write(rig->streaming, piece, 1000))
    n_taken++;
  g_assert_cmpuint(n_taken, <, 10000);
  rig_pass_ms(rig, 11 * MINUTE_MS); /* and who takes nothing is let go */
  g_assert_cmpuint(rig->n_gone, ==, 1);
  g_assert_null(rig->streaming);
}

static void
test_stream_gone(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(Peer) reset = peer_new(rig, NULL);

  peer_say(peer, STREAM);
  g_clear_pointer(&peer, peer_free);
  RIG_UNTIL(rig, rig->n_gone == 1);
  peer_say(reset, STREAM);
  setsockopt(reset->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
  g_clear_pointer(&reset, peer_free);
  if (rig->streaming) /* it may not know yet */
    gw_http_stream_write(rig->streaming, "abc", 3);
  RIG_UNTIL(rig, rig->n_gone == 2);
  g_assert_null(rig->streaming);
}

static void
test_stream_to_head(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  g_assert_true(gw_http_stream_write(rig->streaming, "abc", 3));
  gw_http_stream_end(g_steal_pointer(&rig->streaming));
  peer_say(peer, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  peer_hear_until(peer, "hello\n");
  g_assert_null(strstr(peer->heard->str, "abc"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/http-transfer/unread", test_unread_is_never_done);
  g_test_add_func("/net/http-transfer/written", test_written_is_not_done);
  g_test_add_func("/net/http-transfer/leaving-early", test_leaving_in_the_middle);
  g_test_add_func("/net/http-transfer/leaving-late", test_leaving_after_the_last_byte);
  g_test_add_func("/net/http-transfer/half-closed", test_half_closed_peer_still_gets_all);
  g_test_add_func("/promise/L2/slow-reader", test_slow_reader);
  g_test_add_func("/promise/L2/too-slow-reader", test_too_slow_reader);
  g_test_add_func("/net/http-transfer/idle", test_idle_begins_after_the_transfer);
  g_test_add_func("/net/http-transfer/paced", test_transfers_are_paced);
  g_test_add_func("/net/http-transfer/paced-low", test_paced_below_the_minimum_rate);
  g_test_add_func("/net/http-transfer/new-rate", test_rates_change_while_under_way);
  g_test_add_func("/net/http-transfer/abort-from-observer", test_abort_from_an_observer);
  g_test_add_func("/net/http-transfer/bytes", test_bytes_can_be_observed);
  g_test_add_func("/net/http-stream/chunked", test_stream);
  g_test_add_func("/net/http-stream/until-close", test_stream_until_close);
  g_test_add_func("/net/http-stream/bounded", test_stream_queue_is_bounded);
  g_test_add_func("/net/http-stream/gone", test_stream_gone);
  g_test_add_func("/net/http-stream/head", test_stream_to_head);
  return g_test_run();
}
