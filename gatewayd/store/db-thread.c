/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The database thread. Work waits in one queue, in order; whatever batches stand at its head when the thread
 * is free become one transaction. So a lone batch is committed at once, and the slower the disk syncs, the
 * more of them share a sync. Where many come at once and the disk is fast, the next transaction begins a few
 * milliseconds after the last, so that they share its pages, too. */
#include "store/db-jobs.h"

#include "base/clock.h"
#include "base/error.h"

#define MAX_TRANSACTION 2000 /* statements */
#define MANY 4               /* batches in one transaction: more are on their way */
#define GATHER_US 4000       /* then from the begin of one transaction to the next */
#define WAIT_FIRST_MS 250    /* until a full disk is tried again; doubled each time */
#define WAIT_MAX_MS 16000

void
gw_db_job_free(gpointer data)
{
  GwDbJob *job = data;

  gw_batch_free(job->batch);
  g_clear_pointer(&job->rows, g_ptr_array_unref);
  g_clear_error(&job->error);
  g_free(job);
}

/* --- in the context --- */

static void
tell_all(gpointer data)
{
  GPtrArray *jobs = data;

  for (guint i = 0; i < jobs->len; i++) {
    GwDbJob *job = g_ptr_array_index(jobs, i);

    if (job->tell)
      job->tell(job);
  }
}

typedef struct {
  GwDb *db;
  GError *error;
} Trouble;

static void
tell_trouble(gpointer data)
{
  const Trouble *trouble = data;
  GwDb *db = trouble->db;

  db->is_waiting = g_error_matches(trouble->error, GW_ERROR, GW_ERROR_NO_SPACE);
  if (db->troubled)
    db->troubled(trouble->error, db->troubled_user);
}

static void
trouble_free(gpointer data)
{
  Trouble *trouble = data;

  g_clear_error(&trouble->error);
  g_free(trouble);
}

/* --- in the thread --- */

/* NULL = it is over. */
static void
post_trouble(GwDb *db, const GError *error)
{
  Trouble *trouble = g_new(Trouble, 1);

  *trouble = (Trouble){ db, error ? g_error_copy(error) : NULL };
  gw_mailbox_post(db->mailbox, tell_trouble, trouble, trouble_free);
}

static gboolean
run_sql(GwConnection *connection, const char *sql, GError **error)
{
  const GwDbStatement statement = { .sql = sql };

  return gw_connection_run(connection, &statement, NULL, error);
}

static gboolean
run_batch(GwConnection *connection, const GwDbJob *job, GError **error)
{
  if (job->error) {
    g_propagate_error(error, g_error_copy(job->error));
    return FALSE;
  }
  for (guint i = 0; i < gw_batch_size(job->batch); i++) {
    GwDbStatement statement = gw_batch_statement(job->batch, i);

    if (!gw_connection_run(connection, &statement, NULL, error))
      return FALSE;
  }
  return TRUE;
}

static void
fail_all(GPtrArray *jobs, const GError *error)
{
  for (guint i = 0; i < jobs->len; i++) {
    GwDbJob *job = g_ptr_array_index(jobs, i);

    if (!job->error)
      job->error = g_error_copy(error);
  }
}

/* One transaction: all of it or none. */
static gboolean
commit_all(GwDb *db, GPtrArray *jobs, GError **error)
{
  gboolean is_good = run_sql(db->connection, "BEGIN IMMEDIATE", error);

  for (guint i = 0; i < jobs->len && is_good; i++)
    is_good = run_batch(db->connection, g_ptr_array_index(jobs, i), error);
  if (is_good && gw_sequences_commit(db->sequences, db->connection, FALSE, error))
    return TRUE;
  if (gw_connection_is_in_transaction(db->connection))
    (void)run_sql(db->connection, "ROLLBACK", NULL);
  return FALSE;
}

/* What was submitted later may rest on what failed: the file stays as it was just before. */
static void
break_down(GwDb *db, const GError *error)
{
  if (db->broken)
    return;
  db->broken = g_error_copy(error);
  if (error->code == GW_ERROR_NO_SPACE)
    db->broken->code = GW_ERROR_BUSY; /* it does not wait any more */
  post_trouble(db, db->broken);
}

/* May the disk get room again before it is too late? */
static gboolean
can_wait(GwDb *db)
{
  gboolean is_so;

  g_mutex_lock(&db->mutex);
  is_so = !db->is_closing && !db->is_overrun;
  g_mutex_unlock(&db->mutex);
  return is_so;
}

/* They stay first in line. */
static void
keep(GwDb *db, GPtrArray *jobs, const GError *error)
{
  if (db->wait_ms == 0)
    post_trouble(db, error);
  db->wait_ms = CLAMP(db->wait_ms * 2, WAIT_FIRST_MS, WAIT_MAX_MS);
  db->again_us = g_get_monotonic_time() + db->wait_ms * 1000;
  db->kept = jobs;
}

/* FALSE = they are kept. */
static gboolean
run_batches(GwDb *db, GPtrArray *jobs)
{
  g_autoptr(GError) error = NULL;

  if (!db->broken && commit_all(db, jobs, &error)) {
    if (db->wait_ms > 0)
      post_trouble(db, NULL);
    db->wait_ms = 0;
    return TRUE;
  }
  if (!db->broken && g_error_matches(error, GW_ERROR, GW_ERROR_NO_SPACE) && can_wait(db)) {
    keep(db, jobs, error);
    return FALSE;
  }
  if (!db->broken)
    break_down(db, error);
  fail_all(jobs, db->broken);
  return TRUE;
}

