/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What peers may make us hold, how many may come, and what happens when descriptors run out. */
#include "base/file.h"
#include "rig.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define HELLO "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
#define N_ATTACKERS 100

static const RigSetup plain;

static gsize
resident_bytes(void)
{
  unsigned long all, resident;
  FILE *file = fopen("/proc/self/statm", "re");

  g_assert_nonnull(file);
  g_assert_cmpint(fscanf(file, "%lu %lu", &all, &resident), ==, 2);
  fclose(file);
  return resident * (gsize)sysconf(_SC_PAGESIZE);
}

/* ---- memory ---- */

static void
test_large_heads(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .gate.max_per_stranger = 200 });
  g_autofree char *filler = g_strnfill(65536, 'x');
  gsize before = resident_bytes();
  Peer *peers[N_ATTACKERS];

  for (guint i = 0; i < N_ATTACKERS; i++) {
    peers[i] = peer_new(rig, NULL);
    peer_say(peers[i], "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    peer_say_bytes(peers[i], filler, 65536);
  }
  for (guint i = 0; i < N_ATTACKERS; i++) {
    peer_hear_until(peers[i], "HTTP/1.1 431 ");
    g_assert_cmpuint(gw_http_server_counters(rig->server)->buffered, <=, N_ATTACKERS * GW_HTTP_HEAD_MAX);
    peer_free(peers[i]);
  }
  g_assert_cmpuint(resident_bytes(), <, before + (16 << 20));
}

/* 300 MB announced, and sent as far as we take it. */
static void
test_large_posts(void)
{
  static const char *const heads[] = {
    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 314572800\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n12c00000\r\n",
  };
  g_autofree char *filler = g_malloc0(1 << 20);

  for (guint i = 0; i < G_N_ELEMENTS(heads); i++) {
    g_autoptr(Rig) rig = rig_new(&plain);
    g_autoptr(Peer) peer = peer_new(rig, NULL);
    gsize before = resident_bytes();
    gsize n_said = 0;

    peer_say(peer, heads[i]);
    for (guint turn = 0; turn < 300 && !peer->is_reset; turn++) {
      gssize n = send(peer->fd, filler, 1 << 20, MSG_NOSIGNAL);

      n_said += (gsize)MAX(n, 0);
      rig_breathe(rig);
      peer_hear(peer);
    }
    g_assert_true(g_str_has_prefix(peer->heard->str, "HTTP/1.1 413 "));
    g_assert_cmpuint(n_said, <, 32 << 20); /* not read for ever */
    g_assert_cmpuint(resident_bytes(), <, before + (16 << 20));
    rig_pass_ms(rig, 10000);
    g_assert_cmpuint(gw_http_server_counters(rig->server)->n_connections, ==, 0);
  }
}

static void
test_range_bombs(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .gate.max_per_stranger = 200, .image_size = 8 << 20 });
  g_autoptr(GString) bomb = g_string_new("GET /image HTTP/1.1\r\nHost: h\r\nRange: bytes=0-");
  gsize before = resident_bytes();
  Peer *peers[N_ATTACKERS];

  while (bomb->len < 8000)
    g_string_append(bomb, ",0-");
  g_string_append(bomb, "\r\n\r\n");
  for (guint i = 0; i < N_ATTACKERS; i++) {
    peers[i] = peer_new_narrow(rig);
    for (guint n = 0; n < 2; n++) /* the second waits for the first */
      peer_say_bytes(peers[i], bomb->str, bomb->len);
  }
  rig_pass_ms(rig, 1000);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->buffered, <, N_ATTACKERS * 16384);
  g_assert_cmpuint(resident_bytes(), <, before + (24 << 20));
  for (guint i = 0; i < N_ATTACKERS; i++)
    peer_free(peers[i]);
}

/* Partial requests of all together: the last to come is refused, not everybody. */
static void
test_buffers_are_bounded_together(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .gate.max_per_stranger = 200, .limits.max_buffered = 50000 });
  g_autofree char *filler = g_strnfill(7000, 'x');
  Peer *peers[20];
  guint n_refused = 0;

  for (guint i = 0; i < G_N_ELEMENTS(peers); i++) {
    peers[i] = peer_new(rig, NULL);
    peer_say(peers[i], "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    peer_say_bytes(peers[i], filler, 7000);
    rig_turn(rig);
    g_assert_cmpuint(gw_http_server_counters(rig->server)->buffered, <=, 50000);
    n_refused = rig->n_refused;
  }
  g_assert_cmpuint(n_refused, ==, G_N_ELEMENTS(peers) - 7);
  g_assert_cmpuint(rig->refused_status, ==, 503);
  for (guint i = 0; i < G_N_ELEMENTS(peers); i++)
    peer_free(peers[i]);
}

