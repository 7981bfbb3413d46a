/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said of an update: what was heard, what was told, what was not heard; never more than that. */
#include "rig.h"

#include <string.h>

#include "base/error.h"

#define HOUR_MS G_GINT64_CONSTANT(3600000)
#define MINUTE_MS G_GINT64_CONSTANT(60000)

static const RigAsker OLD = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };
static const RigAsker NEW = { .plugin = RIG_TOLD, .node = "n1", .version = "5" };
static const RigAsker THIRD = { .plugin = RIG_TOLD, .node = "n1", .version = "4" };
static const RigAsker SILENT = { .plugin = RIG_SILENT, .node = "n1" };

/* An adopted node that says it runs 3 (or says nothing), and version 5 pushed to it. */
static Rig *
pushed(const RigAsker *node)
{
  Rig *rig = rig_new(NULL);
  gint64 firmware;

  rig_product(rig, "weather", node->plugin);
  firmware = rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, node, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_push(rig, firmware, "n1");
  return rig;
}

static void
assert_state(Rig *rig, const char *state)
{
  rig_assert_column(rig, "updates", "node", "n1", "state", state);
}

static void
test_heard_with_the_new_version(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);

  g_free(rig_download(rig, &OLD, "5"));
  assert_state(rig, "downloaded");
  rig_expect_nothing(rig, &NEW, GATEWAY_REASON_NO_RULE);
  assert_state(rig, "succeeded");
  rig_assert_column(rig, "updates", "node", "n1", "inferred", "false");
  rig_assert_column(rig, "nodes", "id", "n1", "source", "heard");
  rig_assert_column(rig, "rules", "push", "true", "state", "completed");
}

/* Where versions are dotted "1.2" is "1.2.0": by what a node is heard with after its download. */
static void
assert_heard(const char *version, const char *state)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  g_autoptr(GVariant) form =
      g_variant_ref_sink(g_variant_new_parsed("{'plugin': <'" RIG_TOLD "'>, 'scheme': <'dotted'>}"));
  const RigAsker old = { .plugin = RIG_TOLD, .node = "n1", .version = "1.0" };
  const RigAsker later = { .plugin = RIG_TOLD, .node = "n1", .version = version };
  GwAnswer answer;

  rig_run(rig, gw_command_product_set(rig->core, &rig_caller, "weather", form, rig_then()));
  rig_import(rig, "weather", "1.2.0", 5000, 'x');
  rig_expect_nothing(rig, &old, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_push(rig, 1, "n1");
  g_free(rig_download(rig, &old, "1.2.0"));
  answer = rig_ask(rig, &later);
  gw_answer_clear(&answer);
  assert_state(rig, state);
}

static void
test_heard_with_a_version_spelled_otherwise(void)
{
  assert_heard("1.2", "succeeded");
  assert_heard("1.0.0", "scheduled"); /* the attempt failed */
}

/* Its own claim is recorded; what it runs then decides. */
static void
test_claim_is_no_success(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);
  RigAsker teller = { .plugin = RIG_TOLD, .node = "n1" };

  g_free(rig_download(rig, &OLD, "5"));
  g_assert_cmpint(rig_report(rig, &teller, GATEWAY_TELL_SUCCEEDED, ""), ==, GATEWAY_ANSWER_ACCEPTED);
  assert_state(rig, "reported");
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_RETRY_WAIT);
  assert_state(rig, "scheduled");
  rig_assert_column(rig, "updates", "node", "n1", "attempts", "1");
}

static void
test_third_version_is_no_success(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);

  g_free(rig_download(rig, &OLD, "5"));
  rig_expect_nothing(rig, &THIRD, GATEWAY_REASON_RETRY_WAIT);
  assert_state(rig, "scheduled");
}

/* Three attempts, an hour and two hours apart, then it has failed and nothing more is offered. */
static void
test_attempts_and_waits(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);

  for (int attempt = 1; attempt <= 3; attempt++) {
    g_free(rig_download(rig, &OLD, "5"));
    g_assert_cmpint(rig_report(rig, &OLD, GATEWAY_TELL_FAILED, "E7"), ==, GATEWAY_ANSWER_ACCEPTED);
    if (attempt == 3)
      break;
    assert_state(rig, "scheduled");
    rig_pass(rig, attempt * HOUR_MS - MINUTE_MS);
    rig_expect_nothing(rig, &OLD, GATEWAY_REASON_RETRY_WAIT);
    rig_pass(rig, 2 * MINUTE_MS);
  }
  assert_state(rig, "failed");
  rig_assert_column(rig, "updates", "node", "n1", "attempts", "3");
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
  g_assert_cmpint(rig_report(rig, &OLD, GATEWAY_TELL_FAILED, "E7"), ==, GATEWAY_ANSWER_UNKNOWN);
}

