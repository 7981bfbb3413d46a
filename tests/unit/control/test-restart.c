/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What outlives the core: nothing was promised that is not on disk, and what was promised is kept. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static const RigAsker SILENT = { .plugin = RIG_SILENT, .node = "n1" };
static const RigAsker TOLD = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };

static Rig *
pushed(const char *folder, const RigAsker *node)
{
  Rig *rig = rig_new_at(folder, NULL);

  rig_product(rig, "weather", node->plugin);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, node, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_push(rig, 1, "n1");
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

static void
expect_bytes(Rig *rig, const char *token)
{
  GwAnswer answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = RIG_SILENT, .token = token });

  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES);
  g_assert_cmpstr(answer.token, ==, token);
  gw_answer_clear(&answer);
}

/* The same for the test and for the process that it kills. */
static char *
folder_for(const char *name)
{
  return g_build_filename(g_getenv("RIG_FOLDER"), name, NULL);
}

/* The process ends the moment that the offer's first byte could leave: without a goodbye, and without the
 * tenth of a second that a commit may take. */
static void
test_pin_is_durable_before_its_token_leaves(void)
{
  g_autofree char *folder = folder_for("pin"), *path = NULL, *token = NULL;
  g_autoptr(Rig) rig = NULL;

  if (g_test_subprocess()) {
    rig = pushed(folder, &SILENT);
    token = rig_expect_offer(rig, &SILENT, "5");
    path = g_build_filename(rig->folder, "token", NULL);
    _exit(g_file_set_contents(path, token, -1, NULL) ? 0 : 1);
  }
  g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed();
  path = g_build_filename(folder, "token", NULL);
  g_assert_true(g_file_get_contents(path, &token, NULL, NULL));
  rig = rig_new_at(folder, NULL);
  expect_bytes(rig, token);
  g_free(token);
  token = rig_expect_offer(rig, &SILENT, "5");
  rig_assert_column(rig, "updates", "node", "n1", "state", "offered");
}

/* The same for a fact: once it was acknowledged, it is known after any end. */
static void
test_ack_follows_the_commit(void)
{
  g_autofree char *folder = folder_for("ack");
  g_autoptr(Rig) rig = NULL;

  if (g_test_subprocess()) {
    rig = pushed(folder, &TOLD);
    g_free(rig_download(rig, &TOLD, "5"));
    _exit(0);
  }
  g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed();
  rig = rig_new_at(folder, NULL);
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  g_assert_cmpuint(rig_count_events(rig, "update.downloaded"), ==, 1);
}

static void
expect_message_only_when_written(Rig *rig, GwMessageType type)
{
  g_autoptr(RigMessage) early = rig_take(rig, TRUE, type), later = NULL;

  g_assert_null(early);
  rig_release_database(rig);
  later = rig_take(rig, TRUE, type);
  g_assert_nonnull(later);
}

/* However long the disk takes: neither an offer nor an acknowledgement leaves before it is written. */
static void
test_nothing_leaves_before_it_is_written(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);
  g_autofree char *token = NULL;

  rig_hold_database(rig);
  rig_send_ask(rig, &TOLD);
  expect_message_only_when_written(rig, GW_MESSAGE_ANSWER);
  token = rig_expect_offer(rig, &TOLD, "5");
  rig_hold_database(rig);
  rig_send_tell(rig, GW_TOLD_BEGUN, token, 0);
  expect_message_only_when_written(rig, GW_MESSAGE_ACK);
}

static void
test_everything_comes_back(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);
  g_autofree char *token = rig_expect_offer(rig, &TOLD, "5");
  guint n_events = rig_count_events(rig, "*");

  restart(rig);
  g_assert_cmpuint(rig_count_events(rig, "*"), ==, n_events + 1); /* "started" */
  rig_assert_column(rig, "nodes", "id", "n1", "adopted", "true");
  rig_assert_column(rig, "nodes", "id", "n1", "version", "3");
  rig_assert_column(rig, "firmware", "id", "1", "image", "sealed");
  rig_assert_column(rig, "rules", "push", "true", "state", "running");
  rig_assert_column(rig, "products", "name", "weather", "scheme", "integer");
  expect_bytes(rig, token);
  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_tell(rig, GW_TOLD_COMPLETE, token, 5000);
  restart(rig);
  rig_expect_nothing(rig, &(RigAsker){ .plugin = RIG_TOLD, .node = "n1", .version = "5" },
                     GATEWAY_REASON_NO_RULE);
  rig_assert_column(rig, "updates", "node", "n1", "state", "succeeded");
}

