/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions: lists with filters, order and cursors that stay valid; details, events, explain; who is who. */
#include "rig.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

/* One page of ids, joined by blanks; *cursor is moved on. Caller frees. */
static char *
page(Rig *rig, const GwListQuery *query, char **cursor, guint *ret_total)
{
  GwListQuery own = *query;
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL, rows = NULL;
  g_autoptr(GString) text = g_string_new(NULL);

  own.cursor = *cursor;
  gw_query_list(rig->core, &own, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  rows = g_variant_get_child_value(result, 0);
  g_free(*cursor);
  g_variant_get_child(result, 1, "s", cursor);
  g_variant_get_child(result, 2, "u", ret_total);
  for (gsize i = 0; i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
    g_autoptr(GVariant) id = g_variant_lookup_value(row, "id", NULL);
    g_autofree char *shown = g_variant_print(id, FALSE);

    g_string_append_printf(text, "%s%s", i ? " " : "", shown);
  }
  return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
enter(Rig *rig, const char *id, const char *location)
{
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed("{'location': <%s>}", location));

  rig_run(rig, gw_command_node_set(rig->core, &rig_caller, id, form, rig_then()));
}

static void
test_pages(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const char *columns[] = { "id", NULL }, *nodes[] = { "b", NULL };
  GwListQuery query = { "nodes", columns, NULL, "", "", 2 };
  g_autofree char *cursor = g_strdup(""), *first = NULL, *second = NULL, *third = NULL;
  guint total;

  for (const char *const *id = (const char *const[]){ "e", "a", "d", "b", "c", NULL }; *id; id++)
    enter(rig, *id, "x");
  first = page(rig, &query, &cursor, &total);
  g_assert_cmpstr(first, ==, "'a' 'b'");
  g_assert_cmpuint(total, ==, 5);
  rig_run(rig, gw_command_forget(rig->core, &rig_caller, nodes, rig_then())); /* the cursor's own row goes */
  second = page(rig, &query, &cursor, &total);
  g_assert_cmpstr(second, ==, "'c' 'd'");
  g_assert_cmpuint(total, ==, 4);
  third = page(rig, &query, &cursor, &total);
  g_assert_cmpstr(third, ==, "'e'");
  g_assert_cmpstr(cursor, ==, "");
}

/* However long the list and short the page: each row once, in order, whichever order is asked for. */
static guint
walk(Rig *rig, const char *sort, guint limit)
{
  const char *columns[] = { "id", NULL };
  GwListQuery query = { "nodes", columns, NULL, sort, "", limit };
  g_autofree char *cursor = g_strdup(""), *last = g_strdup("");
  guint n = 0, total;

  do {
    g_autofree char *ids = page(rig, &query, &cursor, &total);
    g_auto(GStrv) split = g_strsplit(ids, " ", -1);

    for (char **id = split; *id; id++, n++) {
      if (n > 0)
        g_assert_cmpint(strcmp(*id, last) * (*sort == '-' ? -1 : 1), >, 0);
      g_free(last);
      last = g_strdup(*id);
    }
  } while (*cursor);
  g_assert_cmpuint(n, ==, total);
  return n;
}

static void
test_long_lists(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  g_autoptr(GString) table = g_string_new("id,location\n");

  for (int i = 0; i < 1000; i++) /* the place tells the same order as the name */
    g_string_append_printf(table, "n%04d,Plant/%04d\n", i * 7919 % 1000, i * 7919 % 1000 / 10);
  rig_run(rig, gw_command_nodes_import(rig->core, &rig_caller, table->str, FALSE, rig_then()));
  g_assert_cmpuint(walk(rig, "id", 7), ==, 1000);
  g_assert_cmpuint(walk(rig, "-id", 64), ==, 1000);
  g_assert_cmpuint(walk(rig, "location", 33), ==, 1000);
  g_assert_cmpuint(walk(rig, "-location", 500), ==, 1000);
  g_assert_cmpuint(walk(rig, "id", 1), ==, 1000);
}

static void
test_filter_and_order(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const char *columns[] = { "id", NULL };
  g_autoptr(GVariant) filter = g_variant_ref_sink(g_variant_new_parsed("{'location': <'Roof*'>}"));
  GwListQuery query = { "nodes", columns, filter, "-location", "", 1 };
  g_autofree char *cursor = g_strdup(""), *first = NULL, *second = NULL;
  guint total;

  enter(rig, "a", "Roof/1");
  enter(rig, "b", "Cellar");
  enter(rig, "c", "Roof/2");
  first = page(rig, &query, &cursor, &total);
  g_assert_cmpstr(first, ==, "'c'");
  g_assert_cmpuint(total, ==, 2);
  second = page(rig, &query, &cursor, &total);
  g_assert_cmpstr(second, ==, "'a'");
  g_assert_cmpstr(cursor, ==, "");
}

static void
test_bad_questions(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const char *columns[] = { "colour", NULL };

  rig_refused(rig, GW_ERROR_BAD_INPUT, "firmware, nodes",
              gw_query_list(rig->core, &(GwListQuery){ "gnomes", NULL, NULL, "", "", 1 }, rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "colour",
              gw_query_list(rig->core, &(GwListQuery){ "nodes", columns, NULL, "", "", 1 }, rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "colour",
              gw_query_list(rig->core, &(GwListQuery){ "updates", columns, NULL, "", "", 1 }, rig_then()));
  enter(rig, "a", "x");
  rig_refused(rig, GW_ERROR_BAD_INPUT, "cursor",
              gw_query_list(rig->core, &(GwListQuery){ "nodes", NULL, NULL, "", "((((", 1 }, rig_then()));
  rig_refused(rig, GW_ERROR_NOT_FOUND, "no node", gw_query_get(rig->core, "nodes", "zebra", rig_then()));
  rig_refused(rig, GW_ERROR_NOT_FOUND, "rules list",
              gw_command_rule_start(rig->core, &rig_caller, 99, rig_then()));
}

static void
test_unknown_keys_are_refused(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  g_autoptr(GVariant) unknown = g_variant_ref_sink(g_variant_new_parsed("{'colour': <'red'>}"));
  g_autoptr(GVariant) wrong =
      g_variant_ref_sink(g_variant_new_parsed("{'name': <'r'>, 'firmware': <'one'>}"));
  g_autoptr(GVariant) control = g_variant_ref_sink(g_variant_new_parsed("{'location': <'a\\u001bb'>}"));

  rig_refused(rig, GW_ERROR_BAD_INPUT, "colour",
              gw_command_node_set(rig->core, &rig_caller, "n", unknown, rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "firmware",
              gw_command_rule_create(rig->core, &rig_caller, wrong, rig_then()));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "location",
              gw_command_node_set(rig->core, &rig_caller, "n", control, rig_then()));
}

static void
test_rule_forms(void)
{
  static const struct {
    const char *form, *words;
  } BAD[] = {
    { "'hours': <'22:00'>", "/when/hours/0" },
    { "'hours': <'22:00-04:30, 04:00-05:00'>", "/when/hours/1" },
    { "'versions': <['1..x']>", "/who/versions" },
    { "'colour': <'red'>", "known are: name" },
    { "'hours': <'25:00-26:00'>", "hours" },
    { "'macs': <['02:00:00:00:00:01', 'nonsense']>", "/who/macs/1: \"nonsense\"" },
    { "'not-before': <'tomorrow'>", "not-before" },
    { "'not-before': <'2030-01-02T00:00:00Z'>, 'not-after': <'2030-01-01T00:00:00Z'>", "not-after" },
    { "'cap': <-1>", "cap" },
    { "'product': <'nobody'>", "product" },
  };
  g_autoptr(Rig) rig = rig_new(NULL);

  rig_product(rig, "weather", RIG_TOLD);
  rig_import(rig, "weather", "5", 5000, 'x');
  for (gsize i = 0; i < G_N_ELEMENTS(BAD); i++) {
    g_autofree char *text = g_strdup_printf("{'name': <'r'>, 'firmware': <1>, %s}", BAD[i].form);
    g_autoptr(GVariant) form = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);
    g_autoptr(GError) error = NULL;

    gw_command_rule_create(rig->core, &rig_caller, form, rig_then());
    g_assert_null(rig_result(rig, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, BAD[i].words));
  }
}

static void
assert_applied(Rig *rig, const char *document, const char *words)
{
  g_autoptr(GVariant) result = NULL;
  g_autofree char *text = NULL;

  gw_command_rule_apply(rig->core, &rig_caller, document, FALSE, rig_then());
  result = rig_result(rig, NULL);
  text = g_variant_print(result, FALSE);
  if (!strstr(text, words))
    g_error("%s: %s", document, text);
}

#define REFUSED(rig, code, words, document)                                                                  \
  rig_refused(rig, code, words, gw_command_rule_apply(rig->core, &rig_caller, document, FALSE, rig_then()))

/* A document makes a draft, and changes it. */
static void
test_rule_documents(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);

  rig_product(rig, "weather", RIG_TOLD);
  rig_import(rig, "weather", "5", 5000, 'x');
  gw_command_rule_apply(rig->core, &rig_caller, "{\"name\":\"r\",\"firmware\":1}", TRUE, rig_then());
  g_variant_unref(rig_result(rig, NULL));
  g_assert_cmpuint(rig_count_events(rig, "rule.*"), ==, 0); /* that was dry */
  assert_applied(rig, "{\"name\":\"r\",\"firmware\":1}", "'action': <'create'>");
  assert_applied(rig, "{\"firmware\":[1],\"name\":\"r\"}", "'action': <'none'>");
  assert_applied(rig, "{\"name\":\"r\",\"firmware\":1,\"who\":{\"nodes\":[\"a\"]},\"cap\":3}",
                 "['/who/nodes: + a', '/cap: none -> 3']");
  rig_assert_column(rig, "rules", "name", "r", "cap", "3");
  rig_assert_column(rig, "rules", "name", "r", "state", "draft");
  REFUSED(rig, GW_ERROR_NOT_FOUND, "/firmware: ", "{\"name\":\"r\",\"firmware\":9}");
  REFUSED(rig, GW_ERROR_BAD_INPUT, "/cap: ", "{\"name\":\"r\",\"firmware\":1,\"cap\":-1}");
  REFUSED(rig, GW_ERROR_NOT_FOUND,
          "/who/products: ", "{\"name\":\"q\",\"firmware\":1,\"who\":{\"products\":[\"weather\",\"pump\"]}}");
  rig_assert_column(rig, "rules", "name", "r", "cap", "3");
  g_assert_cmpuint(rig_count_events(rig, "rule.changed"), ==, 1);
}

/* Of a rule that runs, what may change then. */
static void
test_rule_documents_while_it_runs(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  gint64 firmware, id;

  rig_product(rig, "weather", RIG_TOLD);
  enter(rig, "a", "weather");
  firmware = rig_verified(rig, "weather", "5");
  g_assert_cmpint(firmware, ==, 1);
  id = rig_rule(rig, "r", firmware, "'nodes': <['a']>");
  assert_applied(rig,
                 "{\"name\":\"r\",\"firmware\":1,\"who\":{\"nodes\":[\"a\"],\"include-unknown\":true},"
                 "\"cap\":4,\"when\":{\"hours\":[\"22:00-04:30\"]}}",
                 "'action': <'change'>");
  rig_assert_column(rig, "rules", "name", "r", "cap", "4");
  rig_assert_column(rig, "rules", "name", "r", "state", "running");
  rig_assert_column(rig, "rules", "name", "r", "hours", "22:00-04:30");
  REFUSED(rig, GW_ERROR_BAD_INPUT, "rule r is running: /who: ", "{\"name\":\"r\",\"firmware\":1}");
  rig_assert_column(rig, "rules", "name", "r", "who", "nodes a");
  rig_run(rig, gw_command_rule_stop(rig->core, &rig_caller, id, rig_then()));
  REFUSED(rig, GW_ERROR_BAD_INPUT, "rule r is stopped", "{\"name\":\"r\",\"firmware\":1}");
}

static void
test_import_refusals(void)
{
  static const struct {
    const char *form;
    gsize size;
    char fill;
    int code;
    const char *words;
  } BAD[] = {
    { "{'version': <'5'>}", 5000, 'a', GW_ERROR_BAD_INPUT, "product" },
    { "{'product': <'weather'>}", 5000, 'a', GW_ERROR_BAD_INPUT, "version" },
    { "{'product': <'weather'>, 'version': <'five'>}", 5000, 'a', GW_ERROR_BAD_INPUT, "version" },
    { "{'product': <'weather'>, 'version': <'5'>}", 10, 'a', GW_ERROR_BAD_INPUT, "16 bytes" },
    { "{'product': <'weather'>, 'version': <'5'>}", 5000, ':', GW_ERROR_BAD_INPUT, "HEX" },
    { "{'product': <'weather'>, 'version': <'5'>}", 0, 'a', GW_ERROR_BAD_INPUT, "empty" },
    { "{'product': <'weather'>, 'version': <'5'>, 'sha256': <'abcd'>}", 5000, 'a', GW_ERROR_BAD_INPUT,
      "sha256" },
    { "{'product': <'weather'>, 'version': <'4'>}", 5000, 'x', GW_ERROR_EXISTS, "firmware 1" },
    { "{'product': <'weather'>, 'version': <'3'>}", 5000, 'a', GW_ERROR_EXISTS, "firmware 1" },
  };
  g_autoptr(Rig) rig = rig_new(NULL);

  rig_product(rig, "weather", RIG_SILENT);
  rig_import(rig, "weather", "3", 5000, 'x');
  for (gsize i = 0; i < G_N_ELEMENTS(BAD); i++) {
    g_autoptr(GVariant) form = g_variant_parse(G_VARIANT_TYPE_VARDICT, BAD[i].form, NULL, NULL, NULL);

    rig_refused(
        rig, BAD[i].code, BAD[i].words,
        gw_command_import(rig->core, &rig_caller, rig_image(BAD[i].size, BAD[i].fill), form, rig_then()));
  }
  g_assert_null(rig_column(rig, "firmware", "id", "2", "state"));
}

static void
test_events_by_pages(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  guint n;

  for (int i = 0; i < 30; i++) {
    g_autofree char *id = g_strdup_printf("n%02d", i);

    enter(rig, id, "x");
  }
  n = rig_count_events(rig, "node.adopted");
  g_assert_cmpuint(n, ==, 30);
  rig_stop_core(rig);
  rig_start_core(rig);
  g_assert_cmpuint(rig_count_events(rig, "node.adopted"), ==, n); /* from the database now */
  g_assert_cmpuint(rig_count_events(rig, "daemon.started"), ==, 2);
}

static gint64 told_id;
static guint n_told;

static void
on_news(gint64 event_id, gpointer user)
{
  told_id = event_id;
  n_told++;
}

static void
test_listener_is_told_the_newest(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  gint64 begin_us = g_get_monotonic_time();

  gw_core_set_listener(rig->core, on_news, NULL);
  for (int i = 0; i < 50; i++) {
    g_autofree char *id = g_strdup_printf("n%02d", i);

    enter(rig, id, "x");
  }
  rig_pass(rig, 1000);
  rig_settle(rig);
  while (g_get_monotonic_time() - begin_us < G_USEC_PER_SEC && n_told == 0)
    g_main_context_iteration(NULL, FALSE);
  g_assert_cmpuint(n_told, >=, 1);
  g_assert_cmpuint(n_told, <=, 2 + 4 * (guint)((g_get_monotonic_time() - begin_us) / G_USEC_PER_SEC + 1));
  gw_core_set_listener(rig->core, NULL, NULL);
}

static void
test_explain(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const RigAsker node = { .plugin = RIG_SILENT, .node = "n1" };
  g_autofree char *stranger = NULL, *idle = NULL, *watched = NULL;

  rig_product(rig, "weather", RIG_SILENT);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &node, GATEWAY_REASON_NOT_ADOPTED);
  stranger = rig_explain(rig, "n1");
  g_assert_nonnull(strstr(stranger, "stranger"));
  rig_adopt(rig, "n1", "weather");
  idle = rig_explain(rig, "n1");
  g_assert_nonnull(strstr(idle, "No running rule names it"));
  rig_push(rig, 1, "n1");
  g_free(rig_download(rig, &node, "5"));
  g_free(rig_expect_offer(rig, &node, "5"));
  watched = rig_explain(rig, "n1");
  g_assert_nonnull(strstr(watched, "1 of 3"));
}

