/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A login that nodes share: for those that were named, told by their address, with an end; several at one
 * address are a group. */
#include "rig.h"

#include <string.h>

#include "base/error.h"

#define PASSWORD "libelium"

static void
enter(Rig *rig, const char *node, const char *address)
{
  g_autoptr(GVariant) form =
      g_variant_ref_sink(g_variant_new_parsed("{'product': <'motes'>, 'address': <%s>}", address));

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, node, form, rig_then()));
}

/* Two nodes at addresses of their own, two behind one, and one that nobody named. */
static Rig *
rig_with_nodes(void)
{
  Rig *rig = rig_new(NULL);

  rig_product(rig, "motes", RIG_NUMBERED);
  enter(rig, "m1", "127.0.1.1");
  enter(rig, "m2", "127.0.1.2");
  enter(rig, "m3", "127.0.1.3");
  enter(rig, "m4", "127.0.1.3");
  enter(rig, "other", "127.0.1.5");
  return rig;
}

static void
set_account(Rig *rig, const char *text)
{
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed(text));

  gw_command_account_set(rig->core, &rig_caller, "ota", form, rig_then());
}

static void
make_account(Rig *rig)
{
  rig_run(rig, set_account(rig, "{'password': <'" PASSWORD
                                "'>, 'nodes': <['m1', 'm2', 'm3', 'm4']>, 'expires': <'90d'>}"));
}

static RigAsker
at(const char *address)
{
  return (RigAsker){ .plugin = RIG_NUMBERED, .node = "ota", .credential = PASSWORD, .address = address };
}

/* The node that the asker is taken for. */
static void
assert_is(Rig *rig, RigAsker asker, const char *node)
{
  GwAnswer answer = rig_introduce(rig, &asker);

  g_assert_cmpint(answer.kind, ==, node ? GATEWAY_ANSWER_ACCEPTED : GATEWAY_ANSWER_DENIED);
  g_assert_cmpstr(answer.node, ==, node ? node : "");
  gw_answer_clear(&answer);
}

static void
test_named_nodes(void)
{
  g_autoptr(Rig) rig = rig_with_nodes();
  RigAsker wrong = at("127.0.1.1");

  assert_is(rig, at("127.0.1.1"), NULL);
  make_account(rig);
  assert_is(rig, at("127.0.1.1"), "m1");
  assert_is(rig, at("127.0.1.2"), "m2");
  assert_is(rig, at("127.0.1.5"), NULL);
  assert_is(rig, at("127.0.1.9"), NULL);
  wrong.credential = "Libelium";
  assert_is(rig, wrong, NULL);
  rig_assert_column(rig, "nodes", "id", "m1", "identity", "claimed"); /* it showed nothing of its own */
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  assert_is(rig, at("127.0.1.2"), "m2");
  rig_run(rig, gw_command_account_remove(rig->core, &rig_caller, "ota", rig_then()));
  assert_is(rig, at("127.0.1.2"), NULL);
}

/* A node that has its own must show that. */
static void
test_own_is_better(void)
{
  g_autoptr(Rig) rig = rig_with_nodes();

  make_account(rig);
  rig_run(rig, gw_command_credential_make(rig->core, &rig_caller, "m1", rig_then()));
  assert_is(rig, at("127.0.1.1"), NULL);
  rig_refused(rig, GW_ERROR_BAD_INPUT, "login of its own",
              set_account(rig, "{'password': <'" PASSWORD "'>, 'nodes': <['m1']>, 'expires': <'90d'>}"));
}

