/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the main thread asks of the database: each becomes a job of its thread. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "store/db-jobs.h"

#define MAX_QUEUED 100000          /* statements */
#define MAX_ROWS 10000             /* of one answer */
#define ROOM_MIN (2 * 1024 * 1024) /* free on the disk: less is left to what must still be written */

static void
tell_done(GwDbJob *job)
{
  job->done(job->error, job->user);
}

static void
tell_rows(GwDbJob *job)
{
  job->rows_done(job->error ? NULL : g_steal_pointer(&job->rows), job->error, job->user);
}

/* Its place in the queue tells what fails with it: itself, and all that comes after. */
static void
refuse(GwDb *db, GwDbJob *job)
{
  gw_fail(&job->error, GW_ERROR_BUSY, "the database has too much to write already");
  gw_batch_free(job->batch);
  job->batch = gw_batch_new();
  db->is_overrun |= !job->run; /* a question that is not asked leaves no gap */
}

static void
push(GwDb *db, GwDbJob *job)
{
  guint size = job->batch ? gw_batch_size(job->batch) : 0;

  g_mutex_lock(&db->mutex);
  if (size > 0 && db->n_queued + size > MAX_QUEUED)
    refuse(db, job);
  else
    db->n_queued += size;
  g_queue_push_tail(&db->jobs, job);
  if (db->is_asleep)
    g_cond_signal(&db->has_work);
  g_mutex_unlock(&db->mutex);
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
run_call(GwDb *db, GwDbJob *job)
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
  GwDbJob *job;

  if (g_thread_self() == db->thread) /* called from gw_db_load_all() */
    return function(db, data, error);
  job = g_new0(GwDbJob, 1);
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
db_free(GwDb *db)
{
  gw_connection_close(db->connection);
  gw_close(&db->place.dir_fd);
  g_free(db->place.name);
  g_clear_error(&db->broken);
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
  db->sequences = gw_sequences_new();
  g_mutex_init(&db->mutex);
  g_cond_init(&db->has_work);
  g_cond_init(&db->has_called);
  g_queue_init(&db->jobs);
  if (db->place.dir_fd < 0)
    gw_fail_errno(error, errno, "cannot use the folder of the database");
  else
    db->connection = gw_place_open(&db->place, &was_lost, error);
  if (!db->connection || !gw_sequences_learn(db->sequences, db->connection, error)) {
    db_free(db);
    return NULL;
  }
  db->alive_ms = gw_clock_boot_ms();
  db->mailbox = gw_mailbox_new(context);
  db->thread = g_thread_new("database", gw_db_thread, db);
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
  GwDbJob *job = g_new0(GwDbJob, 1);

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
run_query(GwDb *db, GwDbJob *job)
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
  GwDbJob *job = g_new0(GwDbJob, 1);

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

typedef struct {
  gboolean (*function)(gpointer user, GError **error);
  gpointer user;
} LoadAll;

static gboolean
load_all(GwDb *db, gpointer data, GError **error)
{
  const LoadAll *all = data;

  return all->function(all->user, error);
}

gboolean
gw_db_load_all(GwDb *db, gboolean (*function)(gpointer user, GError **error), gpointer user, GError **error)
{
  LoadAll all = { function, user };

  return call_and_wait(db, load_all, &all, error);
}

static gboolean
restore(GwDb *db, gpointer data, GError **error)
{
  return gw_place_restore(&db->place, &db->connection, data, error) &&
         gw_sequences_learn(db->sequences, db->connection, error);
}

gboolean
gw_db_restore_newest(GwDb *db, gint64 *ret_taken_ms, GError **error)
{
  return call_and_wait(db, restore, ret_taken_ms, error);
}

static void
run_snapshot(GwDb *db, GwDbJob *job)
{
  if (!job->error)
    (void)gw_place_snapshot(&db->place, db->connection, &job->error);
}

void
gw_db_snapshot(GwDb *db, GwDbDone done, gpointer user)
{
  GwDbJob *job = g_new0(GwDbJob, 1);

  job->run = run_snapshot;
  job->done = done;
  job->user = user;
  job->tell = done ? tell_done : NULL;
  push(db, job);
}

void
gw_db_watch(GwDb *db, GwDbTrouble troubled, gpointer user)
{
  db->troubled = troubled;
  db->troubled_user = user;
}

gboolean
gw_db_is_waiting(const GwDb *db)
{
  return db->is_waiting;
}

gboolean
gw_db_has_room(const GwDb *db)
{
  struct statvfs info;

  return !db->is_waiting &&
         (fstatvfs(db->place.dir_fd, &info) < 0 || (guint64)info.f_bavail * info.f_frsize >= ROOM_MIN);
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

gboolean
gw_db_has_gap(const GwDb *db)
{
  return db->place.has_gap;
}