/* ---- who is who ---- */

static void
test_same_name_on_two_transports(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const RigAsker a = { .plugin = RIG_SILENT, .node = "n1" }, b = { .plugin = RIG_TOLD, .node = "n1" };

  rig_expect_nothing(rig, &a, GATEWAY_REASON_NOT_ADOPTED);
  rig_expect_nothing(rig, &b, GATEWAY_REASON_NOT_ADOPTED);
  rig_assert_column(rig, "nodes", "id", "n1", "plugin", RIG_SILENT);
  rig_assert_column(rig, "nodes", "id", "n1@" RIG_TOLD, "plugin", RIG_TOLD);
}

static void
test_known_by_address(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const RigAsker a = { .plugin = RIG_SILENT, .address = "127.0.0.7" };
  const RigAsker mapped = { .plugin = RIG_SILENT, .address = "::ffff:127.0.0.7" };

  rig_product(rig, "weather", RIG_SILENT);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &a, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "127.0.0.7", "weather");
  rig_push(rig, 1, "127.0.0.7");
  g_free(rig_expect_offer(rig, &a, "5"));
  g_free(rig_expect_offer(rig, &mapped, "5")); /* IPv4 in IPv6 clothes is the same node */
  rig_stop_core(rig);
  rig_start_core(rig);
  rig_connect_lan(rig);
  g_free(rig_expect_offer(rig, &a, "5"));
}

