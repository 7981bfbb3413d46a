/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state machine of an update: every pair, what no path may do, and the stories it was made for. */
#include "model/update.h"

#define FOR_EACH_CASE(state, fact, silent)                                                                   \
  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state <= GW_N_UPDATE_STATES; state++)                      \
    for (GwFact fact = GW_FACT_OFFERED; fact <= GW_N_FACTS; fact++)                                          \
      for (int silent = 0; silent <= 1; silent++)

static gboolean
has_all_bytes(GwUpdateState state)
{
  return state == GW_UPDATE_DOWNLOADED || state == GW_UPDATE_INSTALLING || state == GW_UPDATE_REPORTED;
}

static void
test_every_pair_is_defined(void)
{
  guint n_ignored = 0, n_cases = 0;
  FOR_EACH_CASE(state, fact, silent)
  {
    GwTransition step = gw_update_next(state, fact, silent);
    g_assert_cmpint(step.next, >=, GW_UPDATE_SCHEDULED);
    g_assert_cmpint(step.next, <=, GW_N_UPDATE_STATES);
    if (step.is_ignored) {
      g_assert_cmpint(step.next, ==, state);
      g_assert_false(step.is_attempt_failed);
    }
    n_ignored += step.is_ignored;
    n_cases++;
  }
  g_assert_cmpuint(n_cases, ==, GW_N_UPDATE_STATES * GW_N_FACTS * 2);
  g_assert_cmpuint(n_ignored, <, n_cases);
}

static void
test_nonsense_is_ignored(void)
{
  g_assert_true(gw_update_next(0, GW_FACT_HEARD_TARGET, FALSE).is_ignored);
  g_assert_true(gw_update_next(GW_UPDATE_OFFERED, 0, FALSE).is_ignored);
  g_assert_true(gw_update_next(GW_UPDATE_OFFERED, GW_N_FACTS + 1, FALSE).is_ignored);
  g_assert_true(gw_update_next(GW_N_UPDATE_STATES + 1, GW_FACT_OFFERED, TRUE).is_ignored);
}

static void
test_which_states_are_ended(void)
{
  const GwUpdateState open[] = { GW_UPDATE_SCHEDULED,  GW_UPDATE_OFFERED,    GW_UPDATE_DOWNLOADING,
                                 GW_UPDATE_DOWNLOADED, GW_UPDATE_INSTALLING, GW_UPDATE_REPORTED };
  const GwUpdateState ended[] = { GW_UPDATE_SUCCEEDED, GW_UPDATE_FAILED,     GW_UPDATE_REFUSED,
                                  GW_UPDATE_CANCELLED, GW_UPDATE_SUPERSEDED, GW_UPDATE_EXPIRED };
  for (gsize i = 0; i < G_N_ELEMENTS(open); i++)
    g_assert_false(gw_update_state_is_final(open[i]));
  for (gsize i = 0; i < G_N_ELEMENTS(ended); i++)
    g_assert_true(gw_update_state_is_final(ended[i]));
  g_assert_cmpuint(G_N_ELEMENTS(open) + G_N_ELEMENTS(ended), ==, GW_N_UPDATE_STATES);
}

/* The end of the back-off changes nothing, but belongs in the history. */
static void
test_a_retry_is_recorded(void)
{
  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state <= GW_N_UPDATE_STATES; state++) {
    GwTransition step = gw_update_next(state, GW_FACT_RETRY, FALSE);
    g_assert_cmpint(step.next, ==, state);
    g_assert_cmpint(step.is_ignored, ==, state != GW_UPDATE_SCHEDULED);
  }
}

/* Each state that claims something is entered by the one fact that shows it. */
static void
test_states_are_entered_by_their_own_fact(void)
{
  FOR_EACH_CASE(state, fact, silent)
  {
    GwUpdateState next = gw_update_next(state, fact, silent).next;
    if (next == state)
      continue;
    if (next == GW_UPDATE_DOWNLOADED)
      g_assert_cmpint(fact, ==, GW_FACT_ALL_SENT);
    if (next == GW_UPDATE_INSTALLING)
      g_assert_cmpint(fact, ==, GW_FACT_TOLD_INSTALLING);
    if (next == GW_UPDATE_REPORTED)
      g_assert_cmpint(fact, ==, GW_FACT_TOLD_SUCCEEDED);
    if (next == GW_UPDATE_REFUSED)
      g_assert_cmpint(fact, ==, GW_FACT_TOLD_REFUSED);
    if (next == GW_UPDATE_CANCELLED)
      g_assert_cmpint(fact, ==, GW_FACT_CANCELLED);
    if (next == GW_UPDATE_SUPERSEDED)
      g_assert_cmpint(fact, ==, GW_FACT_SUPERSEDED);
    if (next == GW_UPDATE_EXPIRED)
      g_assert_cmpint(fact, ==, GW_FACT_EXPIRED);
  }
}

