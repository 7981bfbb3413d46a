/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event's way up to an upstream: what is kept, what is sent when, and what becomes of it. */
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "control/problems.h"
#include "rig.h"

#define CONFIG                                                                                               \
  "[upstream cloud]\ntype=" RIG_CLOUD "\nevents=update.*,node.set\n"                                         \
  "[upstream quiet]\ntype=fake-quiet\n"
#define HOUR_MS G_GINT64_CONSTANT(3600000)

static const RigAsker TOLD_3 = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };
static const RigAsker TOLD_5 = { .plugin = RIG_TOLD, .node = "n1", .version = "5" };

/* Enters a node, which is one event that is no reading. */
static void
enter(Rig *rig, const char *node)
{
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed("{'product': <'weather'>}"));

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, node, form, rig_then()));
}

/* A product, an adopted node n1, and a verified firmware 5; what was reported so far is taken. */
static Rig *
site(const char *config)
{
  Rig *rig = rig_new(config);

  rig_product(rig, "weather", RIG_TOLD);
  rig_verified(rig, "weather", "5");
  enter(rig, "n1");
  return rig;
}

static void
take_all(Rig *rig)
{
  for (;;) {
    g_autoptr(GwReport) report = NULL;

    rig_pass(rig, 2000);
    report = rig_take_report(rig, "cloud");
    if (!report)
      return;
    rig_answer_report(rig, report, GATEWAY_OK, "");
  }
}

static gint64
id_of(const GwReportEvent *event)
{
  return g_ascii_strtoll(event->id, NULL, 10);
}

static const GwReportEvent *
find_event(const GwReport *report, const char *type)
{
  for (guint32 i = 0; i < report->n_events; i++)
    if (strcmp(report->events[i].type, type) == 0)
      return &report->events[i];
  return NULL;
}

/* Caller frees. */
static char *
member(const GwReportEvent *event, const char *key)
{
  g_autoptr(json_t) data = gw_json_parse(event->data, strlen(event->data), 16384, NULL);

  g_assert_nonnull(data);
  return g_strdup(json_string_value(json_object_get(data, key)));
}

static void
assert_member(const GwReportEvent *event, const char *key, const char *expected)
{
  g_autofree char *value = member(event, key);

  g_assert_cmpstr(value, ==, expected);
}

/* ---- what is sent ---- */

static void
test_reported(void)
{
  g_autoptr(Rig) rig = site(CONFIG);
  g_autoptr(GwReport) report = rig_take_report(rig, "cloud");
  const GwReportEvent *event;

  g_assert_nonnull(report);
  event = find_event(report, "org.gatewayd.node.set");
  g_assert_nonnull(event);
  g_assert_true(g_str_has_prefix(event->source, "urn:uuid:"));
  assert_member(event, "node", event->subject + strlen("node/"));
  assert_member(event, "who", "tester");
  g_assert_true(g_str_has_prefix(event->time, "2026-09-2"));
  rig_answer_report(rig, report, GATEWAY_OK, "");
  take_all(rig);
  rig_assert_column(rig, "upstreams", "name", "cloud", "queued", "0");
  rig_assert_column(rig, "upstreams", "name", "quiet", "queued", "0");
}

static void
test_update_names_what_it_is_about(void)
{
  g_autoptr(Rig) rig = site(CONFIG);
  g_autofree char *token = NULL;
  g_autoptr(GwReport) report = NULL;
  const GwReportEvent *event;

  take_all(rig);
  rig_rule(rig, "r", 1, NULL);
  token = rig_download(rig, &TOLD_3, "5");
  report = rig_take_report(rig, "cloud");
  event = &report->events[0];
  g_assert_true(g_str_has_prefix(event->type, "org.gatewayd.update."));
  assert_member(event, "product", "weather");
  assert_member(event, "version", "5");
  assert_member(event, "rule-name", "r");
  assert_member(event, "node", "n1");
}

