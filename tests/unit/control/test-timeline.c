/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The story of one node: equal asks are one row, what happened stands between them, nothing grows for ever.
 */
#include "rig.h"

#include <string.h>

#include "control/timeline.h"

#define MINUTE_MS G_GINT64_CONSTANT(60000)

static const RigAsker OLD = { .plugin = RIG_TOLD, .node = "n1", .version = "3" };

static GVariant *
story(Rig *rig, const char *node)
{
  g_autoptr(GVariant) filter = g_variant_ref_sink(g_variant_new_parsed("{'node': <%s>}", node));
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) result = NULL;

  gw_query_list(rig->core, &(GwListQuery){ "timeline", NULL, filter, "", "", 500 }, rig_then());
  result = rig_result(rig, &error);
  g_assert_no_error(error);
  return g_variant_get_child_value(result, 0);
}

/* How many rows are of that kind and hold these words; *ret_count: of the last of them. */
static guint
count_rows(GVariant *rows, const char *kind, const char *words, gint64 *ret_count)
{
  guint n = 0;

  for (gsize i = 0; i < g_variant_n_children(rows); i++) {
    g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
    const char *row_kind, *text;

    g_assert_true(g_variant_lookup(row, "kind", "&s", &row_kind));
    g_assert_true(g_variant_lookup(row, "text", "&s", &text));
    if (strcmp(kind, row_kind) != 0 || !strstr(text, words))
      continue;
    g_assert_true(g_variant_lookup(row, "count", "x", ret_count));
    n++;
  }
  return n;
}

static Rig *
adopted(void)
{
  Rig *rig = rig_new(NULL);

  rig_product(rig, "weather", RIG_TOLD);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  return rig;
}

static void
test_equal_asks_are_one_row(void)
{
  g_autoptr(Rig) rig = adopted();
  g_autoptr(GVariant) at_once = NULL, written = NULL;
  gint64 count = 0;

  for (int i = 0; i < 7; i++)
    rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
  at_once = story(rig, "n1");
  g_assert_cmpuint(count_rows(at_once, "asked", "runs 3: no-rule", &count), ==, 1);
  g_assert_cmpint(count, ==, 7);
  rig_pass(rig, 11 * MINUTE_MS);
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NO_RULE);
  written = story(rig, "n1"); /* on disk with 7, and grown since: told once, with 8 */
  g_assert_cmpuint(count_rows(written, "asked", "runs 3: no-rule", &count), ==, 1);
  g_assert_cmpint(count, ==, 8);
}

/* What is not due is not written: a node that polls for ever costs the flash next to nothing. */
static void
count_put(GwBatch *batch, const char *node, gpointer user)
{
  ++*(guint *)user;
}

static guint
flush(GwTimeline *timeline, gint64 boot_ms)
{
  g_autoptr(GwBatch) batch = gw_batch_new();
  guint n = 0;

  gw_timeline_flush(timeline, batch, boot_ms, count_put, &n);
  return n;
}

static void
test_written_at_most_every_ten_minutes(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  int fd = rig->state_fd;
  gboolean was_lost;
  g_autoptr(GError) error = NULL;
  GwDb *db = gw_db_open(fd, "other.db", NULL, &was_lost, &error);
  GwTimeline *timeline = gw_timeline_new(db);
  guint n_written = 0;

  g_assert_no_error(error);
  for (gint64 boot_ms = 0; boot_ms < RIG_DAY_MS; boot_ms += MINUTE_MS) {
    GwTimelineNote note = { "n1", "asked", "no-rule", boot_ms, boot_ms, 1 };

    gw_timeline_note(timeline, &note, boot_ms);
    n_written += flush(timeline, boot_ms);
    if (boot_ms < 10 * MINUTE_MS)
      g_assert_cmpuint(n_written, ==, 0);
  }
  g_assert_cmpuint(n_written, >, 2);
  g_assert_cmpuint(n_written, <, 12); /* ten minutes, twenty, forty... */
  gw_timeline_free(timeline);
  gw_db_close(db);
}

