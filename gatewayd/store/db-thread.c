/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The database thread. Work waits in one queue, in order; whatever batches stand at its head when the thread
 * is free become one transaction. So a lone batch is committed at once, and the slower the disk syncs, the
 * more of them share a sync: nobody waits for a timer. */
#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mailbox.h"
#include "store/sequences.h"

#define MAX_QUEUED 100000    /* statements */
#define MAX_TRANSACTION 2000 /* statements */
#define MAX_ROWS 10000       /* of one answer */

typedef struct Job Job;
struct Job {
  /* In the thread, with @error set when there is no connection; NULL = a batch of writes. */
  void (*run)(GwDb *db, Job *job);
  void (*tell)(Job *job); /* in the context; NULL = nobody asked */
  GwBatch *batch;
  GPtrArray *rows;
  guint max;
  GError *error;
  GwDbDone done;
  GwDbRows rows_done;
  gpointer user;
};

struct GwDb {
  GwDbPlace place;
  GwMailbox *mailbox;
  GThread *thread;
  GwConnection *connection; /* the thread's; NULL after a restore that failed half-way */
  char *epoch;
  GwSequences *sequences;
  GMutex mutex; /* guards what follows */
  GCond has_work, has_called;
  GQueue jobs;
  guint n_queued; /* statements */
  gboolean is_closing, is_idle, is_suspect;
  gint64 alive_ms;
};

static void
job_free(gpointer data)
{
  Job *job = data;

  gw_batch_free(job->batch);
  g_clear_pointer(&job->rows, g_ptr_array_unref);
  g_clear_error(&job->error);
  g_free(job);
}

/* --- in the context --- */

static void
tell_done(Job *job)
{
  job->done(job->error, job->user);
}

static void
tell_rows(Job *job)
{
  job->rows_done(job->error ? NULL : g_steal_pointer(&job->rows), job->error, job->user);
}

static void
tell_all(gpointer data)
{
  GPtrArray *jobs = data;

  for (guint i = 0; i < jobs->len; i++) {
    Job *job = g_ptr_array_index(jobs, i);

    if (job->tell)
      job->tell(job);
  }
}

/* --- in the thread --- */

static gboolean
run_sql(GwConnection *connection, const char *sql, GError **error)
{
  const GwDbStatement statement = { .sql = sql };

  return gw_connection_run(connection, &statement, NULL, error);
}

static gboolean
run_statements(GwConnection *connection, const GwBatch *batch, GError **error)
{
  for (guint i = 0; i < gw_batch_size(batch); i++) {
    GwDbStatement statement = gw_batch_statement(batch, i);

    if (!gw_connection_run(connection, &statement, NULL, error))
      return FALSE;
  }
  return TRUE;
}

/* All of it or none. Some errors (a full disk) end the whole transaction; the caller looks. */
static gboolean
run_batch(GwConnection *connection, const GwBatch *batch, GError **error)
{
  if (!run_sql(connection, "SAVEPOINT batch", error))
    return FALSE;
  if (run_statements(connection, batch, error))
    return run_sql(connection, "RELEASE batch", error);
  if (gw_connection_is_in_transaction(connection)) {
    (void)run_sql(connection, "ROLLBACK TO batch", NULL);
    (void)run_sql(connection, "RELEASE batch", NULL);
  }
  return FALSE;
}

static void
fail_from(GPtrArray *jobs, guint first, guint end, const GError *error)
{
  for (guint i = first; i < end; i++) {
    Job *job = g_ptr_array_index(jobs, i);

    if (!job->error)
      job->error = g_error_copy(error);
  }
}

/* Batches of writes, in one transaction if nothing breaks it. */
static void
run_group(GwDb *db, GPtrArray *jobs)
{
  g_autoptr(GError) error = NULL;
  guint first = 0; /* of those that are in the transaction */

  for (guint i = 0; i < jobs->len; i++) {
    Job *job = g_ptr_array_index(jobs, i);

    if (!gw_connection_is_in_transaction(db->connection) &&
        !run_sql(db->connection, "BEGIN IMMEDIATE", &error)) {
      fail_from(jobs, first, jobs->len, error);
      return;
    }
    if (!run_batch(db->connection, job->batch, &job->error) &&
        !gw_connection_is_in_transaction(db->connection)) {
      fail_from(jobs, first, i, job->error);
      first = i + 1;
    }
  }
  if (!gw_connection_is_in_transaction(db->connection) ||
      gw_sequences_commit(db->sequences, db->connection, FALSE, &error))
    return;
  (void)run_sql(db->connection, "ROLLBACK", NULL);
  fail_from(jobs, first, jobs->len, error);
}

static void
run_jobs(GwDb *db, GPtrArray *jobs)
{
  Job *head = g_ptr_array_index(jobs, 0);
  g_autoptr(GError) error = NULL;

  if (!db->connection) {
    gw_fail(&error, GW_ERROR_INTERNAL, "the database is closed: restoring it failed");
    fail_from(jobs, 0, jobs->len, error);
  }
  if (head->run)
    head->run(db, head);
  else if (db->connection)
    run_group(db, jobs);
  if (db->connection && gw_connection_is_corrupt(db->connection) && !db->is_suspect) {
    gw_place_suspect(&db->place);
    db->is_suspect = TRUE;
  }
}

