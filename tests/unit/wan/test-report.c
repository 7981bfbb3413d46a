/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The thread that reports, with a plugin that the test is: in order, each answered, ending whenever it must;
 * and the signature over what is posted. */
#include <glib/gstdio.h>
#include <string.h>

#include "wan/upstream.h"

#define WAIT_US (10 * G_USEC_PER_SEC)
#define VECTOR "t=1795278000,v1=b95db32175b7c2c621fc4cebfd4eb68f879ea5b0eb16c37bac3b239806d22fc6"

/* What the threads said. */
static struct {
  GMutex mutex;
  GCond cond;
  GString *calls;      /* ids that the plugin was shown */
  GPtrArray *reported; /* GwReported */
  GString *status;
  guint n_calls, n_polls;
  gboolean is_deaf;
} board;

static void
reported_free(gpointer data)
{
  gw_reported_clear(data);
  g_free(data);
}

static gboolean
hear(gpointer user, GwMessageType type, GVariant *payload, const int *fds, guint n_fds)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);
  g_autofree char *name = NULL, *text = NULL;
  gboolean is_heard, is_well;

  g_mutex_lock(&board.mutex);
  is_heard = !board.is_deaf;
  if (is_heard && type == GW_MESSAGE_REPORTED) {
    GwReported *reported = g_new0(GwReported, 1);

    g_assert_true(gw_reported_unpack(sunk, reported));
    g_ptr_array_add(board.reported, reported);
  } else if (is_heard && type == GW_MESSAGE_STATUS) {
    g_assert_true(gw_status_unpack(sunk, &name, &is_well, &text));
    g_string_append_printf(board.status, "%c%s;", is_well ? '+' : '-', text);
  }
  g_cond_broadcast(&board.cond);
  g_mutex_unlock(&board.mutex);
  return is_heard;
}

/* ---- the plugin: an event's id says what becomes of it */

static GatewayResult
result_of(GatewayWorker *worker, GatewayText id)
{
  GatewayResult result = GATEWAY_OK;

  if (gateway_text_equal(id, "hang"))
    while (result == GATEWAY_OK)
      result = worker->sleep(worker, 1000);
  else if (gateway_text_equal(id, "refuse"))
    result = GATEWAY_FAILED_GIVE_UP;
  else if (gateway_text_equal(id, "fail"))
    result = GATEWAY_FAILED_RETRY;
  return result;
}

static void
plugin_report(GatewayWorker *worker, const GatewayReport *reports, uint32_t n_reports,
              GatewayResult *ret_results)
{
  g_mutex_lock(&board.mutex);
  for (uint32_t i = 0; i < n_reports; i++)
    g_string_append_printf(board.calls, "%.*s ", GATEWAY_ARGS(reports[i].id));
  board.n_calls++;
  g_cond_broadcast(&board.cond);
  g_mutex_unlock(&board.mutex);
  for (uint32_t i = 0; i < n_reports; i++)
    ret_results[i] = result_of(worker, reports[i].id);
}

/* Forgets to say what became of them. */
static void
plugin_report_nothing(GatewayWorker *worker, const GatewayReport *reports, uint32_t n_reports,
                      GatewayResult *ret_results)
{
}

static GatewayResult
plugin_poll(GatewayWorker *worker)
{
  g_mutex_lock(&board.mutex);
  board.n_polls++;
  g_cond_broadcast(&board.cond);
  g_mutex_unlock(&board.mutex);
  return GATEWAY_UNCHANGED;
}

/* ---- the bench */

static GwUpstream *
start(GatewayUpstreamFunctions functions)
{
  GwWorkerSetup setup = {
    .name = g_strdup("test"), .functions = functions, .poll_ms = 3600 * 1000, .out = { hear, NULL }
  };
  g_autoptr(GVariant) none = g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));

  setup.settings = gw_settings_new(NULL, 0, none, NULL, NULL);
  board.calls = g_string_new(NULL);
  board.status = g_string_new(NULL);
  board.reported = g_ptr_array_new_with_free_func(reported_free);
  board.n_calls = board.n_polls = 0;
  board.is_deaf = FALSE;
  return gw_upstream_start(&setup);
}