static void
test_names_that_are_none(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  const char *const names[] = { "<script>", "a b", "../etc", "\xe2\x80\xaetxt" };

  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    GwAnswer answer = rig_ask(rig, &(RigAsker){ .plugin = RIG_SILENT, .node = names[i] });

    g_assert_cmpint(answer.kind, ==, GATEWAY_ANSWER_UNKNOWN);
    gw_answer_clear(&answer);
  }
}

/* A flood of names costs memory within its limit, and the longest unheard goes. */
static void
test_strangers_are_bounded(void)
{
  g_autoptr(Rig) rig = rig_new("[limits]\nstrangers=32\n");
  const char *columns[] = { "id", NULL };
  g_autofree char *cursor = g_strdup(""), *ids = NULL;
  guint total;

  for (int i = 0; i < 200; i++) {
    g_autofree char *name = g_strdup_printf("s%03d", i);

    rig->wall_ms++;
    rig_expect_nothing(rig, &(RigAsker){ .plugin = RIG_SILENT, .node = name }, GATEWAY_REASON_NOT_ADOPTED);
  }
  ids = page(rig, &(GwListQuery){ "nodes", columns, NULL, "", "", 500 }, &cursor, &total);
  g_assert_cmpuint(total, <=, 33);
  g_assert_nonnull(strstr(ids, "'s199'"));
  g_assert_null(strstr(ids, "'s000'"));
  g_assert_cmpuint(rig_count_events(rig, "node.seen"), <=, 100);
}

