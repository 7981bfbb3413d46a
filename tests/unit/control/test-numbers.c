/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A make that is told a number with each publication: the next is proposed, what would end its updates is
 * refused unless it is overridden by name, and no number comes twice. */
#include "rig.h"

#include <string.h>

#include "base/error.h"

static const RigAsker MOTE = { .plugin = RIG_NUMBERED, .node = "mote" };
static const RigAsker OLD = { .plugin = RIG_NUMBERED, .node = "old", .radio = "old" };

static void
enter(Rig *rig, const char *node, const char *product)
{
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed("{'product': <%s>}", product));

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, node, form, rig_then()));
}

static Rig *
rig_with_motes(void)
{
  Rig *rig = rig_new(NULL);

  rig_product(rig, "motes", RIG_NUMBERED);
  enter(rig, "mote", "motes");
  enter(rig, "old", "motes");
  return rig;
}

/* Offered and taken whole; a later request proves it. */
static void
update(Rig *rig, const RigAsker *asker, const char *number)
{
  g_free(rig_download(rig, asker, number));
  rig_pass(rig, 40 * 60 * 1000);
  GwAnswer answer = rig_ask(rig, asker);
  gw_answer_clear(&answer);
  rig_pass(rig, 40 * 60 * 1000);
  rig_assert_column(rig, "nodes", "id", asker->node, "version", number);
}

static void
test_next(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  gint64 first = rig_import(rig, "motes", "spring", 5000, 'x');
  gint64 second = rig_import(rig, "motes", "summer", 6000, 'y');

  rig_push(rig, first, "mote");
  update(rig, &MOTE, "1");
  rig_push(rig, second, "mote");
  update(rig, &MOTE, "2");
  rig_push(rig, second, "old"); /* each node has numbers of its own */
  g_free(rig_expect_offer(rig, &OLD, "1"));
}

static void
test_entered(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  gint64 firmware = rig_import(rig, "motes", "spring", 5000, 'x');
  gint64 second = rig_import(rig, "motes", "summer", 6000, 'y');

  rig_refused(rig, GW_ERROR_BAD_INPUT, "1 to 255",
              rig_begin_push(rig, firmware, "mote", "{'number': <int64 0>}"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "1 to 255",
              rig_begin_push(rig, firmware, "mote", "{'number': <int64 256>, 'override': <['last']>}"));
  rig_push_as(rig, firmware, "mote", "{'number': <int64 40>}");
  update(rig, &MOTE, "40");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "not above 40",
              rig_begin_push(rig, second, "mote", "{'number': <int64 40>}"));
  rig_push(rig, second, "mote");
  update(rig, &MOTE, "41");
}