static void
test_success_is_heard_or_inferred(void)
{
  FOR_EACH_CASE(state, fact, silent)
  {
    GwTransition step = gw_update_next(state, fact, silent);
    if (step.next != GW_UPDATE_SUCCEEDED || state == GW_UPDATE_SUCCEEDED)
      continue;
    gboolean is_heard = fact == GW_FACT_HEARD_TARGET;
    gboolean is_inferred = fact == GW_FACT_INFERRED && silent && has_all_bytes(state);
    g_assert_true(is_heard || is_inferred);
  }
  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state < GW_UPDATE_SUCCEEDED; state++)
    for (int silent = 0; silent <= 1; silent++)
      g_assert_cmpint(gw_update_next(state, GW_FACT_HEARD_TARGET, silent).next, ==, GW_UPDATE_SUCCEEDED);
}

static void
test_ended_states_stay(void)
{
  FOR_EACH_CASE(state, fact, silent)
  {
    if (!gw_update_state_is_final(state))
      continue;
    GwTransition step = gw_update_next(state, fact, silent);
    gboolean is_late_success =
        fact == GW_FACT_HEARD_TARGET && (state == GW_UPDATE_FAILED || state == GW_UPDATE_EXPIRED);
    if (is_late_success)
      g_assert_cmpint(step.next, ==, GW_UPDATE_SUCCEEDED);
    else
      g_assert_true(step.is_ignored);
  }
}

/* The same fact twice is the same as once: at-least-once delivery counts nothing double. */
static void
test_duplicates_count_once(void)
{
  FOR_EACH_CASE(state, fact, silent)
  {
    GwTransition once = gw_update_next(state, fact, silent);
    GwTransition twice = gw_update_next(once.next, fact, silent);
    g_assert_cmpint(twice.next, ==, once.next);
    g_assert_false(twice.is_attempt_failed);
  }
}

static void
test_failed_attempts_can_be_given_up(void)
{
  guint n_failing = 0;
  FOR_EACH_CASE(state, fact, silent)
  {
    GwTransition step = gw_update_next(state, fact, silent);
    if (!step.is_attempt_failed)
      continue;
    n_failing++;
    g_assert_false(gw_update_state_is_final(step.next));
    g_assert_cmpint(gw_update_next(step.next, GW_FACT_GAVE_UP, silent).next, ==, GW_UPDATE_FAILED);
  }
  g_assert_cmpuint(n_failing, >, 0);
}

static void
test_operators_can_end_every_open_update(void)
{
  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state < GW_UPDATE_SUCCEEDED; state++)
    for (int silent = 0; silent <= 1; silent++) {
      g_assert_cmpint(gw_update_next(state, GW_FACT_CANCELLED, silent).next, ==, GW_UPDATE_CANCELLED);
      g_assert_cmpint(gw_update_next(state, GW_FACT_SUPERSEDED, silent).next, ==, GW_UPDATE_SUPERSEDED);
    }
}

/* One step further from the states in @seen by all facts but two. */
static guint
step_from(guint seen, GwFact without, GwFact or_without, gboolean is_silent)
{
  guint next = seen;
  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state <= GW_N_UPDATE_STATES; state++)
    for (GwFact fact = GW_FACT_OFFERED; fact <= GW_N_FACTS; fact++)
      if (seen & (1u << state) && fact != without && fact != or_without)
        next |= 1u << gw_update_next(state, fact, is_silent).next;
  return next;
}

/* All states that can be reached from scheduled when two facts never happen; 0 = none. */
static guint
reachable(GwFact without, GwFact or_without, gboolean is_silent)
{
  guint seen = 0, next = 1u << GW_UPDATE_SCHEDULED;
  while (next != seen) {
    seen = next;
    next = step_from(seen, without, or_without, is_silent);
  }
  return seen;
}

