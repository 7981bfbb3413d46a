/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What piles up: events, the outbox, history and timeline; how it is listed, and how it goes. */
#include "nouns.h"

/* --- events and the outbox --- */

static void
put_event(GwBatch *batch, gint64 id, gboolean is_final, const char *node)
{
  const GwEventRow row = { .id = id,
                           .wall_ms = id * 10,
                           .type = is_final ? "update.succeeded" : "update.progress",
                           .subject_kind = "node",
                           .subject_id = node,
                           .node = node,
                           .update_id = 5,
                           .data = "{}",
                           .is_final = is_final };

  gw_rows_put_event(batch, &row);
}

static void
put_outbox(GwBatch *batch, gint64 event_id, gboolean is_final)
{
  const GwOutboxRow row = { .upstream = "cloud",
                            .event_id = event_id,
                            .order_key = "n1",
                            .replace_key = is_final ? "" : "progress n1",
                            .is_final = is_final,
                            .last_error = "" };

  gw_rows_put_outbox(batch, &row);
}

static void
take_outbox(const GwOutboxRow *row, const GwEventRow *event, gpointer user)
{
  GString *text = user;

  g_assert_cmpint(row->event_id, ==, event->id);
  g_assert_cmpstr(row->upstream, ==, "cloud");
  g_assert_cmpint(row->is_final, ==, event->is_final);
  g_string_append_printf(text, "%" G_GINT64_FORMAT "%s ", event->id, row->is_final ? "!" : "");
}

static void
assert_outbox(Site *site, const char *expected)
{
  g_autoptr(GString) text = g_string_new(NULL);

  g_assert_true(gw_rows_load_outbox(site->db, take_outbox, text, NULL));
  g_assert_cmpstr(text->str, ==, expected);
}

static void
test_the_outbox_never_drops_what_is_final(void)
{
  Site site = site_new();
  GwBatch *batch = gw_batch_new();

  for (gint64 id = 1; id <= 6; id++) {
    put_event(batch, id, id % 3 == 0, "n1");
    put_outbox(batch, id, id % 3 == 0);
  }
  commit(&site, batch);
  assert_outbox(&site, "3! 5 6! "); /* readings replaced one another */
  batch = gw_batch_new();
  gw_rows_trim_events(batch, G_MAXINT64, 0);
  commit(&site, batch);
  site_restart(&site);
  assert_outbox(&site, "3! 5 6! ");
  batch = gw_batch_new();
  gw_rows_delete_outbox(batch, "cloud", 3);
  commit(&site, batch);
  assert_outbox(&site, "5 6! ");
  site_clear(&site);
}

static void
take_upstream(const GwUpstreamRow *row, gpointer user)
{
  g_assert_cmpstr(row->name, ==, "cloud");
  g_assert_cmpstr(row->catalog_sha256, ==, "digest");
  g_assert_cmpstr(row->etag, ==, "etag");
  g_assert_cmpstr(row->last_modified, ==, "modified");
  g_assert_cmpstr(row->status, ==, "well");
  g_assert_cmpint(row->expires_ms, ==, 1);
  g_assert_cmpint(row->polled_ms, ==, 2);
  g_assert_cmpint(row->changed_ms, ==, 3);
  g_assert_true(row->is_stale);
  *(gint64 *)user = row->sequence;
}

static void
test_U3_the_sequence_of_an_upstream_never_decreases(void)
{
  Site site = site_new();
  static const gint64 sequences[] = { 7, 9, 8 };
  gint64 sequence = 0;

  for (guint i = 0; i < G_N_ELEMENTS(sequences); i++) {
    const GwUpstreamRow row = { "cloud", sequences[i], "digest", "etag", "modified", 1, 2, 3, TRUE, "well" };
    GwBatch *batch = gw_batch_new();

    gw_rows_put_upstream(batch, &row);
    commit(&site, batch);
  }
  g_assert_true(gw_rows_load_upstreams(site.db, take_upstream, &sequence, NULL));
  g_assert_cmpint(sequence, ==, 9);
  site_clear(&site);
}

static void
take_meta(const char *key, const char *value, gpointer user)
{
  if (strcmp(key, "colour") == 0)
    g_string_append(user, value);
}

static void
test_meta(void)
{
  Site site = site_new();
  g_autoptr(GString) value = g_string_new(NULL);
  GwBatch *batch = gw_batch_new();

  gw_rows_put_meta(batch, "colour", "green");
  gw_rows_put_meta(batch, "colour", "blue");
  commit(&site, batch);
  g_assert_true(gw_rows_load_meta(site.db, take_meta, value, NULL));
  g_assert_cmpstr(value->str, ==, "blue");
  site_clear(&site);
}