/* One at a time, no faster than the interval, in the order in which things happened. */
static void
test_rate(void)
{
  g_autoptr(Rig) rig = site(CONFIG "[upstream cloud]\nreport-batch=2\nreport-interval=10s\n");
  g_autoptr(GwReport) first = NULL, second = NULL;
  gint64 last = 0;

  take_all(rig);
  rig_pass(rig, 11000);
  for (int i = 0; i < 5; i++) {
    g_autofree char *name = g_strdup_printf("m%d", i);

    enter(rig, name);
  }
  first = rig_take_report(rig, "cloud");
  g_assert_cmpuint(first->n_events, ==, 1); /* at once; the others gather */
  last = id_of(&first->events[0]);
  rig_answer_report(rig, first, GATEWAY_OK, "");
  rig_pass(rig, 9000);
  g_assert_null(rig_take_report(rig, "cloud"));
  rig_pass(rig, 1000);
  second = rig_take_report(rig, "cloud");
  g_assert_cmpuint(second->n_events, ==, 2);
  g_assert_cmpint(id_of(&second->events[0]), >, last);
  g_assert_cmpint(id_of(&second->events[1]), >, id_of(&second->events[0]));
  rig_pass(rig, 60000); /* unanswered: nothing overtakes it */
  g_assert_null(rig_take_report(rig, "cloud"));
}

/* ---- what is not taken ---- */

static void
test_E2_retried(void)
{
  g_autoptr(Rig) rig = site(CONFIG);
  g_autoptr(GwReport) first = rig_take_report(rig, "cloud"), again = NULL;

  rig_answer_report(rig, first, GATEWAY_FAILED_RETRY, "the server answered 503");
  rig_assert_column(rig, "upstreams", "name", "cloud", "report-trouble", "the server answered 503");
  rig_pass(rig, 4000); /* 5 s, give or take a tenth; not so close that the real timer never rests */
  g_assert_null(rig_take_report(rig, "cloud"));
  rig_pass(rig, 1700);
  again = rig_take_report(rig, "cloud");
  g_assert_nonnull(again);
  g_assert_cmpstr(again->events[0].id, ==, first->events[0].id);
  g_assert_cmpstr(again->events[0].time, ==, first->events[0].time);
  rig_answer_report(rig, again, GATEWAY_FAILED_RETRY, "");
  rig_pass(rig, 8500); /* it doubles */
  g_assert_null(rig_take_report(rig, "cloud"));
  rig_pass(rig, 2700);
  g_clear_pointer(&again, rig_report_free);
  again = rig_take_report(rig, "cloud");
  g_assert_nonnull(again);
  rig_answer_report(rig, again, GATEWAY_OK, "");
  rig_assert_column(rig, "upstreams", "name", "cloud", "report-trouble", "");
}

static void
test_E2_retry_after(void)
{
  g_autoptr(Rig) rig = site(CONFIG);
  g_autoptr(GwReport) report = rig_take_report(rig, "cloud");
  GwReported reported = { .id = report->id, .retry_after_s = 3600, .text = (char *)"429" };

  gw_link_send(rig->wan, GW_MESSAGE_REPORTED, 0, gw_reported_pack(&reported), NULL, 0);
  rig_settle(rig);
  rig_pass(rig, HOUR_MS - 1000);
  g_assert_null(rig_take_report(rig, "cloud"));
  rig_run(rig, gw_command_upstream_poll(rig->core, &rig_caller, "cloud", rig_then()));
  g_assert_null(rig_take_report(rig, "cloud")); /* also for an operator */
  rig_pass(rig, HOUR_MS / 9);
  g_clear_pointer(&report, rig_report_free);
  report = rig_take_report(rig, "cloud");
  g_assert_nonnull(report);
}