/* Requests whose replies are not taken: they wait in the peer's own kernel. */
static void
test_requests_without_end(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new_narrow(rig);
  gsize n_said = 0;

  for (guint i = 0; i < 2000; i++) {
    gssize n = send(peer->fd, HELLO, strlen(HELLO), MSG_NOSIGNAL);

    n_said += (gsize)MAX(n, 0);
    rig_turn(rig);
  }
  for (guint i = 0; i < 20000; i++)
    if (send(peer->fd, "GET /image HTTP/1.1\r\nHost: h\r\n\r\n", 32, MSG_NOSIGNAL) < 0)
      break;
  rig_pass_ms(rig, 1000);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->buffered, <, 20000);
  g_assert_cmpuint(rig->n_done, ==, 0);
}

/* ---- time ---- */

/* Half-open and dripping connections from one address; another address is answered all the time. */
static void
test_slowloris(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  Peer *peers[N_ATTACKERS];
  const GwGateCounters *gate = gw_gate_counters(rig->gate);

  for (guint i = 0; i < N_ATTACKERS; i++)
    peers[i] = peer_new(rig, "127.0.0.66");
  rig_turn(rig);
  g_assert_cmpuint(gate->n_inside, ==, 8);
  for (guint second = 0; second < 14; second++) {
    g_autoptr(Peer) honest = peer_new(rig, "127.0.0.2");
    gint64 before_ms = gw_reactor_now_ms(rig->reactor);

    for (guint i = 0; i < N_ATTACKERS; i += 2)
      peer_say(peers[i], "G");
    peer_say(honest, HELLO);
    peer_hear_until(honest, "hello\n");
    g_assert_cmpint(gw_reactor_now_ms(rig->reactor) - before_ms, <, 1000);
    rig_pass_ms(rig, 900);
  }
  g_assert_cmpuint(gate->n_inside, >=, 8);
  rig_pass_ms(rig, 2000);
  RIG_UNTIL(rig, gw_http_server_counters(rig->server)->n_connections <= 8); /* lingering at most */
  rig_pass_ms(rig, 6000);
  g_assert_cmpuint(gate->n_inside, ==, 0);
  for (guint i = 0; i < N_ATTACKERS; i++)
    peer_free(peers[i]);
}

static void
test_dripping_does_not_help(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) fresh = peer_new(rig, NULL);
  g_autoptr(Peer) kept = peer_new(rig, NULL);

  peer_say(kept, HELLO);
  peer_hear_until(kept, "hello\n");
  peer_forget(kept);
  rig_pass_ms(rig, 30000); /* idle is something else */
  g_clear_pointer(&fresh, peer_free);
  fresh = peer_new(rig, NULL);
  for (guint second = 0; second < 16; second++) {
    peer_say(fresh, "G");
    peer_say(kept, "G");
    rig_pass_ms(rig, 1000);
  }
  peer_hear(fresh); /* what follows would also hear an end that comes later */
  peer_hear(kept);
  g_assert_true(fresh->is_closed && kept->is_closed);
  peer_hear_end(fresh);
  peer_hear_end(kept);
  g_assert_true(g_str_has_prefix(kept->heard->str, "HTTP/1.1 408 Request Timeout\r\n"));
}

static void
test_idle(void)
{
  g_autoptr(Rig) rig = rig_new(&plain);
  g_autoptr(Peer) peer = peer_new(rig, NULL);

  for (guint i = 0; i < 3; i++) {
    peer_forget(peer);
    peer_say(peer, HELLO);
    peer_hear_until(peer, "hello\n");
    rig_pass_ms(rig, 59000);
    peer_hear(peer);
    g_assert_false(peer->is_closed);
  }
  rig_pass_ms(rig, 2000);
  peer_hear_end(peer);
  g_assert_true(peer->is_closed);
  g_assert_cmpuint(gw_http_server_counters(rig->server)->n_connections, ==, 0);
}

/* ---- descriptors ---- */

/* Takes every descriptor that is left. */
static GArray *
hog(void)
{
  GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
  int fd;

  while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
    g_array_append_val(fds, fd);
  return fds;
}

static void
release(GArray *fds)
{
  for (guint i = 0; i < fds->len; i++)
    close(g_array_index(fds, int, i));
  g_array_unref(fds);
}

static void
test_descriptors_run_out(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .gate.max_per_stranger = 100 });
  g_autoptr(Peer) before = peer_new(rig, NULL);
  Peer *peers[20];
  struct rlimit limit, low;
  GArray *hogs;
  gint64 released_ms;

  peer_say(before, HELLO);
  peer_hear_until(before, "hello\n");
  for (guint i = 0; i < G_N_ELEMENTS(peers); i++)
    peers[i] = peer_prepare(rig, NULL);
  getrlimit(RLIMIT_NOFILE, &limit);
  low = (struct rlimit){ .rlim_cur = 256, .rlim_max = limit.rlim_max };
  g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
  hogs = hog();
  for (guint i = 0; i < G_N_ELEMENTS(peers) - 1; i++)
    peer_connect(peers[i]);
  for (guint i = 0; i < G_N_ELEMENTS(peers) - 1; i++) {
    peer_hear_end(peers[i]);
    g_assert_true(g_str_has_prefix(peers[i]->heard->str, "HTTP/1.1 503 Service Unavailable\r\n"));
  }
  g_assert_true(gw_listener_is_backing_off(rig->listener));
  peer_forget(before);
  peer_say(before, HELLO); /* who is inside is served */
  peer_hear_until(before, "hello\n");
  release(hogs);
  released_ms = gw_reactor_now_ms(rig->reactor);
  peer_connect(peers[G_N_ELEMENTS(peers) - 1]);
  peer_say(peers[G_N_ELEMENTS(peers) - 1], HELLO);
  peer_hear_until(peers[G_N_ELEMENTS(peers) - 1], "hello\n");
  g_assert_cmpint(gw_reactor_now_ms(rig->reactor) - released_ms, <, 1000);
  setrlimit(RLIMIT_NOFILE, &limit);
  for (guint i = 0; i < G_N_ELEMENTS(peers); i++)
    peer_free(peers[i]);
}