static void
test_refused_ends_it(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);

  g_free(rig_download(rig, &OLD, "5"));
  rig_report(rig, &OLD, GATEWAY_TELL_REFUSED, "bad signature");
  assert_state(rig, "refused");
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
}

static void
test_not_heard_again_has_failed(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);

  g_free(rig_download(rig, &OLD, "5"));
  rig_pass(rig, 23 * HOUR_MS);
  assert_state(rig, "downloaded");
  rig_pass(rig, 2 * HOUR_MS);
  assert_state(rig, "failed");
}

/* Heard after all, days later: what had failed is a success, and stays counted as one. */
static void
test_late_success_counts(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);

  g_free(rig_download(rig, &OLD, "5"));
  rig_pass(rig, 3 * RIG_DAY_MS);
  assert_state(rig, "failed");
  rig_expect_nothing(rig, &NEW, GATEWAY_REASON_NO_RULE);
  assert_state(rig, "succeeded");
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE); /* and it is no news that undoes it */
  assert_state(rig, "succeeded");
}

static void
test_stalled(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);
  g_autofree char *token = rig_expect_offer(rig, &OLD, "5");

  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_pass(rig, 14 * MINUTE_MS);
  assert_state(rig, "downloading");
  rig_pass(rig, 2 * MINUTE_MS);
  assert_state(rig, "scheduled");
  rig_assert_column(rig, "updates", "node", "n1", "attempts", "1");
}

static void
test_offered_and_never_asked(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);

  g_free(rig_expect_offer(rig, &OLD, "5"));
  rig_pass(rig, 29 * RIG_DAY_MS);
  assert_state(rig, "offered");
  rig_pass(rig, 2 * RIG_DAY_MS);
  assert_state(rig, "expired");
}

static void
test_interrupted_may_resume(void)
{
  g_autoptr(Rig) rig = pushed(&OLD);
  g_autofree char *token = rig_expect_offer(rig, &OLD, "5");
  g_autofree char *again = NULL;

  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_tell(rig, GW_TOLD_INTERRUPTED, token, 1234);
  assert_state(rig, "offered");
  rig_assert_column(rig, "updates", "node", "n1", "acked", "1234");
  rig_assert_column(rig, "updates", "node", "n1", "attempts", "0");
  again = rig_expect_offer(rig, &OLD, "5");
  g_assert_cmpstr(again, ==, token);
  rig_assert_column(rig, "nodes", "id", "n1", "needs-power-cycle", "false");
}

/* ---- silent makes ---- */

static void
test_bytes_again_are_a_failed_attempt(void)
{
  g_autoptr(Rig) rig = pushed(&SILENT);
  g_autofree char *token = rig_download(rig, &SILENT, "5");
  RigAsker bytes = { .plugin = RIG_SILENT, .token = token };
  GwAnswer answer;

  for (int attempt = 1; attempt <= 2; attempt++) {
    g_autofree char *text = g_strdup_printf("%d", attempt);

    rig_pass(rig, 40000);
    g_free(rig_expect_offer(rig, &SILENT, "5"));
    answer = rig_ask_bytes(rig, &bytes);
    g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES);
    g_assert_cmpint(answer.until_boot_ms, ==, 0); /* each of them is evidence */
    gw_answer_clear(&answer);
    rig_assert_column(rig, "updates", "node", "n1", "attempts", text);
    rig_tell(rig, GW_TOLD_BEGUN, token, 0);
    rig_tell(rig, GW_TOLD_COMPLETE, token, 5000);
    assert_state(rig, "downloaded");
  }
  /* the third: it has failed, and is served all the same, for it was given the metadata */
  g_free(rig_expect_offer(rig, &SILENT, "5"));
  answer = rig_ask_bytes(rig, &bytes);
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES);
  gw_answer_clear(&answer);
  assert_state(rig, "failed");
  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_tell(rig, GW_TOLD_COMPLETE, token, 5000);
  assert_state(rig, "failed");
  rig_expect_nothing(rig, &SILENT, GATEWAY_REASON_NO_RULE);
  answer = rig_ask_bytes(rig, &bytes);
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_UNKNOWN);
  gw_answer_clear(&answer);
}