/* A batch is refused: each is tried alone, the bad one is set aside, the others get through. */
static void
test_E2_dead_letter(void)
{
  g_autoptr(Rig) rig = site(CONFIG);
  g_autofree char *letter = NULL, *retried = NULL;
  const char *letters[] = { NULL, NULL };
  gint64 bad;

  take_all(rig);
  rig_connect_wan(rig);
  g_clear_pointer(&rig->wan, gw_link_free);
  for (int i = 0; i < 3; i++) {
    g_autofree char *name = g_strdup_printf("m%d", i);

    enter(rig, name);
  }
  rig_connect_wan(rig);
  g_autoptr(GwReport) batch = rig_take_report(rig, "cloud");
  g_assert_cmpuint(batch->n_events, ==, 3);
  bad = id_of(&batch->events[1]);
  rig_answer_report(rig, batch, GATEWAY_FAILED_GIVE_UP, "the server answered 422");
  for (int i = 0; i < 3; i++) {
    rig_pass(rig, 1000);
    g_autoptr(GwReport) single = rig_take_report(rig, "cloud");

    g_assert_cmpuint(single->n_events, ==, 1);
    g_assert_cmpstr(single->events[0].id, ==, batch->events[i].id);
    rig_answer_report(rig, single, id_of(&single->events[0]) == bad ? GATEWAY_FAILED_GIVE_UP : GATEWAY_OK,
                      "422");
  }
  rig_assert_column(rig, "upstreams", "name", "cloud", "queued", "0");
  rig_assert_column(rig, "upstreams", "name", "cloud", "refused", "1");
  g_assert_cmpuint(rig_count_events(rig, "upstream.report-refused"), ==, 1);
  letter = g_strdup_printf("cloud/%" G_GINT64_FORMAT, bad);
  rig_assert_column(rig, "deadletters", "letter", letter, "error", "422");

  rig_stop_core(rig); /* it is still there after a restart, and waits for an operator */
  rig_start_core(rig);
  rig_connect_wan(rig);
  rig_pass(rig, 10000);
  g_assert_null(rig_take_report(rig, "cloud"));
  letters[0] = "cloud/999999";
  rig_refused(rig, GW_ERROR_NOT_FOUND, "cloud/999999",
              gw_command_deadletter_retry(rig->core, &rig_caller, letters, rig_then()));
  letters[0] = letter;
  rig_run(rig, gw_command_deadletter_retry(rig->core, &rig_caller, letters, rig_then()));
  g_autoptr(GwReport) again = rig_take_report(rig, "cloud");
  g_assert_cmpint(id_of(&again->events[0]), ==, bad);
  rig_answer_report(rig, again, GATEWAY_FAILED_GIVE_UP, "422");
  letters[0] = "cloud";
  rig_run(rig, gw_command_deadletter_drop(rig->core, &rig_caller, letters, rig_then()));
  retried = rig_column(rig, "deadletters", "letter", letter, "error");
  g_assert_null(retried);
  g_assert_cmpuint(rig_count_events(rig, "upstream.reports-dropped"), ==, 1);
}

/* ---- what is lost on the way ---- */

/* The core is killed, or the worker, with a report under way: the same comes again, under the same ids. */
static void
test_E1_repeated(void)
{
  g_autoptr(Rig) rig = site(CONFIG);
  g_autoptr(GwReport) first = rig_take_report(rig, "cloud"), second = NULL, third = NULL;

  g_clear_pointer(&rig->wan, gw_link_free);
  rig_settle(rig);
  rig_connect_wan(rig);
  rig_pass(rig, 6000);
  second = rig_take_report(rig, "cloud");
  g_assert_cmpstr(second->events[0].id, ==, first->events[0].id);
  g_assert_cmpstr(second->events[0].source, ==, first->events[0].source);
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_wan(rig);
  third = rig_take_report(rig, "cloud");
  g_assert_cmpstr(third->events[0].id, ==, first->events[0].id);
  g_assert_cmpstr(third->events[0].source, ==, first->events[0].source);
  g_assert_cmpstr(third->events[0].data, ==, first->events[0].data);
  rig_answer_report(rig, first, GATEWAY_OK, ""); /* an answer to an earlier life is none */
  g_assert_null(rig_take_report(rig, "cloud"));
}

static void
test_E1_taken_is_gone(void)
{
  g_autoptr(Rig) rig = site(CONFIG);

  take_all(rig);
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_wan(rig);
  rig_pass(rig, 60000);
  g_assert_null(rig_take_report(rig, "cloud"));
}

/* ---- readings and final states ---- */

/* While nobody takes them, of an update's readings only the newest stays; its end stays beside it. */
static void
test_readings_replace_one_another(void)
{
  g_autoptr(Rig) rig = site(CONFIG);
  g_autofree char *token = NULL;
  g_autoptr(GwReport) report = NULL;

  take_all(rig);
  rig_rule(rig, "r", 1, NULL);
  g_clear_pointer(&rig->wan, gw_link_free);
  rig_settle(rig);
  token = rig_download(rig, &TOLD_3, "5");
  rig_assert_column(rig, "upstreams", "name", "cloud", "queued", "1");
  rig_expect_nothing(rig, &TOLD_5, GATEWAY_REASON_NO_RULE); /* the rule is through with everybody */
  rig_assert_column(rig, "upstreams", "name", "cloud", "queued", "2");
  rig_stop_core(rig); /* on disk likewise */
  rig_start_core(rig);
  rig_connect_wan(rig);
  report = rig_take_report(rig, "cloud");
  g_assert_cmpuint(report->n_events, ==, 2);
  g_assert_cmpstr(report->events[0].type, ==, "org.gatewayd.update.downloaded");
  g_assert_cmpstr(report->events[1].type, ==, "org.gatewayd.update.succeeded");
}