static void
test_no_path_to_an_unproven_success(void)
{
  const guint succeeded = 1u << GW_UPDATE_SUCCEEDED, downloaded = 1u << GW_UPDATE_DOWNLOADED;
  const guint all = (1u << (GW_N_UPDATE_STATES + 1)) - 2;
  g_assert_cmphex(reachable(0, 0, FALSE), ==, all);
  g_assert_cmphex(reachable(0, 0, TRUE), ==, all);
  for (int silent = 0; silent <= 1; silent++) {
    g_assert_cmphex(reachable(GW_FACT_HEARD_TARGET, GW_FACT_INFERRED, silent) & succeeded, ==, 0);
    g_assert_cmphex(reachable(GW_FACT_ALL_SENT, 0, silent) & downloaded, ==, 0);
  }
  /* a silent make without a complete transfer, and a talking one that is never heard */
  g_assert_cmphex(reachable(GW_FACT_HEARD_TARGET, GW_FACT_ALL_SENT, TRUE) & succeeded, ==, 0);
  g_assert_cmphex(reachable(GW_FACT_HEARD_TARGET, 0, FALSE) & succeeded, ==, 0);
}

typedef struct {
  gboolean was_heard, was_inferred, has_all_bytes;
} Truth;

static void
walk_step(GwUpdateState *state, GwFact fact, gboolean is_silent, Truth *truth)
{
  GwTransition step = gw_update_next(*state, fact, is_silent);
  truth->was_heard = truth->was_heard || fact == GW_FACT_HEARD_TARGET;
  if (fact == GW_FACT_ALL_SENT)
    truth->has_all_bytes = TRUE;
  truth->was_inferred = truth->was_inferred || (fact == GW_FACT_INFERRED && truth->has_all_bytes);
  if (step.next == GW_UPDATE_DOWNLOADED)
    g_assert_true(truth->has_all_bytes);
  if (step.next == GW_UPDATE_SUCCEEDED)
    g_assert_true(truth->was_heard || (is_silent && truth->was_inferred));
  *state = step.next;
}

/* Facts in any order, some twice, some late: what is claimed is always covered by what happened. */
static void
test_random_walks_claim_nothing_untrue(void)
{
  g_autoptr(GRand) chance = g_rand_new_with_seed(20261121);
  guint ends[GW_N_UPDATE_STATES + 1] = { 0 };
  for (guint walk = 0; walk < 50000; walk++) {
    GwUpdateState state = GW_UPDATE_SCHEDULED;
    Truth truth = { 0 };
    GwFact late = GW_FACT_OFFERED;
    gboolean is_silent = g_rand_boolean(chance);
    for (guint i = 0; i < 12; i++) {
      GwFact fact = (GwFact)g_rand_int_range(chance, GW_FACT_OFFERED, GW_FACT_CANCELLED);
      walk_step(&state, fact, is_silent, &truth);
      if (g_rand_int_range(chance, 0, 4) == 0)
        walk_step(&state, fact, is_silent, &truth);
      if (g_rand_int_range(chance, 0, 4) == 0)
        walk_step(&state, late, is_silent, &truth);
      late = fact;
    }
    ends[state]++;
  }
  g_assert_cmpuint(ends[GW_UPDATE_SUCCEEDED], >, 0);
  g_assert_cmpuint(ends[GW_UPDATE_FAILED], >, 0);
  g_assert_cmpuint(ends[GW_UPDATE_DOWNLOADED], >, 0);
}

typedef struct {
  const char *name;
  gboolean is_silent;
  GwUpdateState end;
  guint n_failed;
  GwFact facts[12];
} Story;

