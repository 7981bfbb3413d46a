/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include "store/db.h"

#define PUT "INSERT OR REPLACE INTO meta VALUES (?, ?)"

typedef struct {
  gboolean is_done;
  int code; /* 0 = good */
  GPtrArray *rows;
} Answer;

static void
note_done(const GError *error, gpointer user)
{
  Answer *answer = user;

  answer->is_done = TRUE;
  answer->code = error ? error->code : 0;
}

static void
note_rows(GPtrArray *rows, const GError *error, gpointer user)
{
  Answer *answer = user;

  answer->rows = rows;
  note_done(error, answer);
}

static GwDb *
db_open(const Folder *folder, gboolean is_lost_expected)
{
  g_autoptr(GError) error = NULL;
  gboolean was_lost = !is_lost_expected;
  GwDb *db = gw_db_open(folder->fd, "state.db", NULL, &was_lost, &error);

  g_assert_no_error(error);
  g_assert_cmpint(was_lost, ==, is_lost_expected);
  return db;
}

static int
submit(GwDb *db, GwBatch *batch)
{
  Answer answer = { 0 };

  gw_db_submit(db, batch, note_done, &answer);
  wait_for(&answer.is_done);
  return answer.code;
}

static int
put(GwDb *db, const char *key, const char *value)
{
  GwBatch *batch = gw_batch_new();

  gw_batch_add(batch, PUT, "ss", key, value);
  return submit(db, batch);
}

static int
snapshot(GwDb *db)
{
  Answer answer = { 0 };

  gw_db_snapshot(db, note_done, &answer);
  wait_for(&answer.is_done);
  return answer.code;
}

static char *
get(GwDb *db, const char *key)
{
  Answer answer = { 0 };
  g_autoptr(GPtrArray) rows = NULL;
  g_autoptr(GVariant) value = NULL;

  gw_db_query(db, note_rows, &answer, "SELECT value FROM meta WHERE key = ?", "s", key);
  wait_for(&answer.is_done);
  g_assert_cmpint(answer.code, ==, 0);
  rows = answer.rows;
  if (rows->len == 0)
    return NULL;
  g_assert_cmpuint(rows->len, ==, 1);
  g_variant_get_child(g_ptr_array_index(rows, 0), 0, "v", &value);
  return g_variant_dup_string(value, NULL);
}

static void
assert_holds(GwDb *db, const char *key, const char *expected)
{
  g_autofree char *value = get(db, key);

  g_assert_cmpstr(value, ==, expected);
}

static void
test_a_batch_is_durable_and_read_back(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);

  g_assert_cmpint(put(db, "place", "Foshan"), ==, 0);
  g_assert_cmpuint(folder_mode(&folder, "state.db"), ==, 0600);
  g_assert_cmpuint(folder_mode(&folder, "state.db-wal"), ==, 0600);
  assert_holds(db, "place", "Foshan");
  assert_holds(db, "nothing", NULL);
  gw_db_close(db);
  db = db_open(&folder, FALSE);
  assert_holds(db, "place", "Foshan");
  gw_db_close(db);
  folder_clear(&folder);
}

static void
test_every_kind_of_value(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);
  Answer answer = { 0 };
  g_autoptr(GVariant) row = NULL;
  g_autofree char *text = NULL;

  gw_db_query(db, note_rows, &answer, "SELECT ?, ?, ?, ?, ?", "idsbs", G_MININT64, 0.5, "\xc3\xa9\xff",
              "\0\1", (gsize)2, NULL);
  wait_for(&answer.is_done);
  g_assert_cmpint(answer.code, ==, 0);
  row = g_variant_ref(g_ptr_array_index(answer.rows, 0));
  text = g_variant_print(row, TRUE);
  g_assert_cmpstr(text, ==, "[<int64 -9223372036854775808>, <0.5>, <'é�'>, <[byte 0x00, 0x01]>, <''>]");
  g_ptr_array_unref(answer.rows);
  gw_db_close(db);
  folder_clear(&folder);
}

static void
note_trouble(const GError *error, gpointer user)
{
  *(int *)user = error ? error->code : 0;
}