static void
succeed(Rig *rig, int i, gint64 firmware)
{
  g_autofree char *name = g_strdup_printf("node-%d", i);
  g_autofree char *version = g_strdup_printf("%d", 5);
  RigAsker old = { .plugin = RIG_TOLD, .node = name, .version = "3" };
  RigAsker now = { .plugin = RIG_TOLD, .node = name, .version = version };
  g_autofree char *token = NULL;

  enter(rig, name);
  rig_push(rig, firmware, name);
  token = rig_download(rig, &old, version);
  rig_expect_nothing(rig, &now, GATEWAY_REASON_NO_RULE); /* the push is over */
}

/* Everything that comes, in order; returns how many final states. */
static guint
drain(Rig *rig, GHashTable *seen)
{
  gint64 last_id = 0;
  guint n_final = 0;

  for (;;) {
    g_autoptr(GwReport) report = NULL;

    rig_pass(rig, 1000);
    report = rig_take_report(rig, "cloud");
    if (!report)
      return n_final;
    for (guint32 i = 0; i < report->n_events; i++) {
      const GwReportEvent *event = &report->events[i];

      g_assert_cmpint(id_of(event), >, last_id);
      last_id = id_of(event);
      if (strcmp(event->type, "org.gatewayd.update.succeeded") != 0)
        continue;
      g_hash_table_insert(seen, member(event, "node"), g_strdup(event->time));
      n_final++;
    }
    rig_answer_report(rig, report, GATEWAY_OK, "");
  }
}

/* More happens than the outbox holds: what says no end goes first, and no end is lost. */
static void
test_E3_bounded(void)
{
  g_autoptr(Rig) rig = site("[limits]\noutbox=16\n" CONFIG);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_autofree char *queued = NULL;

  take_all(rig);
  g_clear_pointer(&rig->wan, gw_link_free);
  rig_settle(rig);
  for (int i = 0; i < 10; i++)
    succeed(rig, i, 1);
  rig_stop_core(rig);
  rig_start_core(rig);
  queued = rig_column(rig, "upstreams", "name", "cloud", "queued");
  g_assert_cmpint(g_ascii_strtoll(queued, NULL, 10), >=, 10);
  g_assert_cmpint(g_ascii_strtoll(queued, NULL, 10), <=, 16);
  rig_connect_wan(rig);
  g_assert_cmpuint(drain(rig, seen), ==, 10);
  rig_assert_column(rig, "upstreams", "name", "cloud", "queued", "0");
}

/* The image of firmware 5, as a worker gets it. */
static void
assert_served(Rig *rig)
{
  guint32 serial = gw_link_next_serial(rig->lan);
  GW_AUTO_FD int image_fd = rig_image(5001, '5');
  GwBlobMessage wanted = { 0 };
  g_autoptr(RigMessage) reply = NULL;
  g_autofree char *image = NULL, *served = NULL;
  gsize size = 0, n_served = 0;

  g_assert_true(gw_fd_read(image_fd, 10000, &image, &size, NULL));
  gw_sha256(image, size, wanted.sha256);
  gw_link_send(rig->lan, GW_MESSAGE_OPEN, serial, gw_blob_pack(&wanted), NULL, 0);
  reply = rig_take_reply(rig, GW_MESSAGE_BLOB, serial);
  g_assert_cmpint(reply->fd, >=, 0);
  g_assert_true(gw_fd_read(reply->fd, 10000, &served, &n_served, NULL));
  g_assert_cmpmem(served, n_served, image, size);
}

/* The cloud is away for thirty days while nodes are updated; the WAN worker says so every time. */
static void
test_C4_a_month_offline(void)
{
  g_autoptr(Rig) rig = site(CONFIG);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr(GPtrArray) times = g_ptr_array_new_with_free_func(g_free);

  take_all(rig);
  for (int day = 0; day < 30; day += 3) {
    g_autoptr(GwReport) report = NULL;

    rig_pass(rig, 3 * RIG_DAY_MS);
    report = rig_take_report(rig, "cloud");
    if (report)
      rig_answer_report(rig, report, GATEWAY_FAILED_RETRY, "no route to host");
    g_ptr_array_add(times, gw_clock_format(rig->wall_ms));
    succeed(rig, day, 1);
    assert_served(rig);
    if (day == 15) { /* a power cut in the middle of it */
      rig_stop_core(rig);
      rig_start_core(rig);
      rig_connect_lan(rig);
      rig_connect_wan(rig);
    }
  }
  rig_pass(rig, HOUR_MS);
  g_assert_cmpuint(drain(rig, seen), ==, 10);
  for (int day = 0; day < 30; day += 3) {
    g_autofree char *node = g_strdup_printf("node-%d", day);

    g_assert_cmpstr(g_hash_table_lookup(seen, node), ==, times->pdata[day / 3]);
  }
}