/* A wrap is never produced, and what would end the updates of a node for ever is asked for by name. */
static void
test_last(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  gint64 firmware = rig_import(rig, "motes", "spring", 5000, 'x');
  gint64 second = rig_import(rig, "motes", "summer", 6000, 'y');
  gint64 third = rig_import(rig, "motes", "autumn", 7000, 'z');

  rig_refused(rig, GW_ERROR_BAD_INPUT, "--override=last",
              rig_begin_push(rig, firmware, "mote", "{'number': <int64 255>}"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "--override=last",
              rig_begin_push(rig, firmware, "mote", "{'number': <int64 255>, 'override': <['old']>}"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "jumps to 254",
              rig_begin_push(rig, firmware, "mote", "{'number': <int64 254>}"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "there is no limit \"all\"",
              rig_begin_push(rig, firmware, "mote", "{'number': <int64 9>, 'override': <['all']>}"));
  rig_push_as(rig, firmware, "mote", "{'number': <int64 253>}");
  update(rig, &MOTE, "253");
  rig_push(rig, second, "mote"); /* step by step it may be reached */
  update(rig, &MOTE, "254");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "above 254", rig_begin_push(rig, third, "mote", "@a{sv} {}"));
  rig_push_as(rig, third, "mote", "{'override': <['last']>}");
  update(rig, &MOTE, "255");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "1 to 255",
              rig_begin_push(rig, third, "mote", "{'override': <['last']>}"));
}

/* Known of the node: refused at once. Shown only when it asks: then it is not offered. */
static void
test_limit_of_some(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  gint64 firmware = rig_import(rig, "motes", "spring", 5000, 'x');
  g_autofree char *why = NULL;

  rig_push_as(rig, firmware, "old", "{'number': <int64 128>}");
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
  why = rig_explain(rig, "old");
  g_assert_nonnull(strstr(why, "an old radio counts so far"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "--override=old",
              rig_begin_push(rig, firmware, "old", "{'number': <int64 128>}"));
  rig_push_as(rig, firmware, "old", "{'number': <int64 126>}");
  g_free(rig_expect_offer(rig, &OLD, "126"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "--override=old",
              rig_begin_push(rig, firmware, "old", "{'number': <int64 128>}"));
  rig_push_as(rig, firmware, "old", "{'number': <int64 128>, 'override': <['old']>}");
  rig_pass(rig, 3600 * 1000);
  g_free(rig_expect_offer(rig, &OLD, "128"));
}

/* What it showed itself to be is known after a restart, though it was offered nothing. */
static void
test_limit_survives_a_restart(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  gint64 firmware = rig_import(rig, "motes", "spring", 5000, 'x');
  const RigAsker before = { .plugin = RIG_NUMBERED, .node = "old" };

  rig_expect_nothing(rig, &before, GATEWAY_REASON_NO_RULE); /* all else of it is known */
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
  rig_settle(rig);
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_refused(rig, GW_ERROR_BAD_INPUT, "--override=old",
              rig_begin_push(rig, firmware, "old", "{'number': <int64 128>}"));
}

/* A rule is for all of its nodes: greater than what any was told, and within the limits of each. */
static void
test_rule(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  gint64 first = rig_verified(rig, "motes", "spring");
  gint64 second = rig_verified(rig, "motes", "winter");
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed(
      "{'name': <'all'>, 'firmware': <%x>, 'include-unknown': <true>, 'number': <int64 128>}", second));
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL, preview = NULL;
  const char *number = NULL;
  gint64 id;

  rig_push_as(rig, first, "mote", "{'number': <int64 60>}");
  g_free(rig_expect_offer(rig, &MOTE, "60"));
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
  gw_command_rule_create(rig->core, &rig_caller, form, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  g_variant_get(result, "(x)", &id);
  rig_refused(rig, GW_ERROR_BAD_INPUT, "--override=old",
              gw_command_rule_start(rig->core, &rig_caller, id, rig_then()));
  g_clear_pointer(&result, g_variant_unref);
  id = rig_rule(rig, "next", second, NULL);
  gw_command_rule_preview(rig->core, &rig_caller, id, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  preview = g_variant_get_child_value(result, 0);
  g_assert_true(g_variant_lookup(preview, "number", "&s", &number));
  g_assert_cmpstr(number, ==, "61");
  g_free(rig_expect_offer(rig, &OLD, "61"));
}

/* Two rules were given the same number: no node hears it for both images. */
static void
test_never_twice(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  gint64 first = rig_import(rig, "motes", "spring", 5000, 'x');
  gint64 second = rig_verified(rig, "motes", "winter");
  g_autofree char *why = NULL;

  rig_rule(rig, "same", second, "'number': <int64 7>");
  rig_rule(rig, "lower", second, "'number': <int64 5>");
  rig_push_as(rig, first, "mote", "{'number': <int64 7>}");
  update(rig, &MOTE, "7");
  rig_expect_nothing(rig, &MOTE, GATEWAY_REASON_NO_RULE);
  why = rig_explain(rig, "mote");
  g_assert_nonnull(strstr(why, "not above one that the node was told"));
}

/* An attempt that failed is made again with its own number; a restart changes nothing. */
static void
test_again(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  gint64 firmware = rig_import(rig, "motes", "spring", 5000, 'x');
  gint64 second = rig_import(rig, "motes", "summer", 6000, 'y');
  g_autofree char *token = NULL;

  rig_push_as(rig, firmware, "mote", "{'number': <int64 7>}");
  token = rig_expect_offer(rig, &MOTE, "7");
  rig_tell(rig, GW_TOLD_BEGUN, token, 0);
  rig_pass(rig, 16 * 60 * 1000);
  rig_assert_column(rig, "updates", "node", "mote", "attempts", "1");
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_pass(rig, 2 * 3600 * 1000);
  g_free(rig_expect_offer(rig, &MOTE, "7"));
  rig_push(rig, second, "mote");
  rig_pass(rig, 3600 * 1000);
  g_free(rig_expect_offer(rig, &MOTE, "8"));
}

/* What came earlier goes back under a greater number, and only as a downgrade. */
static void
test_downgrade(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  gint64 first = rig_verified(rig, "motes", "spring");
  gint64 second = rig_import(rig, "motes", "summer", 6000, 'y');

  rig_push(rig, second, "mote");
  update(rig, &MOTE, "1");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "gatewayctl downgrade",
              rig_begin_push(rig, first, "mote", "@a{sv} {}"));
  rig_rule(rig, "rule", first, NULL);
  rig_expect_nothing(rig, &MOTE, GATEWAY_REASON_NO_RULE);
  g_assert_cmpuint(rig_count_events(rig, "firmware.downgrade-allowed"), ==, 0);
  rig_run(rig, gw_command_push(rig->core, &rig_caller,
                               &(GwPushOrder){ first, "mote", NULL, GW_PUSH_DOWNGRADE }, rig_then()));
  g_assert_cmpuint(rig_count_events(rig, "firmware.downgrade-allowed"), ==, 1);
  update(rig, &MOTE, "2");
}

static char *
show(Rig *rig, const char *node)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL;
  char *text;

  gw_command_offer(rig->core, &rig_caller, node, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  g_variant_get(result, "(s)", &text);
  return text;
}

/* Word for word what it would be told, before and after it asked, and looking at it changes nothing. */
static void
test_shown(void)
{
  g_autoptr(Rig) rig = rig_with_motes();
  g_autofree char *nothing = show(rig, "mote"), *due = NULL, *given = NULL;

  g_assert_cmpstr(nothing, ==, "nothing\n");
  rig_push_as(rig, rig_import(rig, "motes", "spring", 5000, 'x'), "mote", "{'number': <int64 12>}");
  due = show(rig, "mote");
  g_assert_cmpstr(due, ==, "fw.bin 5000 12{\n");
  rig_assert_column(rig, "updates", "node", "mote", "id", NULL);
  g_free(rig_expect_offer(rig, &MOTE, "12"));
  given = show(rig, "mote");
  g_assert_cmpstr(given, ==, due);
}

static void
test_other_makes_have_none(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  gint64 firmware;

  rig_product(rig, "weather", RIG_TOLD);
  enter(rig, "n1", "weather");
  firmware = rig_import(rig, "weather", "5", 5000, 'x');
  rig_refused(rig, GW_ERROR_BAD_INPUT, "told no number",
              rig_begin_push(rig, firmware, "n1", "{'number': <int64 9>}"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/numbers/limit-survives-a-restart", test_limit_survives_a_restart);
  g_test_add_func("/promise/U7/next-is-proposed", test_next);
  g_test_add_func("/promise/U7/entered", test_entered);
  g_test_add_func("/promise/U7/last-needs-an-override", test_last);
  g_test_add_func("/promise/U7/limit-of-some-nodes", test_limit_of_some);
  g_test_add_func("/promise/U7/rule-for-many", test_rule);
  g_test_add_func("/promise/U7/never-twice", test_never_twice);
  g_test_add_func("/promise/U7/again-with-its-own", test_again);
  g_test_add_func("/promise/U3/older-image-needs-its-verb", test_downgrade);
  g_test_add_func("/numbers/shown-word-for-word", test_shown);
  g_test_add_func("/numbers/other-makes-have-none", test_other_makes_have_none);
  return g_test_run();
}
