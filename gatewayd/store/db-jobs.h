/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two sides of the database share: who asks (db-calls.c, the main thread) and who does it
 * (db-thread.c). Private to them. */
#pragma once
#include "base/mailbox.h"
#include "store/sequences.h"

typedef struct GwDbJob GwDbJob;
struct GwDbJob {
  /* In the thread, with @error set when there is no connection; NULL = a batch of writes. */
  void (*run)(GwDb *db, GwDbJob *job);
  void (*tell)(GwDbJob *job); /* in the context; NULL = nobody asked */
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
  GwSequences *sequences;
  GPtrArray *kept; /* the thread's: batches that found no room; or NULL */
  gint64 wait_ms, again_us;
  gint64 begun_us; /* the last transaction, */
  guint n_shared;  /* of so many batches */
  GError *broken;  /* the thread's: nothing is written any more */
  gboolean is_suspect;
  GwDbTrouble troubled; /* what follows is the context's */
  gpointer troubled_user;
  gboolean is_waiting;
  GMutex mutex; /* guards what follows */
  GCond has_work, has_called;
  GQueue jobs;
  guint n_queued; /* statements */
  gboolean is_closing, is_idle;
  gboolean is_asleep;  /* and would not find work that nobody wakes it for */
  gboolean is_overrun; /* more was submitted than fits */
  gint64 alive_ms;
};

/* The thread's function. Ends when the database is being closed and all is done. */
gpointer gw_db_thread(gpointer db);
void gw_db_job_free(gpointer job);
