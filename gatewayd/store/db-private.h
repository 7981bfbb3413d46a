/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What db.c (the only file that knows SQLite) offers to the files of the database: batch.c, db-thread.c and
 * snapshot.c. One connection, one thread at a time. */
#pragma once
#include <stdarg.h>

#include "store/db.h"

typedef struct {
  char kind; /* i s b d, or n = null */
  gint64 integer;
  double real;
  const char *bytes; /* s, b: owned by whoever holds the statement */
  gsize size;
} GwDbValue;

typedef struct {
  const char *sql;
  guint n_values;
  const GwDbValue *values;
} GwDbStatement;

/* --- batch.c --- */
void gw_batch_add_valist(GwBatch *batch, const char *sql, const char *format, va_list args);
guint gw_batch_size(const GwBatch *batch);
/* Copies the values. */
void gw_batch_add_statement(GwBatch *batch, const GwDbStatement *statement);
/* Takes @memory, to be freed (g_free) with the batch, and returns it. */
gpointer gw_batch_own(GwBatch *batch, gpointer memory);
/* Borrowed from the batch. */
GwDbStatement gw_batch_statement(const GwBatch *batch, guint index);

/* --- db.c: the connection --- */
typedef struct GwConnection GwConnection;
/* Opens or makes @path. @is_wal: as the working database (write-ahead log, every commit synced, locked for
 * this process); else as a file that is being made or looked at. CORRUPT = it is no good database. */
GwConnection *gw_connection_open(const char *path, gboolean is_wal, GError **error);
void gw_connection_close(GwConnection *connection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwConnection, gw_connection_close)
/* A script without values. */
gboolean gw_connection_exec(GwConnection *connection, const char *sql, GError **error);
/* One statement; each row, at most @max (0 = all), goes to @row (or NULL). */
typedef struct {
  void (*row)(const GwRow *row, gpointer user);
  gpointer user;
  guint max;
} GwRowSink;
gboolean gw_connection_run(GwConnection *connection, const GwDbStatement *statement, const GwRowSink *sink,
                           GError **error);
/* First column of the first row of a statement without values. */
gboolean gw_connection_int(GwConnection *connection, const char *sql, gint64 *ret_value, GError **error);
/* FALSE also when an error has ended the transaction. */
gboolean gw_connection_is_in_transaction(const GwConnection *connection);
/* Was damage seen since it was opened? */
gboolean gw_connection_is_corrupt(const GwConnection *connection);
/* Runs what the schema lacks. UNSUPPORTED = made by a newer version of this program. */
gboolean gw_connection_migrate(GwConnection *connection, GError **error);
/* SQLite's own quick check, of one table or (NULL) of everything. */
gboolean gw_connection_check(GwConnection *connection, const char *table, GError **error);

/* The image of a database with the same schema, filled by @script, whose statements read main.TABLE and write
 * snapshot.TABLE. The same rows give the same bytes. */
gboolean gw_connection_copy(GwConnection *connection, const char *script, GBytes **ret_image, GError **error);

/* Every column as a variant, "av". Floating. */
GVariant *gw_row_variant(const GwRow *row);

/* --- db-thread.c --- */
/* As gw_db_query(): takes @questions; the rows of each, at most @max, follow one another. */
void gw_db_query_batch(GwDb *db, GwBatch *questions, guint max, GwDbRows done, gpointer user);

/* --- snapshot.c: the files around the database --- */
typedef struct {
  int dir_fd; /* of the database; snapshots/ is below */
  char *name;
  gboolean has_gap;    /* the log could not be read: what was committed last is missing */
  gboolean is_log_cut; /* something stands behind its last good frame */
} GwDbPlace;
/* "/proc/self/fd/N/NAME<suffix>": SQLite takes paths only. Caller frees. */
char *gw_place_path(const GwDbPlace *place, const char *suffix);
/* Opens what is there, else makes it. *ret_was_lost: it was damaged and set aside, or it is missing while
 * there are snapshots; stays so over restarts until gw_place_restore(). */
GwConnection *gw_place_open(GwDbPlace *place, gboolean *ret_was_lost, GError **error);
/* Adds a snapshot, unless the newest already says the same. */
gboolean gw_place_snapshot(const GwDbPlace *place, GwConnection *connection, GError **error);
/* Replaces *connection by the newest good snapshot. NOT_FOUND = there is none: it stays as it is. */
gboolean gw_place_restore(const GwDbPlace *place, GwConnection **connection, gint64 *ret_taken_ms,
                          GError **error);
/* The next open looks at every page. */
void gw_place_suspect(const GwDbPlace *place);