static GwUpstream *
start_reporter(void)
{
  return start(
      (GatewayUpstreamFunctions){ .size = sizeof(GatewayUpstreamFunctions), .report = plugin_report });
}

static void
end(GwUpstream *upstream)
{
  gw_upstream_stop(upstream);
  g_assert_true(gw_upstream_has_ended(upstream, g_get_monotonic_time() + WAIT_US));
  gw_upstream_free(upstream);
}

static void
forget(void)
{
  g_string_free(board.calls, TRUE);
  g_string_free(board.status, TRUE);
  g_ptr_array_unref(board.reported);
}

/* @ids: separated by spaces. */
static void
report(GwUpstream *upstream, guint64 id, const char *ids)
{
  g_auto(GStrv) words = g_strsplit(ids, " ", -1);
  GwReport wanted = { .id = id, .upstream = g_strdup("test"), .n_events = g_strv_length(words) };

  wanted.events = g_new0(GwReportEvent, wanted.n_events);
  for (guint32 i = 0; i < wanted.n_events; i++)
    wanted.events[i].id = g_strdup(words[i]);
  gw_upstream_report(upstream, &wanted);
  g_assert_null(wanted.events);
}

static void
await_reported(guint n)
{
  gint64 end_us = g_get_monotonic_time() + WAIT_US;

  g_mutex_lock(&board.mutex);
  while (board.reported->len < n)
    g_assert_true(g_cond_wait_until(&board.cond, &board.mutex, end_us));
  g_mutex_unlock(&board.mutex);
}

static void
await_calls(guint n)
{
  gint64 end_us = g_get_monotonic_time() + WAIT_US;

  g_mutex_lock(&board.mutex);
  while (board.n_calls < n)
    g_assert_true(g_cond_wait_until(&board.cond, &board.mutex, end_us));
  g_mutex_unlock(&board.mutex);
}

static void
assert_reported(guint i, guint64 id, const char *results)
{
  const GwReported *reported = board.reported->pdata[i];

  g_assert_cmpuint(reported->id, ==, id);
  g_assert_cmpuint(reported->n_results, ==, strlen(results));
  for (guint32 j = 0; j < reported->n_results; j++)
    g_assert_cmpint(reported->results[j], ==, results[j] - '0');
}

/* ---- the tests */

static void
test_answered_in_order(void)
{
  GwUpstream *upstream = start_reporter();

  g_assert_true(gw_upstream_takes_reports(upstream));
  report(upstream, 1, "a b");
  report(upstream, 2, "c refuse fail");
  report(upstream, 3, "d");
  await_reported(3);
  assert_reported(0, 1, "00");
  assert_reported(1, 2, "032");
  assert_reported(2, 3, "0");
  end(upstream);
  g_assert_cmpstr(board.calls->str, ==, "a b c refuse fail d ");
  forget();
}

/* What was not said is not taken. */
static void
test_silent_plugin_took_nothing(void)
{
  GwUpstream *upstream = start((GatewayUpstreamFunctions){ .size = sizeof(GatewayUpstreamFunctions),
                                                           .report = plugin_report_nothing });

  report(upstream, 1, "a b");
  await_reported(1);
  assert_reported(0, 1, "22");
  end(upstream);
  forget();
}

/* One that never looks says by its reports how it is; one that looks has the last word on that itself. */
static void
test_says_how_it_is(void)
{
  GwUpstream *upstream = start_reporter();

  report(upstream, 1, "a");
  report(upstream, 2, "b");
  await_reported(2);
  end(upstream);
  g_assert_cmpstr(board.status->str, ==, "+takes events;");
  g_assert_cmpuint(board.n_polls, ==, 0);
  forget();
}

