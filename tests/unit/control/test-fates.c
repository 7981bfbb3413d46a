/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of a node, told apart: the same silence, the same old version and the same success can mean
 * different things, and the reason says which. Then whole lives by chance, with restarts: what is claimed is
 * always covered by what happened. */
#include "rig.h"

#include <string.h>

#define HOUR_MS G_GINT64_CONSTANT(3600000)

static const RigAsker OLD = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };
static const RigAsker NEW = { .plugin = RIG_TOLD, .node = "n1", .version = "5" };
static const RigAsker THIRD = { .plugin = RIG_TOLD, .node = "n1", .version = "4" };
static const RigAsker MUTE = { .plugin = RIG_TOLD, .node = "n1" };

static Rig *
pushed(void)
{
  Rig *rig = rig_new(NULL);

  rig_product(rig, "weather", RIG_TOLD);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_push(rig, 1, "n1");
  return rig;
}

static void
ask(Rig *rig, const RigAsker *asker)
{
  GwAnswer answer = rig_ask(rig, asker);

  gw_answer_clear(&answer);
}

static void
assert_fate(Rig *rig, const char *state, const char *words)
{
  g_autofree char *reason = NULL;

  rig_assert_column(rig, "updates", "node", "n1", "state", state);
  reason = rig_column(rig, "updates", "node", "n1", "reason");
  g_test_message("%s: %s", state, reason);
  g_assert_nonnull(strstr(reason, words));
}

/* ---- it comes back, and not as it should ---- */

static void
test_success_was_said_and_the_old_version_came_back(void)
{
  g_autoptr(Rig) rig = pushed();

  g_free(rig_download(rig, &OLD, "5"));
  rig_report(rig, &MUTE, GATEWAY_TELL_SUCCEEDED, "");
  ask(rig, &OLD);
  assert_fate(rig, "scheduled", "said that it had succeeded, and came back with its old version 3");
}

static void
test_restarted_in_mid_update(void)
{
  g_autoptr(Rig) rig = pushed();

  g_free(rig_download(rig, &OLD, "5"));
  rig_report(rig, &MUTE, GATEWAY_TELL_INSTALLING, "");
  ask(rig, &OLD);
  assert_fate(rig, "scheduled", "it was installing, and came back with its old version 3");
}

static void
test_nothing_was_said_and_the_old_version_came_back(void)
{
  g_autoptr(Rig) rig = pushed();

  g_free(rig_download(rig, &OLD, "5"));
  ask(rig, &OLD);
  assert_fate(rig, "scheduled", "it had every byte, and came back with its old version 3");
}

static void
test_a_third_version_came_back(void)
{
  g_autoptr(Rig) rig = pushed();

  g_free(rig_download(rig, &OLD, "5"));
  ask(rig, &THIRD);
  assert_fate(rig, "scheduled", "came back with version 4, neither the old one nor 5");
}

/* ---- it does not come back ---- */

static void
test_skipped(void)
{
  g_autoptr(Rig) rig = pushed();

  g_free(rig_expect_offer(rig, &OLD, "5"));
  for (int i = 0; i < 3; i++) {
    rig_pass(rig, 9 * RIG_DAY_MS);
    g_free(rig_expect_offer(rig, &OLD, "5"));
  }
  rig_pass(rig, 4 * RIG_DAY_MS);
  assert_fate(rig, "expired", "skipped");
}

static void
test_offered_and_away(void)
{
  g_autoptr(Rig) rig = pushed();

  g_free(rig_expect_offer(rig, &OLD, "5"));
  rig_pass(rig, 31 * RIG_DAY_MS);
  assert_fate(rig, "expired", "it was offered, and not heard again");
}

static void
test_broke_off_for_good(void)
{
  g_autoptr(Rig) rig = pushed();
  g_autofree char *token = rig_expect_offer(rig, &OLD, "5");

  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_tell(rig, GW_TOLD_INTERRUPTED, token, 1234);
  rig_pass(rig, 31 * RIG_DAY_MS);
  assert_fate(rig, "expired", "broke off");
}

static void
test_claimed_and_away(void)
{
  g_autoptr(Rig) rig = pushed();

  g_free(rig_download(rig, &OLD, "5"));
  rig_report(rig, &MUTE, GATEWAY_TELL_SUCCEEDED, "");
  rig_pass(rig, 25 * HOUR_MS);
  assert_fate(rig, "failed", "it said that it had succeeded, and was not heard again");
}

