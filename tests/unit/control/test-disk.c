/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disk of the database: what memory says is on it, or will be, or the core starts again from it. */
#include "rig.h"

#include <string.h>

#include "base/error.h"

static const RigAsker FIRST = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };
static const RigAsker SECOND = { .plugin = RIG_TOLD, .node = "n2", .version = "3" };

static Rig *
two_nodes(void)
{
  Rig *rig = rig_new_on_disk();

  rig_product(rig, "weather", RIG_TOLD);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &FIRST, GATEWAY_REASON_NOT_ADOPTED);
  rig_expect_nothing(rig, &SECOND, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_adopt(rig, "n2", "weather");
  rig_rule(rig, "all", rig_verified(rig, "weather", "6"), NULL);
  return rig;
}

static void
restart(Rig *rig)
{
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_connect_wan(rig);
}

/* Writes wait a quarter of a second, then half a second... and what the thread of the database has found is
 * not known before it was settled. */
static void
wait_for_room(Rig *rig)
{
  int n_good = 0;

  for (int i = 0; i < 200 && n_good < 3; i++) {
    rig_settle(rig);
    n_good = gw_core_takes_changes(rig->core, NULL) ? n_good + 1 : 0;
  }
  g_assert_true(gw_core_takes_changes(rig->core, NULL));
}

static void
expect_busy(Rig *rig, const RigAsker *node)
{
  GwAnswer answer = rig_ask(rig, node);

  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_LATER);
  gw_answer_clear(&answer);
}

static void
test_C5_promised_is_served_and_nothing_new_begins(void)
{
  Rig *rig = two_nodes();
  g_autofree char *token = rig_expect_offer(rig, &FIRST, "6"), *again = NULL;
  g_autoptr(GError) error = NULL;
  GwAnswer answer;

  rig_fill_disk(rig);
  g_assert_false(gw_core_takes_changes(rig->core, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_NO_SPACE);
  expect_busy(rig, &SECOND);
  rig_assert_column(rig, "updates", "node", "n2", "state", NULL);
  again = rig_expect_offer(rig, &FIRST, "6");
  g_assert_cmpstr(again, ==, token);
  answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = RIG_TOLD, .token = token });
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES);
  gw_answer_clear(&answer);
  rig_empty_disk(rig);
  wait_for_room(rig);
  g_free(rig_expect_offer(rig, &SECOND, "6")); /* without a restart */
  rig_free_on_disk(rig);
}

/* The disk fills between the doing and the writing. */
static void
test_C5_what_was_done_is_written_when_there_is_room(void)
{
  Rig *rig = two_nodes();
  g_autofree char *token = rig_expect_offer(rig, &FIRST, "6");

  rig_hold_database(rig);
  gw_command_node_set(rig->core, &rig_caller, "n9", g_variant_new_parsed("@a{sv} {'location': <'roof'>}"),
                      rig_then());
  rig_fill_disk(rig);
  rig_release_database(rig);
  rig_refused(rig, GW_ERROR_NO_SPACE, "done, but not yet written", (void)0);
  rig_assert_column(rig, "nodes", "id", "n9", "location", "roof");
  rig_refused(rig, GW_ERROR_NO_SPACE, "done, but not yet written",
              gw_command_forget(rig->core, &rig_caller, (const char *const[]){ "n2", NULL },
                                rig_then())); /* nobody waits for the room */
  g_assert_cmpint(rig_tell(rig, GW_TOLD_BEGUN, token, 0), ==, GATEWAY_ANSWER_LATER); /* it tells again */
  rig_assert_column(rig, "updates", "node", "n1", "state", "offered");
  rig_empty_disk(rig);
  wait_for_room(rig);
  g_assert_cmpuint(rig_count_events(rig, "daemon.disk-full"), ==, 1);
  g_assert_cmpuint(rig_count_events(rig, "daemon.disk-has-room"), ==, 1);
  g_assert_cmpint(rig_tell(rig, GW_TOLD_BEGUN, token, 0), ==, GATEWAY_ANSWER_ACCEPTED);
  g_assert_false(rig->is_broken);
  restart(rig);
  rig_assert_column(rig, "nodes", "id", "n9", "location", "roof");
  rig_free_on_disk(rig);
}

