/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many nodes at once: a table is taken as a whole or not at all, those that are meant are set aside and
 * returned, and a new device takes an old one's place. */
#include "rig.h"

#include <string.h>

#include "base/error.h"

static const RigAsker OLD = { .plugin = RIG_TOLD, .node = "old", .version = "3" };

static Rig *
site(void)
{
  Rig *rig = rig_new(NULL);

  rig_product(rig, "weather", RIG_TOLD);
  return rig;
}

static void
set_node(Rig *rig, const char *node, const char *form)
{
  g_autoptr(GVariant) parsed =
      g_variant_ref_sink(g_variant_parse(G_VARIANT_TYPE_VARDICT, form, NULL, NULL, NULL));

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, node, parsed, rig_then()));
}

/* ---- import ---- */

static void
assert_import(Rig *rig, const char *table, gboolean is_dry_run, const char *expected)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL;
  g_autofree char *text = NULL;

  gw_command_nodes_import(rig->core, &rig_caller, table, is_dry_run, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  text = g_variant_print(result, FALSE);
  g_assert_cmpstr(text, ==, expected);
}

static const char TABLE[] = "id,product,labels,location,version,source\r\n"
                            "a,weather,roof; spare,\"Plant 2/Roof\",3,heard\r\n"
                            "b,weather,,,,\r\n"
                            "02-00-0A-00-00-01,weather,,Cellar,4,\r\n";

static void
test_table_is_taken(void)
{
  g_autoptr(Rig) rig = site();

  assert_import(rig, TABLE, TRUE, "(3, 0, 0)");
  g_assert_null(rig_column(rig, "nodes", "id", "a", "id"));
  assert_import(rig, TABLE, FALSE, "(3, 0, 0)");
  rig_assert_column(rig, "nodes", "id", "a", "location", "Plant 2/Roof");
  rig_assert_column(rig, "nodes", "id", "a", "labels", "['roof', 'spare']");
  rig_assert_column(rig, "nodes", "id", "a", "version", "3");
  rig_assert_column(rig, "nodes", "id", "a", "source", "entered");
  rig_assert_column(rig, "nodes", "id", "a", "adopted", "true");
  rig_assert_column(rig, "nodes", "id", "02:00:0a:00:00:01", "mac", "02:00:0a:00:00:01");
  g_assert_cmpuint(rig_count_events(rig, "node.set"), ==, 3);
  g_assert_cmpuint(rig_count_events(rig, "daemon.nodes-imported"), ==, 1);
  assert_import(rig, TABLE, FALSE, "(0, 0, 3)"); /* it says nothing new */
  g_assert_cmpuint(rig_count_events(rig, "node.set"), ==, 3);
  assert_import(rig, "id,location\nb,Hall\na,\n", FALSE, "(0, 1, 1)"); /* an empty cell says nothing */
  rig_assert_column(rig, "nodes", "id", "b", "location", "Hall");
  rig_assert_column(rig, "nodes", "id", "a", "location", "Plant 2/Roof");
}

/* What was heard is not made a mere entry by a table that says the same. */
static void
test_heard_stays_heard(void)
{
  g_autoptr(Rig) rig = site();

  set_node(rig, "old", "{'product': <'weather'>}");
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
  assert_import(rig, "id,version\nold,3\n", FALSE, "(0, 0, 1)");
  rig_assert_column(rig, "nodes", "id", "old", "source", "heard");
  assert_import(rig, "id,version\nold,4\n", FALSE, "(0, 1, 0)");
  rig_assert_column(rig, "nodes", "id", "old", "source", "entered");
}

/* A version without a word about the part, where there are several, is nobody's. */
static void
test_which_part(void)
{
  g_autoptr(Rig) rig = site();

  set_node(rig, "a", "{'product': <'weather'>, 'type': <'mcu'>, 'version': <'3'>}");
  set_node(rig, "a", "{'type': <'radio'>, 'version': <'2'>}");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "line 2: node a has several parts",
              gw_command_nodes_import(rig->core, &rig_caller, "id,version\na,5\n", FALSE, rig_then()));
  assert_import(rig, "id,version,type\na,3,mcu\n", FALSE, "(0, 0, 1)");
  assert_import(rig, "id,version,type\na,4,mcu\n", FALSE, "(0, 1, 0)");
  rig_assert_column(rig, "nodes", "id", "a", "version", "4");
}

