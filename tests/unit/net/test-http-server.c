/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rig.h"
#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h:80\r\n\r\n"

static const RigSetup plain;

/* The bytes after the head. */
static const char *
body_of(const Peer *peer)
{
  const char *end = memmem(peer->heard->str, peer->heard->len, "\r\n\r\n", 4);

  g_assert_nonnull(end);
  return end + 4;
}

static gboolean
heard(const Peer *peer, const char *text)
{
  return strstr(peer->heard->str, text) != NULL;
}

static void
assert_image(Rig *rig, const char *bytes, gsize offset, gsize size)
{
  g_assert_cmpmem(bytes, size, gw_body_map(rig->image) + offset, size);
}

static void
test_hello(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, GET("/hello"));
  peer_hear_until(peer, "hello\n");
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 200 OK\r\nDate: "));
  g_assert_true(heard(peer, " GMT\r\nContent-Length: 6\r\n\r\n"));
  g_assert_cmpstr(body_of(peer), ==, "hello\n");
  g_assert_false(peer->is_closed);
}

static void
test_head_is_the_same_without_body(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autofree char *head = NULL;

  rig->flags = 0;
  peer_say(peer, "HEAD /image HTTP/1.1\r\nHost: h\r\nRange: bytes=0-9\r\n\r\n");
  peer_hear_until(peer, "\r\n\r\n");
  head = g_strdup(peer->heard->str);
  g_assert_cmpstr(body_of(peer), ==, "");
  g_assert_cmpuint(rig->n_done, ==, 1); /* told that nothing was sent */
  g_assert_cmpuint(rig->gauge.size, ==, 0);
  g_assert_cmpuint(rig->n_complete, ==, 0);
  peer_forget(peer);
  peer_say(peer, GET("/image"));
  peer_hear_size(peer, strlen(head) + (1 << 20));
  g_assert_true(strncmp(peer->heard->str + 60, head + 60, strlen(head) - 60) == 0); /* after the date */
}

/* The length of what it does not get, and the end of the connection: the peer decides by the length. */
static void
test_head_of_more(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, GET("/head-of"));
  RIG_UNTIL(rig, (peer_hear(peer), peer->is_closed));
  g_assert_true(heard(peer, "Content-Length: 600000\r\nConnection: close\r\n\r\n"));
  g_assert_cmpstr(body_of(peer), ==, "");
}

static void
test_image_whole(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, GET("/image"));
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_done > 0));
  g_assert_true(heard(peer, "ETag: \"v1\"\r\nAccept-Ranges: bytes\r\nContent-Length: 1048576\r\n\r\n"));
  g_assert_cmpuint(peer->heard->len - (gsize)(body_of(peer) - peer->heard->str), ==, 1 << 20);
  assert_image(rig, body_of(peer), 0, 1 << 20);
  g_assert_cmpuint(rig->n_complete, ==, 1);
  g_assert_cmpuint(rig->gauge.acked, ==, 1 << 20);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_transfers_complete, ==, 1);
}

static void
assert_range(Rig *rig, Peer *peer, const char *range, gsize offset, gsize size)
{
  g_autofree char *request = g_strdup_printf("GET /image HTTP/1.1\r\nHost: h\r\nRange: %s\r\n\r\n", range);
  g_autofree char *words = g_strdup_printf("Content-Range: bytes %zu-%zu/1048576\r\nContent-Length: %zu\r\n",
                                           offset, offset + size - 1, size);

  peer_forget(peer);
  peer_say(peer, request);
  peer_hear_until(peer, "\r\n\r\n");
  peer_hear_size(peer, (gsize)(body_of(peer) - peer->heard->str) + size);
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 206 Partial Content\r\n"));
  g_assert_true(heard(peer, words));
  assert_image(rig, body_of(peer), offset, size);
}

