/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may have what, when, and how many at once: rules, pushes, caps, windows, and what ends them. */
#include "rig.h"

#include <string.h>

#include "base/error.h"

#define MINUTE_MS G_GINT64_CONSTANT(60000)

static char names[8][8];

/* Adopted nodes n0, n1... of a plugin, which were heard with version 3. */
static Rig *
fleet(const char *plugin, int n)
{
  Rig *rig = rig_new(NULL);

  rig_product(rig, "weather", plugin);
  for (int i = 0; i < n; i++) {
    g_snprintf(names[i], sizeof(names[i]), "n%d", i);
    rig_expect_nothing(rig, &(RigAsker){ .plugin = plugin, .node = names[i] }, GATEWAY_REASON_NOT_ADOPTED);
    rig_adopt(rig, names[i], "weather");
  }
  return rig;
}

static RigAsker
told(int i)
{
  return (RigAsker){ .plugin = RIG_TOLD, .node = names[i], .version = "3" };
}

static void
test_nothing_unverified_in_bulk(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 2);
  gint64 firmware = rig_import(rig, "weather", "5", 5000, 'x'), rule;
  RigAsker first = told(0), second = told(1);
  g_autoptr(GVariant) form =
      g_variant_ref_sink(g_variant_new_parsed("{'name': <'all'>, 'firmware': <%x>}", firmware));
  g_autoptr(GVariant) result = NULL;

  gw_command_rule_create(rig->core, &rig_caller, form, rig_then());
  result = rig_result(rig, NULL);
  g_variant_get(result, "(x)", &rule);
  rig_refused(rig, GW_ERROR_BAD_INPUT, "unverified",
              gw_command_rule_start(rig->core, &rig_caller, rule, rig_then()));
  rig_push(rig, firmware, "n0");
  rig_expect_nothing(rig, &second, GATEWAY_REASON_NO_RULE);
  g_free(rig_download(rig, &first, "5"));
  rig_refused(rig, GW_ERROR_BUSY, "one node at a time",
              gw_command_push(rig->core, &rig_caller, &(GwPushOrder){ firmware, "n1", NULL }, rig_then()));
  first.version = "5";
  rig_expect_nothing(rig, &first, GATEWAY_REASON_NO_RULE);
  rig_assert_column(rig, "updates", "node", "n0", "state", "succeeded");
  rig_assert_column(rig, "firmware", "id", "1", "verification", "staying"); /* heard, and not yet proven */
  rig_refused(rig, GW_ERROR_BAD_INPUT, "verifying",
              gw_command_rule_start(rig->core, &rig_caller, rule, rig_then()));
  rig_pass(rig, 61 * MINUTE_MS);
  rig_expect_nothing(rig, &first, GATEWAY_REASON_NO_RULE);
  rig_refused(
      rig, GW_ERROR_BAD_INPUT, "version",
      gw_command_firmware_confirm(rig->core, &rig_caller, firmware, &(GwSighting){ "n0", "6" }, rig_then()));
  rig_run(rig, gw_command_firmware_confirm(rig->core, &rig_caller, firmware, &(GwSighting){ "n0", "5" },
                                           rig_then()));
  rig_run(rig, gw_command_rule_start(rig->core, &rig_caller, rule, rig_then()));
  g_free(rig_expect_offer(rig, &second, "5"));
}

/* What the node itself says weighs more than what somebody believes to have seen. */
static void
test_confirm_against_the_node(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 1);
  gint64 firmware = rig_import(rig, "weather", "5", 5000, 'x');
  RigAsker node = told(0);

  rig_expect_nothing(rig, &node, GATEWAY_REASON_NO_RULE);
  rig_refused(
      rig, GW_ERROR_BAD_INPUT, "itself says",
      gw_command_firmware_confirm(rig->core, &rig_caller, firmware, &(GwSighting){ "n0", "5" }, rig_then()));
}

static void
test_cap_of_a_rule(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 3);
  RigAsker a = told(0), b = told(1), c = told(2);
  g_autofree char *token = NULL;

  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), "'cap': <uint32 1>");
  token = rig_expect_offer(rig, &a, "5");
  rig_expect_nothing(rig, &b, GATEWAY_REASON_CAP);
  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_pass(rig, 11 * MINUTE_MS); /* a running transfer keeps its place */
  rig_expect_nothing(rig, &b, GATEWAY_REASON_CAP);
  rig_tell(rig, GW_TOLD_COMPLETE, token, 5001);
  g_free(rig_expect_offer(rig, &b, "5"));
  rig_expect_nothing(rig, &c, GATEWAY_REASON_CAP);
  rig_pass(rig, 11 * MINUTE_MS); /* b never asked for a byte: its place lapses, its pin stays */
  g_free(rig_expect_offer(rig, &c, "5"));
  rig_expect_nothing(rig, &b, GATEWAY_REASON_CAP);
}