static void
test_expires(void)
{
  g_autoptr(Rig) rig = rig_with_nodes();

  rig_refused(rig, GW_ERROR_BAD_INPUT, "expires is missing",
              set_account(rig, "{'password': <'" PASSWORD "'>, 'nodes': <['m1']>}"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "within a year",
              set_account(rig, "{'password': <'" PASSWORD "'>, 'nodes': <['m1']>, 'expires': <'400d'>}"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "8 to 64",
              set_account(rig, "{'password': <'ota'>, 'nodes': <['m1']>, 'expires': <'90d'>}"));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "which?",
              set_account(rig, "{'password': <'" PASSWORD "'>, 'expires': <'90d'>}"));
  rig_refused(rig, GW_ERROR_NOT_FOUND, "no node",
              set_account(rig, "{'password': <'" PASSWORD "'>, 'nodes': <['m9']>, 'expires': <'90d'>}"));
  make_account(rig);
  rig_pass(rig, 89 * RIG_DAY_MS);
  assert_is(rig, at("127.0.1.1"), "m1");
  rig->is_trusted = FALSE;
  assert_is(rig, at("127.0.1.1"), NULL);
  rig->is_trusted = TRUE;
  rig_pass(rig, 2 * RIG_DAY_MS);
  assert_is(rig, at("127.0.1.1"), NULL);
  g_assert_cmpuint(rig_count_events(rig, "account.expired"), ==, 1);
  rig_assert_column(rig, "accounts", "login", "ota", "valid", "false");
  rig_stop_core(rig); /* a restart has nothing new to say */
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_pass(rig, 120000);
  g_assert_cmpuint(rig_count_events(rig, "account.expired"), ==, 1);
}

/* Ended between two looks of the house: what was answered is void at once. */
static void
test_expires_on_time(void)
{
  g_autoptr(Rig) rig = rig_with_nodes();

  rig_run(rig, set_account(rig, "{'password': <'" PASSWORD "'>, 'nodes': <['m1']>, 'expires': <'100s'>}"));
  rig_pass(rig, 99000);
  g_assert_cmpuint(rig_count_events(rig, "account.expired"), ==, 0);
  rig_pass(rig, 2000);
  g_assert_cmpuint(rig_count_events(rig, "account.expired"), ==, 1);
}

/* Two behind one address: served as one, counted, and nothing is said of either. */
static void
test_group(void)
{
  g_autoptr(Rig) rig = rig_with_nodes();
  gint64 firmware = rig_import(rig, "motes", "spring", 5000, 'x');
  RigAsker asker = at("127.0.1.3");

  make_account(rig);
  assert_is(rig, asker, "ota@127.0.1.3");
  rig_assert_column(rig, "nodes", "id", "ota@127.0.1.3", "group", "true");
  rig_push(rig, firmware, "ota@127.0.1.3");
  g_free(rig_download(rig, &asker, "1"));
  g_free(rig_download(rig, &asker, "1"));
  rig_pass(rig, 3600 * 1000);
  g_free(rig_expect_offer(rig, &asker, "1"));
  rig_pass(rig, 3600 * 1000);
  rig_assert_column(rig, "nodes", "id", "ota@127.0.1.3", "version", "");
  g_assert_cmpuint(rig_count_events(rig, "update.downloaded-by-member"), ==, 2);
  g_assert_cmpuint(rig_count_events(rig, "update.succeeded"), ==, 0);
  rig_assert_column(rig, "nodes", "id", "m3", "version", "");
}

/* A stranger that calls itself as the group will be called is in nobody's way. */
static void
test_stranger_with_the_name_of_a_group(void)
{
  g_autoptr(Rig) rig = rig_with_nodes();
  RigAsker stranger = { .plugin = RIG_TOLD, .node = "ota@127.0.1.3", .version = "3", .address = "127.0.1.9" };

  make_account(rig);
  rig_expect_nothing(rig, &stranger, GATEWAY_REASON_NOT_ADOPTED);
  rig_assert_column(rig, "nodes", "id", "ota@127.0.1.3", "group", "false");
  assert_is(rig, at("127.0.1.3"), "ota@127.0.1.3");
  rig_assert_column(rig, "nodes", "id", "ota@127.0.1.3", "group", "true");
  rig_expect_nothing(rig, &stranger, GATEWAY_REASON_NOT_ADOPTED);
}

/* What the group was told, each of its members was: with a login of its own it hears a greater number. */
static void
test_numbers_of_a_group(void)
{
  g_autoptr(Rig) rig = rig_with_nodes();
  gint64 first = rig_import(rig, "motes", "spring", 5000, 'x');
  gint64 second = rig_import(rig, "motes", "summer", 6000, 'y');
  RigAsker group = at("127.0.1.3"), own = { .plugin = RIG_NUMBERED, .node = "m3", .address = "127.0.1.3" };
  GwAnswer answer;

  make_account(rig);
  assert_is(rig, group, "ota@127.0.1.3");
  rig_push_as(rig, first, "ota@127.0.1.3", "{'number': <int64 9>}");
  g_free(rig_download(rig, &group, "9"));
  rig_push(rig, second, "m3");
  g_free(rig_expect_offer(rig, &own, "10"));
  answer = rig_ask(rig, &group); /* and now the group knows of 10 */
  gw_answer_clear(&answer);
  rig_push(rig, rig_import(rig, "motes", "autumn", 7000, 'z'), "ota@127.0.1.3");
  rig_assert_column(rig, "rules", "name", "push-3", "number", "11");
}

static void
test_not_the_name_of_a_node(void)
{
  g_autoptr(Rig) rig = rig_with_nodes();
  g_autoptr(GVariant) form = g_variant_ref_sink(
      g_variant_new_parsed("{'password': <'" PASSWORD "'>, 'nodes': <['m1']>, 'expires': <'90d'>}"));

  g_autoptr(GVariant) empty = g_variant_ref_sink(g_variant_new("a{sv}", NULL));

  rig_refused(rig, GW_ERROR_EXISTS, "name of a node",
              gw_command_account_set(rig->core, &rig_caller, "m2", form, rig_then()));
  make_account(rig);
  rig_refused(rig, GW_ERROR_EXISTS, "nodes share",
              gw_command_node_set(rig->core, &rig_caller, "ota", empty, rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "1 to 16",
              gw_command_account_set(rig->core, &rig_caller, "o t a", form, rig_then()));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/K1/shared-login-for-named-nodes", test_named_nodes);
  g_test_add_func("/promise/K1/own-login-is-better", test_own_is_better);
  g_test_add_func("/promise/K1/shared-login-expires", test_expires);
  g_test_add_func("/promise/K1/shared-login-expires-on-time", test_expires_on_time);
  g_test_add_func("/promise/K1/group-of-a-shared-login", test_group);
  g_test_add_func("/promise/K1/stranger-with-the-name-of-a-group", test_stranger_with_the_name_of_a_group);
  g_test_add_func("/promise/U7/numbers-of-a-group", test_numbers_of_a_group);
  g_test_add_func("/promise/K1/not-the-name-of-a-node", test_not_the_name_of_a_node);
  return g_test_run();
}