/* clang-format off */
static const Story stories[] = {
  {"heard-with-the-new-version", FALSE, GW_UPDATE_SUCCEEDED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_TOLD_INSTALLING, GW_FACT_TOLD_SUCCEEDED,
    GW_FACT_HEARD_TARGET}},
  {"claims-success-and-comes-back-old", FALSE, GW_UPDATE_SCHEDULED, 1,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_TOLD_SUCCEEDED, GW_FACT_HEARD_OLD}},
  {"claims-success-and-is-never-heard", FALSE, GW_UPDATE_FAILED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_TOLD_SUCCEEDED, GW_FACT_NOT_BACK}},
  {"comes-back-with-a-third-version", FALSE, GW_UPDATE_SCHEDULED, 1,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_HEARD_OTHER}},
  {"resumes-many-times", FALSE, GW_UPDATE_DOWNLOADED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_INTERRUPTED, GW_FACT_BYTES_ASKED, GW_FACT_INTERRUPTED,
    GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT}},
  {"interrupted-is-never-downloaded", TRUE, GW_UPDATE_OFFERED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_INTERRUPTED, GW_FACT_INFERRED}},
  {"old-version-while-downloading-is-expected", FALSE, GW_UPDATE_DOWNLOADING, 0,
   {GW_FACT_OFFERED, GW_FACT_HEARD_OLD, GW_FACT_BYTES_ASKED, GW_FACT_HEARD_OLD}},
  {"refuses-the-image", FALSE, GW_UPDATE_REFUSED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_TOLD_REFUSED, GW_FACT_HEARD_TARGET}},
  {"runs-it-already", FALSE, GW_UPDATE_SUCCEEDED, 0, {GW_FACT_HEARD_TARGET}},
  {"late-success-after-failure", FALSE, GW_UPDATE_SUCCEEDED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_NOT_BACK, GW_FACT_HEARD_TARGET}},
  {"late-success-after-expiry", FALSE, GW_UPDATE_SUCCEEDED, 0,
   {GW_FACT_OFFERED, GW_FACT_EXPIRED, GW_FACT_HEARD_TARGET}},
  {"a-claim-is-no-late-success", FALSE, GW_UPDATE_FAILED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_NOT_BACK, GW_FACT_TOLD_SUCCEEDED}},
  {"cancelled-stays-cancelled", FALSE, GW_UPDATE_CANCELLED, 0,
   {GW_FACT_OFFERED, GW_FACT_CANCELLED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_HEARD_TARGET}},
  {"rule-ends-while-downloading", FALSE, GW_UPDATE_DOWNLOADED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_EXPIRED, GW_FACT_ALL_SENT}},
  {"stalled-then-complete-after-all", FALSE, GW_UPDATE_DOWNLOADED, 1,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_STALLED, GW_FACT_RETRY, GW_FACT_ALL_SENT}},
  {"cannot-be-worded", FALSE, GW_UPDATE_FAILED, 1,
   {GW_FACT_OFFERED, GW_FACT_OFFER_UNDONE, GW_FACT_GAVE_UP}},
  {"silent-and-inferred", TRUE, GW_UPDATE_SUCCEEDED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_OFFERED, GW_FACT_OFFERED, GW_FACT_INFERRED}},
  {"silent-and-loops", TRUE, GW_UPDATE_FAILED, 3,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_BYTES_AGAIN, GW_FACT_ALL_SENT,
    GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_BYTES_AGAIN, GW_FACT_GAVE_UP, GW_FACT_ALL_SENT,
    GW_FACT_INFERRED}},
  {"silent-and-dies-after-the-last-byte", TRUE, GW_UPDATE_FAILED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_NOT_BACK, GW_FACT_INFERRED}},
  {"silent-claim-without-bytes-is-nothing", TRUE, GW_UPDATE_OFFERED, 0,
   {GW_FACT_OFFERED, GW_FACT_TOLD_SUCCEEDED, GW_FACT_TOLD_INSTALLING, GW_FACT_INFERRED}},
  {"talking-is-never-inferred", FALSE, GW_UPDATE_DOWNLOADED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_INFERRED}},
  {"talking-reads-again-without-blame", FALSE, GW_UPDATE_DOWNLOADED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT}},
  {"withdrawn-before-proof", TRUE, GW_UPDATE_CANCELLED, 0,
   {GW_FACT_OFFERED, GW_FACT_BYTES_ASKED, GW_FACT_ALL_SENT, GW_FACT_CANCELLED, GW_FACT_INFERRED}},
};
/* clang-format on */

static void
test_story(gconstpointer data)
{
  const Story *story = data;
  GwUpdateState state = GW_UPDATE_SCHEDULED;
  guint n_failed = 0;
  for (guint i = 0; i < G_N_ELEMENTS(story->facts) && story->facts[i]; i++) {
    GwTransition step = gw_update_next(state, story->facts[i], story->is_silent);
    n_failed += step.is_attempt_failed;
    state = step.next;
  }
  g_assert_cmpstr(gw_update_state_name(state), ==, gw_update_state_name(story->end));
  g_assert_cmpuint(n_failed, ==, story->n_failed);
}