static const struct {
  const char *table, *complaint;
} BAD[] = {
  { "", "the table is empty" },
  { "name,product\na,weather\n", "line 1: there is no column \"name\"" },
  { "product\nweather\n", "\"id\" must be one of them" },
  { "id,id\na,a\n", "line 1: the column id stands there twice" },
  { "id,product\na,weather\nb\n", "line 3: it has more or fewer columns" },
  { "id,product\na,weather\nb,wether\n", "line 3: there is no product \"wether\"" },
  { "id,product\n\"a b\",weather\n", "line 2: " },
  { "id,product\n,weather\n", "line 2: the id is missing" },
  { "id,product\na,weather\n\na,weather\n", "line 4: a stands there twice" },
  { "id,product,version\na,weather,one\n", "line 2: " },
  { "id,address\na,nowhere\n", "line 2: address: expected an IP address" },
  { "id,product,credential\na,weather,short\n", "line 2: a password has 8 to 64" },
  { "id,product\na,\"weather\n", "line 3: a quote is opened" },
};

/* Whatever is wrong with one line, none is taken. */
static void
test_all_or_nothing(void)
{
  g_autoptr(Rig) rig = site();

  for (gsize i = 0; i < G_N_ELEMENTS(BAD); i++) {
    rig_refused(rig, GW_ERROR_BAD_INPUT, BAD[i].complaint,
                gw_command_nodes_import(rig->core, &rig_caller, BAD[i].table, FALSE, rig_then()));
    g_assert_null(rig_column(rig, "nodes", "id", "a", "id"));
  }
}

static void
test_every_complaint_has_its_line(void)
{
  g_autoptr(Rig) rig = site();
  g_autoptr(GString) table = g_string_new("id,product\n");
  g_autoptr(GVariant) result = NULL;
  g_autoptr(GError) error = NULL;

  for (int i = 0; i < 300; i++)
    g_string_append_printf(table, "n%d,%s\n", i, i % 20 == 7 ? "wether" : "weather");
  gw_command_nodes_import(rig->core, &rig_caller, table->str, FALSE, rig_then());
  result = rig_result(rig, &error);
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_nonnull(strstr(error->message, "line 9: there is no product"));
  g_assert_nonnull(strstr(error->message, "line 29: there is no product"));
  g_assert_nonnull(strstr(error->message, "and 5 more"));
  g_assert_null(rig_column(rig, "nodes", "id", "n0", "id"));
}

/* A password from the table is good for a login, and stands in no event. */
static void
test_credentials(void)
{
  g_autoptr(Rig) rig = site();
  const RigAsker right = { .plugin = RIG_TOLD, .node = "a", .credential = "correct-horse" };
  const RigAsker wrong = { .plugin = RIG_TOLD, .node = "a", .credential = "correct-house" };
  GwAnswer answer;

  assert_import(rig, "id,product,credential\na,weather,correct-horse\n", FALSE, "(1, 0, 0)");
  rig_expect_nothing(rig, &right, GATEWAY_REASON_NO_RULE);
  answer = rig_ask(rig, &wrong);
  g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_DENIED);
  gw_answer_clear(&answer);
}

/* A node is answered while thousands are entered. */
static void
test_thousands(void)
{
  g_autoptr(Rig) rig = site();
  g_autoptr(GString) table = g_string_new("id,product,location\n");
  g_autoptr(GVariant) result = NULL;
  g_autofree char *text = NULL;

  for (int i = 0; i < 5000; i++)
    g_string_append_printf(table, "n%d,weather,Plant/%d\n", i, i);
  gw_command_nodes_import(rig->core, &rig_caller, table->str, FALSE, rig_then());
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NOT_ADOPTED);
  result = rig_result(rig, NULL);
  text = g_variant_print(result, FALSE);
  g_assert_cmpstr(text, ==, "(5000, 0, 0)");
  rig_assert_column(rig, "nodes", "id", "n4999", "location", "Plant/4999");
}

/* ---- set aside, return ---- */