/* An inference is still open, and counts anew: nobody could hear what was asked for meanwhile. */
static void
test_inference_outlives_the_core(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &SILENT);

  g_free(rig_download(rig, &SILENT, "5"));
  for (int i = 0; i < 3; i++) {
    g_free(rig_expect_offer(rig, &SILENT, "5"));
    rig_pass(rig, 40000);
  }
  restart(rig);
  rig_pass(rig, 10 * 60000);
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  for (int i = 0; i < 3; i++) {
    g_free(rig_expect_offer(rig, &SILENT, "5"));
    rig_pass(rig, 40000);
  }
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  rig_pass(rig, 6 * 60000);
  rig_assert_column(rig, "updates", "node", "n1", "state", "succeeded");
}

/* Waits are kept as what was left of them. */
static void
test_waits_outlive_the_core(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);

  g_free(rig_download(rig, &TOLD, "5"));
  rig_report(rig, &TOLD, GATEWAY_TELL_FAILED, "E7");
  rig_pass(rig, 30 * 60000);
  restart(rig);
  rig_expect_nothing(rig, &TOLD, GATEWAY_REASON_RETRY_WAIT);
  rig_pass(rig, 31 * 60000);
  g_free(rig_expect_offer(rig, &TOLD, "5"));
  rig_assert_column(rig, "updates", "node", "n1", "attempts", "1");
}

/* A worker that dies takes its transfers with it, and its places are free. */
static void
test_lost_worker(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);
  g_autofree char *token = rig_expect_offer(rig, &TOLD, "5"), *again = NULL;

  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloading");
  rig_connect_lan(rig);
  rig_assert_column(rig, "updates", "node", "n1", "state", "offered");
  rig_assert_column(rig, "rules", "push", "true", "transfers", "0");
  again = rig_expect_offer(rig, &TOLD, "5");
  g_assert_cmpstr(again, ==, token);
}

/* The core went, the worker stayed: it lists what runs. What it does not list was interrupted. */
static void
test_running_transfers_are_listed(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);
  g_autofree char *token = rig_expect_offer(rig, &TOLD, "5");

  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  gw_link_send(rig->lan, GW_MESSAGE_TRANSFERS, 0, gw_transfers_pack((const char *const[]){ token, NULL }),
               NULL, 0);
  rig_settle(rig);
  rig_pass(rig, 6000);
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloading");
  rig_assert_column(rig, "rules", "push", "true", "transfers", "1");
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  gw_link_send(rig->lan, GW_MESSAGE_TRANSFERS, 0, gw_transfers_pack((const char *const[]){ NULL }), NULL, 0);
  rig_settle(rig);
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloading");
  rig_pass(rig, 6000); /* its tells had time to come */
  rig_assert_column(rig, "updates", "node", "n1", "state", "offered");
}

/* Told again, because the acknowledgement was lost: the same fact, once. */
static void
test_told_twice(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &SILENT);
  g_autofree char *token = rig_expect_offer(rig, &SILENT, "5");

  for (int i = 0; i < 2; i++) {
    rig_tell(rig, GW_TOLD_BEGUN, token, 0);
    rig_tell(rig, GW_TOLD_COMPLETE, token, 5000);
  }
  rig_assert_column(rig, "updates", "node", "n1", "state", "downloaded");
  rig_assert_column(rig, "updates", "node", "n1", "attempts", "0");
  g_assert_cmpuint(rig_count_events(rig, "update.downloaded"), ==, 1);
}

