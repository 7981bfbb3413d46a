/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The threads of an upstream, with a plugin that the test is: looking, bringing, waiting in line, ending. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "wan/upstream.h"

#define WAIT_US (10 * G_USEC_PER_SEC)
#define REPORT_MS (1000 * 1000)

/* What the threads said, and what they are told to do. */
typedef struct {
  GMutex mutex;
  GCond cond;
  GPtrArray *fetched; /* GwFetched */
  guint n_polls, n_status, n_open, most_open, n_closed, n_reports, n_reported;
  gboolean is_deaf; /* no message can be sent */
  gboolean is_stuck;
} Board;
static Board board;

static void
count(guint *counter, gint n)
{
  g_mutex_lock(&board.mutex);
  *counter += (guint)n;
  board.most_open = MAX(board.most_open, board.n_open);
  g_cond_broadcast(&board.cond);
  g_mutex_unlock(&board.mutex);
}

static void
fetched_free(gpointer data)
{
  gw_fetched_clear(data);
  g_free(data);
}

static gboolean
hear(gpointer user, GwMessageType type, GVariant *payload, const int *fds, guint n_fds)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);
  GwFetched *fetched = NULL;
  gboolean is_heard;

  if (type == GW_MESSAGE_FETCHED) {
    fetched = g_new0(GwFetched, 1);
    g_assert_true(gw_fetched_unpack(sunk, fetched));
  }
  g_mutex_lock(&board.mutex);
  is_heard = !board.is_deaf;
  board.n_reported += type == GW_MESSAGE_REPORTED && is_heard;
  board.n_status += type == GW_MESSAGE_STATUS && is_heard;
  if (fetched && is_heard)
    g_ptr_array_add(board.fetched, g_steal_pointer(&fetched));
  g_cond_broadcast(&board.cond);
  g_mutex_unlock(&board.mutex);
  if (fetched)
    fetched_free(fetched);
  return is_heard;
}

/* ---- the plugin: a URL says what is to be done */

static GatewayResult
plugin_poll(GatewayWorker *worker)
{
  worker->private_data = worker;
  count(&board.n_polls, 1);
  return GATEWAY_UNCHANGED;
}

static GatewayResult
plugin_fetch(GatewayWorker *worker, const GatewayWanted *wanted)
{
  static const char BYTES[64] = { 0 };
  GatewayResult result = GATEWAY_OK;

  count(&board.n_open, 1);
  if (g_str_equal(wanted->url, "hang")) {
    while (result == GATEWAY_OK)
      result = worker->sleep(worker, 1000);
  } else if (g_str_equal(wanted->url, "fail")) {
    worker->status(worker, false, "on purpose");
    result = GATEWAY_FAILED_GIVE_UP;
  } else {
    guint64 n = g_ascii_strtoull(wanted->url, NULL, 10), begin = wanted->offset;

    if (strchr(wanted->url, '!'))
      begin = 7;
    if (strchr(wanted->url, '^'))
      begin = 0;
    if (wanted->offset > 0)
      result = worker->begin(worker, begin, "\"v\"");
    for (guint64 i = begin; i < n && result == GATEWAY_OK; i += MIN(sizeof BYTES, n - i))
      result = worker->deliver(worker, BYTES, MIN(sizeof BYTES, n - i));
  }
  count(&board.n_open, -1);
  return result;
}

/* Hangs until it is let go. */
static void
plugin_report(GatewayWorker *worker, const GatewayReport *reports, uint32_t n_reports,
              GatewayResult *ret_results)
{
  g_mutex_lock(&board.mutex);
  board.n_reports++;
  g_cond_broadcast(&board.cond);
  while (board.is_stuck)
    g_cond_wait(&board.cond, &board.mutex);
  g_mutex_unlock(&board.mutex);
  for (size_t i = 0; i < n_reports; i++)
    ret_results[i] = GATEWAY_OK;
}

static void
plugin_close(GatewayWorker *worker)
{
  count(&board.n_closed, 1);
}

/* ---- the bench */

static GwUpstream *
start_with(void (*report)(GatewayWorker *, const GatewayReport *, uint32_t, GatewayResult *))
{
  GwWorkerSetup setup = {
    .name = g_strdup("test"),
    .functions = { sizeof setup.functions, plugin_poll, plugin_fetch, report, plugin_close },
    .poll_ms = 3600 * 1000,
    .report_timeout_ms = REPORT_MS,
    .out = { hear, NULL },
  };
  g_autoptr(GVariant) none = g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));

  setup.settings = gw_settings_new(NULL, 0, none, NULL, NULL);
  board = (Board){ .fetched = g_ptr_array_new_with_free_func(fetched_free) };
  g_mutex_init(&board.mutex);
  g_cond_init(&board.cond);
  return gw_upstream_start(&setup);
}

static GwUpstream *
start(void)
{
  return start_with(NULL);
}