static void
test_heard_again_without_a_version(void)
{
  g_autoptr(Rig) rig = pushed();

  g_free(rig_download(rig, &OLD, "5"));
  rig_pass(rig, HOUR_MS);
  ask(rig, &MUTE);
  rig_pass(rig, 24 * HOUR_MS);
  assert_fate(rig, "failed", "was heard again, and never said which version");
}

static void
test_late_success_says_so(void)
{
  g_autoptr(Rig) rig = pushed();

  g_free(rig_download(rig, &OLD, "5"));
  rig_pass(rig, 3 * RIG_DAY_MS);
  assert_fate(rig, "failed", "not heard again");
  ask(rig, &NEW);
  assert_fate(rig, "succeeded", "heard running 5 after all (failed before)");
}

/* A word about an update that has ended changes nothing, whatever it says. */
static void
test_stale_word(void)
{
  g_autoptr(Rig) rig = pushed();
  RigAsker late = MUTE;
  g_autofree char *token = rig_download(rig, &OLD, "5");

  rig_report(rig, &MUTE, GATEWAY_TELL_REFUSED, "bad signature");
  assert_fate(rig, "refused", "bad signature");
  late.token = token;
  late.update = 1;
  g_assert_cmpint(rig_report(rig, &late, GATEWAY_TELL_SUCCEEDED, ""), ==, GATEWAY_ANSWER_CLOSED);
  assert_fate(rig, "refused", "bad signature");
  rig_pass(rig, 11 * HOUR_MS / 60); /* the story is written */
  rig_assert_column(rig, "timeline", "kind", "told", "text", "of update 1, which had ended as refused");
}

/* ---- one of several parts ---- */

/* The update is of the part "mcu"; a radio beside it has versions of its own. */
static Rig *
two_parts(void)
{
  const RigAsker mcu = { .plugin = RIG_TOLD, .node = "n1", .version = "3", .type = "mcu" };
  const RigAsker radio = { .plugin = RIG_TOLD, .node = "n1", .version = "2", .type = "radio" };
  Rig *rig = rig_new(NULL);
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed(
      "{'product': <'weather'>, 'version': <'5'>, 'type': <'mcu'>, 'name': <'fw.bin'>}"));

  rig_product(rig, "weather", RIG_TOLD);
  rig_run(rig, gw_command_import(rig->core, &rig_caller, rig_image(5000, 'x'), form, rig_then()));
  ask(rig, &mcu);
  ask(rig, &radio);
  rig_adopt(rig, "n1", "weather");
  rig_push(rig, 1, "n1");
  g_free(rig_download(rig, &mcu, "5"));
  return rig;
}

static void
test_another_part_says_nothing(void)
{
  const RigAsker radio_new = { .plugin = RIG_TOLD, .node = "n1", .version = "5", .type = "radio" };
  const RigAsker radio_old = { .plugin = RIG_TOLD, .node = "n1", .version = "2", .type = "radio" };
  const RigAsker mcu_new = { .plugin = RIG_TOLD, .node = "n1", .version = "5", .type = "mcu" };
  g_autoptr(Rig) rig = two_parts();

  ask(rig, &radio_new);
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  ask(rig, &radio_old);
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  ask(rig, &NEW); /* which of the two? */
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  ask(rig, &mcu_new);
  rig_assert_column(rig, "updates", "node", "n1", "state", "succeeded");
}

/* Nor is it a late success when the other part comes to run a version of that name. */
static void
test_another_part_mends_nothing(void)
{
  const RigAsker radio_new = { .plugin = RIG_TOLD, .node = "n1", .version = "5", .type = "radio" };
  g_autoptr(Rig) rig = two_parts();

  rig_pass(rig, 25 * HOUR_MS);
  rig_assert_column(rig, "updates", "node", "n1", "state", "failed");
  ask(rig, &radio_new);
  rig_assert_column(rig, "updates", "node", "n1", "state", "failed");
}

/* ---- lives by chance ---- */

typedef struct {
  Rig *rig;
  GRand *chance;
  char *token; /* of the last offer, or NULL */
  gboolean was_heard_new, has_all_bytes;
} Life;