static void
test_ranges(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  assert_range(rig, peer, "bytes=0-0", 0, 1);
  assert_range(rig, peer, "bytes=1000-66535", 1000, 65536);
  assert_range(rig, peer, "bytes=1000-66536", 1000, 65537);
  assert_range(rig, peer, "bytes=1048575-2000000", 1048575, 1);
  assert_range(rig, peer, "bytes=-70000", 1048576 - 70000, 70000);
  RIG_UNTIL(rig, rig->n_complete == 5);
  g_assert_cmpuint(rig->gauge.offset, ==, 1048576 - 70000);
  g_assert_cmpuint(rig->gauge.acked, ==, 70000);
  peer_forget(peer);
  peer_say(peer, "GET /image HTTP/1.1\r\nHost: h\r\nRange: bytes=1048576-\r\n\r\n");
  peer_hear_until(peer, "\r\n\r\n");
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 416 Range Not Satisfiable\r\n"));
  g_assert_true(heard(peer, "Content-Range: bytes */1048576\r\nContent-Length: 0\r\n"));
  peer_forget(peer);
  peer_say(peer, "GET /image HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"v1\"\r\n\r\n");
  peer_hear_until(peer, "\r\n\r\n");
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 304 Not Modified\r\n"));
  g_assert_true(heard(peer, "ETag: \"v1\"\r\n"));
  g_assert_false(heard(peer, "Content-Length"));
  g_assert_cmpuint(rig->n_complete, ==, 5);
  g_assert_cmpuint(rig->n_done, ==, 7);
}

static void
test_many_ranges_send_the_image_once(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(GString) request = g_string_new("GET /image HTTP/1.1\r\nHost: h\r\nRange: bytes=0-");

  while (request->len < 8000)
    g_string_append(request, ",0-");
  g_string_append(request, "\r\n\r\n");
  peer_say(peer, request->str);
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_done > 0));
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 200 OK\r\n"));
  g_assert_cmpuint(peer->heard->len - (gsize)(body_of(peer) - peer->heard->str), ==, 1 << 20);
}

static void
test_make_flags(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  rig->flags = GW_HTTP_REPLY_RANGE0_200 | GW_HTTP_REPLY_PLAIN_HEAD;
  peer_say(peer, "GET /image HTTP/1.1\r\nHost: h\r\nRange: bytes=0-\r\n\r\n");
  peer_hear_until(peer, "\r\n\r\n");
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"));
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_done == 1));
  peer_forget(peer);
  rig->flags = GW_HTTP_REPLY_IGNORE_RANGE;
  peer_say(peer, "GET /image HTTP/1.1\r\nHost: h\r\nRange: bytes=5-9\r\n\r\n");
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_done == 2));
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 200 OK\r\n"));
  g_assert_false(heard(peer, "Accept-Ranges"));
}

/* Several requests on one connection, sent one by one or all at once; replies in order. */
static void
test_keep_alive_and_pipelining(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(GString) all = g_string_new(NULL);

  for (guint i = 0; i < 3; i++) {
    peer_say(peer, GET("/hello"));
    peer_hear_until(peer, "hello\n");
    peer_forget(peer);
  }
  for (guint i = 0; i < 300; i++)
    g_string_append_printf(all, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n%03u", i);
  peer_say(peer, all->str);
  peer_hear_until(peer, "POST h 3:299");
  for (guint i = 0; i < 300; i++) {
    g_autofree char *text = g_strdup_printf("POST h 3:%03u", i);

    g_assert_true(heard(peer, text));
  }
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_requests, ==, 303);
}

static void
test_pipelined_images(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 3000 });
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  for (guint i = 0; i < 40; i++)
    peer_say_bytes(peer, GET("/image"), strlen(GET("/image")));
  RIG_UNTIL(rig, (peer_hear(peer), rig->n_complete == 40));
  g_assert_cmpuint(peer->heard->len, >, 40 * 3000);
}

static void
test_a_head_in_many_segments(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  const char *text = GET("/hello") GET("/echo");

  for (; *text; text++)
    peer_say_bytes(peer, text, 1);
  peer_hear_until(peer, "GET h 0:");
  g_assert_cmpstr(rig->log->str, ==, "GET /hello;GET /echo;");
}