static void
stop(GwUpstream *upstream)
{
  gw_upstream_stop(upstream);
  g_assert_true(gw_upstream_has_ended(upstream, g_get_monotonic_time() + WAIT_US));
  gw_upstream_free(upstream);
  g_ptr_array_unref(board.fetched);
}

static void
await(const guint *counter, guint n)
{
  gint64 end_us = g_get_monotonic_time() + WAIT_US;

  g_mutex_lock(&board.mutex);
  while (*counter < n)
    g_assert_true(g_cond_wait_until(&board.cond, &board.mutex, end_us));
  g_mutex_unlock(&board.mutex);
}

/* Reading end of the pipe of a fetch. */
static int
fetch(GwUpstream *upstream, guint64 id, const char *url, guint64 size, guint64 offset)
{
  GwFetch wanted = { .id = id,
                     .upstream = g_strdup("test"),
                     .url = g_strdup(url),
                     .base_url = g_strdup(""),
                     .validator = g_strdup(""),
                     .expected_size = size,
                     .offset = offset };
  int fds[2];

  g_assert_cmpint(pipe(fds), ==, 0);
  gw_upstream_fetch(upstream, &wanted, fds[1]);
  return fds[0];
}

/* The last word on a fetch; its pipe's reading end is closed as a core does. */
static GatewayResult
outcome(guint64 id, int fd, const char **ret_text)
{
  gint64 end_us = g_get_monotonic_time() + WAIT_US;
  GwFetched *last = NULL;

  g_mutex_lock(&board.mutex);
  for (;;) {
    for (guint i = 0; i < board.fetched->len; i++) {
      GwFetched *fetched = board.fetched->pdata[i];

      last = fetched->id == id && fetched->result != -1 ? fetched : last;
    }
    if (last)
      break;
    g_assert_true(g_cond_wait_until(&board.cond, &board.mutex, end_us));
  }
  g_mutex_unlock(&board.mutex);
  gw_close(&fd);
  if (ret_text)
    *ret_text = last->text;
  return (GatewayResult)last->result;
}

static void
test_looks_at_once_and_when_asked(void)
{
  GwUpstream *upstream = start();

  await(&board.n_polls, 1);
  gw_upstream_poll(upstream, FALSE);
  await(&board.n_polls, 2);
  stop(upstream);
  g_assert_cmpuint(board.n_closed, ==, 1);
  g_assert_cmpuint(board.n_status, ==, 2); /* each look is said: the core tells when the last one was */
}

static void
test_brings(void)
{
  GwUpstream *upstream = start();
  int fd = fetch(upstream, 7, "1000", 1000, 0);
  const GwFetched *head;
  char buffer[2000];
  gsize n = 0;
  ssize_t more;

  while ((more = read(fd, buffer + n, sizeof buffer - n)) > 0)
    n += (gsize)more;
  g_assert_cmpuint(n, ==, 1000);
  g_assert_cmpint(outcome(7, fd, NULL), ==, GATEWAY_OK);
  head = board.fetched->pdata[0];
  g_assert_cmpint(head->result, ==, -1);
  g_assert_false(head->is_restarted);
  stop(upstream);
}

static void
test_holds_the_plugin_to_its_word(void)
{
  static const struct {
    const char *url;
    guint64 size, offset;
    GatewayResult result;
    const char *text;
  } cases[] = {
    { "1000", 999, 0, GATEWAY_FAILED_GIVE_UP, "more bytes" },
    { "1000", 1001, 0, GATEWAY_FAILED_RETRY, "fewer bytes" },
    { "0", 10, 0, GATEWAY_FAILED_RETRY, "fewer bytes" },
    { "100!", 100, 50, GATEWAY_FAILED_GIVE_UP, "offset" },
    { "100", 100, 50, GATEWAY_OK, "" },
    { "fail", 100, 0, GATEWAY_FAILED_GIVE_UP, "on purpose" },
  };
  GwUpstream *upstream = start();

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    int fd = fetch(upstream, i + 1, cases[i].url, cases[i].size, cases[i].offset);
    const char *text = NULL;

    g_assert_cmpint(outcome(i + 1, fd, &text), ==, cases[i].result);
    g_assert_nonnull(strstr(text, cases[i].text));
  }
  stop(upstream);
}

static void
test_says_where_the_bytes_begin(void)
{
  GwUpstream *upstream = start();
  const GwFetched *head;

  g_assert_cmpint(outcome(1, fetch(upstream, 1, "100", 100, 50), NULL), ==, GATEWAY_OK);
  g_assert_cmpint(outcome(2, fetch(upstream, 2, "100^", 100, 50), NULL), ==, GATEWAY_OK);
  g_assert_cmpuint(board.fetched->len, ==, 4);
  head = board.fetched->pdata[0];
  g_assert_cmpint(head->result, ==, -1);
  g_assert_false(head->is_restarted);
  g_assert_cmpstr(head->validator, ==, "\"v\"");
  head = board.fetched->pdata[2];
  g_assert_cmpint(head->result, ==, -1);
  g_assert_true(head->is_restarted);
  stop(upstream);
}

