/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A log with garbage in it, behind a head that is none. */
#include "common.h"
#include "store/db.h"
#include "store/log.h"

#define FRAME (24 + 4096)

static GwDb *
db_open(const Folder *folder)
{
  g_autoptr(GError) error = NULL;
  gboolean was_lost = TRUE;
  GwDb *db = gw_db_open(folder->fd, "state.db", NULL, &was_lost, &error);

  g_assert_no_error(error);
  g_assert_false(was_lost);
  return db;
}

static void
note_done(const GError *error, gpointer is_done)
{
  g_assert_no_error(error);
  *(gboolean *)is_done = TRUE;
}

static void
put(GwDb *db, guint number)
{
  GwBatch *batch = gw_batch_new();
  gboolean is_done = FALSE;

  gw_batch_add(batch, "INSERT INTO meta VALUES (?, '1')", "i", (gint64)number);
  gw_db_submit(db, batch, note_done, &is_done);
  wait_for(&is_done);
}

/* A log of several transactions, each synced, as a core leaves that was killed. */
static Folder
folder_with_log(void)
{
  Folder folder = folder_new();
  GwDb *db = db_open(&folder);
  g_autofree char *from = g_build_filename(folder.path, "state.db-wal", NULL);
  g_autofree char *log = NULL;
  gsize size = 0;

  gw_db_close(db);
  db = db_open(&folder);
  for (guint i = 0; i < 5; i++) {
    put(db, i);
  }
  g_assert_true(g_file_get_contents(from, &log, &size, NULL));
  gw_db_close(db);
  g_assert_cmpuint(size, >=, 32 + 5 * FRAME);
  g_assert_true(g_file_set_contents(from, log, (gssize)size, NULL));
  return folder;
}

/* In the middle it is damage; at the end it may be what a power cut left of a write that nobody was promised.
 */
static void
test_C7_garbage_in_the_log(void)
{
  for (guint frame = 0; frame < 5; frame++) {
    Folder folder = folder_with_log();
    goffset n_frames = (folder_size(&folder, "state.db-wal") - 32) / FRAME;
    goffset at = frame < 4 ? frame : n_frames - 1;
    GwDb *db;

    folder_spoil(&folder, "state.db-wal", 32 + at * FRAME + 100, 8, 0xa5);
    db = db_open(&folder);
    g_assert_cmpint(gw_db_has_gap(db), ==, at < n_frames - 1);
    gw_db_close(db);
    db = db_open(&folder); /* said once */
    g_assert_false(gw_db_has_gap(db));
    gw_db_close(db);
    folder_clear(&folder);
  }
}

static void
test_head(void)
{
  guint8 log[64] = { 0 };

  g_assert_cmpint(gw_log_check(log, 0), ==, GW_LOG_GOOD);
  g_assert_cmpint(gw_log_check(log, 31), ==, GW_LOG_UNREADABLE);
  g_assert_cmpint(gw_log_check(log, sizeof log), ==, GW_LOG_UNREADABLE);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/log/head", test_head);
  g_test_add_func("/promise/C7/garbage-in-the-log", test_C7_garbage_in_the_log);
  return g_test_run();
}
