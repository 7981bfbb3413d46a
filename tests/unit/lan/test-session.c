/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The session engine over a real pty, with the example plugin: lines, an ask, raw blocks, a timer, wake. Time
 * is a counter of the test's own. */
#include "lan/session.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static gint64 clock_ms = 1000000;

static gint64
fake_clock(void)
{
  return clock_ms;
}

typedef struct {
  GwReactor *reactor;
  GwSession *session;
  int node; /* the other end of the pty */
  GString *heard;
  GatewayAskKind asked;
  char asked_node[65];
  guint64 covered;
  gboolean has_ended;
} Bench;

static void
on_ask(GwSession *session, const GatewayAsk *ask, gpointer user)
{
  Bench *bench = user;
  bench->asked = ask->kind;
  g_snprintf(bench->asked_node, sizeof bench->asked_node, "%.*s", GATEWAY_ARGS(ask->node));
}

static void
on_covered(GwSession *session, guint64 offset, guint64 size, gpointer user)
{
  ((Bench *)user)->covered += size;
}

static void
on_ended(GwSession *session, gpointer user)
{
  ((Bench *)user)->has_ended = TRUE;
}

static const GwSessionHost HOST = { on_ask, on_covered, NULL, on_ended };

static const char *
no_text(const GatewaySettings *settings, const char *key)
{
  return "";
}

static const GatewaySettings SETTINGS = { .size = sizeof(GatewaySettings), .text = no_text };

/* Runs until nothing happens any more, collecting what the node hears. The kernel carries a terminal's bytes
 * in its own time, so some of it is waited for. */
static void
settle(Bench *bench)
{
  char buffer[4096];
  for (int quiet = 0; quiet < 20;) {
    gboolean has_worked = g_main_context_iteration(gw_reactor_context(bench->reactor), FALSE);
    struct pollfd node = { bench->node, POLLIN, 0 };
    if (!has_worked)
      (void)poll(&node, 1, 2);
    ssize_t n = read(bench->node, buffer, sizeof buffer);
    if (n > 0)
      g_string_append_len(bench->heard, buffer, n);
    quiet = n > 0 || has_worked ? 0 : quiet + 1;
    clock_ms += GW_WHEEL_TICK_MS;
  }
}

static void
say(Bench *bench, const char *line)
{
  g_assert_cmpint(write(bench->node, line, strlen(line)), ==, (ssize_t)strlen(line));
  settle(bench);
}

static void
start(Bench *bench)
{
  struct termios raw;
  int tty;
  memset(bench, 0, sizeof *bench);
  g_assert_cmpint(openpty(&bench->node, &tty, NULL, NULL, NULL), ==, 0);
  g_assert_cmpint(tcgetattr(tty, &raw), ==, 0);
  cfmakeraw(&raw);
  g_assert_cmpint(tcsetattr(tty, TCSANOW, &raw), ==, 0);
  g_assert_cmpint(fcntl(bench->node, F_SETFL, O_NONBLOCK), ==, 0);
  g_assert_cmpint(fcntl(tty, F_SETFL, O_NONBLOCK), ==, 0);
  bench->heard = g_string_new(NULL);
  bench->reactor = gw_reactor_new(NULL, NULL);
  gw_reactor_set_clock(bench->reactor, fake_clock);
  GwSessionSetup setup = { bench->reactor, NULL, &gateway_plugin, &SETTINGS, &HOST, bench };
  bench->session = gw_session_new(&setup, NULL, tty);
  settle(bench);
}

static void
end(Bench *bench)
{
  gw_session_free(bench->session);
  settle(bench);
  gw_reactor_free(bench->reactor);
  g_string_free(bench->heard, TRUE);
  close(bench->node);
}