/* --- lists --- */

typedef struct {
  gboolean is_done;
  gint64 total;
  GString *ids;
  GVariant *last;
} Listed;

static void
note_list(const GPtrArray *rows, gint64 total, const GError *error, gpointer user)
{
  Listed *listed = user;

  g_assert_no_error(error);
  listed->is_done = TRUE;
  listed->total = total;
  for (guint i = 0; i < rows->len; i++) {
    GVariant *row = g_ptr_array_index(rows, i);
    gint64 id;

    g_assert_true(g_variant_lookup(row, "id", "x", &id));
    g_string_append_printf(listed->ids, "%" G_GINT64_FORMAT " ", id);
    g_clear_pointer(&listed->last, g_variant_unref);
    listed->last = g_variant_ref(row);
  }
}

/* The ids that come, and whether that many are counted in all (-1 = not asked). */
static void
assert_lists(Site *site, const GwListing *listing, const char *expected, gint64 total)
{
  g_autoptr(GString) ids = g_string_new(NULL);
  g_autoptr(GError) error = NULL;
  Listed listed = { .ids = ids };

  g_assert_true(gw_rows_list(site->db, listing, note_list, &listed, &error));
  wait_for(&listed.is_done);
  g_assert_cmpstr(ids->str, ==, expected);
  g_assert_cmpint(listed.total, ==, total);
  g_clear_pointer(&listed.last, g_variant_unref);
}

static GVariant *
parse(const char *text)
{
  return g_variant_ref_sink(g_variant_new_parsed(text));
}

static void
test_lists_are_filtered_sorted_and_cut(void)
{
  Site site = site_new();
  g_autoptr(GVariant) node_b = parse("{'node': <'b'>}");
  g_autoptr(GVariant) glob = parse("{'type': <'*.succ?eded'>, 'node': <'[*'>}");
  g_autoptr(GVariant) after = parse("{'after-id': <int64 4>, 'final': <true>}");
  g_autoptr(GVariant) seen = parse("(<'b'>, int64 6)");
  g_autoptr(GVariant) seen_by_id = parse("(<int64 6>, int64 6)");
  GwBatch *batch = gw_batch_new();

  for (gint64 id = 1; id <= 8; id++)
    put_event(batch, id, id % 2 == 0, id == 8 ? "[x" : id > 4 ? "b" : "a");
  commit(&site, batch);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_EVENTS, .limit = 3 }, "1 2 3 ", -1);
  assert_lists(&site,
               &(GwListing){ .table = GW_TABLE_EVENTS, .filter = node_b, .limit = 2, .is_counted = TRUE },
               "5 6 ", 3);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_EVENTS, .filter = glob, .limit = 9 }, "8 ", -1);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_EVENTS, .filter = after, .limit = 9 }, "6 8 ", -1);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_EVENTS, .sort = "-node", .limit = 9 },
               "7 6 5 4 3 2 1 8 ", -1);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_EVENTS, .sort = "-node", .after = seen, .limit = 2 },
               "5 4 ", -1);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_EVENTS, .after = seen_by_id, .limit = 9 }, "7 8 ", -1);
  site_clear(&site);
}

static void
test_a_bad_question_is_refused(void)
{
  static const char *const bad[] = {
    "{'nonsense': <'b'>}", "{'id': <'b'>}", "{'node': <int64 1>}", "{'id; DROP TABLE event': <int64 1>}",
    "{'after-id': <'1'>}",
  };
  Site site = site_new();

  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GVariant) filter = parse(bad[i]);
    g_autoptr(GError) error = NULL;

    g_assert_false(gw_rows_list(site.db,
                                &(GwListing){ .table = GW_TABLE_EVENTS, .filter = filter, .limit = 1 },
                                note_list, NULL, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  }
  site_clear(&site);
}

static void
put_history(GwBatch *batch, gint64 update_id)
{
  const GwHistoryRow row = { update_id, 100, GW_UPDATE_OFFERED, GW_FACT_OFFERED, "by rule spring" };

  gw_rows_put_history(batch, &row);
}

