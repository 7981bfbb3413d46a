/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that records events as fast as it can is killed a hundred times (a tenth of the promise), or
 * LONG_KILLS times. Each time the database must open undamaged and hold every event that was acknowledged,
 * and no id may come twice.
 */
#include <signal.h>
#include <sys/wait.h>

#include "../unit/store/common.h"
#include "store/rows.h"

#define N_ROUNDS "100"
#define N_IN_FLIGHT 40

static GwDb *
db_open(const char *path)
{
  GW_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autoptr(GError) error = NULL;
  gboolean was_lost = TRUE;
  GwDb *db = gw_db_open(fd, "state.db", NULL, &was_lost, &error);

  g_assert_no_error(error);
  g_assert_false(was_lost);
  return db;
}

/* --- the process that is killed --- */

typedef struct {
  GwDb *db;
  gint64 id;
} Record;

static void record(GwDb *db);

static void
on_recorded(const GError *error, gpointer user)
{
  Record *done = user;

  g_assert_no_error(error);
  g_assert_cmpint(write(STDOUT_FILENO, &done->id, sizeof done->id), ==, sizeof done->id);
  record(done->db);
  g_free(done);
}

/* Of three events one is a reading, which later ones replace, and two are final. */
static void
record(GwDb *db)
{
  Record *next = g_new(Record, 1);
  GwBatch *batch = gw_batch_new();
  gboolean is_final;

  *next = (Record){ db, gw_db_next_id(db, GW_SEQUENCE_EVENT) };
  is_final = next->id % 3 != 0;
  gw_rows_put_event(batch, &(GwEventRow){ .id = next->id,
                                          .wall_ms = next->id,
                                          .type = "update.succeeded",
                                          .subject_kind = "node",
                                          .subject_id = "n1",
                                          .node = "n1",
                                          .data = "{}",
                                          .is_final = is_final });
  gw_rows_put_outbox(batch, &(GwOutboxRow){ .upstream = "cloud",
                                            .event_id = next->id,
                                            .order_key = "n1",
                                            .replace_key = is_final ? "" : "reading",
                                            .is_final = is_final,
                                            .last_error = "" });
  gw_db_submit(db, batch, on_recorded, next);
}

G_NORETURN static void
run(const char *path)
{
  GwDb *db = db_open(path);

  for (guint i = 0; i < N_IN_FLIGHT; i++)
    record(db);
  for (;;)
    (void)g_main_context_iteration(NULL, TRUE);
}

/* --- the test --- */

/* Kills it after @n acknowledgements and notes all of them, also those that were still in the pipe. */
static void
run_and_kill(const char *path, guint n, GArray *acknowledged)
{
  const char *const argv[] = { "/proc/self/exe", "run", path, NULL };
  g_autoptr(GError) error = NULL;
  GPid child;
  int out, status;
  gint64 id;

  g_assert_true(g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                         &child, NULL, &out, NULL, &error));
  g_assert_no_error(error);
  for (guint i = 1; read(out, &id, sizeof id) == sizeof id; i++) {
    g_array_append_val(acknowledged, id);
    if (i == n)
      g_assert_cmpint(kill(child, SIGKILL), ==, 0);
  }
  g_assert_cmpint(waitpid(child, &status, 0), ==, child);
  g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  gw_close(&out);
}

static void
note_id(const GwRow *row, gpointer user)
{
  gint64 id = gw_row_int(row, 0);

  g_hash_table_add(user, g_memdup2(&id, sizeof id));
}

static GHashTable *
ids_of(GwDb *db, const char *sql)
{
  GHashTable *ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  g_autoptr(GError) error = NULL;

  g_assert_true(gw_db_load(db, sql, note_id, ids, &error));
  g_assert_no_error(error);
  return ids;
}

static void
check(const char *path, const GArray *acknowledged)
{
  GwDb *db = db_open(path); /* which runs a quick check */
  g_autoptr(GHashTable) events = ids_of(db, "SELECT id FROM event");
  g_autoptr(GHashTable) outbox = ids_of(db, "SELECT event FROM outbox WHERE is_final");

  for (guint i = 0; i < acknowledged->len; i++) {
    const gint64 *id = &g_array_index(acknowledged, gint64, i);

    g_assert_true(g_hash_table_contains(events, id));
    g_assert_cmpint(g_hash_table_contains(outbox, id), ==, *id % 3 != 0);
  }
  gw_db_close(db);
}

static void
test_C7_killed_under_load(void)
{
  Folder folder = folder_new();
  g_autoptr(GArray) acknowledged = g_array_new(FALSE, FALSE, sizeof(gint64));
  g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);
  const char *wanted = g_getenv("LONG_KILLS");
  guint n_rounds = (guint)g_ascii_strtoull(wanted ? wanted : N_ROUNDS, NULL, 10);

  gw_db_close(db_open(folder.path));
  for (guint round = 0; round < n_rounds; round++) {
    run_and_kill(folder.path, (guint)g_test_rand_int_range(1, 300), acknowledged);
    check(folder.path, acknowledged);
  }
  for (guint i = 0; i < acknowledged->len; i++)
    g_assert_true(g_hash_table_add(seen, &g_array_index(acknowledged, gint64, i)));
  g_test_message("%u events", acknowledged->len);
  g_assert_cmpuint(acknowledged->len, >=, n_rounds);
  folder_clear(&folder);
}

int
main(int argc, char **argv)
{
  if (argc == 3 && strcmp(argv[1], "run") == 0)
    run(argv[2]);
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/C7/killed-under-load", test_C7_killed_under_load);
  return g_test_run();
}