static void
test_names(void)
{
  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state <= GW_N_UPDATE_STATES; state++) {
    GwUpdateState parsed = 0;
    g_assert_true(gw_update_state_parse(gw_update_state_name(state), &parsed));
    g_assert_cmpint(parsed, ==, state);
  }
  GwUpdateState untouched = GW_UPDATE_FAILED;
  g_assert_false(gw_update_state_parse("none", &untouched));
  g_assert_false(gw_update_state_parse("", &untouched));
  g_assert_cmpint(untouched, ==, GW_UPDATE_FAILED);
  g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
  for (GwFact fact = GW_FACT_OFFERED; fact <= GW_N_FACTS; fact++)
    g_assert_true(g_hash_table_add(names, (gpointer)gw_fact_name(fact)));
  g_assert_false(g_hash_table_contains(names, "none"));
}

static void
check_number(gint64 id)
{
  gint32 number = gw_update_number(id);
  g_assert_cmpint(number, >, 0);
  g_assert_cmpint(number % 10, !=, 0);
  g_assert_cmpint(gw_update_id(number), ==, id);
}

static void
test_numbers(void)
{
  const gint64 last_id = 1932735283;
  for (gint64 id = 1; id < 10000; id++) {
    check_number(id);
    g_assert_cmpint(gw_update_number(id), <, gw_update_number(id + 1));
  }
  check_number(last_id);
  g_assert_cmpint(gw_update_number(last_id), ==, G_MAXINT32);
  g_assert_cmpint(gw_update_number(last_id + 1), ==, 0);
  g_assert_cmpint(gw_update_number(0), ==, 0);
  g_assert_cmpint(gw_update_number(-5), ==, 0);
  g_assert_cmpint(gw_update_id(0), ==, 0);
  g_assert_cmpint(gw_update_id(-11), ==, 0);
  g_assert_cmpint(gw_update_id(20), ==, 0);
}

static void
test_backoff(void)
{
  const gint64 hour_ms = 3600 * 1000, day_ms = 24 * hour_ms;
  g_assert_cmpint(gw_update_backoff_ms(0, hour_ms, day_ms), ==, 0);
  g_assert_cmpint(gw_update_backoff_ms(1, hour_ms, day_ms), ==, hour_ms);
  g_assert_cmpint(gw_update_backoff_ms(2, hour_ms, day_ms), ==, 2 * hour_ms);
  g_assert_cmpint(gw_update_backoff_ms(5, hour_ms, day_ms), ==, 16 * hour_ms);
  g_assert_cmpint(gw_update_backoff_ms(6, hour_ms, day_ms), ==, day_ms);
  g_assert_cmpint(gw_update_backoff_ms(G_MAXUINT, hour_ms, day_ms), ==, day_ms);
  g_assert_cmpint(gw_update_backoff_ms(3, G_MAXINT64, G_MAXINT64), ==, G_MAXINT64);
  g_assert_cmpint(gw_update_backoff_ms(3, 0, day_ms), ==, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/update/every-pair-is-defined", test_every_pair_is_defined);
  g_test_add_func("/update/nonsense-is-ignored", test_nonsense_is_ignored);
  g_test_add_func("/update/which-states-are-ended", test_which_states_are_ended);
  g_test_add_func("/update/a-retry-is-recorded", test_a_retry_is_recorded);
  g_test_add_func("/update/states-are-entered-by-their-own-fact", test_states_are_entered_by_their_own_fact);
  g_test_add_func("/update/success-is-heard-or-inferred", test_success_is_heard_or_inferred);
  g_test_add_func("/update/ended-states-stay", test_ended_states_stay);
  g_test_add_func("/update/duplicates-count-once", test_duplicates_count_once);
  g_test_add_func("/update/failed-attempts-can-be-given-up", test_failed_attempts_can_be_given_up);
  g_test_add_func("/update/operators-can-end-every-open-update", test_operators_can_end_every_open_update);
  g_test_add_func("/update/no-path-to-an-unproven-success", test_no_path_to_an_unproven_success);
  g_test_add_func("/update/random-walks-claim-nothing-untrue", test_random_walks_claim_nothing_untrue);
  for (guint i = 0; i < G_N_ELEMENTS(stories); i++) {
    g_autofree char *path = g_strdup_printf("/update/story/%s", stories[i].name);
    g_test_add_data_func(path, &stories[i], test_story);
  }
  g_test_add_func("/update/names", test_names);
  g_test_add_func("/update/numbers", test_numbers);
  g_test_add_func("/update/backoff", test_backoff);
  return g_test_run();
}
