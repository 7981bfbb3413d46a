/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inference of silent makes: one that polls every minute (3 requests, 30 s apart, 5 min without bytes) and
 * one that asks once a day (1 request, 30 min). */
#include "model/inference.h"

#define SECOND ((gint64)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const GwInferenceRule poller = {
  .requests = 3, .apart_ms = 30 * SECOND, .bytes_ms = 5 * MINUTE, .not_back_ms = 7 * DAY
};
static const GwInferenceRule daily = {
  .requests = 1, .apart_ms = 0, .bytes_ms = 30 * MINUTE, .not_back_ms = 7 * DAY
};

static void
test_poller_succeeds(void)
{
  GwInference inference = { 0 };
  gw_inference_start(&inference, 1000 * SECOND);
  for (int i = 1; i <= 3; i++) {
    gw_inference_metadata(&inference, &poller, 1000 * SECOND + i * MINUTE);
    g_assert_cmpint(gw_inference_tick(&inference, &poller, 1000 * SECOND + i * MINUTE), ==,
                    GW_INFERENCE_OPEN);
  }
  gint64 due_ms = 1000 * SECOND + 3 * MINUTE + 5 * MINUTE;
  g_assert_cmpint(gw_inference_next_ms(&inference, &poller), ==, due_ms);
  g_assert_cmpint(gw_inference_tick(&inference, &poller, due_ms - 1), ==, GW_INFERENCE_OPEN);
  g_assert_cmpint(gw_inference_tick(&inference, &poller, due_ms), ==, GW_INFERENCE_SUCCEEDED);
  g_assert_false(inference.is_open);
  g_assert_cmpint(gw_inference_tick(&inference, &poller, due_ms + DAY), ==, GW_INFERENCE_OPEN);
  g_assert_cmpint(gw_inference_next_ms(&inference, &poller), ==, G_MAXINT64);
}

/* It goes on polling: the wait runs from the third request that counted, not from the latest. */
static void
test_polling_on_does_not_push_the_end_away(void)
{
  GwInference inference = { 0 };
  gw_inference_start(&inference, 0);
  gint64 now_ms = 0;
  GwInferenceVerdict verdict = GW_INFERENCE_OPEN;
  while (verdict == GW_INFERENCE_OPEN && now_ms < DAY) {
    now_ms += MINUTE;
    gw_inference_metadata(&inference, &poller, now_ms);
    verdict = gw_inference_tick(&inference, &poller, now_ms);
  }
  g_assert_cmpint(verdict, ==, GW_INFERENCE_SUCCEEDED);
  g_assert_cmpint(now_ms, ==, 8 * MINUTE);
}

static void
test_hasty_requests_do_not_count(void)
{
  GwInference inference = { 0 };
  gw_inference_start(&inference, 0);
  for (int i = 1; i <= 29; i++)
    gw_inference_metadata(&inference, &poller, i * SECOND);
  g_assert_cmpuint(inference.n_counted, ==, 1);
  gw_inference_metadata(&inference, &poller, 31 * SECOND - 1);
  g_assert_cmpuint(inference.n_counted, ==, 1);
  gw_inference_metadata(&inference, &poller, 31 * SECOND);
  g_assert_cmpuint(inference.n_counted, ==, 2);
}

static void
test_two_of_three_are_not_enough(void)
{
  GwInference inference = { 0 };
  gw_inference_start(&inference, 0);
  gw_inference_metadata(&inference, &poller, MINUTE);
  gw_inference_metadata(&inference, &poller, 2 * MINUTE);
  g_assert_cmpint(gw_inference_tick(&inference, &poller, 6 * DAY), ==, GW_INFERENCE_OPEN);
  g_assert_cmpint(gw_inference_next_ms(&inference, &poller), ==, 2 * MINUTE + 7 * DAY);
  g_assert_cmpint(gw_inference_tick(&inference, &poller, 2 * MINUTE + 7 * DAY), ==, GW_INFERENCE_NOT_BACK);
}

static void
test_bytes_asked_again_is_a_failure(void)
{
  for (int n_requests = 0; n_requests <= 4; n_requests++) {
    GwInference inference = { 0 };
    gw_inference_start(&inference, 0);
    for (int i = 1; i <= n_requests; i++)
      gw_inference_metadata(&inference, &poller, i * MINUTE);
    gint64 asked_ms = n_requests * MINUTE + 5 * MINUTE - 1;
    g_assert_cmpint(gw_inference_tick(&inference, &poller, asked_ms - MINUTE), ==, GW_INFERENCE_OPEN);
    g_assert_cmpint(gw_inference_bytes(&inference, asked_ms), ==, GW_INFERENCE_FAILED);
    g_assert_cmpint(gw_inference_tick(&inference, &poller, 30 * DAY), ==, GW_INFERENCE_OPEN);
  }
}

static void
test_bytes_after_the_end_say_nothing(void)
{
  GwInference inference = { 0 };
  g_assert_cmpint(gw_inference_bytes(&inference, 5), ==, GW_INFERENCE_OPEN);
  gw_inference_start(&inference, 0);
  gw_inference_metadata(&inference, &daily, HOUR);
  g_assert_cmpint(gw_inference_tick(&inference, &daily, 2 * HOUR), ==, GW_INFERENCE_SUCCEEDED);
  g_assert_cmpint(gw_inference_bytes(&inference, 3 * HOUR), ==, GW_INFERENCE_OPEN);
}