/* ---- outboxes come and go ---- */

static void
restart_with(Rig *rig, const char *config)
{
  rig_stop_core(rig);
  g_free(rig->config);
  rig->config = g_strdup(config);
  rig_start_core(rig);
  rig_settle(rig);
}

static void
assert_problem(Rig *rig, const char *text)
{
  g_autoptr(GVariant) problems = g_variant_ref_sink(gw_problems_variant(rig->core));
  g_autofree const char **texts = g_variant_get_strv(problems, NULL);

  for (const char **one = texts; *one; one++)
    if (strstr(*one, text))
      return;
  g_error("no problem says \"%s\"", text);
}

static void
test_configured_away(void)
{
  g_autoptr(Rig) rig = site(CONFIG);

  take_all(rig);
  g_clear_pointer(&rig->wan, gw_link_free);
  enter(rig, "m");
  rig_assert_column(rig, "upstreams", "name", "cloud", "queued", "1");
  restart_with(rig, "");
  restart_with(rig, CONFIG);
  rig_assert_column(rig, "upstreams", "name", "cloud", "queued", "0");
}

/* How an update ended is kept when its upstream goes: for an operator, and for the upstream when it returns.
 */
static void
test_E1_final_states_outlive_the_configuration(void)
{
  g_autoptr(Rig) rig = site(CONFIG);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

  take_all(rig);
  g_clear_pointer(&rig->wan, gw_link_free);
  succeed(rig, 0, 1);
  restart_with(rig, "");
  g_assert_cmpuint(rig_count_events(rig, "upstream.gone"), ==, 1);
  rig_assert_column(rig, "deadletters", "upstream", "cloud", "type", "update.succeeded");
  assert_problem(rig, "cloud is not configured any more, and 1 events wait");
  restart_with(rig, "");
  g_assert_cmpuint(rig_count_events(rig, "upstream.gone"), ==, 1);
  restart_with(rig, CONFIG);
  rig_assert_column(rig, "upstreams", "name", "cloud", "refused", "0");
  rig_connect_wan(rig);
  g_assert_cmpuint(drain(rig, seen), ==, 1);
}

/* While the worker is away everything is kept; an upstream that turns out not to report costs nothing. */
static void
test_worker_away(void)
{
  g_autoptr(Rig) rig = site("[upstream quiet]\ntype=fake-quiet\nevents=node.set\n");

  rig_stop_core(rig);
  rig_start_core(rig);
  enter(rig, "m");
  rig_assert_column(rig, "upstreams", "name", "quiet", "queued", "1");
  rig_connect_wan(rig);
  rig_assert_column(rig, "upstreams", "name", "quiet", "queued", "0");
  g_assert_null(rig_take(rig, FALSE, GW_MESSAGE_REPORT));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/relay/reported", test_reported);
  g_test_add_func("/control/relay/update-names-what-it-is-about", test_update_names_what_it_is_about);
  g_test_add_func("/control/relay/rate", test_rate);
  g_test_add_func("/promise/E2/retried", test_E2_retried);
  g_test_add_func("/promise/E2/retry-after", test_E2_retry_after);
  g_test_add_func("/promise/E2/dead-letter", test_E2_dead_letter);
  g_test_add_func("/promise/E1/repeated", test_E1_repeated);
  g_test_add_func("/promise/E1/taken-is-gone", test_E1_taken_is_gone);
  g_test_add_func("/control/relay/readings-replace-one-another", test_readings_replace_one_another);
  g_test_add_func("/promise/E3/bounded", test_E3_bounded);
  g_test_add_func("/promise/C4/a-month-offline", test_C4_a_month_offline);
  g_test_add_func("/control/relay/configured-away", test_configured_away);
  g_test_add_func("/promise/E1/final-states-outlive-the-configuration",
                  test_E1_final_states_outlive_the_configuration);
  g_test_add_func("/control/relay/worker-away", test_worker_away);
  return g_test_run();
}