static void
test_verb_waits_for_its_node(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &SILENT);
  const GwVerbOrder order = { RIG_SILENT, "erase", "n1", "4" };
  GwAnswer answer;

  g_free(rig_download(rig, &SILENT, "5"));
  rig_run(rig, gw_command_firmware_withdraw(rig->core, &rig_caller, 1, "test", rig_then()));
  rig_run(rig, gw_command_plugin_verb(rig->core, &rig_caller, &order, rig_then()));
  restart(rig);
  answer = rig_ask(rig, &SILENT);
  g_assert_cmpstr(answer.verb, ==, "erase");
  g_assert_cmpstr(answer.verb_argument, ==, "4");
  g_assert_cmpint(answer.until_boot_ms, ==, 0);
  gw_answer_clear(&answer);
  answer = rig_ask(rig, &SILENT);
  g_assert_cmpstr(answer.verb, ==, ""); /* once */
  gw_answer_clear(&answer);
  restart(rig);
  answer = rig_ask(rig, &SILENT);
  g_assert_cmpstr(answer.verb, ==, "");
  gw_answer_clear(&answer);
}

static void
spoil_database(Rig *rig)
{
  g_autofree char *path = g_build_filename(rig->folder, "state", "gatewayd.db", NULL);

  rig_stop_core(rig);
  g_assert_true(g_file_set_contents(path, "this was a database", -1, NULL));
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_connect_wan(rig);
}

/* What is known again is of the last snapshot, and that is said; a proof that came later is gone. */
static void
test_database_is_lost(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);
  gint64 proven = rig_verified(rig, "weather", "6"), late;
  g_autofree char *first = g_strdup_printf("%" G_GINT64_FORMAT, proven), *second = NULL;

  late = rig_import(rig, "weather", "7", 6000, '7');
  second = g_strdup_printf("%" G_GINT64_FORMAT, late);
  rig_pass(rig, 3600000); /* a snapshot is taken */
  rig_prove(rig, late, "weather", "7");
  rig_assert_column(rig, "firmware", "id", second, "state", "verified");
  spoil_database(rig);
  g_assert_cmpuint(rig_count_events(rig, "daemon.database-lost"), ==, 1);
  rig_assert_column(rig, "firmware", "id", first, "state", "verified");
  rig_assert_column(rig, "firmware", "id", second, "state", "unverified");
  rig_assert_column(rig, "nodes", "id", "n1", "adopted", "true");
  rig_assert_column(rig, "rules", "push", "true", "state", "running");
  g_free(rig_expect_offer(rig, &TOLD, "5"));
}

/* A snapshot of before would offer it again. */
static void
test_withdrawn_firmware_stays_withdrawn(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);
  gint64 good = rig_verified(rig, "weather", "6"), bad = rig_verified(rig, "weather", "7");
  RigAsker other = { .plugin = RIG_TOLD, .node = "n2", .version = "3" };
  g_autofree char *first = g_strdup_printf("%" G_GINT64_FORMAT, good);
  g_autofree char *second = g_strdup_printf("%" G_GINT64_FORMAT, bad);

  rig_expect_nothing(rig, &other, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n2", "weather");
  rig_rule(rig, "all", bad, NULL);
  rig_pass(rig, 3600000); /* a snapshot is taken */
  rig_run(rig, gw_command_firmware_withdraw(rig->core, &rig_caller, bad, "it bricks", rig_then()));
  spoil_database(rig);
  g_assert_cmpuint(rig_count_events(rig, "daemon.database-lost"), ==, 1);
  rig_assert_column(rig, "firmware", "id", first, "state", "verified");
  rig_assert_column(rig, "firmware", "id", second, "state", "withdrawn");
  rig_expect_nothing(rig, &other, GATEWAY_REASON_WITHDRAWN);
  restart(rig);
  rig_assert_column(rig, "firmware", "id", second, "state", "withdrawn");
  g_assert_cmpuint(rig_count_events(rig, "firmware.withdrawn"), ==, 1);
}

