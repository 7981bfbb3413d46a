/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A firmware is proven on one node before any rule may have it: how that begins, what proves it, what undoes
 * it; over restarts, restored databases and every door. */
#include "rig.h"

#include <string.h>

#include "base/error.h"

#define MINUTE_MS G_GINT64_CONSTANT(60000)
#define HOUR_MS (60 * MINUTE_MS)

static const RigAsker OLD = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };
static const RigAsker NEW = { .plugin = RIG_TOLD, .node = "n1", .version = "5" };
static const RigAsker OTHER = { .plugin = RIG_TOLD, .node = "n2", .version = "3" };
static const RigAsker SILENT = { .plugin = RIG_SILENT, .node = "n1" };

static void
ask(Rig *rig, const RigAsker *asker)
{
  GwAnswer answer = rig_ask(rig, asker);

  gw_answer_clear(&answer);
}

static void
verify(Rig *rig, gint64 firmware, const char *node)
{
  gw_command_push(rig->core, &rig_caller, &(GwPushOrder){ firmware, node, NULL, GW_PUSH_VERIFY }, rig_then());
}

static void
confirm(Rig *rig, const char *node, const char *version)
{
  gw_command_firmware_confirm(rig->core, &rig_caller, 1, &(GwSighting){ node, version }, rig_then());
}

static void
assert_step(Rig *rig, const char *state, const char *step)
{
  rig_assert_column(rig, "firmware", "id", "1", "state", state);
  rig_assert_column(rig, "firmware", "id", "1", "verification", step);
}

static void
set_product(Rig *rig, const char *text)
{
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed(text));

  rig_run(rig, gw_command_product_set(rig->core, &rig_caller, "weather", form, rig_then()));
}

/* n1 and n2, adopted and heard, and firmware 1: version 5, unverified. */
static Rig *
site(const char *plugin)
{
  Rig *rig = rig_new(NULL);
  RigAsker first = { .plugin = plugin, .node = "n1" }, second = { .plugin = plugin, .node = "n2" };

  rig_product(rig, "weather", plugin);
  rig_expect_nothing(rig, &first, GATEWAY_REASON_NOT_ADOPTED);
  rig_expect_nothing(rig, &second, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_adopt(rig, "n2", "weather");
  rig_import(rig, "weather", "5", 5000, 'x');
  return rig;
}

/* Brought to n1, and heard there. */
static Rig *
staying(void)
{
  Rig *rig = site(RIG_TOLD);

  ask(rig, &OLD);
  rig_run(rig, verify(rig, 1, "n1"));
  g_free(rig_download(rig, &OLD, "5"));
  ask(rig, &NEW);
  assert_step(rig, "verifying", "staying");
  return rig;
}

/* The node that tries it is swapped, wherever the trial stands: the new one tries it from the beginning. */
static void
test_swapped(void)
{
  RigAsker heir = { .plugin = RIG_TOLD, .node = "heir", .version = "3" };

  for (int i = 0; i < 2; i++) {
    g_autoptr(Rig) rig = i == 0 ? site(RIG_TOLD) : staying();

    if (i == 0) {
      ask(rig, &OLD);
      rig_run(rig, verify(rig, 1, "n1"));
      g_free(rig_expect_offer(rig, &OLD, "5"));
    }
    heir.version = "3";
    rig_expect_nothing(rig, &heir, GATEWAY_REASON_NOT_ADOPTED);
    rig_run(rig, gw_command_node_replace(rig->core, &rig_caller, "n1", "heir", rig_then()));
    assert_step(rig, "verifying", "bringing");
    rig_assert_column(rig, "firmware", "id", "1", "trial-node", "heir");
    rig_stop_core(rig);
    rig_start_core(rig);
    rig_connect_lan(rig);
    assert_step(rig, "verifying", "bringing");
    rig_expect_nothing(rig, &OTHER, GATEWAY_REASON_NO_RULE);
    g_free(rig_download(rig, &heir, "5"));
    heir.version = "5";
    ask(rig, &heir);
    assert_step(rig, "verifying", "staying");
  }
}

static void
test_proven(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);

  assert_step(rig, "unverified", "open");
  ask(rig, &OLD);
  rig_run(rig, verify(rig, 1, "n1"));
  assert_step(rig, "verifying", "bringing");
  rig_expect_nothing(rig, &OTHER, GATEWAY_REASON_NO_RULE);
  rig_refused(rig, GW_ERROR_BAD_INPUT, "n1 itself says that it runs 3", confirm(rig, "n1", "5"));
  g_free(rig_download(rig, &OLD, "5"));
  assert_step(rig, "verifying", "bringing"); /* its bytes are there: that proves nothing */
  ask(rig, &NEW);
  assert_step(rig, "verifying", "staying");
  rig_refused(rig, GW_ERROR_BUSY, "stay in contact for another 3600 s", confirm(rig, "n1", "5"));
  rig_pass(rig, 59 * MINUTE_MS);
  ask(rig, &NEW);
  assert_step(rig, "verifying", "staying");
  rig_pass(rig, MINUTE_MS);
  assert_step(rig, "verifying", "staying"); /* the time is over, and it was not heard since */
  ask(rig, &NEW);
  assert_step(rig, "verifying", "stayed");
  rig_expect_nothing(rig, &OTHER, GATEWAY_REASON_NO_RULE);
  rig_run(rig, confirm(rig, "", ""));
  assert_step(rig, "verified", "proven");
  rig_rule(rig, "all", 1, NULL);
  g_free(rig_expect_offer(rig, &OTHER, "5"));
  g_assert_cmpuint(rig_count_events(rig, "firmware.verifying"), ==, 1);
  g_assert_cmpuint(rig_count_events(rig, "firmware.staying"), ==, 1);
  g_assert_cmpuint(rig_count_events(rig, "firmware.stayed"), ==, 1);
  g_assert_cmpuint(rig_count_events(rig, "firmware.verified"), ==, 1);
}