/* It dies after the last byte: nothing is ever inferred from silence. */
static void
test_silence_is_no_success(void)
{
  g_autoptr(Rig) rig = pushed(&SILENT);

  g_free(rig_download(rig, &SILENT, "5"));
  rig_pass(rig, 6 * RIG_DAY_MS);
  assert_state(rig, "downloaded");
  rig_pass(rig, 2 * RIG_DAY_MS);
  assert_state(rig, "failed");
  g_assert_cmpuint(rig_count_events(rig, "update.succeeded"), ==, 0);
}

/* Two requests are not three; three within a minute are one and a half. */
static void
test_requests_count_only_apart(void)
{
  g_autoptr(Rig) rig = pushed(&SILENT);

  g_free(rig_download(rig, &SILENT, "5"));
  for (int i = 0; i < 20; i++) {
    g_free(rig_expect_offer(rig, &SILENT, "5"));
    rig_pass(rig, 2000);
  }
  rig_pass(rig, 10 * MINUTE_MS);
  assert_state(rig, "downloaded");
  g_free(rig_expect_offer(rig, &SILENT, "5"));
  rig_pass(rig, 6 * MINUTE_MS);
  assert_state(rig, "succeeded");
}

static void
test_broken_never_cut_needs_a_power_cycle(void)
{
  g_autoptr(Rig) rig = pushed(&SILENT);
  g_autofree char *token = rig_expect_offer(rig, &SILENT, "5");
  g_autofree char *lines = NULL;

  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_tell(rig, GW_TOLD_INTERRUPTED, token, 1000);
  rig_assert_column(rig, "nodes", "id", "n1", "needs-power-cycle", "true");
  lines = rig_explain(rig, "n1");
  g_assert_nonnull(strstr(lines, "power cycle"));
  g_free(rig_expect_offer(rig, &SILENT, "5")); /* it was reset, and asks again */
  rig_assert_column(rig, "nodes", "id", "n1", "needs-power-cycle", "false");
}

/* The transport could not word the offer: an attempt, and a reason that the operator sees. */
static void
test_undone_offer(void)
{
  g_autoptr(Rig) rig = pushed(&SILENT);
  g_autofree char *token = rig_expect_offer(rig, &SILENT, "5");
  g_autofree char *reason = NULL;

  rig_tell(rig, GW_TOLD_UNDONE, token, 0);
  assert_state(rig, "scheduled");
  reason = rig_column(rig, "updates", "node", "n1", "reason");
  g_assert_cmpstr(reason, ==, "told by the rig");
}

/* Members of a group are counted, and nothing is said about any of them. */
static void
test_group_is_counted(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const RigAsker member = { .plugin = RIG_SILENT, .node = "meters", .is_group = TRUE };
  g_autofree char *token = NULL, *again = NULL;

  rig_product(rig, "weather", RIG_SILENT);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &member, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "meters", "weather");
  rig_push(rig, 1, "meters");
  token = rig_download(rig, &member, "5");
  again = rig_download(rig, &member, "5");
  g_assert_cmpstr(again, ==, token);
  rig_pass(rig, RIG_DAY_MS);
  g_assert_cmpuint(rig_count_events(rig, "update.downloaded-by-member"), ==, 2);
  g_assert_cmpuint(rig_count_events(rig, "update.succeeded"), ==, 0);
  g_assert_cmpuint(rig_count_events(rig, "update.attempt-failed"), ==, 0);
}

static gint64
grant_of(Rig *rig, const RigAsker *asker)
{
  GwAnswer answer = rig_ask(rig, asker);
  gint64 until_ms = answer.bytes_until_boot_ms;

  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_OFFER);
  gw_answer_clear(&answer);
  return until_ms ? until_ms - rig->boot_ms : 0;
}

/* With a fresh offer its bytes are granted for a moment; never where to ask for them is evidence. That they
 * are complete may be all that is told. */