/* A snapshot of before would let it in again. */
static void
test_withdrawn_login_stays_withdrawn(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GError) error = NULL;
  RigAsker asker = { .plugin = RIG_TOLD, .node = "n1" };
  GwAnswer answer;

  gw_command_credential_make(rig->core, &rig_caller, "n1", rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  g_variant_get(result, "(&s)", &asker.credential);
  rig_pass(rig, 3600000); /* a snapshot is taken */
  rig_run(rig, gw_command_credential_revoke(rig->core, &rig_caller, "n1", rig_then()));
  rig_pass(rig, 2000);
  spoil_database(rig);
  rig_assert_column(rig, "nodes", "id", "n1", "adopted", "true");
  answer = rig_introduce(rig, &asker);
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_DENIED);
  gw_answer_clear(&answer);
}

/* Nothing of it could be read again: it starts all the same, and says so. */
static void
test_database_is_lost_without_a_snapshot(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);

  spoil_database(rig);
  g_assert_cmpuint(rig_count_events(rig, "daemon.database-lost"), ==, 1);
  rig_expect_nothing(rig, &TOLD, GATEWAY_REASON_NOT_ADOPTED);
}

/* The image went from the disk while nobody looked: not offered as if it were there. */
static void
test_image_is_gone(void)
{
  g_autoptr(Rig) rig = pushed(NULL, &TOLD);
  g_autofree char *blobs = g_build_filename(rig->folder, "cache", "blobs", NULL);
  const char *name;
  g_autoptr(GDir) dir = NULL;

  rig_stop_core(rig);
  dir = g_dir_open(blobs, 0, NULL);
  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *path = g_build_filename(blobs, name, NULL);

    rig_remove_tree(path);
  }
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_assert_column(rig, "firmware", "id", "1", "image", "wanted");
  rig_expect_nothing(rig, &TOLD, GATEWAY_REASON_BEING_FETCHED);
  g_assert_cmpuint(rig_count_events(rig, "firmware.image-gone"), ==, 1);
  /* the same file brings it back, under its own number */
  g_assert_cmpint(rig_import(rig, "weather", "5", 5000, 'x'), ==, 1);
  g_free(rig_expect_offer(rig, &TOLD, "5"));
}

int
main(int argc, char *argv[])
{
  g_autofree char *folder = g_getenv("RIG_FOLDER") ? NULL : g_dir_make_tmp("gatewayd-rigs-XXXXXX", NULL);
  int status;

  if (folder)
    g_setenv("RIG_FOLDER", folder, TRUE); /* inherited by what is killed */
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/restart/pin-is-durable", test_pin_is_durable_before_its_token_leaves);
  g_test_add_func("/control/restart/ack-follows-the-commit", test_ack_follows_the_commit);
  g_test_add_func("/control/restart/nothing-leaves-before-it-is-written",
                  test_nothing_leaves_before_it_is_written);
  g_test_add_func("/control/restart/everything-comes-back", test_everything_comes_back);
  g_test_add_func("/control/restart/inference", test_inference_outlives_the_core);
  g_test_add_func("/control/restart/waits", test_waits_outlive_the_core);
  g_test_add_func("/control/restart/lost-worker", test_lost_worker);
  g_test_add_func("/control/restart/running-transfers", test_running_transfers_are_listed);
  g_test_add_func("/control/restart/told-twice", test_told_twice);
  g_test_add_func("/control/restart/verb", test_verb_waits_for_its_node);
  g_test_add_func("/promise/C7/database-is-lost", test_database_is_lost);
  g_test_add_func("/promise/C7/withdrawn-login-stays-withdrawn", test_withdrawn_login_stays_withdrawn);
  g_test_add_func("/promise/C7/withdrawn-firmware-stays-withdrawn", test_withdrawn_firmware_stays_withdrawn);
  g_test_add_func("/promise/C7/without-a-snapshot", test_database_is_lost_without_a_snapshot);
  g_test_add_func("/control/restart/image-is-gone", test_image_is_gone);
  status = g_test_run();
  if (folder)
    rig_remove_tree(folder);
  return status;
}