/* Contacts that the worker answered from its cache are contacts. */
static void
test_contacts_count(void)
{
  g_autoptr(Rig) rig = staying();
  GwContact contact = { (char *)"n1", (char *)"", (char *)"5", 0, 0, 4, GW_ASK_OFFER };

  rig_pass(rig, 61 * MINUTE_MS);
  contact.first_ms = contact.last_ms = rig->wall_ms;
  gw_link_send(rig->lan, GW_MESSAGE_CONTACTS, 0, gw_contacts_pack(&contact, 1), NULL, 0);
  rig_settle(rig);
  assert_step(rig, "verifying", "stayed");
}

static void
test_online_only(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);

  rig_refused(rig, GW_ERROR_NOT_FOUND, "there is no node", verify(rig, 1, "nowhere"));
  rig_pass(rig, 2 * HOUR_MS);
  rig_refused(rig, GW_ERROR_OFFLINE, "it was last heard 20", verify(rig, 1, "n1"));
  assert_step(rig, "unverified", "open");
  ask(rig, &OLD);
  rig_run(rig, verify(rig, 1, "n1"));
  rig_refused(rig, GW_ERROR_OFFLINE, "last heard", verify(rig, 1, "n2"));
}

/* It is named by what stands on its label. */
static void
test_named_by_imei(void)
{
  static const RigAsker MODEM = {
    .plugin = RIG_TOLD, .node = "n1", .version = "3", .imei = "860000000000001"
  };
  g_autoptr(Rig) rig = site(RIG_TOLD);

  ask(rig, &OLD);
  rig_refused(rig, GW_ERROR_NOT_FOUND, "there is no node", verify(rig, 1, "860000000000001"));
  ask(rig, &MODEM);
  rig_run(rig, verify(rig, 1, "860000000000001"));
  rig_assert_column(rig, "firmware", "id", "1", "trial-node", "n1");
}

static void
test_one_node_at_a_time(void)
{
  g_autoptr(Rig) rig = staying();

  ask(rig, &OTHER);
  rig_refused(rig, GW_ERROR_BUSY, "being verified on n1", verify(rig, 1, "n2"));
  rig_refused(rig, GW_ERROR_BUSY, "being verified on n1", rig_begin_push(rig, 1, "n2", "@a{sv} {}"));
  rig_run(rig, gw_command_firmware_unverify(rig->core, &rig_caller, 1, "another node", rig_then()));
  assert_step(rig, "unverified", "open");
  rig_run(rig, verify(rig, 1, "n2"));
  g_free(rig_expect_offer(rig, &OTHER, "5"));
}