static void
test_cap_of_the_gateway(void)
{
  g_autoptr(Rig) rig = NULL;
  RigAsker a, b;

  rig = rig_new("[limits]\ntransfers=1\n");
  rig_product(rig, "weather", RIG_TOLD);
  for (int i = 0; i < 2; i++) {
    g_snprintf(names[i], sizeof(names[i]), "n%d", i);
    rig_expect_nothing(rig, &(RigAsker){ .plugin = RIG_TOLD, .node = names[i] }, GATEWAY_REASON_NOT_ADOPTED);
    rig_adopt(rig, names[i], "weather");
  }
  a = told(0), b = told(1);
  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), NULL);
  g_free(rig_expect_offer(rig, &a, "5"));
  rig_expect_nothing(rig, &b, GATEWAY_REASON_CAP);
}

/* A late ask of a never-cut make is served at once, and counted over the cap; others hear "later". */
static void
test_late_ask(void)
{
  static const char *const PLUGINS[] = { RIG_SILENT, RIG_TOLD };

  for (int make = 0; make < 2; make++) {
    g_autoptr(Rig) rig = fleet(PLUGINS[make], 2);
    RigAsker a = { .plugin = PLUGINS[make], .node = "n0" }, b = { .plugin = PLUGINS[make], .node = "n1" };
    g_autofree char *token = NULL;
    GwAnswer answer;

    rig_rule(rig, "all", rig_verified(rig, "weather", "5"), "'cap': <uint32 1>");
    token = rig_expect_offer(rig, &a, "5");
    rig_pass(rig, 11 * MINUTE_MS);
    g_free(rig_expect_offer(rig, &b, "5"));
    answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = PLUGINS[make], .token = token });
    g_assert_cmpint(answer.kind, ==, make == 0 ? GATEWAY_ANSWER_BYTES : GATEWAY_ANSWER_LATER);
    gw_answer_clear(&answer);
    rig_assert_column(rig, "rules", "name", "all", "transfers", make == 0 ? "2" : "1");
  }
}

static void
test_window(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 1);
  g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(rig->wall_ms / 1000);
  int hour = g_date_time_get_hour(now);
  g_autofree char *form = g_strdup_printf("'hours': <'%02d:00-%02d:00'>", (hour + 2) % 24, (hour + 3) % 24);
  g_autofree char *lines = NULL;
  RigAsker node = told(0);
  GwAnswer answer;

  rig_rule(rig, "night", rig_verified(rig, "weather", "5"), form);
  answer = rig_ask(rig, &node);
  g_assert_cmpint(answer.reason, ==, GATEWAY_REASON_WINDOW);
  g_assert_cmpint(answer.until_boot_ms, >, rig->boot_ms);
  g_assert_cmpint(answer.until_boot_ms, <=, rig->boot_ms + 60 * MINUTE_MS);
  gw_answer_clear(&answer);
  lines = rig_explain(rig, "n0");
  g_assert_nonnull(strstr(lines, "hours"));
  rig_pass(rig, 120 * MINUTE_MS);
  g_free(rig_expect_offer(rig, &node, "5"));
}

static void
test_untrusted_clock_opens_no_window(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 1);
  RigAsker node = told(0);

  rig_rule(rig, "day", rig_verified(rig, "weather", "5"), "'hours': <'00:00-23:59'>");
  rig->is_trusted = FALSE;
  rig_expect_nothing(rig, &node, GATEWAY_REASON_WINDOW);
  rig->is_trusted = TRUE;
  g_free(rig_expect_offer(rig, &node, "5"));
}

/* Neither a rule without hours nor a push begins; what was promised is kept. */
static void
test_untrusted_clock_starts_nothing(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 2);
  RigAsker promised = told(0), other = told(1);
  g_autofree char *token = NULL, *again = NULL, *lines = NULL;
  gint64 firmware = rig_verified(rig, "weather", "5");
  GwAnswer answer;

  rig_rule(rig, "all", firmware, NULL);
  token = rig_expect_offer(rig, &promised, "5");
  rig->is_trusted = FALSE;
  rig_expect_nothing(rig, &other, GATEWAY_REASON_WINDOW);
  rig_push(rig, firmware, "n1");
  rig_expect_nothing(rig, &other, GATEWAY_REASON_WINDOW);
  lines = rig_explain(rig, "n1");
  g_assert_nonnull(strstr(lines, "the clock is not trusted yet"));
  again = rig_expect_offer(rig, &promised, "5");
  g_assert_cmpstr(again, ==, token);
  answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = RIG_TOLD, .token = token });
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES);
  gw_answer_clear(&answer);
  rig->is_trusted = TRUE;
  g_free(rig_expect_offer(rig, &other, "5"));
}