/* A full disk that stays full is no reason not to start, nor not to serve. */
static void
test_C5_starts_on_a_full_disk(void)
{
  Rig *rig = two_nodes();
  g_autofree char *token = rig_expect_offer(rig, &FIRST, "6");
  GwAnswer answer;

  rig_fill_disk(rig);
  restart(rig);
  answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = RIG_TOLD, .token = token });
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES);
  gw_answer_clear(&answer);
  expect_busy(rig, &SECOND);
  rig_empty_disk(rig);
  wait_for_room(rig);
  g_free(rig_expect_offer(rig, &SECOND, "6"));
  rig_free_on_disk(rig);
}

static int
introduce(Rig *rig, const char *secret)
{
  GwAnswer answer = rig_introduce(rig, &(RigAsker){ .plugin = RIG_TOLD, .node = "n1", .credential = secret });
  int kind = answer.kind;

  gw_answer_clear(&answer);
  return kind;
}

/* A secret that nobody saw opens nothing, and shuts nobody out. */
static void
test_C5_a_login_that_could_not_be_shown(void)
{
  Rig *rig = two_nodes();
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GError) error = NULL;
  const char *secret;

  gw_command_credential_make(rig->core, &rig_caller, "n1", rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  g_variant_get(result, "(&s)", &secret);
  g_assert_cmpint(introduce(rig, secret), ==, GATEWAY_ANSWER_ACCEPTED);
  rig_hold_database(rig);
  gw_command_credential_make(rig->core, &rig_caller, "n1", rig_then());
  rig_fill_disk(rig);
  rig_release_database(rig);
  rig_refused(rig, GW_ERROR_NO_SPACE, "was not changed", (void)0);
  g_assert_cmpint(introduce(rig, secret), ==, GATEWAY_ANSWER_ACCEPTED);
  rig_empty_disk(rig);
  wait_for_room(rig);
  restart(rig);
  g_assert_cmpint(introduce(rig, secret), ==, GATEWAY_ANSWER_ACCEPTED);
  rig_free_on_disk(rig);
}

/* Whatever else keeps a change from the disk: the core ends, and starts again from what is there. */
static void
test_memory_never_outlives_a_failed_write(void)
{
  Rig *rig = two_nodes();

  rig_hold_database(rig);
  rig_break_database(rig);
  gw_command_node_set(rig->core, &rig_caller, "n9", g_variant_new_parsed("@a{sv} {'location': <'roof'>}"),
                      rig_then());
  rig_release_database(rig);
  rig_refused(rig, GW_ERROR_EXISTS, "", (void)0);
  rig_settle(rig);
  g_assert_true(rig->is_broken);
  restart(rig);
  rig_assert_column(rig, "nodes", "id", "n9", "location", NULL);
  rig_assert_column(rig, "nodes", "id", "n1", "adopted", "true");
  rig_free_on_disk(rig);
}

int
main(int argc, char *argv[])
{
  rig_own_mounts();
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/C5/promised-is-served-and-nothing-new-begins",
                  test_C5_promised_is_served_and_nothing_new_begins);
  g_test_add_func("/promise/C5/what-was-done-is-written-when-there-is-room",
                  test_C5_what_was_done_is_written_when_there_is_room);
  g_test_add_func("/promise/C5/starts-on-a-full-disk", test_C5_starts_on_a_full_disk);
  g_test_add_func("/control/disk/memory-never-outlives-a-failed-write",
                  test_memory_never_outlives_a_failed_write);
  g_test_add_func("/promise/C5/a-login-that-could-not-be-shown", test_C5_a_login_that_could_not_be_shown);
  return g_test_run();
}
