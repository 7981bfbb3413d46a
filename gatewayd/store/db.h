/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one door to SQLite: a thread that owns the only connection. The main thread posts batches of writes and
 * gets an acknowledgement after the commit; batches are committed in order, many in one transaction (group
 * commit, at most 100 ms added). Reads run in the same thread, between commits, and come back as rows. */
#pragma once
#include <glib.h>

typedef struct GwDb GwDb;
/* Opens (or makes) the database in @dir_fd/@name, migrates it, starts the thread. A database that cannot be
 * read is set aside as NAME.bad-<n> (3 are kept), and *ret_was_lost is TRUE, also at every later opening
 * until gw_db_restore_newest() was called. UNSUPPORTED = a newer gatewayd made it. Acknowledgements arrive in
 * @context. */
GwDb *gw_db_open(int dir_fd, const char *name, GMainContext *context, gboolean *ret_was_lost, GError **error);
/* Commits what is queued, then closes. Blocks for at most that commit. Nobody is called any more. Not from
 * one of its callbacks. */
void gw_db_close(GwDb *db);

/* Was its log damaged when it was opened? Then what was committed last is missing, and nobody knows what. */
gboolean gw_db_has_gap(const GwDb *db);

typedef struct GwBatch GwBatch;
GwBatch *gw_batch_new(void);
void gw_batch_free(GwBatch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwBatch, gw_batch_free)
/* @sql: one static statement with ? places; @format one letter per place: i gint64, s const char * (NULL =
 * null), b (const void *, gsize) pair, d double. */
void gw_batch_add(GwBatch *batch, const char *sql, const char *format, ...);
gboolean gw_batch_is_empty(const GwBatch *batch);

/* @error NULL = durable (synced). Else it was not written, and nothing is that was submitted later: what is
 * held in memory has run ahead of the file, and the process should end. */
typedef void (*GwDbDone)(const GError *error, gpointer user);
/* Takes @batch. @done may be NULL. All of a batch commits or none of it. One that finds no room on the disk
 * is kept, and tried again with growing waits, before all others, until it is written or the database is
 * closed. Bounded: over 100,000 queued statements @done gets GW_ERROR_BUSY. */
void gw_db_submit(GwDb *db, GwBatch *batch, GwDbDone done, gpointer user);

/* @error: NO_SPACE = what is submitted waits until the disk has room; NULL = that is over, all was written;
 * else, once: nothing is written any more, the process should end. CORRUPT = the database is damaged: the
 * next opening looks at every page, and sets it aside. */
typedef void (*GwDbTrouble)(const GError *error, gpointer user);
/* Called in the context. Before anything is submitted. */
void gw_db_watch(GwDb *db, GwDbTrouble troubled, gpointer user);
/* Do batches wait for room on the disk? */
gboolean gw_db_is_waiting(const GwDb *db);
/* FALSE also when the disk is so full that nothing new should begin. */
gboolean gw_db_has_room(const GwDb *db);

/* Rows as GVariant tuples-of-variants "av", at most 10,000. Called in the context; @rows is owned by the
 * callee. */
typedef void (*GwDbRows)(GPtrArray *rows, const GError *error, gpointer user);
void gw_db_query(GwDb *db, GwDbRows done, gpointer user, const char *sql, const char *format, ...);
/* For start-up only: runs now, blocks; each row is handed to @row, in the thread, while the caller waits. */
typedef struct GwRow GwRow;
gint64 gw_row_int(const GwRow *row, int column);
const char *gw_row_text(const GwRow *row, int column); /* never NULL, borrowed for the call */
gboolean gw_row_is_null(const GwRow *row, int column);
const void *gw_row_blob(const GwRow *row, int column, gsize *ret_size);
gboolean gw_db_load(GwDb *db, const char *sql, void (*row)(const GwRow *row, gpointer user), gpointer user,
                    GError **error);
/* Runs @function in the thread, while the caller waits: its gw_db_load()s need not be waited for one by one.
 */
gboolean gw_db_load_all(GwDb *db, gboolean (*function)(gpointer user, GError **error), gpointer user,
                        GError **error);

/* A consistent copy of the small tables (rules, nodes, users, products, firmware, undelivered final events)
 * as snapshots/NAME-<n>, at most 24 kept; called hourly by control. Runs in the thread. */
void gw_db_snapshot(GwDb *db, GwDbDone done, gpointer user);
/* Replaces this (fresh) database by the newest snapshot that is whole. Ids go on a million further, so that
 * none given since is given again. *ret_taken_ms: its wall time. NOT_FOUND = there is no good one. Blocks. */
gboolean gw_db_restore_newest(GwDb *db, gint64 *ret_taken_ms, GError **error);
/* Boot clock of the thread's last sign of life, for the watchdog. */
gint64 gw_db_last_alive_ms(const GwDb *db);
/* The next id of a sequence table ("event", "update"...): monotonic, never reused, kept in memory, seeded at
 * open. */
gint64 gw_db_next_id(GwDb *db, const char *sequence);