static void
test_http_1_0(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(Peer) other = peer_new(rig, NULL);

  peer_say(peer, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  peer_hear_until(peer, "hello\n");
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 200 OK\r\n"));
  g_assert_true(heard(peer, "Connection: keep-alive\r\n"));
  peer_say(other, "GET /hello HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
  peer_hear_until(other, "hello\n");
  g_assert_true(heard(other, "Connection: close\r\n"));
}

/* After the last byte the peer may close first: some devices fail when we do. */
static void
test_close_lets_the_peer_go_first(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(Peer) quick = peer_new(rig, NULL);

  peer_say(peer, "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  peer_hear_until(peer, "hello\n");
  peer_say(peer, GET("/hello")); /* after "close" nothing counts */
  rig_pass_ms(rig, 4900);
  peer_hear(peer);
  g_assert_false(peer->is_closed || peer->is_reset);
  rig_pass_ms(rig, 300);
  peer_hear_end(peer);
  g_assert_true(peer->is_closed);
  g_assert_cmpstr(rig->log->str, ==, "GET /hello;");

  peer_say(quick, "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  peer_hear_until(quick, "hello\n");
  g_clear_pointer(&quick, peer_free);
  RIG_UNTIL(rig, gw_http_server_counters(rig->server)->n_connections == 0);
}

static void
test_abort_is_a_reset(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .image_size = 8 << 20 });
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(Peer) early = peer_new(rig, NULL);

  peer_say(early, GET("/abort"));
  peer_hear_end(early);
  g_assert_true(early->is_reset);
  peer_say(peer, GET("/image"));
  rig_pass_ms(rig, 1000);
  g_assert_cmpuint(rig->n_done, ==, 0);
  g_assert_cmpuint(rig->n_progress, >, 0);
  g_clear_pointer(&rig->server, gw_http_server_free); /* whatever cuts it */
  g_assert_cmpuint(rig->n_done, ==, 1);
  g_assert_cmpuint(rig->n_complete, ==, 0);
  g_assert_cmpuint(rig->gauge.acked, <, 8 << 20);
  peer_hear_end(peer);
  g_assert_true(peer->is_reset);
  rig->server = gw_http_server_new(rig->reactor, rig->gate, &(GwHttpLimits){ 0 }, &rig->handler, rig);
}

static void
test_later(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  const GwHttpRequest *request;

  peer_say(peer, "POST /later?q HTTP/1.1\r\nHost: h\r\nX: y\r\nContent-Length: 4\r\n\r\nbody" GET("/hello"));
  g_assert_nonnull(rig->parked);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_parked, ==, 1);
  rig_pass_ms(rig, 100000);
  request = gw_http_exchange_request(rig->parked);
  g_assert_true(gw_slice_equal(request->head->query, "q"));
  g_assert_true(gw_slice_equal(gw_http_head_field(request->head, "x"), "y"));
  g_assert_true(gw_slice_equal(request->body, "body"));
  g_assert_cmpstr(rig->log->str, ==, "POST /later;"); /* the next one waits its turn */
  gw_http_reply_status(rig->parked, 202);
  peer_hear_until(peer, "hello\n");
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 202 Accepted\r\n"));
  g_assert_cmpstr(rig->log->str, ==, "POST /later;GET /hello;");
  g_assert_cmpuint(rig->n_gone, ==, 0);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_parked, ==, 0);
}

/* A parked request is answered while another one is being read: neither sees the other's bytes. */
static void
test_later_from_inside_another_request(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  GwHttpExchange *first;

  peer_say(peer, GET("/later") GET("/echo"));
  first = g_steal_pointer(&rig->parked);
  g_assert_nonnull(first);
  gw_http_reply_status(first, 200);
  g_assert_cmpstr(rig->log->str, ==, "GET /later;"); /* not from inside this call */
  peer_hear_until(peer, "GET h 0:");
}

static void
test_gone_while_waiting(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(Peer) half = peer_new(rig, NULL);

  peer_say(peer, GET("/later"));
  g_assert_nonnull(rig->parked);
  g_clear_pointer(&peer, peer_free);
  RIG_UNTIL(rig, rig->n_gone == 1);
  g_assert_null(rig->parked);
  peer_say(half, GET("/later"));
  shutdown(half->fd, SHUT_WR);
  RIG_UNTIL(rig, rig->n_gone == 2);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_parked, ==, 0);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_connections, ==, 0);
}

static void
test_gone_at_the_end(void)
{
  Rig *rig = rig_new(&plain);
  Peer *peer = peer_new(rig, NULL);

  peer_say(peer, GET("/later"));
  gw_http_server_free(rig->server);
  g_assert_cmpuint(rig->n_gone, ==, 1);
  rig->server = gw_http_server_new(rig->reactor, rig->gate, &(GwHttpLimits){ 0 }, &rig->handler, rig);
  peer_free(peer);
  rig_free(rig);
}

static void
test_too_many_wait(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .limits.max_parked = 1 });
  g_autoptr(Peer) first = peer_new(rig, NULL);
  g_autoptr(Peer) second = peer_new(rig, NULL);

  peer_say(first, GET("/later"));
  peer_say(second, GET("/later"));
  peer_hear_end(second);
  g_assert_true(g_str_has_prefix(second->heard->str, "HTTP/1.1 503 Service Unavailable\r\n"));
  g_assert_cmpuint(rig->n_gone, ==, 1);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_parked, ==, 1);
}