/* ---- who may come ---- */

static gboolean
is_adopted(const GwAddress *address, gpointer user)
{
  return address->bytes[15] == 7;
}

static GwAddress
address_of(const char *text)
{
  GwAddress address;

  g_assert_true(gw_address_parse(text, 80, &address, NULL));
  return address;
}

static void
test_strangers_and_adopted(void)
{
  const GwGateLimits limits = { .is_adopted = is_adopted };
  g_autoptr(GwGate) gate = gw_gate_new(&limits);
  GwAddress stranger = address_of("192.0.2.1");
  GwAddress adopted = address_of("192.0.2.7");

  for (guint i = 0; i < 8; i++)
    g_assert_true(gw_gate_enter(gate, &stranger));
  g_assert_false(gw_gate_enter(gate, &stranger));
  for (guint i = 0; i < 32; i++)
    g_assert_true(gw_gate_enter(gate, &adopted));
  g_assert_false(gw_gate_enter(gate, &adopted));
  gw_gate_leave(gate, &stranger);
  g_assert_true(gw_gate_enter(gate, &stranger));
  g_assert_cmpuint(gw_gate_counters(gate)->n_refused_address, ==, 2);
  for (guint i = 0; i < 8; i++)
    gw_gate_leave(gate, &stranger);
  for (guint i = 0; i < 32; i++)
    gw_gate_leave(gate, &adopted);
  g_assert_cmpuint(gw_gate_counters(gate)->n_inside, ==, 0);
}

/* However many strangers come, from however many addresses, there is a place for an adopted node. */
static void
test_crowd_of_strangers(void)
{
  const GwGateLimits limits = { .max_total = 100, .is_adopted = is_adopted };
  g_autoptr(GwGate) gate = gw_gate_new(&limits);
  GwAddress adopted = address_of("192.0.2.7");
  guint n_entered = 0;

  for (guint i = 0; i < 200; i++) {
    g_autofree char *text = g_strdup_printf("198.51.100.%u", 8 + i);
    GwAddress stranger = address_of(text);

    n_entered += (guint)gw_gate_enter(gate, &stranger);
  }
  g_assert_cmpuint(n_entered, ==, 75);
  g_assert_true(gw_gate_enter(gate, &adopted));
}

static void
test_refused_at_the_door(void)
{
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .gate.max_per_stranger = 2 });
  g_autoptr(Peer) first = peer_new(rig, "127.0.0.5");
  g_autoptr(Peer) second = peer_new(rig, "127.0.0.5");
  g_autoptr(Peer) third = peer_new(rig, "127.0.0.5");
  g_autoptr(Peer) other = peer_new(rig, "127.0.0.6");

  peer_hear_end(third);
  g_assert_true(g_str_has_prefix(third->heard->str, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: "));
  peer_say(other, HELLO);
  peer_hear_until(other, "hello\n");
  g_clear_pointer(&first, peer_free);
  RIG_UNTIL(rig, gw_gate_counters(rig->gate)->n_inside == 2);
  g_clear_pointer(&third, peer_free);
  third = peer_new(rig, "127.0.0.5");
  peer_say(third, HELLO);
  peer_hear_until(third, "hello\n");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/L1/large-heads", test_large_heads);
  g_test_add_func("/promise/L1/large-posts", test_large_posts);
  g_test_add_func("/promise/L1/range-bombs", test_range_bombs);
  g_test_add_func("/promise/L1/buffers-together", test_buffers_are_bounded_together);
  g_test_add_func("/promise/L1/requests-without-end", test_requests_without_end);
  g_test_add_func("/promise/L2/slowloris", test_slowloris);
  g_test_add_func("/promise/L2/dripping", test_dripping_does_not_help);
  g_test_add_func("/net/http-limits/idle", test_idle);
  g_test_add_func("/promise/L3/descriptors", test_descriptors_run_out);
  g_test_add_func("/promise/L4/strangers", test_strangers_and_adopted);
  g_test_add_func("/promise/L4/crowd", test_crowd_of_strangers);
  g_test_add_func("/promise/L4/at-the-door", test_refused_at_the_door);
  return g_test_run();
}