static void
test_auto_adoption(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  g_autoptr(GVariant) form = g_variant_ref_sink(g_variant_new_parsed(
      "{'plugin': <'" RIG_TOLD "'>, 'auto-adopt': <true>, 'least-identity': <'claimed'>}"));

  rig_run(rig, gw_command_product_set(rig->core, &rig_caller, "weather", form, rig_then()));
  rig_expect_nothing(rig, &(RigAsker){ .plugin = RIG_TOLD, .node = "n1" }, GATEWAY_REASON_NO_RULE);
  rig_expect_nothing(rig, &(RigAsker){ .plugin = RIG_TOLD, .address = "127.0.0.9" },
                     GATEWAY_REASON_NOT_ADOPTED);
  rig_assert_column(rig, "nodes", "id", "n1", "product", "weather");
}

static void
test_reload_keeps_the_old_on_error(void)
{
  g_autoptr(Rig) rig = rig_new("[limits]\ntransfers=5\n");
  g_autofree char *path = g_build_filename(rig->folder, "gatewayd.conf", NULL);
  g_autoptr(RigMessage) config = NULL;

  g_assert_true(g_file_set_contents(path, "[limits]\ntransfers=many\n", -1, NULL));
  rig_refused(rig, GW_ERROR_BAD_INPUT, "gatewayd.conf:2",
              gw_command_reload(rig->core, &rig_caller, rig_then()));
  g_assert_true(g_file_set_contents(path, "[limits]\ntransfers=7\n", -1, NULL));
  rig_forget_messages(rig);
  rig_run(rig, gw_command_reload(rig->core, &rig_caller, rig_then()));
  config = rig_take(rig, TRUE, GW_MESSAGE_CONFIG);
  g_assert_nonnull(config);
}