/* What one make's client needs: a chunked text in a single segment. */
static void
test_one_chunk(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  rig->flags = GW_HTTP_REPLY_ONE_CHUNK | GW_HTTP_REPLY_PLAIN_HEAD;
  peer_say(peer, GET("/hello"));
  peer_hear_until(peer, "\r\n0\r\n\r\n");
  g_assert_cmpstr(peer->heard->str, ==,
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n");
  peer_forget(peer);
  peer_say(peer, "GET /hello HTTP/1.0\r\n\r\n");
  peer_hear_until(peer, "hello\n");
  g_assert_cmpstr(peer->heard->str, ==, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n");
}

static void
test_fields_that_cannot_be_sent(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  static const char *const bad[] = { "a\r\nX: y", "a\nb", "a\001" };

  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(Peer) peer = peer_new(rig, NULL);
    GwHttpField field = { { (const guint8 *)"Location", 8 }, { (const guint8 *)bad[i], strlen(bad[i]) } };
    GwHttpReply reply = { .status = 302, .fields = &field, .n_fields = 1 };

    peer_say(peer, GET("/later"));
    gw_http_reply(g_steal_pointer(&rig->parked), &reply);
    peer_hear_until(peer, "\r\n\r\n");
    g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 500 Internal Server Error\r\n"));
    g_assert_false(heard(peer, "X: y"));
  }
}

static void
test_fields_are_sent_as_given(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  const GwHttpField fields[] = {
    { { (const guint8 *)"Firmware-MD5", 12 }, { (const guint8 *)"00", 2 } },
    { { (const guint8 *)"Location", 8 }, { (const guint8 *)"http://h/", 9 } },
  };
  GwHttpReply reply = { .status = 299, .fields = fields, .n_fields = 2, .flags = GW_HTTP_REPLY_PLAIN_HEAD };

  peer_say(peer, GET("/later"));
  gw_http_reply(rig->parked, &reply);
  peer_hear_until(peer, "\r\n\r\n");
  g_assert_cmpstr(peer->heard->str, ==,
                  "HTTP/1.1 299 OK\r\nFirmware-MD5: 00\r\nLocation: http://h/\r\nContent-Length: 0\r\n\r\n");
}

static void
test_local_and_peer_address(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, "127.0.0.9");
  GwAddress local;
  char text[GW_ADDRESS_TEXT];

  peer_say(peer, GET("/later"));
  gw_http_exchange_local(rig->parked, &local);
  g_assert_cmpuint(local.port, ==, rig->port);
  gw_address_format(&local, text);
  g_assert_cmpstr(text, ==, "127.0.0.1");
  gw_address_format(gw_http_exchange_request(rig->parked)->peer, text);
  g_assert_cmpstr(text, ==, "127.0.0.9");
  g_assert_true(gw_http_exchange_request(rig->parked)->tag == rig);
  gw_http_exchange_set_data(rig->parked, rig);
  g_assert_true(gw_http_exchange_data(rig->parked) == rig);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/http-server/hello", test_hello);
  g_test_add_func("/net/http-server/head", test_head_is_the_same_without_body);
  g_test_add_func("/net/http-server/head-of", test_head_of_more);
  g_test_add_func("/net/http-server/image", test_image_whole);
  g_test_add_func("/promise/L6/ranges-served", test_ranges);
  g_test_add_func("/promise/L6/range-bomb", test_many_ranges_send_the_image_once);
  g_test_add_func("/net/http-server/make-flags", test_make_flags);
  g_test_add_func("/net/http-server/keep-alive", test_keep_alive_and_pipelining);
  g_test_add_func("/net/http-server/pipelined-images", test_pipelined_images);
  g_test_add_func("/net/http-server/many-segments", test_a_head_in_many_segments);
  g_test_add_func("/net/http-server/http-1.0", test_http_1_0);
  g_test_add_func("/net/http-server/close", test_close_lets_the_peer_go_first);
  g_test_add_func("/net/http-server/abort", test_abort_is_a_reset);
  g_test_add_func("/net/http-server/later", test_later);
  g_test_add_func("/net/http-server/later-nested", test_later_from_inside_another_request);
  g_test_add_func("/net/http-server/gone", test_gone_while_waiting);
  g_test_add_func("/net/http-server/gone-at-end", test_gone_at_the_end);
  g_test_add_func("/net/http-server/too-many-wait", test_too_many_wait);
  g_test_add_func("/net/http-server/one-chunk", test_one_chunk);
  g_test_add_func("/net/http-server/bad-fields", test_fields_that_cannot_be_sent);
  g_test_add_func("/net/http-server/fields", test_fields_are_sent_as_given);
  g_test_add_func("/net/http-server/addresses", test_local_and_peer_address);
  return g_test_run();
}