/* The batches at the head of the queue, or the one other job there. Called with the mutex held. */
static GPtrArray *
take(GwDb *db)
{
  GPtrArray *jobs = g_ptr_array_new_with_free_func(job_free);
  guint n_statements = 0;

  do {
    Job *job = g_queue_pop_head(&db->jobs);

    n_statements += job->batch ? gw_batch_size(job->batch) : 0;
    g_ptr_array_add(jobs, job);
    if (job->run)
      break;
  } while (n_statements < MAX_TRANSACTION && !g_queue_is_empty(&db->jobs) &&
           !((const Job *)g_queue_peek_head(&db->jobs))->run);
  db->n_queued -= n_statements;
  return jobs;
}

/* NULL = it is time to end. */
static GPtrArray *
wait_for_work(GwDb *db)
{
  GPtrArray *jobs = NULL;

  g_mutex_lock(&db->mutex);
  db->is_idle = TRUE;
  while (g_queue_is_empty(&db->jobs) && !db->is_closing)
    g_cond_wait(&db->has_work, &db->mutex);
  db->is_idle = FALSE;
  db->alive_ms = gw_clock_boot_ms();
  if (!g_queue_is_empty(&db->jobs))
    jobs = take(db);
  g_mutex_unlock(&db->mutex);
  return jobs;
}

static gpointer
thread_main(gpointer data)
{
  GwDb *db = data;
  GPtrArray *jobs;

  while ((jobs = wait_for_work(db))) {
    run_jobs(db, jobs);
    gw_mailbox_post(db->mailbox, tell_all, jobs, (GDestroyNotify)g_ptr_array_unref);
  }
  /* Ids that nobody got are given after all. */
  if (db->connection && run_sql(db->connection, "BEGIN IMMEDIATE", NULL))
    (void)gw_sequences_commit(db->sequences, db->connection, TRUE, NULL);
  g_clear_pointer(&db->connection, gw_connection_close);
  return NULL;
}

/* --- the public face: main thread --- */

static void
push(GwDb *db, Job *job)
{
  guint size = job->batch ? gw_batch_size(job->batch) : 0;
  gboolean is_full;

  g_mutex_lock(&db->mutex);
  is_full = size > 0 && db->n_queued + size > MAX_QUEUED;
  if (!is_full) {
    db->n_queued += size;
    g_queue_push_tail(&db->jobs, job);
    g_cond_signal(&db->has_work);
  }
  g_mutex_unlock(&db->mutex);
  if (is_full) {
    GPtrArray *jobs = g_ptr_array_new_with_free_func(job_free);

    gw_fail(&job->error, GW_ERROR_BUSY, "the database has too much to write already");
    g_ptr_array_add(jobs, job);
    gw_mailbox_post(db->mailbox, tell_all, jobs, (GDestroyNotify)g_ptr_array_unref);
  }
}

/* In the thread, with the connection there. */
typedef gboolean (*Errand)(GwDb *db, gpointer data, GError **error);
typedef struct {
  Errand function;
  gpointer data;
  GError *error;
  gboolean is_good, is_done;
} Call;

static void
run_call(GwDb *db, Job *job)
{
  Call *call = job->user;

  if (job->error)
    call->error = g_steal_pointer(&job->error);
  else
    call->is_good = call->function(db, call->data, &call->error);
  g_mutex_lock(&db->mutex);
  call->is_done = TRUE;
  g_cond_broadcast(&db->has_called);
  g_mutex_unlock(&db->mutex);
}

/* In the thread, after all that was submitted before, while the caller waits. */
static gboolean
call_and_wait(GwDb *db, Errand function, gpointer data, GError **error)
{
  Call call = { function, data, NULL, FALSE, FALSE };
  Job *job = g_new0(Job, 1);

  job->run = run_call;
  job->user = &call;
  push(db, job);
  g_mutex_lock(&db->mutex);
  while (!call.is_done)
    g_cond_wait(&db->has_called, &db->mutex);
  g_mutex_unlock(&db->mutex);
  if (call.error)
    g_propagate_error(error, call.error);
  return call.is_good;
}

static void
take_epoch(const GwRow *row, gpointer user)
{
  GwDb *db = user;

  g_free(db->epoch);
  db->epoch = g_strdup(gw_row_text(row, 0));
}

/* What is kept of the database in memory. */
static gboolean
learn(GwDb *db, GError **error)
{
  const GwDbStatement epoch = { .sql = "SELECT value FROM meta WHERE key = 'epoch'" };
  const GwRowSink sink = { take_epoch, db, 1 };

  return gw_sequences_learn(db->sequences, db->connection, error) &&
         gw_connection_run(db->connection, &epoch, &sink, error);
}

static void
db_free(GwDb *db)
{
  gw_connection_close(db->connection);
  gw_close(&db->place.dir_fd);
  g_free(db->place.name);
  g_free(db->epoch);
  gw_sequences_free(db->sequences);
  g_mutex_clear(&db->mutex);
  g_cond_clear(&db->has_work);
  g_cond_clear(&db->has_called);
  g_free(db);
}