static void
test_lists_have_the_columns_they_name(void)
{
  Site site = site_new();
  GwBatch *batch = gw_batch_new();
  const GwTimelineRow line = { 1, "n1", "ask", "nothing due", 5, 9, 3, FALSE };

  put_update(batch, &NOW, some_update(1, "n1", GW_UPDATE_OFFERED, 3));
  put_history(batch, 1);
  put_event(batch, 1, TRUE, "n1");
  gw_rows_put_timeline(batch, &line);
  commit(&site, batch);
  for (GwTable table = GW_TABLE_UPDATES; table <= GW_TABLE_TIMELINE; table++) {
    g_autoptr(GString) ids = g_string_new(NULL);
    Listed listed = { .ids = ids };
    const char *const *columns = gw_table_columns(table);

    g_assert_true(
        gw_rows_list(site.db, &(GwListing){ .table = table, .limit = 1 }, note_list, &listed, NULL));
    wait_for(&listed.is_done);
    g_assert_cmpstr(ids->str, ==, "1 ");
    g_assert_cmpuint(g_variant_n_children(listed.last), ==, g_strv_length((char **)columns));
    for (guint i = 0; columns[i]; i++) {
      g_autoptr(GVariant) value = g_variant_lookup_value(listed.last, columns[i], NULL);

      g_assert_nonnull(value);
    }
    g_variant_unref(listed.last);
  }
  site_clear(&site);
}

/* --- what goes --- */

static void
test_forgetting_a_node_forgets_all_of_it(void)
{
  Site site = site_new();
  g_autoptr(GwNode) node = some_node("n1");
  g_autoptr(GwNode) other = some_node("n2");
  g_autoptr(GPtrArray) nodes = NULL, updates = NULL;
  GwBatch *batch = gw_batch_new();
  const GwTimelineRow line = { 1, "n1", "ask", "nothing due", 5, 9, 3, FALSE };
  const GwPinRow pin = { .token = "t", .update_id = 1, .node = "n1", .type = "", .plugin = "" };
  GwPinRow found = { 0 };

  gw_rows_put_node(batch, node);
  gw_rows_put_node(batch, other);
  put_update(batch, &NOW, some_update(1, "n1", GW_UPDATE_OFFERED, 3));
  put_update(batch, &NOW, some_update(2, "n2", GW_UPDATE_OFFERED, 3));
  put_history(batch, 1);
  put_history(batch, 2);
  gw_rows_put_timeline(batch, &line);
  gw_rows_put_pin(batch, &pin, &NOW);
  gw_rows_delete_node(batch, "n1");
  commit(&site, batch);
  nodes = LOADED(node, gw_rows_load_nodes, gw_node_free, site.db);
  g_assert_cmpuint(nodes->len, ==, 1);
  updates = LOADED(update, gw_rows_load_updates, gw_update_free, site.db, &NOW);
  g_assert_cmpuint(updates->len, ==, 1);
  g_assert_true(gw_rows_load_pins(site.db, &NOW, take_pin, &found, NULL));
  g_assert_null(found.token);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_TIMELINE, .limit = 9 }, "", -1);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_HISTORY, .limit = 9 }, "2 ", -1);
  site_clear(&site);
}

static void
test_a_timeline_keeps_its_newest_and_its_final_rows(void)
{
  Site site = site_new();
  GwBatch *batch = gw_batch_new();

  for (gint64 id = 1; id <= 10; id++) {
    const GwTimelineRow row = { id, id == 10 ? "other" : "n1", "ask", "x", id, id * 10, 1, id == 2 };

    gw_rows_put_timeline(batch, &row);
  }
  gw_rows_trim_timeline_of(batch, "n1", 4);
  commit(&site, batch);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_TIMELINE, .limit = 20 }, "2 7 8 9 10 ", -1);
  batch = gw_batch_new();
  gw_rows_trim_timeline(batch, G_MAXINT64, 15, 2);
  commit(&site, batch);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_TIMELINE, .limit = 20 }, "2 9 10 ", -1);
  batch = gw_batch_new();
  gw_rows_trim_timeline(batch, G_MAXINT64, 95, 100);
  commit(&site, batch);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_TIMELINE, .limit = 20 }, "10 ", -1);
  batch = gw_batch_new(); /* final ones have a room of their own, and it is not endless */
  for (gint64 id = 11; id <= 15; id++) {
    const GwTimelineRow row = { id, "n1", "update.failed", "x", id, id * 10, 1, TRUE };

    gw_rows_put_timeline(batch, &row);
  }
  gw_rows_trim_timeline(batch, G_MAXINT64, 95, 2);
  commit(&site, batch);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_TIMELINE, .limit = 20 }, "10 14 15 ", -1);
  site_clear(&site);
}