static void
test_whole_update(void)
{
  Bench bench;
  start(&bench);
  say(&bench, "HELLO shed-1 1.0.0\r\n");
  g_assert_cmpint(bench.asked, ==, GATEWAY_ASK_OFFER);
  g_assert_cmpstr(bench.asked_node, ==, "shed-1");
  g_assert_cmpstr(gw_session_node(bench.session), ==, "shed-1");
  GatewayAnswer answer = { .size = sizeof answer, .kind = GATEWAY_ANSWER_OFFER };
  answer.image.token = GATEWAY_TEXT("abc");
  answer.image.size = 6;
  answer.image.sha256 = GATEWAY_TEXT("00ff");
  gw_session_answer(bench.session, &answer, NULL);
  settle(&bench);
  g_assert_cmpstr(bench.heard->str, ==, "OFFER abc 6 00ff\n");

  g_string_truncate(bench.heard, 0);
  say(&bench, "GET abc\n");
  g_assert_cmpint(bench.asked, ==, GATEWAY_ASK_BYTES);
  g_autoptr(GwBody) body = gw_body_new_bytes("\0\1\2\n\r\xff", 6, NULL);
  answer = (GatewayAnswer){ .size = sizeof answer, .kind = GATEWAY_ANSWER_BYTES };
  gw_session_answer(bench.session, &answer, body);
  say(&bench, "READ 0 4\n");
  g_assert_cmpuint(bench.covered, ==, 0); /* sent is not yet received */
  say(&bench, "READ 4 4\n");
  g_assert_cmpuint(bench.covered, ==, 4);
  say(&bench, "READ 6 4\n");
  g_assert_cmpuint(bench.covered, ==, 6);
  static const char EXPECTED[] = "READY\nDATA 4\n\0\1\2\nDATA 2\n\r\xff"
                                 "DATA 0\n";
  g_assert_cmpmem(bench.heard->str, bench.heard->len, EXPECTED, sizeof EXPECTED - 1);

  say(&bench, "DONE ok\n");
  g_assert_cmpint(bench.asked, ==, GATEWAY_ASK_TELL);
  end(&bench);
}

static void
test_block_without_body_cannot_be_read(void)
{
  Bench bench;
  start(&bench);
  say(&bench, "HELLO shed-1 1.0.0\nREAD 0 4\n");
  g_assert_cmpstr(bench.heard->str, ==, ""); /* nothing is read before the answer */
  GatewayAnswer answer = { .size = sizeof answer, .kind = GATEWAY_ANSWER_NOTHING };
  gw_session_answer(bench.session, &answer, NULL);
  settle(&bench);
  g_assert_cmpstr(bench.heard->str, ==, "NONE\nDATA 0\n");
  end(&bench);
}

static void
test_quiet_line_is_pinged_then_closed(void)
{
  Bench bench;
  start(&bench);
  clock_ms += 60000;
  settle(&bench);
  g_assert_cmpstr(bench.heard->str, ==, "PING\n");
  g_assert_false(bench.has_ended);
  clock_ms += 60000;
  settle(&bench);
  g_assert_true(bench.has_ended);
  end(&bench);
}

static void
test_wake_reaches_the_node(void)
{
  Bench bench;
  start(&bench);
  gw_session_wake(bench.session, "check", NULL);
  settle(&bench);
  g_assert_cmpstr(bench.heard->str, ==, "CHECK\n");
  end(&bench);
}

static void
test_line_too_long_and_noise(void)
{
  Bench bench;
  start(&bench);
  g_autofree char *noise = g_strnfill(3000, 'x');
  say(&bench, noise);
  say(&bench, "\n");
  g_assert_cmpstr(bench.heard->str, ==, "WHAT\n");
  say(&bench, "HELLO shed-1 1.0.0\n");
  g_assert_cmpint(bench.asked, ==, GATEWAY_ASK_OFFER); /* back in step */
  end(&bench);
}

static void
test_unplugged_line_ends(void)
{
  Bench bench;
  start(&bench);
  close(bench.node);
  bench.node = open("/dev/null", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  settle(&bench);
  g_assert_true(bench.has_ended);
  end(&bench);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/lan/session/whole-update", test_whole_update);
  g_test_add_func("/lan/session/block-without-body", test_block_without_body_cannot_be_read);
  g_test_add_func("/lan/session/quiet-line", test_quiet_line_is_pinged_then_closed);
  g_test_add_func("/lan/session/wake", test_wake_reaches_the_node);
  g_test_add_func("/lan/session/line-too-long", test_line_too_long_and_noise);
  g_test_add_func("/lan/session/unplugged", test_unplugged_line_ends);
  return g_test_run();
}