static guint
set_aside(Rig *rig, const char *who, const GwAsideOrder *order)
{
  g_autoptr(GVariant) form =
      g_variant_ref_sink(g_variant_parse(G_VARIANT_TYPE_VARDICT, who, NULL, NULL, NULL));
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL;
  guint32 n = 0;

  gw_command_set_aside(rig->core, &rig_caller, form, order, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  g_variant_get(result, "(u)", &n);
  return n;
}

static void
test_those_that_are_meant(void)
{
  const GwAsideOrder count = { TRUE, "roof works", TRUE }, aside = { TRUE, "roof works", FALSE },
                     back = { FALSE, "", FALSE };
  g_autoptr(Rig) rig = site();
  g_autoptr(GVariant) nobody = g_variant_ref_sink(g_variant_new_parsed("@a{sv} {}"));

  assert_import(rig,
                "id,product,labels,location\n"
                "a,weather,roof,Plant 2/Roof\nb,weather,,Plant 2/Roof/North\nc,weather,roof,Plant 3\n",
                FALSE, "(3, 0, 0)");
  g_assert_cmpuint(set_aside(rig, "{'location': <'Plant 2/**'>}", &count), ==, 2);
  rig_assert_column(rig, "nodes", "id", "a", "set-aside", "false");
  g_assert_cmpuint(set_aside(rig, "{'location': <'Plant 2/**'>, 'label': <'roof'>}", &aside), ==, 1);
  rig_assert_column(rig, "nodes", "id", "a", "set-aside", "true");
  rig_assert_column(rig, "nodes", "id", "a", "set-aside-reason", "roof works (by tester)");
  g_assert_cmpuint(set_aside(rig, "{'nodes': <['a', 'b']>}", &aside), ==, 1);
  g_assert_cmpuint(rig_count_events(rig, "node.set-aside"), ==, 2);
  g_assert_cmpuint(set_aside(rig, "{'product': <'weather'>}", &back), ==, 2);
  rig_assert_column(rig, "nodes", "id", "a", "set-aside", "false");
  g_assert_cmpuint(rig_count_events(rig, "node.returned"), ==, 2);
  rig_refused(rig, GW_ERROR_BAD_INPUT, "which nodes?",
              gw_command_set_aside(rig->core, &rig_caller, nobody, &aside, rig_then()));
}

static void
test_unknown_names_change_nothing(void)
{
  const GwAsideOrder aside = { TRUE, "", FALSE };
  g_autoptr(Rig) rig = site();
  g_autoptr(GVariant) who = g_variant_ref_sink(g_variant_new_parsed("{'nodes': <['a', 'zebra']>}"));

  set_node(rig, "a", "{'product': <'weather'>}");
  rig_refused(rig, GW_ERROR_NOT_FOUND, "zebra",
              gw_command_set_aside(rig->core, &rig_caller, who, &aside, rig_then()));
  rig_assert_column(rig, "nodes", "id", "a", "set-aside", "false");
}

/* ---- replace ---- */

static void
restart(Rig *rig)
{
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  rig_connect_wan(rig);
}

/* "old" was updated by a rule that names it, and shares a login. */
static Rig *
updated(void)
{
  const RigAsker new = { .plugin = RIG_TOLD, .node = "old", .version = "5" };
  Rig *rig = site();
  gint64 firmware = rig_verified(rig, "weather", "5");
  g_autoptr(GVariant) account = NULL;

  set_node(rig, "old",
           "{'product': <'weather'>, 'location': <'Plant 2/Roof'>, 'labels': <['roof']>, "
           "'address': <'192.0.2.7'>}");
  set_node(rig, "other", "{'product': <'weather'>, 'version': <'3'>}"); /* for which the rule goes on */
  rig_rule(rig, "autumn", firmware, "'nodes': <['old', 'other']>");
  g_free(rig_download(rig, &OLD, "5"));
  rig_expect_nothing(rig, &new, GATEWAY_REASON_UP_TO_DATE);
  account = g_variant_ref_sink(
      g_variant_new_parsed("{'password': <'correct-horse'>, 'nodes': <['old']>, 'expires': <'90d'>}"));
  rig_run(rig, gw_command_account_set(rig->core, &rig_caller, "shared", account, rig_then()));
  return rig;
}

static void
test_takes_the_place(void)
{
  g_autoptr(Rig) rig = updated();
  const RigAsker fresh = { .plugin = RIG_TOLD, .node = "new", .version = "3" };

  rig_expect_nothing(rig, &fresh, GATEWAY_REASON_NOT_ADOPTED);
  rig_run(rig, gw_command_node_replace(rig->core, &rig_caller, "old", "new", rig_then()));
  for (int i = 0; i < 2; i++) {
    g_assert_null(rig_column(rig, "nodes", "id", "old", "id"));
    rig_assert_column(rig, "nodes", "id", "new", "location", "Plant 2/Roof");
    rig_assert_column(rig, "nodes", "id", "new", "labels", "['roof']");
    rig_assert_column(rig, "rules", "name", "autumn", "who", "nodes (2)");
    rig_assert_column(rig, "accounts", "login", "shared", "nodes", "['new']");
    rig_assert_column(rig, "updates", "node", "new", "state", "succeeded");
    rig_assert_column(rig, "updates", "node", "new", "former", "old");
    restart(rig);
  }
  /* what the old device had been through does not count for the new one */
  g_free(rig_expect_offer(rig, &fresh, "5"));
  g_assert_cmpuint(rig_count_events(rig, "node.replaced"), ==, 1);
}

static void
test_takes_the_story(void)
{
  g_autoptr(Rig) rig = updated();
  g_autofree char *before = rig_column(rig, "timeline", "node", "old", "text"), *after = NULL, *gone = NULL;

  g_assert_nonnull(before);
  rig_run(rig, gw_command_node_replace(rig->core, &rig_caller, "old", "new", rig_then()));
  after = rig_column(rig, "timeline", "kind", "update.succeeded", "node");
  g_assert_cmpstr(after, ==, "new");
  gone = rig_column(rig, "timeline", "node", "old", "text");
  g_assert_null(gone);
}

/* A rule may have named it by its MAC; the new one's is not known yet. */
static void
test_named_by_mac(void)
{
  g_autoptr(Rig) rig = site();
  gint64 firmware = rig_verified(rig, "weather", "5");

  set_node(rig, "02:00:0a:00:00:01", "{'product': <'weather'>}");
  rig_rule(rig, "autumn", firmware, "'macs': <['02-00-0A-00-00-01']>");
  rig_run(rig, gw_command_node_replace(rig->core, &rig_caller, "02:00:0a:00:00:01", "new", rig_then()));
  for (int i = 0; i < 2; i++) {
    rig_assert_column(rig, "rules", "name", "autumn", "who", "nodes new");
    restart(rig);
  }
}

static void
test_open_update_is_cancelled(void)
{
  g_autoptr(Rig) rig = site();

  set_node(rig, "old", "{'product': <'weather'>}");
  rig_push(rig, rig_import(rig, "weather", "5", 5000, 'x'), "old");
  g_free(rig_expect_offer(rig, &OLD, "5"));
  rig_run(rig, gw_command_node_replace(rig->core, &rig_caller, "old", "new", rig_then()));
  rig_assert_column(rig, "updates", "former", "old", "state", "cancelled");
}

static void
test_what_cannot_be_replaced(void)
{
  g_autoptr(Rig) rig = updated();
  const RigAsker silent = { .plugin = RIG_SILENT, .node = "mute" };

  rig_expect_nothing(rig, &silent, GATEWAY_REASON_NOT_ADOPTED);
  rig_refused(rig, GW_ERROR_NOT_FOUND, "zebra",
              gw_command_node_replace(rig->core, &rig_caller, "zebra", "new", rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "itself",
              gw_command_node_replace(rig->core, &rig_caller, "old", "old", rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "speaks",
              gw_command_node_replace(rig->core, &rig_caller, "old", "mute", rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "not adopted",
              gw_command_node_replace(rig->core, &rig_caller, "mute", "new", rig_then()));
  rig_refused(rig, GW_ERROR_EXISTS, "shared",
              gw_command_node_replace(rig->core, &rig_caller, "old", "shared", rig_then()));
  g_assert_null(rig_column(rig, "nodes", "id", "new", "id"));
  rig_assert_column(rig, "nodes", "id", "old", "adopted", "true");
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/fleet/import", test_table_is_taken);
  g_test_add_func("/control/fleet/heard-stays-heard", test_heard_stays_heard);
  g_test_add_func("/control/fleet/which-part", test_which_part);
  g_test_add_func("/control/fleet/all-or-nothing", test_all_or_nothing);
  g_test_add_func("/control/fleet/complaints", test_every_complaint_has_its_line);
  g_test_add_func("/control/fleet/credentials", test_credentials);
  g_test_add_func("/control/fleet/thousands", test_thousands);
  g_test_add_func("/control/fleet/set-aside", test_those_that_are_meant);
  g_test_add_func("/control/fleet/unknown-names", test_unknown_names_change_nothing);
  g_test_add_func("/control/fleet/replace", test_takes_the_place);
  g_test_add_func("/control/fleet/replace-story", test_takes_the_story);
  g_test_add_func("/control/fleet/replace-by-mac", test_named_by_mac);
  g_test_add_func("/control/fleet/replace-cancels", test_open_update_is_cancelled);
  g_test_add_func("/control/fleet/replace-refused", test_what_cannot_be_replaced);
  return g_test_run();
}