static void
test_old_updates_go_with_their_history(void)
{
  Site site = site_new();
  GwBatch *batch = gw_batch_new();
  g_autoptr(GwRule) live = gw_rule_new("live");

  live->id = 1;
  live->state = GW_RULE_RUNNING;
  gw_rows_put_rule(batch, live);
  put_update(batch, &NOW, some_update(1, "a", GW_UPDATE_SUCCEEDED, 9));
  put_update(batch, &NOW, some_update(2, "a", GW_UPDATE_SUCCEEDED, 1));
  put_update(batch, &NOW, some_update(3, "a", GW_UPDATE_OFFERED, 9));
  for (gint64 id = 1; id <= 3; id++)
    put_history(batch, id);
  gw_rows_trim_updates(batch, G_MAXINT64, 1000);
  commit(&site, batch);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_UPDATES, .limit = 9 }, "2 3 ", -1);
  assert_lists(&site, &(GwListing){ .table = GW_TABLE_HISTORY, .limit = 9 }, "2 3 ", -1);
  site_clear(&site);
}

/* --- what a snapshot brings back --- */

static void
test_C7_a_snapshot_holds_what_start_up_reads(void)
{
  Site site = site_new();
  g_autoptr(GwNode) node = some_node("n1");
  g_autoptr(GwFirmware) firmware = some_firmware();
  g_autoptr(GPtrArray) nodes = NULL, firmwares = NULL, updates = NULL;
  GwBatch *batch = gw_batch_new();
  const GwPinRow pin = {
    .token = "abcdefgh23456789", .update_id = 1, .node = "n1", .type = "mcu", .plugin = "some"
  };
  GwPinRow found = { 0 };
  gboolean is_done = FALSE, was_lost = FALSE;
  gint64 taken_ms;

  gw_rows_put_node(batch, node);
  gw_rows_put_firmware(batch, firmware);
  put_update(batch, &NOW, some_update(1, "n1", GW_UPDATE_OFFERED, 3));
  gw_rows_put_pin(batch, &pin, &NOW);
  for (gint64 id = 1; id <= 3; id++) {
    put_event(batch, id, id == 3, "n1");
    put_outbox(batch, id, id == 3);
  }
  commit(&site, batch);
  gw_db_snapshot(site.db, note_done, &is_done);
  wait_for(&is_done);
  gw_db_close(site.db);
  folder_spoil(&site.folder, "state.db", 0, 100, 0);
  site.db = gw_db_open(site.folder.fd, "state.db", NULL, &was_lost, NULL);
  g_assert_true(was_lost);
  g_assert_true(gw_db_restore_newest(site.db, &taken_ms, NULL));
  nodes = LOADED(node, gw_rows_load_nodes, gw_node_free, site.db);
  g_assert_cmpuint(nodes->len, ==, 1);
  firmwares = LOADED(firmware, gw_rows_load_firmwares, gw_firmware_free, site.db);
  g_assert_cmpuint(firmwares->len, ==, 1);
  updates = LOADED(update, gw_rows_load_updates, gw_update_free, site.db, &NOW);
  g_assert_cmpuint(updates->len, ==, 1);
  g_assert_true(gw_rows_load_pins(site.db, &NOW, take_pin, &found, NULL));
  g_assert_nonnull(found.token);
  assert_outbox(&site, "3! "); /* the final event is not lost */
  site_clear(&site);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/rows/the-outbox-never-drops-what-is-final",
                  test_the_outbox_never_drops_what_is_final);
  g_test_add_func("/promise/U3/the-sequence-of-an-upstream-never-decreases",
                  test_U3_the_sequence_of_an_upstream_never_decreases);
  g_test_add_func("/store/rows/meta", test_meta);
  g_test_add_func("/store/rows/lists-are-filtered-sorted-and-cut", test_lists_are_filtered_sorted_and_cut);
  g_test_add_func("/store/rows/a-bad-question-is-refused", test_a_bad_question_is_refused);
  g_test_add_func("/store/rows/lists-have-the-columns-they-name", test_lists_have_the_columns_they_name);
  g_test_add_func("/store/rows/forgetting-a-node-forgets-all-of-it",
                  test_forgetting_a_node_forgets_all_of_it);
  g_test_add_func("/store/rows/a-timeline-keeps-its-newest-and-its-final-rows",
                  test_a_timeline_keeps_its_newest_and_its_final_rows);
  g_test_add_func("/store/rows/old-updates-go-with-their-history", test_old_updates_go_with_their_history);
  g_test_add_func("/promise/C7/a-snapshot-holds-what-start-up-reads",
                  test_C7_a_snapshot_holds_what_start_up_reads);
  return g_test_run();
}