static char *
problems_of(Rig *rig)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL, status = NULL;
  g_auto(GStrv) problems = NULL;

  rig_settle(rig);
  gw_query_status(rig->core, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  status = g_variant_get_child_value(result, 0);
  g_assert_true(g_variant_lookup(status, "problems", "^as", &problems));
  return g_strjoinv("\n", problems);
}

/* What is wrong is said where people look first. */
static void
test_problems_are_shown(void)
{
  g_autoptr(Rig) rig = rig_new("[upstream cloud]\ntype=any\n");
  g_autofree char *none = problems_of(rig), *some = NULL, *lines = NULL;

  g_assert_cmpstr(none, ==, "");
  g_clear_pointer(&rig->lan, gw_link_free); /* with a worker there it would be refused */
  rig_settle(rig);
  rig_product(rig, "weather", "nope");
  rig_connect_lan(rig);
  rig_expect_nothing(rig, &(RigAsker){ .plugin = "nope", .node = "n1" }, GATEWAY_REASON_NOT_ADOPTED);
  lines = rig_explain(rig, "n1");
  g_assert_nonnull(strstr(lines, "No worker has brought nope"));
  rig->is_trusted = FALSE;
  g_clear_pointer(&rig->wan, gw_link_free);
  some = problems_of(rig);
  g_assert_nonnull(strstr(some, "the clock is not trusted yet"));
  g_assert_nonnull(strstr(some, "the WAN worker is not connected"));
  g_assert_nonnull(strstr(some, "product weather: no worker has brought its plugin nope"));
  g_clear_pointer(&rig->lan, gw_link_free);
  g_free(some);
  some = problems_of(rig);
  g_assert_nonnull(strstr(some, "no LAN worker is connected"));
  g_assert_nonnull(strstr(some, "worker lan net went away"));
}