/* And what was submitted after one that failed may rest on it. */
static void
test_a_batch_commits_whole_or_not_at_all(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);
  GwBatch *batch;
  int trouble = 0;

  gw_db_watch(db, note_trouble, &trouble);
  g_assert_cmpint(put(db, "before", "1"), ==, 0);
  batch = gw_batch_new();
  gw_batch_add(batch, PUT, "ss", "half", "1");
  gw_batch_add(batch, "INSERT INTO meta VALUES ('before', 'again')", "");
  g_assert_cmpint(submit(db, batch), ==, GW_ERROR_EXISTS);
  g_assert_cmpint(put(db, "after", "1"), ==, GW_ERROR_EXISTS);
  g_assert_cmpint(trouble, ==, GW_ERROR_EXISTS);
  assert_holds(db, "before", "1");
  assert_holds(db, "half", NULL);
  assert_holds(db, "after", NULL);
  gw_db_close(db);
  folder_clear(&folder);
}

static void
note_order(const GError *error, gpointer user)
{
  static guint n_told;
  guint *told = user;

  g_assert_no_error(error);
  *told = ++n_told;
}

static void
test_batches_are_acknowledged_in_order(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);
  guint told[5000] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS(told); i++) {
    GwBatch *batch = gw_batch_new();

    gw_batch_add(batch, PUT, "ss", "last", "x");
    gw_db_submit(db, batch, note_order, &told[i]);
  }
  while (told[G_N_ELEMENTS(told) - 1] == 0)
    (void)g_main_context_iteration(NULL, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS(told); i++)
    g_assert_cmpuint(told[i], ==, i + 1);
  gw_db_close(db);
  folder_clear(&folder);
}

static void
test_the_queue_is_bounded(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);
  GwBatch *batch = gw_batch_new();

  for (guint i = 0; i < 100001; i++)
    gw_batch_add(batch, PUT, "ss", "key", "value");
  g_assert_cmpint(submit(db, batch), ==, GW_ERROR_BUSY);
  g_assert_cmpint(put(db, "key", "other"), ==, GW_ERROR_BUSY); /* it may rest on what was refused */
  assert_holds(db, "key", NULL);
  gw_db_close(db);
  folder_clear(&folder);
}

static void
test_closing_commits_what_is_queued(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);

  for (guint i = 0; i < 3000; i++) {
    g_autofree char *key = g_strdup_printf("%u", i);
    GwBatch *batch = gw_batch_new();

    gw_batch_add(batch, PUT, "ss", key, "x");
    gw_db_submit(db, batch, NULL, NULL);
  }
  gw_db_close(db);
  db = db_open(&folder, FALSE);
  assert_holds(db, "0", "x");
  assert_holds(db, "2999", "x");
  gw_db_close(db);
  folder_clear(&folder);
}

static void
test_ids_go_on_where_they_were(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);

  for (gint64 i = 1; i <= 100; i++)
    g_assert_cmpint(gw_db_next_id(db, "rule"), ==, i);
  g_assert_cmpint(gw_db_next_id(db, "event"), ==, 1);
  gw_db_close(db);
  db = db_open(&folder, FALSE);
  g_assert_cmpint(gw_db_next_id(db, "rule"), ==, 101);
  g_assert_cmpint(gw_db_next_id(db, "event"), ==, 2);
  gw_db_close(db);
  folder_clear(&folder);
}

static void
test_the_thread_shows_that_it_lives(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);
  gint64 before = gw_db_last_alive_ms(db);

  g_assert_cmpint(put(db, "a", "b"), ==, 0);
  g_assert_cmpint(before, >, 0);
  g_assert_cmpint(gw_db_last_alive_ms(db), >=, before);
  gw_db_close(db);
  folder_clear(&folder);
}

static void
count_row(const GwRow *row, gpointer user)
{
  guint *count = user;

  g_assert_cmpint(gw_row_int(row, 0), ==, (gint64)*count);
  (*count)++;
}