/* Damage that anybody met: the next opening looks at every page. */
static void
suspect(GwDb *db)
{
  g_autoptr(GError) error = NULL;

  if (db->is_suspect || !db->connection || !gw_connection_is_corrupt(db->connection))
    return;
  db->is_suspect = TRUE;
  gw_place_suspect(&db->place);
  gw_fail(&error, GW_ERROR_CORRUPT, "the database is damaged");
  break_down(db, error);
}

static gboolean
run_jobs(GwDb *db, GPtrArray *jobs)
{
  GwDbJob *head = g_ptr_array_index(jobs, 0);
  g_autoptr(GError) error = NULL;
  gboolean is_done = TRUE;

  if (!db->connection) {
    gw_fail(&error, GW_ERROR_INTERNAL, "the database is closed: restoring it failed");
    fail_all(jobs, error);
  }
  if (head->run)
    head->run(db, head);
  else if (db->connection)
    is_done = run_batches(db, jobs);
  suspect(db);
  return is_done;
}

/* The next one that only reads, while batches are kept. Called with the mutex held. */
static GwDbJob *
find_reader(const GwDb *db)
{
  for (const GList *at = db->jobs.head; at; at = at->next)
    if (((const GwDbJob *)at->data)->run)
      return at->data;
  return NULL;
}

static GPtrArray *
take_meanwhile(GwDb *db)
{
  GwDbJob *reader = find_reader(db);
  GPtrArray *jobs;

  if (!reader)
    return g_steal_pointer(&db->kept);
  (void)g_queue_remove(&db->jobs, reader);
  db->n_queued -= reader->batch ? gw_batch_size(reader->batch) : 0;
  jobs = g_ptr_array_new_with_free_func(gw_db_job_free);
  g_ptr_array_add(jobs, reader);
  return jobs;
}

/* The batches at the head of the queue, or the one other job there. Called with the mutex held. */
static GPtrArray *
take(GwDb *db)
{
  GPtrArray *jobs = g_ptr_array_new_with_free_func(gw_db_job_free);
  guint n_statements = 0;

  do {
    GwDbJob *job = g_queue_pop_head(&db->jobs);

    n_statements += job->batch ? gw_batch_size(job->batch) : 0;
    g_ptr_array_add(jobs, job);
    if (job->run)
      break;
  } while (n_statements < MAX_TRANSACTION && !g_queue_is_empty(&db->jobs) &&
           !((const GwDbJob *)g_queue_peek_head(&db->jobs))->run);
  db->n_queued -= n_statements;
  return jobs;
}

/* Called with the mutex held. */
static gboolean
has_work(const GwDb *db)
{
  if (!db->kept)
    return !g_queue_is_empty((GQueue *)&db->jobs);
  return db->is_closing || db->is_overrun || g_get_monotonic_time() >= db->again_us || find_reader(db);
}

static void
wait(GwDb *db)
{
  db->is_asleep = TRUE;
  if (db->kept)
    (void)g_cond_wait_until(&db->has_work, &db->mutex, db->again_us);
  else
    g_cond_wait(&db->has_work, &db->mutex);
  db->is_asleep = FALSE;
}

/* Called with the mutex held, which is given back meanwhile: nobody is signalled to, and none need wake us.
 */
static void
gather(GwDb *db)
{
  const GwDbJob *head = g_queue_peek_head(&db->jobs);
  gint64 left_us = db->begun_us + GATHER_US - g_get_monotonic_time();

  if (db->is_closing || db->kept || !head || head->run || db->n_shared < MANY ||
      db->n_queued >= MAX_TRANSACTION || left_us <= 0)
    return;
  g_mutex_unlock(&db->mutex);
  g_usleep((gulong)left_us);
  g_mutex_lock(&db->mutex);
}

/* NULL = it is time to end. */
static GPtrArray *
wait_for_work(GwDb *db)
{
  GPtrArray *jobs = NULL;

  g_mutex_lock(&db->mutex);
  db->is_idle = TRUE;
  while (!has_work(db) && !db->is_closing)
    wait(db);
  gather(db);
  db->is_idle = FALSE;
  db->alive_ms = gw_clock_boot_ms();
  if (db->kept)
    jobs = take_meanwhile(db);
  else if (!g_queue_is_empty(&db->jobs))
    jobs = take(db);
  g_mutex_unlock(&db->mutex);
  db->begun_us = g_get_monotonic_time();
  db->n_shared = jobs ? jobs->len : 0;
  return jobs;
}

gpointer
gw_db_thread(gpointer data)
{
  GwDb *db = data;
  GPtrArray *jobs;

  while ((jobs = wait_for_work(db)))
    if (run_jobs(db, jobs))
      gw_mailbox_post(db->mailbox, tell_all, jobs, (GDestroyNotify)g_ptr_array_unref);
  /* Ids that nobody got are given after all. */
  if (db->connection && !db->broken && run_sql(db->connection, "BEGIN IMMEDIATE", NULL))
    (void)gw_sequences_commit(db->sequences, db->connection, TRUE, NULL);
  g_clear_pointer(&db->connection, gw_connection_close);
  return NULL;
}