/* What is under way ends, what waits is answered: not taken. */
static void
test_stopped(void)
{
  GwUpstream *upstream = start_reporter();

  report(upstream, 1, "a hang");
  report(upstream, 2, "hang");
  await_calls(1);
  end(upstream);
  g_assert_cmpuint(board.reported->len, ==, 2);
  assert_reported(0, 1, "04");
  assert_reported(1, 2, "4");
  forget();
}

static void
test_link_is_gone(void)
{
  GwUpstream *upstream = start_reporter();

  g_mutex_lock(&board.mutex);
  board.is_deaf = TRUE;
  g_mutex_unlock(&board.mutex);
  report(upstream, 1, "a");
  report(upstream, 2, "b");
  await_calls(1);
  end(upstream);
  g_assert_cmpuint(board.reported->len, ==, 0);
  forget();
}

static void
test_brings_alone(void)
{
  GwUpstream *upstream =
      start((GatewayUpstreamFunctions){ .size = sizeof(GatewayUpstreamFunctions), .poll = plugin_poll });

  g_assert_false(gw_upstream_takes_reports(upstream));
  end(upstream);
  forget();
}

/* ---- the signature */

static char *
signature_of(const char *secret, gint64 wall_s, const char *body)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp("gatewayd-secret-XXXXXX", &path, NULL);
  GwSecretFiles files = { .secret_file = path };
  g_autoptr(GBytes) bytes = g_bytes_new(body, strlen(body));
  g_autoptr(GError) error = NULL;
  char *value = NULL;

  g_assert_cmpint(fd, >=, 0);
  g_assert_true(g_close(fd, NULL));
  g_assert_true(g_file_set_contents(path, secret, -1, NULL));
  g_assert_true(gw_secret_signature(&files, wall_s, bytes, &value, &error));
  g_assert_no_error(error);
  (void)g_unlink(path);
  return value;
}

static void
test_signature(void)
{
  g_autofree char *value = signature_of("s3cret\n", 1795278000, "[1]");
  g_autofree char *later = signature_of("s3cret\n", 1795278001, "[1]");
  g_autofree char *other = signature_of("secret\n", 1795278000, "[1]");
  g_autofree char *longer = signature_of("s3cret\n", 1795278000, "[1] ");

  g_assert_cmpstr(value, ==, VECTOR);
  g_assert_cmpstr(strchr(later, ','), !=, strchr(value, ','));
  g_assert_cmpstr(strchr(other, ','), !=, strchr(value, ','));
  g_assert_cmpstr(strchr(longer, ','), !=, strchr(value, ','));
}

static void
test_no_secret_no_signature(void)
{
  GwSecretFiles none = { 0 }, gone = { .secret_file = (char *)"/nonexistent/secret" };
  g_autoptr(GBytes) bytes = g_bytes_new_static("", 0);
  g_autoptr(GError) error = NULL;
  char *value = NULL;

  g_assert_true(gw_secret_signature(&none, 1, bytes, &value, NULL));
  g_assert_null(value);
  g_assert_false(gw_secret_signature(&gone, 1, bytes, &value, &error)); /* never unsigned by mistake */
  g_assert_nonnull(error);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_mutex_init(&board.mutex);
  g_cond_init(&board.cond);
  g_test_add_func("/wan/report/answered-in-order", test_answered_in_order);
  g_test_add_func("/wan/report/silent-plugin-took-nothing", test_silent_plugin_took_nothing);
  g_test_add_func("/wan/report/says-how-it-is", test_says_how_it_is);
  g_test_add_func("/wan/report/stopped", test_stopped);
  g_test_add_func("/wan/report/link-is-gone", test_link_is_gone);
  g_test_add_func("/wan/report/brings-alone", test_brings_alone);
  g_test_add_func("/wan/report/signature", test_signature);
  g_test_add_func("/wan/report/no-secret-no-signature", test_no_secret_no_signature);
  return g_test_run();
}