static void
test_two_at_once_and_the_rest_waits(void)
{
  GwUpstream *upstream = start();
  int fds[8];

  for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
    fds[i] = fetch(upstream, i + 1, "hang", 10, 0);
  await(&board.n_open, 2);
  for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
    gw_upstream_cancel(upstream, i + 1);
  for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
    g_assert_cmpint(outcome(i + 1, fds[i], NULL), ==, GATEWAY_STOPPED);
  g_assert_cmpuint(board.most_open, ==, 2);
  stop(upstream);
}

static void
test_core_that_closes_the_pipe(void)
{
  GwUpstream *upstream = start();
  int fd = fetch(upstream, 1, "1000000", 1000000, 0);

  gw_close(&fd);
  g_assert_cmpint(outcome(1, -1, NULL), ==, GATEWAY_STOPPED);
  stop(upstream);
}

static void
test_full_pipe_is_waited_for(void)
{
  GwUpstream *upstream = start();
  int fd = fetch(upstream, 1, "1000000", 1000000, 0);

  await(&board.fetched->len, 1); /* the head; then the pipe fills up and nobody reads */
  gw_upstream_cancel(upstream, 1);
  g_assert_cmpint(outcome(1, fd, NULL), ==, GATEWAY_STOPPED);
  stop(upstream);
}

static void
test_ends_with_everything_under_way(void)
{
  GwUpstream *upstream = start();
  int fds[6];

  for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
    fds[i] = fetch(upstream, i + 1, i % 2 ? "hang" : "1000000", 1000000, 0);
  await(&board.n_open, 2);
  g_mutex_lock(&board.mutex);
  board.is_deaf = TRUE; /* the link is gone too */
  g_mutex_unlock(&board.mutex);
  stop(upstream);
  for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
    gw_close(&fds[i]);
}

static void
report(GwUpstream *upstream, guint64 id)
{
  GwReport one = {
    .id = id, .upstream = g_strdup("test"), .events = g_new0(GwReportEvent, 1), .n_events = 1
  };

  one.events[0] = (GwReportEvent){ g_strdup("1"), g_strdup("t"), g_strdup("s"),
                                   g_strdup(""),  g_strdup(""),  g_strdup("{}") };
  gw_upstream_report(upstream, &one);
}

static void
let_go(void)
{
  g_mutex_lock(&board.mutex);
  board.is_stuck = FALSE;
  g_cond_broadcast(&board.cond);
  g_mutex_unlock(&board.mutex);
}

/* It is noticed once each time, looks go on meanwhile, a late answer is none, and the third time is the last.
 */
static void
test_hanging_report(void)
{
  GwUpstream *upstream = start_with(plugin_report);
  guint64 id = 0;

  for (guint i = 1; i <= 3; i++) {
    gint64 late_ms = gw_clock_boot_ms() + 2 * REPORT_MS;

    g_assert_null(gw_upstream_holds_back(upstream));
    board.is_stuck = TRUE;
    report(upstream, i);
    await(&board.n_reports, i);
    g_assert_false(gw_upstream_hangs(upstream, gw_clock_boot_ms(), &id));
    g_assert_true(gw_upstream_hangs(upstream, late_ms, &id));
    g_assert_cmpuint(id, ==, i);
    g_assert_false(gw_upstream_hangs(upstream, late_ms, &id));
    g_assert_nonnull(strstr(gw_upstream_holds_back(upstream), "held back"));
    gw_upstream_poll(upstream, FALSE);
    await(&board.n_polls, i + 1);
    let_go();
    while (i < 3 && gw_upstream_holds_back(upstream))
      g_thread_yield();
  }
  g_assert_nonnull(strstr(gw_upstream_holds_back(upstream), "three"));
  stop(upstream);
  g_assert_cmpuint(board.n_reported, ==, 0);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  (void)signal(SIGPIPE, SIG_IGN);
  g_test_add_func("/wan/upstream/looks-at-once-and-when-asked", test_looks_at_once_and_when_asked);
  g_test_add_func("/wan/upstream/brings", test_brings);
  g_test_add_func("/wan/upstream/holds-the-plugin-to-its-word", test_holds_the_plugin_to_its_word);
  g_test_add_func("/wan/upstream/says-where-the-bytes-begin", test_says_where_the_bytes_begin);
  g_test_add_func("/wan/upstream/two-at-once-and-the-rest-waits", test_two_at_once_and_the_rest_waits);
  g_test_add_func("/wan/upstream/core-that-closes-the-pipe", test_core_that_closes_the_pipe);
  g_test_add_func("/wan/upstream/full-pipe-is-waited-for", test_full_pipe_is_waited_for);
  g_test_add_func("/wan/upstream/plugin-that-hangs-in-a-report", test_hanging_report);
  g_test_add_func("/wan/upstream/ends-with-everything-under-way", test_ends_with_everything_under_way);
  return g_test_run();
}