/* A node that runs it already is heard with it and stays; nothing is brought. */
static void
test_runs_there_already(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);

  ask(rig, &NEW);
  rig_run(rig, verify(rig, 1, "n1"));
  assert_step(rig, "verifying", "bringing");
  ask(rig, &NEW);
  rig_pass(rig, HOUR_MS);
  ask(rig, &NEW);
  assert_step(rig, "verifying", "stayed");
  rig_run(rig, confirm(rig, "n1", "5"));
  assert_step(rig, "verified", "proven");
}

/* ---- what undoes it ---- */

static void
test_failure(void)
{
  g_autoptr(Rig) rig = rig_new("[limits]\nattempts=1\n");
  g_autofree char *reason = NULL;

  rig_product(rig, "weather", RIG_TOLD);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_run(rig, verify(rig, 1, "n1"));
  g_free(rig_download(rig, &OLD, "5"));
  ask(rig, &OLD); /* it came back with what it ran before */
  assert_step(rig, "unverified", "open");
  reason = rig_column(rig, "firmware", "id", "1", "reason");
  g_assert_nonnull(strstr(reason, "the update of n1 failed"));
  g_assert_cmpuint(rig_count_events(rig, "firmware.unverified"), ==, 1);
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
}

static void
test_another_version_while_it_stays(void)
{
  g_autoptr(Rig) rig = staying();
  g_autofree char *reason = NULL;

  rig_pass(rig, 10 * MINUTE_MS);
  ask(rig, &OLD); /* it fell back */
  assert_step(rig, "unverified", "open");
  reason = rig_column(rig, "firmware", "id", "1", "reason");
  g_assert_nonnull(strstr(reason, "n1 itself says that it runs 3"));
}

static void
test_not_heard_again(void)
{
  g_autoptr(Rig) rig = staying();

  rig_pass(rig, 47 * HOUR_MS);
  assert_step(rig, "verifying", "staying");
  rig_pass(rig, 2 * HOUR_MS);
  assert_step(rig, "unverified", "open");
}

static void
test_never_asked(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);

  rig_push(rig, 1, "n1");
  rig_pass(rig, 59 * RIG_DAY_MS);
  assert_step(rig, "verifying", "bringing");
  rig_pass(rig, 2 * RIG_DAY_MS);
  assert_step(rig, "unverified", "open");
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
  rig_assert_column(rig, "rules", "push", "true", "state", "stopped");
}

static void
test_push_is_stopped(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);
  gint64 rule = rig_push(rig, 1, "n1");

  assert_step(rig, "verifying", "bringing");
  rig_run(rig, gw_command_rule_stop(rig->core, &rig_caller, rule, rig_then()));
  assert_step(rig, "unverified", "open");
}

static void
test_withdrawn_meanwhile(void)
{
  g_autoptr(Rig) rig = staying();

  rig_run(rig, gw_command_firmware_withdraw(rig->core, &rig_caller, 1, "no good", rig_then()));
  assert_step(rig, "withdrawn", "closed");
  rig_pass(rig, 2 * HOUR_MS);
  ask(rig, &NEW);
  assert_step(rig, "withdrawn", "closed");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "cannot be verified", confirm(rig, "n1", "5"));
}

/* ---- silent makes, and the product's own yes ---- */

static void
test_U10_silent_by_eyes_alone(void)
{
  g_autoptr(Rig) rig = site(RIG_SILENT);

  set_product(rig, "{'self-verifying': <true>}");
  ask(rig, &SILENT);
  rig_run(rig, verify(rig, 1, "n1"));
  g_free(rig_download(rig, &SILENT, "5"));
  for (int i = 0; i < 4; i++) {
    ask(rig, &SILENT);
    rig_pass(rig, 40000);
  }
  rig_pass(rig, 300000);
  rig_assert_column(rig, "updates", "node", "n1", "state", "succeeded"); /* inferred */
  rig_pass(rig, 2 * HOUR_MS);
  ask(rig, &SILENT);
  assert_step(rig, "verifying", "bringing"); /* and that verifies nothing */
  rig_refused(rig, GW_ERROR_BAD_INPUT, "say what you saw", confirm(rig, "", ""));
  rig_run(rig, confirm(rig, "n1", "5"));
  assert_step(rig, "verified", "proven");
}