static void
test_loading_waits_for_what_was_submitted(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);
  g_autoptr(GError) error = NULL;
  guint count = 0;

  for (guint i = 0; i < 500; i++) {
    g_autofree char *name = g_strdup_printf("%u", i);
    GwBatch *batch = gw_batch_new();

    gw_batch_add(batch, "INSERT INTO sequence VALUES (?, ?)", "si", name, (gint64)i);
    gw_db_submit(db, batch, NULL, NULL);
  }
  g_assert_true(gw_db_load(db, "SELECT next FROM sequence ORDER BY next", count_row, &count, &error));
  g_assert_no_error(error);
  g_assert_cmpuint(count, ==, 500);
  g_assert_false(gw_db_load(db, "SELECT nonsense", count_row, &count, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_INTERNAL);
  gw_db_close(db);
  folder_clear(&folder);
}

/* --- C7 --- */

/* A database with one row in a snapshot, and one more that is newer. */
static Folder
folder_with_history(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);

  g_assert_cmpint(gw_db_next_id(db, "event"), ==, 1);
  g_assert_cmpint(put(db, "old", "1"), ==, 0);
  g_assert_cmpint(snapshot(db), ==, 0);
  g_assert_cmpint(put(db, "new", "1"), ==, 0);
  gw_db_close(db);
  return folder;
}

static void
assert_is_rebuilt(const Folder *folder)
{
  g_autoptr(GError) error = NULL;
  gint64 taken_ms = 0;
  GwDb *db = db_open(folder, TRUE);

  assert_holds(db, "old", NULL);
  gw_db_close(db);
  db = db_open(folder, TRUE); /* killed before it was restored: that is not forgotten */
  g_assert_true(gw_db_restore_newest(db, &taken_ms, &error));
  g_assert_no_error(error);
  g_assert_cmpint(taken_ms, >, (gint64)1000000000 * 1000);
  assert_holds(db, "old", "1");
  assert_holds(db, "new", NULL);
  g_assert_cmpint(gw_db_next_id(db, "event"), >, 1000000);
  gw_db_close(db);
  db = db_open(folder, FALSE);
  assert_holds(db, "old", "1");
  gw_db_close(db);
}

static void
test_C7_zeroed(void)
{
  Folder folder = folder_with_history();

  folder_spoil(&folder, "state.db", 0, (gsize)folder_size(&folder, "state.db"), 0);
  assert_is_rebuilt(&folder);
  g_assert_true(folder_has(&folder, "state.db.bad-1"));
  folder_clear(&folder);
}

static void
test_C7_truncated(void)
{
  static const goffset sizes[] = { 0, 1, 99, 4096, 8192, 20000 };

  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    Folder folder = folder_with_history();
    g_autofree char *path = g_build_filename(folder.path, "state.db", NULL);

    g_assert_cmpint(truncate(path, sizes[i]), ==, 0);
    assert_is_rebuilt(&folder);
    folder_clear(&folder);
  }
}

static void
test_C7_corrupted(void)
{
  static const goffset offsets[] = { 0, 24, 60, 100, 4096, 12288 };

  for (guint i = 0; i < G_N_ELEMENTS(offsets); i++) {
    Folder folder = folder_with_history();

    /* The log holds good copies of the last pages. */
    g_assert_cmpint(unlinkat(folder.fd, "state.db-wal", 0), ==, 0);
    folder_spoil(&folder, "state.db", offsets[i], 3000, 0xa5);
    assert_is_rebuilt(&folder);
    folder_clear(&folder);
  }
}

/* Its log stays behind, and must not be played into the fresh database. */
static void
test_C7_missing(void)
{
  Folder folder = folder_with_history();

  g_assert_cmpint(unlinkat(folder.fd, "state.db", 0), ==, 0);
  g_assert_cmpint(folder_size(&folder, "state.db-wal"), >, 4096);
  assert_is_rebuilt(&folder);
  g_assert_true(folder_has(&folder, "state.db.bad-1-wal"));
  folder_clear(&folder);
}