static void
take_offer(Life *life)
{
  GwAnswer answer = rig_ask(life->rig, &OLD);

  if (answer.kind == GATEWAY_ANSWER_OFFER) {
    g_free(life->token);
    life->token = g_strdup(answer.token);
  }
  gw_answer_clear(&answer);
}

static void
restart(Life *life)
{
  g_autofree char *before = rig_column(life->rig, "updates", "node", "n1", "state"), *after = NULL;

  rig_stop_core(life->rig);
  rig_start_core(life->rig);
  rig_connect_lan(life->rig);
  rig_connect_wan(life->rig);
  after = rig_column(life->rig, "updates", "node", "n1", "state");
  g_assert_cmpstr(after, ==, before);
}

static void
tell(Life *life, GwToldKind kind)
{
  if (!life->token)
    return;
  if (rig_tell(life->rig, kind, life->token, 5000) == GATEWAY_ANSWER_ACCEPTED && kind == GW_TOLD_COMPLETE)
    life->has_all_bytes = TRUE;
}

static void
live_a_step(Life *life)
{
  static const GatewayTellState TELLS[] = { GATEWAY_TELL_INSTALLING, GATEWAY_TELL_SUCCEEDED,
                                            GATEWAY_TELL_FAILED };

  switch (g_rand_int_range(life->chance, 0, 9)) {
  case 0:
    restart(life);
    break;
  case 1:
    tell(life, GW_TOLD_COMPLETE);
    break;
  case 2:
    tell(life, GW_TOLD_INTERRUPTED);
    break;
  case 3:
    rig_report(life->rig, &MUTE, TELLS[g_rand_int_range(life->chance, 0, G_N_ELEMENTS(TELLS))], "");
    break;
  case 4:
    rig_pass(life->rig, g_rand_int_range(life->chance, 1, 30) * HOUR_MS);
    break;
  case 5:
    tell(life, GW_TOLD_BEGUN);
    tell(life, GW_TOLD_BEGUN);
    break;
  default:
    take_offer(life);
  }
}

static void
check_claims(Life *life)
{
  g_autofree char *state = rig_column(life->rig, "updates", "node", "n1", "state");

  if (!state)
    return;
  g_test_message("%s", state);
  g_assert_cmpstr(state, !=, "succeeded"); /* it was never heard with 5 */
  if (strcmp(state, "downloaded") == 0)
    g_assert_true(life->has_all_bytes);
}

/* However a life went: as long as nobody decided otherwise, being heard with the new version is a success. */
static void
end_well(Life *life)
{
  g_autofree char *state = NULL;

  ask(life->rig, &NEW);
  state = rig_column(life->rig, "updates", "node", "n1", "state");
  if (state)
    g_assert_cmpstr(state, ==, "succeeded");
  restart(life);
}

static void
test_lives_by_chance(void)
{
  for (guint32 seed = 1; seed <= 4; seed++) {
    Life life = { .rig = pushed(), .chance = g_rand_new_with_seed(seed) };

    for (int step = 0; step < 16; step++) {
      live_a_step(&life);
      check_claims(&life);
    }
    end_well(&life);
    g_rand_free(life.chance);
    g_free(life.token);
    rig_free(life.rig);
  }
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/fates/claimed-and-came-back-old",
                  test_success_was_said_and_the_old_version_came_back);
  g_test_add_func("/control/fates/restarted-in-mid-update", test_restarted_in_mid_update);
  g_test_add_func("/control/fates/came-back-old", test_nothing_was_said_and_the_old_version_came_back);
  g_test_add_func("/control/fates/came-back-third", test_a_third_version_came_back);
  g_test_add_func("/control/fates/skipped", test_skipped);
  g_test_add_func("/control/fates/offered-and-away", test_offered_and_away);
  g_test_add_func("/control/fates/broke-off-for-good", test_broke_off_for_good);
  g_test_add_func("/control/fates/claimed-and-away", test_claimed_and_away);
  g_test_add_func("/control/fates/heard-without-a-version", test_heard_again_without_a_version);
  g_test_add_func("/control/fates/late-success", test_late_success_says_so);
  g_test_add_func("/control/fates/stale-word", test_stale_word);
  g_test_add_func("/control/fates/another-part", test_another_part_says_nothing);
  g_test_add_func("/control/fates/another-part-mends-nothing", test_another_part_mends_nothing);
  g_test_add_func("/control/fates/by-chance", test_lives_by_chance);
  return g_test_run();
}