static void
test_U10_told_by_the_node_first(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);

  rig_refused(rig, GW_ERROR_BAD_INPUT, "verify it on one of them first", confirm(rig, "n1", "5"));
  rig_push(rig, 1, "n1");
  rig_refused(rig, GW_ERROR_BUSY, "has not said yet", confirm(rig, "n1", "5"));
  assert_step(rig, "verifying", "bringing");
}

static void
test_self_verifying(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);
  g_autofree char *proof = NULL;

  set_product(rig, "{'self-verifying': <true>}");
  g_assert_cmpuint(rig_count_events(rig, "product.set"), ==, 2);
  ask(rig, &OLD);
  rig_run(rig, verify(rig, 1, "n1"));
  g_free(rig_download(rig, &OLD, "5"));
  ask(rig, &NEW);
  rig_pass(rig, HOUR_MS);
  ask(rig, &NEW);
  assert_step(rig, "verified", "proven");
  proof = rig_column(rig, "firmware", "id", "1", "proof");
  g_assert_nonnull(strstr(proof, "its product asks for no more"));
}

/* ---- restarts ---- */

static void
restart(Rig *rig)
{
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_connect_wan(rig);
}

/* What was waited for goes on, and its time with it. */
static void
test_restarted_at_every_step(void)
{
  g_autoptr(Rig) rig = site(RIG_TOLD);

  ask(rig, &OLD);
  rig_run(rig, verify(rig, 1, "n1"));
  restart(rig);
  assert_step(rig, "verifying", "bringing");
  g_free(rig_download(rig, &OLD, "5"));
  ask(rig, &NEW);
  rig_pass(rig, 30 * MINUTE_MS);
  restart(rig);
  assert_step(rig, "verifying", "staying");
  rig_pass(rig, 29 * MINUTE_MS);
  ask(rig, &NEW);
  assert_step(rig, "verifying", "staying");
  rig_pass(rig, MINUTE_MS);
  ask(rig, &NEW);
  assert_step(rig, "verifying", "stayed");
  restart(rig);
  assert_step(rig, "verifying", "stayed");
  rig_run(rig, confirm(rig, "n1", "5"));
  restart(rig);
  assert_step(rig, "verified", "proven");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/verify/proven", test_proven);
  g_test_add_func("/promise/U10/trial-of-a-swapped-node", test_swapped);
  g_test_add_func("/control/verify/contacts-count", test_contacts_count);
  g_test_add_func("/control/verify/online-only", test_online_only);
  g_test_add_func("/control/verify/named-by-imei", test_named_by_imei);
  g_test_add_func("/control/verify/one-node-at-a-time", test_one_node_at_a_time);
  g_test_add_func("/control/verify/runs-there-already", test_runs_there_already);
  g_test_add_func("/control/verify/failure", test_failure);
  g_test_add_func("/control/verify/another-version-while-it-stays", test_another_version_while_it_stays);
  g_test_add_func("/control/verify/not-heard-again", test_not_heard_again);
  g_test_add_func("/control/verify/never-asked", test_never_asked);
  g_test_add_func("/control/verify/push-is-stopped", test_push_is_stopped);
  g_test_add_func("/control/verify/withdrawn-meanwhile", test_withdrawn_meanwhile);
  g_test_add_func("/control/verify/self-verifying", test_self_verifying);
  g_test_add_func("/control/verify/restarted-at-every-step", test_restarted_at_every_step);
  g_test_add_func("/promise/U10/silent-by-eyes-alone", test_U10_silent_by_eyes_alone);
  g_test_add_func("/promise/U10/told-by-the-node-first", test_U10_told_by_the_node_first);
  return g_test_run();
}