/* SQLite opens it without the log as if nothing had been there. */
static void
test_C7_garbage_log(void)
{
  static const goffset offsets[] = { 0, 8, 20, 24 };

  for (guint i = 0; i < G_N_ELEMENTS(offsets); i++) {
    Folder folder = folder_with_history();
    GwDb *db = db_open(&folder, FALSE);

    g_assert_false(gw_db_has_gap(db));
    gw_db_close(db);
    folder_spoil(&folder, "state.db-wal", offsets[i], 8, 0xa5);
    db = db_open(&folder, FALSE);
    g_assert_true(gw_db_has_gap(db));
    g_assert_true(folder_has(&folder, "state.db.bad-1-wal"));
    assert_holds(db, "old", "1");
    gw_db_close(db);
    folder_clear(&folder);
  }
}

static char *
newest_snapshot(const Folder *folder)
{
  g_autofree char *path = g_build_filename(folder->path, "snapshots", NULL);
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;
  char *newest = NULL;
  guint64 greatest = 0;

  while (dir && (name = g_dir_read_name(dir))) {
    guint64 number = g_ascii_strtoull(name + strlen("state.db-"), NULL, 10);

    if (number <= greatest)
      continue;
    greatest = number;
    g_free(newest);
    newest = g_strconcat("snapshots/", name, NULL);
  }
  return newest;
}

static void
test_C7_a_bad_snapshot_is_left_out(void)
{
  Folder folder = folder_with_history();
  g_autofree char *spoilt = NULL;
  GwDb *db = db_open(&folder, FALSE);

  g_assert_cmpint(snapshot(db), ==, 0);
  gw_db_close(db);
  spoilt = newest_snapshot(&folder);
  g_assert_true(g_str_has_prefix(spoilt, "snapshots/state.db-2."));
  folder_spoil(&folder, spoilt, folder_size(&folder, spoilt) - 10, 1, 0x5a);
  folder_spoil(&folder, "state.db", 0, 100, 0);
  assert_is_rebuilt(&folder);
  folder_clear(&folder);
}

static void
test_C7_without_a_snapshot(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);
  g_autoptr(GError) error = NULL;
  gint64 taken_ms = 0;

  gw_db_close(db);
  folder_spoil(&folder, "state.db", 0, 100, 0);
  db = db_open(&folder, TRUE);
  g_assert_false(gw_db_restore_newest(db, &taken_ms, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_NOT_FOUND);
  g_assert_cmpint(put(db, "a", "1"), ==, 0);
  gw_db_close(db);
  db = db_open(&folder, FALSE);
  assert_holds(db, "a", "1");
  gw_db_close(db);
  folder_clear(&folder);
}

static void
test_what_was_set_aside_does_not_pile_up(void)
{
  Folder folder = folder_new();

  for (guint i = 0; i < 6; i++) {
    gw_db_close(db_open(&folder, i > 0));
    folder_spoil(&folder, "state.db", 0, 100, 0);
  }
  gw_db_close(db_open(&folder, TRUE));
  g_assert_false(folder_has(&folder, "state.db.bad-3"));
  g_assert_true(folder_has(&folder, "state.db.bad-4"));
  g_assert_true(folder_has(&folder, "state.db.bad-6"));
  folder_clear(&folder);
}

/* --- snapshots --- */

static void
test_a_snapshot_that_says_the_same_is_not_written(void)
{
  Folder folder = folder_with_history();
  GwDb *db = db_open(&folder, FALSE);
  g_autofree char *first = NULL, *second = NULL, *third = NULL;

  g_assert_cmpint(snapshot(db), ==, 0);
  first = newest_snapshot(&folder);
  g_assert_cmpint(snapshot(db), ==, 0);
  second = newest_snapshot(&folder);
  g_assert_cmpstr(first, ==, second);
  g_assert_cmpint(put(db, "more", "1"), ==, 0);
  g_assert_cmpint(snapshot(db), ==, 0);
  third = newest_snapshot(&folder);
  g_assert_cmpstr(first, !=, third);
  gw_db_close(db);
  folder_clear(&folder);
}