static void
test_pause_and_stop(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 2);
  RigAsker a = told(0), b = told(1);
  g_autofree char *token = NULL;
  g_autoptr(RigMessage) stop = NULL;
  g_autofree char *stopped = NULL, *why = NULL;
  gint64 rule = rig_rule(rig, "all", rig_verified(rig, "weather", "5"), NULL);
  GwAnswer answer;

  token = rig_expect_offer(rig, &a, "5");
  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_run(rig, gw_command_rule_pause(rig->core, &rig_caller, rule, "lunch", rig_then()));
  rig_expect_nothing(rig, &b, GATEWAY_REASON_PAUSED);
  answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = RIG_TOLD, .token = token });
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES); /* what has begun goes on */
  gw_answer_clear(&answer);
  rig_forget_messages(rig);
  rig_run(rig, gw_command_rule_stop(rig->core, &rig_caller, rule, rig_then()));
  stop = rig_take(rig, TRUE, GW_MESSAGE_STOP);
  g_assert_nonnull(stop);
  g_assert_true(gw_stop_unpack(stop->payload, &stopped, &why));
  g_assert_cmpstr(stopped, ==, token);
  rig_assert_column(rig, "updates", "node", "n0", "state", "cancelled");
  answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = RIG_TOLD, .token = token });
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_UNKNOWN);
  gw_answer_clear(&answer);
  rig_run(rig, gw_command_rule_delete(rig->core, &rig_caller, rule, rig_then()));
}

/* A never-cut make that was given the metadata gets every byte, whatever became of the rule. */
static void
test_never_cut_is_not_stopped(void)
{
  g_autoptr(Rig) rig = fleet(RIG_SILENT, 1);
  RigAsker node = { .plugin = RIG_SILENT, .node = "n0" };
  g_autofree char *token = NULL;
  gint64 rule = rig_rule(rig, "all", rig_verified(rig, "weather", "5"), NULL);
  GwAnswer answer;

  token = rig_expect_offer(rig, &node, "5");
  rig_forget_messages(rig);
  rig_run(rig, gw_command_rule_stop(rig->core, &rig_caller, rule, rig_then()));
  g_assert_null(rig_take(rig, TRUE, GW_MESSAGE_STOP));
  answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = RIG_SILENT, .token = token });
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_BYTES);
  gw_answer_clear(&answer);
  rig_assert_column(rig, "updates", "node", "n0", "state", "offered");
  rig_expect_nothing(rig, &node, GATEWAY_REASON_NO_RULE); /* it asks anew: it is fetching nothing */
  rig_assert_column(rig, "updates", "node", "n0", "state", "cancelled");
  answer = rig_ask_bytes(rig, &(RigAsker){ .plugin = RIG_SILENT, .token = token });
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_UNKNOWN);
  gw_answer_clear(&answer);
}

static void
test_withdrawn(void)
{
  g_autoptr(Rig) rig = fleet(RIG_SILENT, 2);
  RigAsker a = { .plugin = RIG_SILENT, .node = "n0" }, b = { .plugin = RIG_SILENT, .node = "n1" };
  gint64 firmware = rig_verified(rig, "weather", "5");
  g_autofree char *reason = NULL;

  rig_rule(rig, "all", firmware, NULL);
  g_free(rig_download(rig, &a, "5"));
  rig_run(rig, gw_command_firmware_withdraw(rig->core, &rig_caller, firmware, "recalled", rig_then()));
  rig_assert_column(rig, "updates", "node", "n0", "state", "cancelled");
  reason = rig_column(rig, "updates", "node", "n0", "reason");
  g_assert_nonnull(strstr(reason, "outcome unknown"));
  rig_expect_nothing(rig, &b, GATEWAY_REASON_WITHDRAWN);
  rig_refused(rig, GW_ERROR_BAD_INPUT, "withdrawn",
              gw_command_push(rig->core, &rig_caller, &(GwPushOrder){ firmware, "n1", NULL }, rig_then()));
}

/* The cloud, or an operator, moves on; the node gets what it was promised, then the next. */
static void
test_pin_stands(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 1);
  RigAsker node = told(0);
  g_autofree char *token = NULL, *again = NULL;

  rig_rule(rig, "five", rig_verified(rig, "weather", "5"), NULL);
  token = rig_expect_offer(rig, &node, "5");
  rig_rule(rig, "six", rig_verified(rig, "weather", "6"), "'priority': <10>");
  again = rig_expect_offer(rig, &node, "5");
  g_assert_cmpstr(again, ==, token);
  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_tell(rig, GW_TOLD_COMPLETE, token, 5001);
  node.version = "5";
  g_free(rig_expect_offer(rig, &node, "6"));
}