/* Four senders that neither end nor leave would keep everybody else from importing. */
static void
test_import_of_one_who_left(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  GVariant *form = g_variant_ref_sink(g_variant_new_parsed("{'draft': <true>}"));
  int fds[2];

  g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
  gw_command_import(rig->core, &rig_caller, fds[0], form, rig_then());
  gw_core_caller_left(rig->core, ":1.2");
  rig_settle(rig);
  gw_core_caller_left(rig->core, rig_caller.sender);
  rig_refused(rig, GW_ERROR_OFFLINE, "went away", (void)0);
  gw_close(&fds[1]);
  g_variant_unref(form);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/lists/pages", test_pages);
  g_test_add_func("/control/lists/long", test_long_lists);
  g_test_add_func("/control/lists/filter-and-order", test_filter_and_order);
  g_test_add_func("/control/lists/bad-questions", test_bad_questions);
  g_test_add_func("/control/forms/unknown-keys", test_unknown_keys_are_refused);
  g_test_add_func("/control/forms/rules", test_rule_forms);
  g_test_add_func("/control/forms/rule-documents", test_rule_documents);
  g_test_add_func("/control/forms/rule-documents-while-it-runs", test_rule_documents_while_it_runs);
  g_test_add_func("/control/forms/import", test_import_refusals);
  g_test_add_func("/control/events/pages", test_events_by_pages);
  g_test_add_func("/control/events/listener", test_listener_is_told_the_newest);
  g_test_add_func("/control/explain", test_explain);
  g_test_add_func("/control/identity/two-transports", test_same_name_on_two_transports);
  g_test_add_func("/control/identity/address", test_known_by_address);
  g_test_add_func("/control/identity/no-names", test_names_that_are_none);
  g_test_add_func("/control/identity/strangers-are-bounded", test_strangers_are_bounded);
  g_test_add_func("/control/identity/auto-adoption", test_auto_adoption);
  g_test_add_func("/control/reload", test_reload_keeps_the_old_on_error);
  g_test_add_func("/control/status/problems", test_problems_are_shown);
  g_test_add_func("/control/imports/sender-left", test_import_of_one_who_left);
  return g_test_run();
}