static void
test_old_snapshots_go(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);
  g_autofree char *path = g_build_filename(folder.path, "snapshots", NULL);
  g_autoptr(GDir) dir = NULL;
  guint n = 0;

  for (guint i = 0; i < 30; i++) {
    g_autofree char *value = g_strdup_printf("%u", i);

    g_assert_cmpint(put(db, "i", value), ==, 0);
    g_assert_cmpint(snapshot(db), ==, 0);
  }
  gw_db_close(db);
  for (dir = g_dir_open(path, 0, NULL); g_dir_read_name(dir);)
    n++;
  g_assert_cmpuint(n, ==, 24);
  folder_clear(&folder);
}

static void
test_a_newer_database_is_left_alone(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder, FALSE);
  g_autoptr(GError) error = NULL;
  gboolean was_lost = FALSE;
  GwBatch *batch = gw_batch_new();

  gw_batch_add(batch, "PRAGMA user_version = 40", "");
  g_assert_cmpint(submit(db, batch), ==, 0);
  gw_db_close(db);
  db = gw_db_open(folder.fd, "state.db", NULL, &was_lost, &error);
  g_assert_null(db);
  g_assert_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED);
  g_assert_false(folder_has(&folder, "state.db.bad-1"));
  folder_clear(&folder);
}

/* A killed start leaves the unfinished file beside, never in the place of the database. */
static void
test_a_half_made_database_is_made_anew(void)
{
  Folder folder = folder_new();
  GwDb *db;

  folder_write(&folder, "state.db.new", "half", 4);
  folder_write(&folder, "state.db.new-journal", "half", 4);
  db = db_open(&folder, FALSE);
  g_assert_cmpint(put(db, "a", "1"), ==, 0);
  gw_db_close(db);
  g_assert_false(folder_has(&folder, "state.db.new"));
  folder_clear(&folder);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/db/a-batch-is-durable-and-read-back", test_a_batch_is_durable_and_read_back);
  g_test_add_func("/store/db/every-kind-of-value", test_every_kind_of_value);
  g_test_add_func("/store/db/a-batch-commits-whole-or-not-at-all", test_a_batch_commits_whole_or_not_at_all);
  g_test_add_func("/store/db/batches-are-acknowledged-in-order", test_batches_are_acknowledged_in_order);
  g_test_add_func("/store/db/the-queue-is-bounded", test_the_queue_is_bounded);
  g_test_add_func("/store/db/closing-commits-what-is-queued", test_closing_commits_what_is_queued);
  g_test_add_func("/store/db/ids-go-on-where-they-were", test_ids_go_on_where_they_were);
  g_test_add_func("/store/db/the-thread-shows-that-it-lives", test_the_thread_shows_that_it_lives);
  g_test_add_func("/store/db/loading-waits-for-what-was-submitted",
                  test_loading_waits_for_what_was_submitted);
  g_test_add_func("/promise/C7/zeroed", test_C7_zeroed);
  g_test_add_func("/promise/C7/truncated", test_C7_truncated);
  g_test_add_func("/promise/C7/corrupted", test_C7_corrupted);
  g_test_add_func("/promise/C7/garbage-log", test_C7_garbage_log);
  g_test_add_func("/promise/C7/missing", test_C7_missing);
  g_test_add_func("/promise/C7/a-bad-snapshot-is-left-out", test_C7_a_bad_snapshot_is_left_out);
  g_test_add_func("/promise/C7/without-a-snapshot", test_C7_without_a_snapshot);
  g_test_add_func("/store/db/what-was-set-aside-does-not-pile-up", test_what_was_set_aside_does_not_pile_up);
  g_test_add_func("/store/db/a-snapshot-that-says-the-same-is-not-written",
                  test_a_snapshot_that_says_the_same_is_not_written);
  g_test_add_func("/store/db/old-snapshots-go", test_old_snapshots_go);
  g_test_add_func("/store/db/a-newer-database-is-left-alone", test_a_newer_database_is_left_alone);
  g_test_add_func("/store/db/a-half-made-database-is-made-anew", test_a_half_made_database_is_made_anew);
  return g_test_run();
}