/* Ten minutes without asking for a byte, and a newer firmware may take its place. */
static void
test_pin_goes_stale(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 1);
  RigAsker node = told(0);

  rig_rule(rig, "five", rig_verified(rig, "weather", "5"), NULL);
  g_free(rig_expect_offer(rig, &node, "5"));
  rig_rule(rig, "six", rig_verified(rig, "weather", "6"), "'priority': <10>");
  rig_pass(rig, 11 * MINUTE_MS);
  g_free(rig_expect_offer(rig, &node, "6"));
  rig_assert_column(rig, "updates", "firmware", "1", "state", "superseded");
  rig_assert_column(rig, "updates", "firmware", "1", "reason",
                    "rule six takes the place of rule five: its priority is greater");
}

static void
test_downgrade_only_by_its_verb(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 2);
  gint64 firmware = rig_verified(rig, "weather", "2");
  RigAsker a = told(0), b = told(1);

  rig_expect_nothing(rig, &a, GATEWAY_REASON_NO_RULE);
  rig_rule(rig, "old", firmware, NULL);
  rig_expect_nothing(rig, &a, GATEWAY_REASON_UP_TO_DATE);
  rig_refused(rig, GW_ERROR_BAD_INPUT, "downgrade",
              gw_command_push(rig->core, &rig_caller, &(GwPushOrder){ firmware, "n0", NULL }, rig_then()));
  rig_run(rig, gw_command_push(rig->core, &rig_caller,
                               &(GwPushOrder){ firmware, "n0", NULL, GW_PUSH_DOWNGRADE }, rig_then()));
  g_assert_cmpuint(rig_count_events(rig, "firmware.downgrade-allowed"), ==, 1);
  g_free(rig_expect_offer(rig, &a, "2"));
  rig_expect_nothing(rig, &b, GATEWAY_REASON_UP_TO_DATE); /* allowed for that node alone */
}

/* A newer push takes the place of an older one that has not begun. */
static void
test_newer_push_counts(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 1);
  RigAsker node = told(0);

  rig_push(rig, rig_verified(rig, "weather", "5"), "n0");
  rig_push(rig, rig_verified(rig, "weather", "6"), "n0");
  g_free(rig_expect_offer(rig, &node, "6"));
  rig_assert_column(rig, "rules", "firmware", "1", "state", "stopped");
}

static void
test_dates_are_over(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 2);
  g_autofree char *after = gw_clock_format(rig->wall_ms + 2 * 3600000);
  g_autofree char *form = g_strdup_printf("'not-after': <'%s'>", after);
  RigAsker a = told(0);

  rig_rule(rig, "short", rig_verified(rig, "weather", "5"), form);
  g_free(rig_expect_offer(rig, &a, "5"));
  rig_pass(rig, 3600000);
  rig_assert_column(rig, "rules", "name", "short", "state", "running");
  rig_pass(rig, 2 * 3600000);
  rig_assert_column(rig, "rules", "name", "short", "state", "completed");
  rig_assert_column(rig, "updates", "node", "n0", "state", "expired");
}

static void
test_set_aside(void)
{
  g_autoptr(Rig) rig = fleet(RIG_TOLD, 1);
  RigAsker node = told(0);
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed("{'set-aside': <true>}"));

  rig_rule(rig, "all", rig_verified(rig, "weather", "5"), NULL);
  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, "n0", form, rig_then()));
  rig_expect_nothing(rig, &node, GATEWAY_REASON_SET_ASIDE);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/U10/nothing-unverified-in-bulk", test_nothing_unverified_in_bulk);
  g_test_add_func("/promise/U3/downgrade-only-by-its-verb", test_downgrade_only_by_its_verb);
  g_test_add_func("/control/rules/confirm-against-the-node", test_confirm_against_the_node);
  g_test_add_func("/control/rules/cap-of-a-rule", test_cap_of_a_rule);
  g_test_add_func("/control/rules/cap-of-the-gateway", test_cap_of_the_gateway);
  g_test_add_func("/control/rules/late-ask", test_late_ask);
  g_test_add_func("/control/rules/window", test_window);
  g_test_add_func("/promise/E4/untrusted-clock-opens-no-window", test_untrusted_clock_opens_no_window);
  g_test_add_func("/promise/E4/untrusted-clock-starts-nothing", test_untrusted_clock_starts_nothing);
  g_test_add_func("/control/rules/pause-and-stop", test_pause_and_stop);
  g_test_add_func("/control/rules/never-cut-is-not-stopped", test_never_cut_is_not_stopped);
  g_test_add_func("/control/rules/withdrawn", test_withdrawn);
  g_test_add_func("/control/rules/pin-stands", test_pin_stands);
  g_test_add_func("/control/rules/pin-goes-stale", test_pin_goes_stale);
  g_test_add_func("/control/rules/newer-push-counts", test_newer_push_counts);
  g_test_add_func("/control/rules/dates-are-over", test_dates_are_over);
  g_test_add_func("/control/rules/set-aside", test_set_aside);
  return g_test_run();
}