static void
test_daily_succeeds_after_one_request(void)
{
  GwInference inference = { 0 };
  gw_inference_start(&inference, 0);
  gw_inference_metadata(&inference, &daily, DAY);
  g_assert_cmpint(gw_inference_tick(&inference, &daily, DAY + 30 * MINUTE - 1), ==, GW_INFERENCE_OPEN);
  g_assert_cmpint(gw_inference_tick(&inference, &daily, DAY + 30 * MINUTE), ==, GW_INFERENCE_SUCCEEDED);
}

/* Counted from the transfer's end, however long the gateway is up. */
static void
test_silence_is_not_back(void)
{
  GwInference inference = { 0 };
  gw_inference_start(&inference, 30 * DAY);
  g_assert_cmpint(gw_inference_next_ms(&inference, &daily), ==, 37 * DAY);
  g_assert_cmpint(gw_inference_tick(&inference, &daily, 37 * DAY - 1), ==, GW_INFERENCE_OPEN);
  g_assert_cmpint(gw_inference_tick(&inference, &daily, 37 * DAY), ==, GW_INFERENCE_NOT_BACK);
}

static void
test_a_new_attempt_counts_from_nothing(void)
{
  GwInference inference = { 0 };
  gw_inference_start(&inference, 0);
  gw_inference_metadata(&inference, &poller, MINUTE);
  gw_inference_metadata(&inference, &poller, 2 * MINUTE);
  g_assert_cmpint(gw_inference_bytes(&inference, 3 * MINUTE), ==, GW_INFERENCE_FAILED);
  gw_inference_metadata(&inference, &poller, 4 * MINUTE);
  gw_inference_start(&inference, 5 * MINUTE);
  g_assert_cmpuint(inference.n_counted, ==, 0);
  gw_inference_metadata(&inference, &poller, 4 * MINUTE); /* told late: it was before this transfer's end */
  g_assert_cmpuint(inference.n_counted, ==, 0);
}

/* Stored as ages and loaded after a reboot, when the boot clock is younger than the transfer. */
static void
test_times_before_this_boot(void)
{
  GwInference inference = { .is_open = TRUE, .n_counted = 2, .started_boot_ms = -HOUR };
  inference.last_boot_ms = -50 * MINUTE;
  gw_inference_metadata(&inference, &poller, 10 * SECOND);
  g_assert_cmpuint(inference.n_counted, ==, 3);
  g_assert_cmpint(gw_inference_tick(&inference, &poller, 10 * SECOND + 5 * MINUTE), ==,
                  GW_INFERENCE_SUCCEEDED);
}

/* While nobody listened the node may have asked for bytes in vain. */
static void
test_a_gap_proves_nothing(void)
{
  GwInference inference = { 0 };
  gw_inference_start(&inference, 0);
  gw_inference_metadata(&inference, &daily, HOUR);
  gw_inference_gap(&inference);
  g_assert_cmpint(gw_inference_tick(&inference, &daily, 2 * HOUR), ==, GW_INFERENCE_OPEN);
  g_assert_cmpint(gw_inference_next_ms(&inference, &daily), ==, HOUR + 7 * DAY);
  gw_inference_metadata(&inference, &daily, DAY);
  g_assert_cmpint(gw_inference_tick(&inference, &daily, DAY + 30 * MINUTE), ==, GW_INFERENCE_SUCCEEDED);

  gw_inference_start(&inference, 0);
  gw_inference_gap(&inference);
  g_assert_cmpint(gw_inference_next_ms(&inference, &daily), ==, 7 * DAY);
}

static void
test_no_rule_infers_without_a_sign_of_life(void)
{
  const GwInferenceRule careless = { .requests = 0, .bytes_ms = MINUTE, .not_back_ms = DAY };
  GwInference inference = { 0 };
  gw_inference_start(&inference, 0);
  g_assert_cmpint(gw_inference_tick(&inference, &careless, DAY), ==, GW_INFERENCE_NOT_BACK);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/inference/poller-succeeds", test_poller_succeeds);
  g_test_add_func("/inference/polling-on-does-not-push-the-end-away",
                  test_polling_on_does_not_push_the_end_away);
  g_test_add_func("/inference/hasty-requests-do-not-count", test_hasty_requests_do_not_count);
  g_test_add_func("/inference/two-of-three-are-not-enough", test_two_of_three_are_not_enough);
  g_test_add_func("/inference/bytes-asked-again-is-a-failure", test_bytes_asked_again_is_a_failure);
  g_test_add_func("/inference/bytes-after-the-end-say-nothing", test_bytes_after_the_end_say_nothing);
  g_test_add_func("/inference/daily-succeeds-after-one-request", test_daily_succeeds_after_one_request);
  g_test_add_func("/inference/silence-is-not-back", test_silence_is_not_back);
  g_test_add_func("/inference/a-new-attempt-counts-from-nothing", test_a_new_attempt_counts_from_nothing);
  g_test_add_func("/inference/times-before-this-boot", test_times_before_this_boot);
  g_test_add_func("/inference/a-gap-proves-nothing", test_a_gap_proves_nothing);
  g_test_add_func("/inference/no-rule-infers-without-a-sign-of-life",
                  test_no_rule_infers_without_a_sign_of_life);
  return g_test_run();
}