static void
test_bytes_of_an_offer(void)
{
  g_autoptr(Rig) rig = pushed(&SILENT);
  g_autofree char *token = NULL;

  g_assert_cmpint(grant_of(rig, &SILENT), ==, 60000);
  g_assert_cmpint(grant_of(rig, &SILENT), ==, 60000);
  token = rig_expect_offer(rig, &SILENT, "5");
  rig_tell(rig, GW_TOLD_COMPLETE, token, 5000);
  assert_state(rig, "downloaded");
  g_assert_cmpint(grant_of(rig, &SILENT), ==, 0);
}

static void
expect_bytes(Rig *rig, const RigAsker *asker, int kind)
{
  GwAnswer answer = rig_ask_bytes(rig, asker);

  g_assert_cmpint(answer.kind, ==, kind);
  g_assert_true(kind != GATEWAY_ANSWER_BYTES || answer.is_group);
  gw_answer_clear(&answer);
}

/* Members at once: the group keeps its place until the last is through, and each takes one of its own. */
static void
test_group_at_once(void)
{
  g_autoptr(Rig) rig = rig_new("[limits]\ntransfers=2\n");
  RigAsker member = { .plugin = RIG_TOLD, .node = "meters", .is_group = TRUE };
  g_autofree char *token = NULL;

  rig_product(rig, "weather", RIG_TOLD);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &member, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "meters", "weather");
  rig_push(rig, 1, "meters");
  token = rig_expect_offer(rig, &member, "5");
  member.token = token;
  expect_bytes(rig, &member, GATEWAY_ANSWER_BYTES);
  rig_tell_of_group(rig, GW_TOLD_BEGUN, token, 0, 1);
  expect_bytes(rig, &member, GATEWAY_ANSWER_BYTES);
  rig_tell_of_group(rig, GW_TOLD_BEGUN, token, 0, 2);
  expect_bytes(rig, &member, GATEWAY_ANSWER_LATER);
  rig_tell_of_group(rig, GW_TOLD_COMPLETE, token, 5000, 1);
  rig_assert_column(rig, "updates", "node", "meters", "state", "downloading");
  expect_bytes(rig, &member, GATEWAY_ANSWER_BYTES);
  rig_tell_of_group(rig, GW_TOLD_BEGUN, token, 0, 2);
  rig_tell_of_group(rig, GW_TOLD_INTERRUPTED, token, 100, 1);
  rig_assert_column(rig, "updates", "node", "meters", "state", "downloading");
  rig_tell_of_group(rig, GW_TOLD_COMPLETE, token, 5000, 0);
  rig_assert_column(rig, "updates", "node", "meters", "state", "offered");
  g_assert_cmpuint(rig_count_events(rig, "update.downloaded-by-member"), ==, 2);
  expect_bytes(rig, &member, GATEWAY_ANSWER_BYTES);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/outcomes/heard", test_heard_with_the_new_version);
  g_test_add_func("/control/outcomes/heard-spelled-otherwise", test_heard_with_a_version_spelled_otherwise);
  g_test_add_func("/control/outcomes/claim-is-no-success", test_claim_is_no_success);
  g_test_add_func("/control/outcomes/third-version", test_third_version_is_no_success);
  g_test_add_func("/control/outcomes/attempts-and-waits", test_attempts_and_waits);
  g_test_add_func("/control/outcomes/refused", test_refused_ends_it);
  g_test_add_func("/control/outcomes/not-heard-again", test_not_heard_again_has_failed);
  g_test_add_func("/control/outcomes/late-success", test_late_success_counts);
  g_test_add_func("/control/outcomes/stalled", test_stalled);
  g_test_add_func("/control/outcomes/never-asked", test_offered_and_never_asked);
  g_test_add_func("/control/outcomes/interrupted-may-resume", test_interrupted_may_resume);
  g_test_add_func("/control/outcomes/bytes-again", test_bytes_again_are_a_failed_attempt);
  g_test_add_func("/control/outcomes/silence-is-no-success", test_silence_is_no_success);
  g_test_add_func("/control/outcomes/requests-count-only-apart", test_requests_count_only_apart);
  g_test_add_func("/control/outcomes/power-cycle", test_broken_never_cut_needs_a_power_cycle);
  g_test_add_func("/control/outcomes/undone-offer", test_undone_offer);
  g_test_add_func("/control/outcomes/bytes-of-an-offer", test_bytes_of_an_offer);
  g_test_add_func("/control/outcomes/group", test_group_is_counted);
  g_test_add_func("/control/outcomes/group-at-once", test_group_at_once);
  return g_test_run();
}