static void
test_what_happened_stands_there(void)
{
  g_autoptr(Rig) rig = adopted();
  g_autoptr(GVariant) rows = NULL;
  gint64 count = 0;

  rig_push(rig, 1, "n1");
  g_free(rig_download(rig, &OLD, "5"));
  rig_report(rig, &OLD, GATEWAY_TELL_REFUSED, "bad signature");
  rig_settle(rig);
  rows = story(rig, "n1");
  g_assert_cmpuint(count_rows(rows, "node.adopted", "n1", &count), ==, 1);
  g_assert_cmpuint(count_rows(rows, "update.offered", "version 5", &count), ==, 1);
  g_assert_cmpuint(count_rows(rows, "update.downloaded", "every byte", &count), ==, 1);
  g_assert_cmpuint(count_rows(rows, "update.refused", "bad signature", &count), ==, 1);
}

static void
test_texts_are_cut(void)
{
  g_autofree char *text = g_strnfill(1000, 'x'), *cut = gw_timeline_text(text),
                  *kept = gw_timeline_text("ok");
  g_autofree char *narrow = NULL;
  g_autoptr(GString) many = g_string_new("a");

  g_assert_cmpuint(strlen(cut), ==, GW_TIMELINE_TEXT_MAX);
  g_assert_cmpstr(kept, ==, "ok");
  for (int i = 0; i < 200; i++)
    g_string_append(many, "气");
  narrow = gw_timeline_text(many->str);
  g_assert_cmpuint(strlen(narrow), <=, GW_TIMELINE_TEXT_MAX);
  g_assert_true(g_utf8_validate(narrow, -1, NULL));
}

/* A flood of events of one node, and asks between: its final states are the last to go. */
static void
test_two_hundred_rows_a_node(void)
{
  g_autoptr(Rig) rig = rig_new("[limits]\ntimeline-rows=20\n");
  g_autoptr(GVariant) rows = NULL;
  gint64 count = 0;

  rig_product(rig, "weather", RIG_TOLD);
  rig_import(rig, "weather", "5", 5000, 'x');
  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NOT_ADOPTED);
  rig_adopt(rig, "n1", "weather");
  rig_push(rig, 1, "n1");
  g_free(rig_download(rig, &OLD, "5"));
  rig_report(rig, &OLD, GATEWAY_TELL_REFUSED, "bad signature");
  for (int i = 0; i < 60; i++) {
    g_autofree char *version = g_strdup_printf("%d", 10 + i);
    RigAsker other = { .plugin = RIG_TOLD, .node = "n1", .version = version };
    GwAnswer answer = rig_ask(rig, &other);

    gw_answer_clear(&answer);
  }
  rig_pass(rig, 11 * MINUTE_MS);
  rig_pass(rig, 11 * MINUTE_MS);
  rows = story(rig, "n1");
  g_assert_cmpuint(g_variant_n_children(rows), <=, 20);
  g_assert_cmpuint(count_rows(rows, "update.refused", "bad signature", &count), ==, 1);
}

static void
test_strangers_have_no_story(void)
{
  g_autoptr(Rig) rig = rig_new(NULL);
  g_autoptr(GVariant) rows = NULL;

  rig_expect_nothing(rig, &OLD, GATEWAY_REASON_NOT_ADOPTED);
  rows = story(rig, "n1");
  g_assert_cmpuint(g_variant_n_children(rows), ==, 0);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/timeline/equal-asks", test_equal_asks_are_one_row);
  g_test_add_func("/control/timeline/ten-minutes", test_written_at_most_every_ten_minutes);
  g_test_add_func("/control/timeline/what-happened", test_what_happened_stands_there);
  g_test_add_func("/control/timeline/texts-are-cut", test_texts_are_cut);
  g_test_add_func("/control/timeline/rows-of-a-node", test_two_hundred_rows_a_node);
  g_test_add_func("/control/timeline/strangers", test_strangers_have_no_story);
  return g_test_run();
}
