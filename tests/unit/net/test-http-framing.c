/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams whose requests two readers could take apart differently: the first doubt is answered 400 (or
 * another status that ends the connection) and nothing after it is acted upon. And bodies, in every way they
 * may come. */
#include "base/file.h"
#include "rig.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: h\r\n"

static const RigSetup plain;

typedef struct {
  const char *name;
  const char *text;
  const char *status;
} Row;

static const Row ambiguous[] = {
  { "length-and-chunked", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
    "400" },
  { "two-lengths", POST "Content-Length: 0\r\nContent-Length: 37\r\n\r\n" SMUGGLED, "400" },
  { "length-with-sign", POST "Content-Length: +0\r\n\r\n" SMUGGLED, "400" },
  { "chunked-unknown", POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" SMUGGLED, "501" },
  { "chunked-blank-before-colon", POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SMUGGLED, "400" },
  { "chunked-1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED, "400" },
  { "folded-length", POST "Content-Length:\r\n 5\r\n\r\n" SMUGGLED, "400" },
  { "chunk-size", POST "Transfer-Encoding: chunked\r\n\r\nx\r\n" SMUGGLED, "400" },
  { "chunk-size-overflow", POST "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" SMUGGLED, "400" },
  { "chunk-bare-lf", POST "Transfer-Encoding: chunked\r\n\r\n0\n\n" SMUGGLED, "400" },
  { "chunk-too-long", POST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" SMUGGLED, "400" },
  { "line-bare-lf", "GET /echo HTTP/1.1\nHost: h\n\n" SMUGGLED, "400" },
  { "no-host", "GET /echo HTTP/1.1\r\n\r\n" SMUGGLED, "400" },
  { "two-hosts", "GET /echo HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n" SMUGGLED, "400" },
  { "garbage", "\001\002\003\r\n\r\n" SMUGGLED, "400" },
};

/* In one piece, and byte by byte. */
static void
test_ambiguous(gconstpointer data)
{
  const Row *row = data;
  g_autofree char *status_line = g_strdup_printf("HTTP/1.1 %s ", row->status);

  for (gsize piece = strlen(row->text); piece >= 1; piece = piece > 1 ? 1 : 0) {
    g_autoptr(Rig) rig = rig_new(&plain);
    g_autoptr(Peer) peer = peer_new(rig, NULL);

    for (gsize at = 0; at < strlen(row->text); at += piece)
      peer_say_bytes(peer, row->text + at, piece);
    peer_hear_end(peer);
    g_assert_true(g_str_has_prefix(peer->heard->str, status_line));
    g_assert_null(strstr(peer->heard->str + 9, "HTTP/1.1"));
    g_assert_nonnull(strstr(peer->heard->str, "Connection: close\r\n"));
    g_assert_cmpstr(rig->log->str, ==, "");
    g_assert_cmpuint(rig->n_refused, ==, 1);
    g_assert_cmpuint(rig->refused_status, ==, (guint)atoi(row->status));
  }
}

static void
test_good_before_bad(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\n\r\n" SMUGGLED);
  peer_hear_end(peer);
  g_assert_nonnull(strstr(peer->heard->str, "hello\n"));
  g_assert_nonnull(strstr(peer->heard->str, "HTTP/1.1 400 Bad Request\r\n"));
  g_assert_cmpstr(rig->log->str, ==, "GET /hello;");
}

static void
assert_echo(const char *request, const char *expected)
{
  for (gsize piece = 1; piece < 100000; piece *= 7) {
    g_autoptr(Rig) rig = rig_new(&plain);
    g_autoptr(Peer) peer = peer_new(rig, NULL);

    for (gsize at = 0; at < strlen(request); at += piece)
      peer_say_bytes(peer, request + at, MIN(piece, strlen(request) - at));
    peer_hear_until(peer, expected);
    peer_say(peer, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_hear_until(peer, "hello\n");
    g_assert_cmpstr(rig->log->str, ==, "POST /echo;GET /hello;");
  }
}

static void
test_bodies(void)
{
  assert_echo(POST "Content-Length: 10\r\n\r\n0123456789", "POST h 10:0123456789");
  assert_echo(POST "Content-Length: 0\r\n\r\n", "POST h 0:");
  assert_echo(POST "\r\n", "POST h 0:");
  assert_echo(POST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: u\r\n\r\n",
              "POST h 5:abcde");
  assert_echo(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST h 0:");
}

static void
test_body_at_its_limit(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(Peer) chunked = peer_new(rig, NULL);
  g_autoptr(GString) request = g_string_new(POST "Content-Length: 65536\r\n\r\n");
  g_autoptr(GString) chunks = g_string_new(POST "Transfer-Encoding: chunked\r\n\r\n");

  for (guint i = 0; i < GW_HTTP_BODY_MAX; i++)
    g_string_append_c(request, 'x');
  peer_say(peer, request->str);
  peer_hear_until(peer, "POST h 65536:xxx");
  while (chunks->len < GW_HTTP_BODY_MAX + 1000)
    g_string_append(chunks,
                    "80\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                    "0123456789abcdef0123456789abcdef0123456789abcdef\r\n");
  g_string_append(chunks, "fff\r\n");
  while (chunks->len < 2 * GW_HTTP_BODY_MAX)
    g_string_append_c(chunks, 'x');
  peer_say(chunked, chunks->str);
  peer_hear_end(chunked);
  g_assert_true(g_str_has_prefix(chunked->heard->str, "HTTP/1.1 413 Content Too Large\r\n"));
}

static void
test_too_large_is_said_at_once(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  peer_say(peer, POST "Content-Length: 65537\r\n\r\n");
  peer_hear_until(peer, "HTTP/1.1 413 Content Too Large\r\n");
  peer_hear_end(peer);
  g_assert_cmpstr(rig->log->str, ==, "");
}

static void
test_expect_continue(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(Peer) large = peer_new(rig, NULL);

  peer_say(peer, POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  peer_hear_until(peer, "HTTP/1.1 100 Continue\r\n\r\n");
  peer_say(peer, "abc");
  peer_hear_until(peer, "POST h 3:abc");
  peer_forget(peer);
  peer_say(peer, POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
  peer_hear_until(peer, "POST h 3:abc");
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 200 OK\r\n")); /* the body was there already */
  peer_say(large, POST "Expect: 100-continue\r\nContent-Length: 99999\r\n\r\n");
  peer_hear_end(large);
  g_assert_true(g_str_has_prefix(large->heard->str, "HTTP/1.1 413 "));
}

static void
test_intake_refuses(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .has_intake = TRUE });
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(Peer) other = peer_new(rig, NULL);
  g_autoptr(Peer) small = peer_new(rig, NULL);

  rig->intake = (GwHttpIntake){ .kind = GW_HTTP_INTAKE_REFUSE, .status = 403 };
  peer_say(peer, POST "Content-Length: 3\r\n\r\nabc" SMUGGLED);
  peer_hear_end(peer);
  g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 403 Forbidden\r\n"));
  rig->intake.status = 0; /* it replies itself */
  peer_say(other, POST "Content-Length: 3\r\n\r\nabc" SMUGGLED);
  peer_hear_until(other, "Unauthorized\n");
  rig_pass_ms(rig, 6000);
  peer_hear_end(other);
  g_assert_nonnull(strstr(other->heard->str, "Connection: close\r\n"));
  rig->intake = (GwHttpIntake){ .kind = GW_HTTP_INTAKE_BUFFER, .max_size = 2 };
  peer_say(small, POST "Content-Length: 3\r\n\r\nabc" SMUGGLED);
  peer_hear_end(small);
  g_assert_true(g_str_has_prefix(small->heard->str, "HTTP/1.1 413 "));
  g_assert_cmpstr(rig->log->str, ==, "");
}

static void
test_body_to_a_file(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .has_intake = TRUE, .limits.max_buffered = 60000 });
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autofree guint8 *bytes = g_malloc0(3000000);
  GW_AUTO_FD int fd = gw_memfd_sealed("none", "", 0, NULL);
  char path[] = "/tmp/net-intake-XXXXXX";
  g_autofree char *stored = NULL;
  gsize size;

  gw_close(&fd);
  fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
  unlink(path);
  memset(bytes + 1000000, 'z', 1000000);
  rig->intake = (GwHttpIntake){ .kind = GW_HTTP_INTAKE_FD, .fd = fd, .max_size = 3000000 };
  peer_say(peer, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n");
  peer_say_bytes(peer, bytes, 3000000);
  peer_hear_until(peer, "PUT h 3000000:");
  g_assert_true(gw_fd_read(fd, 4000000, &stored, &size, NULL));
  g_assert_cmpmem(stored, size, bytes, 3000000);
  g_assert_cmpuint(rig->n_gone, ==, 0);
}

/* The pipe's reader is slow: nothing is lost, nothing piles up, and what follows the body waits. */
static void
test_body_to_a_full_pipe(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .has_intake = TRUE, .limits.max_buffered = 60000 });
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(GString) request =
      g_string_new("PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  g_autoptr(GString) got = g_string_new(NULL);
  int fds[2];
  gsize n_said = 0;
  char buffer[5000];

  g_assert_cmpint(pipe2(fds, O_NONBLOCK | O_CLOEXEC), ==, 0);
  rig->intake = (GwHttpIntake){ .kind = GW_HTTP_INTAKE_FD, .fd = fds[1], .max_size = 1 << 20 };
  for (guint i = 0; i < 10000; i++)
    g_string_append_printf(request, "28\r\n%040u\r\n", i);
  g_string_append(request, "0\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  while (strstr(peer->heard->str, "hello\n") == NULL) {
    gssize n = send(peer->fd, request->str + n_said, request->len - n_said, MSG_NOSIGNAL);

    n_said += (gsize)MAX(n, 0);
    rig_breathe(rig);
    peer_hear(peer);
    n = read(fds[0], buffer, sizeof buffer);
    if (n > 0)
      g_string_append_len(got, buffer, n);
    g_assert_false(peer->is_closed || peer->is_reset);
  }
  for (gssize n = 1; n > 0;) {
    n = read(fds[0], buffer, sizeof buffer);
    g_string_append_len(got, buffer, MAX(n, 0));
  }
  g_assert_cmpuint(got->len, ==, 400000);
  for (guint i = 0; i < 10000; i++) {
    g_autofree char *number = g_strdup_printf("%040u", i);

    g_assert_cmpmem(got->str + i * 40, 40, number, 40);
  }
  close(fds[0]);
  close(fds[1]);
}

static void
test_body_that_never_ends_well(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .has_intake = TRUE });
  g_autoptr(Peer) peer = peer_new(rig, NULL);
  g_autoptr(Peer) silent = peer_new(rig, NULL);
  GW_AUTO_FD int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

  rig->intake = (GwHttpIntake){ .kind = GW_HTTP_INTAKE_FD, .fd = fd, .max_size = 1 << 20 };
  peer_say(peer, POST "Content-Length: 10\r\n\r\nabc");
  g_clear_pointer(&peer, peer_free);
  RIG_UNTIL(rig, rig->n_gone == 1);
  peer_say(silent, POST "Content-Length: 10\r\n\r\nabc");
  rig_pass_ms(rig, 61000);
  peer_hear_end(silent);
  g_assert_true(g_str_has_prefix(silent->heard->str, "HTTP/1.1 408 Request Timeout\r\n"));
  g_assert_cmpuint(rig->n_gone, ==, 2);
  g_assert_cmpstr(rig->log->str, ==, "");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(ambiguous); i++) {
    g_autofree char *path = g_strdup_printf("/promise/L5/stream-%s", ambiguous[i].name);

    g_test_add_data_func(path, &ambiguous[i], test_ambiguous);
  }
  g_test_add_func("/promise/L5/good-before-bad", test_good_before_bad);
  g_test_add_func("/net/http-framing/bodies", test_bodies);
  g_test_add_func("/net/http-framing/body-limit", test_body_at_its_limit);
  g_test_add_func("/net/http-framing/too-large", test_too_large_is_said_at_once);
  g_test_add_func("/net/http-framing/expect-continue", test_expect_continue);
  g_test_add_func("/net/http-framing/intake-refuses", test_intake_refuses);
  g_test_add_func("/net/http-framing/to-file", test_body_to_a_file);
  g_test_add_func("/net/http-framing/to-full-pipe", test_body_to_a_full_pipe);
  g_test_add_func("/net/http-framing/broken-body", test_body_that_never_ends_well);
  return g_test_run();
}