GwDb *
gw_db_open(int dir_fd, const char *name, GMainContext *context, gboolean *ret_was_lost, GError **error)
{
  GwDb *db = g_new0(GwDb, 1);
  gboolean was_lost = FALSE;

  db->place = (GwDbPlace){ fcntl(dir_fd, F_DUPFD_CLOEXEC, 3), g_strdup(name) };
  db->epoch = g_strdup("");
  db->sequences = gw_sequences_new();
  g_mutex_init(&db->mutex);
  g_cond_init(&db->has_work);
  g_cond_init(&db->has_called);
  g_queue_init(&db->jobs);
  if (db->place.dir_fd < 0)
    gw_fail_errno(error, errno, "cannot use the folder of the database");
  else
    db->connection = gw_place_open(&db->place, &was_lost, error);
  if (!db->connection || !learn(db, error)) {
    db_free(db);
    return NULL;
  }
  db->alive_ms = gw_clock_boot_ms();
  db->mailbox = gw_mailbox_new(context);
  db->thread = g_thread_new("database", thread_main, db);
  *ret_was_lost = was_lost;
  return db;
}

void
gw_db_close(GwDb *db)
{
  if (!db)
    return;
  g_mutex_lock(&db->mutex);
  db->is_closing = TRUE;
  g_cond_signal(&db->has_work);
  g_mutex_unlock(&db->mutex);
  (void)g_thread_join(db->thread);
  gw_mailbox_close(db->mailbox);
  gw_mailbox_unref(db->mailbox);
  db_free(db);
}

void
gw_db_submit(GwDb *db, GwBatch *batch, GwDbDone done, gpointer user)
{
  Job *job = g_new0(Job, 1);

  job->batch = batch;
  job->done = done;
  job->user = user;
  job->tell = done ? tell_done : NULL;
  push(db, job);
}

static void
take_row(const GwRow *row, gpointer user)
{
  g_ptr_array_add(user, g_variant_ref_sink(gw_row_variant(row)));
}

static void
run_query(GwDb *db, Job *job)
{
  const GwRowSink sink = { take_row, job->rows, job->max };

  for (guint i = 0; i < gw_batch_size(job->batch) && !job->error; i++) {
    GwDbStatement statement = gw_batch_statement(job->batch, i);

    (void)gw_connection_run(db->connection, &statement, &sink, &job->error);
  }
}

void
gw_db_query_batch(GwDb *db, GwBatch *questions, guint max, GwDbRows done, gpointer user)
{
  Job *job = g_new0(Job, 1);

  job->run = run_query;
  job->tell = tell_rows;
  job->batch = questions;
  job->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
  job->max = max;
  job->rows_done = done;
  job->user = user;
  push(db, job);
}

void
gw_db_query(GwDb *db, GwDbRows done, gpointer user, const char *sql, const char *format, ...)
{
  GwBatch *question = gw_batch_new();
  va_list args;

  va_start(args, format);
  gw_batch_add_valist(question, gw_batch_own(question, g_strdup(sql)), format, args);
  va_end(args);
  gw_db_query_batch(db, question, MAX_ROWS, done, user);
}

typedef struct {
  GwDbStatement statement;
  GwRowSink sink;
} Load;

static gboolean
load(GwDb *db, gpointer data, GError **error)
{
  const Load *load = data;

  return gw_connection_run(db->connection, &load->statement, &load->sink, error);
}

gboolean
gw_db_load(GwDb *db, const char *sql, void (*row)(const GwRow *row, gpointer user), gpointer user,
           GError **error)
{
  Load what = { .statement = { .sql = sql }, .sink = { row, user, 0 } };

  return call_and_wait(db, load, &what, error);
}

static gboolean
restore(GwDb *db, gpointer data, GError **error)
{
  return gw_place_restore(&db->place, &db->connection, data, error) && learn(db, error);
}

gboolean
gw_db_restore_newest(GwDb *db, gint64 *ret_taken_ms, GError **error)
{
  return call_and_wait(db, restore, ret_taken_ms, error);
}

static void
run_snapshot(GwDb *db, Job *job)
{
  if (!job->error)
    (void)gw_place_snapshot(&db->place, db->connection, &job->error);
}

void
gw_db_snapshot(GwDb *db, GwDbDone done, gpointer user)
{
  Job *job = g_new0(Job, 1);

  job->run = run_snapshot;
  job->done = done;
  job->user = user;
  job->tell = done ? tell_done : NULL;
  push(db, job);
}

gint64
gw_db_last_alive_ms(const GwDb *db)
{
  GwDb *self = (GwDb *)db; /* a mutex is never const */
  gint64 alive_ms;

  g_mutex_lock(&self->mutex);
  alive_ms = self->is_idle ? gw_clock_boot_ms() : self->alive_ms;
  g_mutex_unlock(&self->mutex);
  return alive_ms;
}

gint64
gw_db_next_id(GwDb *db, const char *sequence)
{
  return gw_sequences_next(db->sequences, sequence);
}

const char *
gw_db_epoch(const GwDb *db)
{
  return db->epoch;
}
