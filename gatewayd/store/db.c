/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one file that knows SQLite: a connection with its prepared statements, and the way from one version of
 * the schema to the next. Threads and files around it are db-thread.c's and snapshot.c's. */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/error.h"
#include "store/db-private.h"

#define MAX_PREPARED 200
#define BUSY_WAIT_MS 2000        /* for a predecessor that is about to end */
#define PLAUSIBLE_VERSIONS 1000  /* more is damage, not a newer program */
#define GROWTH_STEP (256 * 1024) /* the file grows by so much: some room is left when the disk is full */

static const char schema_sql[] =
#include "schema.sql.inc"
    ;

struct GwConnection {
  sqlite3 *sqlite;
  GHashTable *prepared; /* SQL text -> sqlite3_stmt */
  gboolean is_corrupt;
};

struct GwRow {
  sqlite3_stmt *stmt;
};

/* Of the log's last write that failed. */
static int
errno_of_log(sqlite3 *sqlite)
{
  sqlite3_file *log = NULL;
  int error = 0;

  if (sqlite3_file_control(sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log &&
      log->pMethods)
    (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
  return error;
}

static GwErrorCode
code_of(sqlite3 *sqlite, int extended)
{
  switch (extended & 0xff) {
  case SQLITE_FULL:
    return GW_ERROR_NO_SPACE;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return GW_ERROR_CORRUPT;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return GW_ERROR_BUSY;
  case SQLITE_PERM:
  case SQLITE_READONLY:
  case SQLITE_CANTOPEN:
    return GW_ERROR_DENIED;
  case SQLITE_CONSTRAINT:
    return GW_ERROR_EXISTS;
  case SQLITE_IOERR:
    if (extended == SQLITE_IOERR_WRITE && errno_of_log(sqlite) == EDQUOT) /* which SQLite does not know */
      return GW_ERROR_NO_SPACE;
    return extended == SQLITE_IOERR_READ ? GW_ERROR_CORRUPT : GW_ERROR_INTERNAL;
  default:
    return GW_ERROR_INTERNAL;
  }
}

static gboolean
fail(GwConnection *connection, const char *doing, GError **error)
{
  GwErrorCode code = code_of(connection->sqlite, sqlite3_extended_errcode(connection->sqlite));

  connection->is_corrupt |= code == GW_ERROR_CORRUPT;
  return gw_fail(error, code, "cannot %s the database: %s", doing, sqlite3_errmsg(connection->sqlite));
}

static void
finalize(gpointer stmt)
{
  (void)sqlite3_finalize(stmt);
}

/* Rows must be durable when acknowledged (FULL), and no other process may look meanwhile (EXCLUSIVE: no
 * shared memory file either). */
static gboolean
set_up(GwConnection *connection, gboolean is_wal, GError **error)
{
  int step = GROWTH_STEP, is_kept = 1;

  if (!gw_connection_exec(connection,
                          "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;"
                          "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                          "PRAGMA cache_size = -512; PRAGMA synchronous = FULL;",
                          error))
    return FALSE;
  if (!is_wal)
    return TRUE;
  (void)sqlite3_file_control(connection->sqlite, "main", SQLITE_FCNTL_CHUNK_SIZE, &step);
  (void)sqlite3_file_control(connection->sqlite, "main", SQLITE_FCNTL_PERSIST_WAL, &is_kept);
  return gw_connection_exec(connection, "PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; ROLLBACK;", error);
}

/* Nobody asks SQLite how much memory it has taken, and to know it costs a lock at each allocation. */
static void
spare_counting(void)
{
  static gsize is_said;

  if (!g_once_init_enter(&is_said))
    return;
  (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  g_once_init_leave(&is_said, 1);
}

GwConnection *
gw_connection_open(const char *path, gboolean is_wal, GError **error)
{
  g_autoptr(GwConnection) connection = g_new0(GwConnection, 1);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

  spare_counting();
  connection->prepared = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, finalize);
  if (sqlite3_open_v2(path, &connection->sqlite, flags, NULL) != SQLITE_OK) {
    fail(connection, "open", error);
    return NULL;
  }
  (void)sqlite3_busy_timeout(connection->sqlite, BUSY_WAIT_MS);
  if (!set_up(connection, is_wal, error))
    return NULL;
  return g_steal_pointer(&connection);
}

void
gw_connection_close(GwConnection *connection)
{
  if (!connection)
    return;
  g_hash_table_unref(connection->prepared);
  (void)sqlite3_close(connection->sqlite);
  g_free(connection);
}

gboolean
gw_connection_exec(GwConnection *connection, const char *sql, GError **error)
{
  if (sqlite3_exec(connection->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
    return fail(connection, "use", error);
  return TRUE;
}

/* Bounded, because lists are asked for with many combinations of filters. */
static sqlite3_stmt *
prepare(GwConnection *connection, const char *sql, GError **error)
{
  sqlite3_stmt *stmt = g_hash_table_lookup(connection->prepared, sql);

  if (stmt)
    return stmt;
  if (g_hash_table_size(connection->prepared) >= MAX_PREPARED)
    g_hash_table_remove_all(connection->prepared);
  if (sqlite3_prepare_v3(connection->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK) {
    fail(connection, "ask", error);
    return NULL;
  }
  g_hash_table_insert(connection->prepared, (gpointer)sqlite3_sql(stmt), stmt);
  return stmt;
}

/* Borrowed bytes: they outlive the step. */
static int
bind(sqlite3_stmt *stmt, int place, const GwDbValue *value)
{
  switch (value->kind) {
  case 'i':
    return sqlite3_bind_int64(stmt, place, value->integer);
  case 'd':
    return sqlite3_bind_double(stmt, place, value->real);
  case 's':
    return sqlite3_bind_text64(stmt, place, value->bytes, value->size, SQLITE_STATIC, SQLITE_UTF8);
  case 'b':
    return sqlite3_bind_blob64(stmt, place, value->bytes, value->size, SQLITE_STATIC);
  default:
    return sqlite3_bind_null(stmt, place);
  }
}

static gboolean
step_all(sqlite3_stmt *stmt, const GwRowSink *sink)
{
  const GwRow row = { stmt };
  guint n = 0;
  int rc = SQLITE_ROW;

  while ((!sink || sink->max == 0 || n < sink->max) && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
    n++;
    if (sink && sink->row)
      sink->row(&row, sink->user);
  }
  return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

gboolean
gw_connection_run(GwConnection *connection, const GwDbStatement *statement, const GwRowSink *sink,
                  GError **error)
{
  sqlite3_stmt *stmt = prepare(connection, statement->sql, error);
  gboolean is_done = TRUE;

  if (!stmt)
    return FALSE;
  g_assert((guint)sqlite3_bind_parameter_count(stmt) == statement->n_values);
  for (guint i = 0; i < statement->n_values && is_done; i++)
    is_done = bind(stmt, (int)i + 1, &statement->values[i]) == SQLITE_OK;
  is_done = is_done && step_all(stmt, sink);
  if (!is_done)
    fail(connection, sink && sink->row ? "read" : "write", error);
  (void)sqlite3_reset(stmt);
  (void)sqlite3_clear_bindings(stmt);
  return is_done;
}

static void
take_int(const GwRow *row, gpointer user)
{
  *(gint64 *)user = gw_row_int(row, 0);
}

gboolean
gw_connection_int(GwConnection *connection, const char *sql, gint64 *ret_value, GError **error)
{
  const GwDbStatement statement = { .sql = sql };
  const GwRowSink sink = { take_int, ret_value, 1 };

  return gw_connection_run(connection, &statement, &sink, error);
}

gboolean
gw_connection_is_in_transaction(const GwConnection *connection)
{
  return !sqlite3_get_autocommit(connection->sqlite);
}

gboolean
gw_connection_is_corrupt(const GwConnection *connection)
{
  return connection->is_corrupt;
}

/* The statements that lead to @version, or NULL. Caller frees. */
static char *
section(gint64 version)
{
  g_autofree char *head = g_strdup_printf("\n-- version %" G_GINT64_FORMAT "\n", version);
  const char *start = strstr(schema_sql, head);
  const char *end;

  if (!start)
    return NULL;
  start += strlen(head);
  end = strstr(start, "\n-- version ");
  return end ? g_strndup(start, (gsize)(end - start) + 1) : g_strdup(start);
}

static gboolean
migrate_to(GwConnection *connection, gint64 version, const char *statements, GError **error)
{
  g_autofree char *script = g_strdup_printf(
      "BEGIN IMMEDIATE; %s PRAGMA user_version = %" G_GINT64_FORMAT "; COMMIT;", statements, version);

  if (gw_connection_exec(connection, script, error))
    return TRUE;
  if (gw_connection_is_in_transaction(connection))
    (void)gw_connection_exec(connection, "ROLLBACK", NULL);
  return FALSE;
}

gboolean
gw_connection_migrate(GwConnection *connection, GError **error)
{
  gint64 version = 0;

  if (!gw_connection_int(connection, "PRAGMA user_version", &version, error))
    return FALSE;
  if (version < 0)
    return gw_fail(error, GW_ERROR_CORRUPT, "the database has version %" G_GINT64_FORMAT, version);
  for (;;) {
    g_autofree char *statements = section(version + 1);
    g_autofree char *reached = section(version);

    if (!statements && !reached)
      return gw_fail(error, version < PLAUSIBLE_VERSIONS ? GW_ERROR_UNSUPPORTED : GW_ERROR_CORRUPT,
                     "the database has version %" G_GINT64_FORMAT ", made by a newer gatewayd", version);
    if (!statements)
      return TRUE;
    if (!migrate_to(connection, ++version, statements, error))
      return FALSE;
  }
}

/* The schema without rows, as a file in memory for sqlite3_deserialize(). */
static unsigned char *
empty_image(sqlite3_int64 *ret_size, GError **error)
{
  g_autoptr(GwConnection) empty = gw_connection_open(":memory:", FALSE, error);
  unsigned char *image;

  if (!empty || !gw_connection_migrate(empty, error))
    return NULL;
  image = sqlite3_serialize(empty->sqlite, "main", ret_size, 0);
  if (!image)
    gw_fail(error, GW_ERROR_INTERNAL, "cannot copy the database: no memory");
  return image;
}

static gboolean
fill_copy(GwConnection *connection, const char *script, GBytes **ret_image, GError **error)
{
  sqlite3_int64 size = 0;
  unsigned char *image = empty_image(&size, error);
  unsigned flags = SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE;

  if (!image)
    return FALSE;
  if (sqlite3_deserialize(connection->sqlite, "snapshot", image, size, size, flags) != SQLITE_OK)
    return fail(connection, "copy", error);
  if (!gw_connection_exec(connection, script, error))
    return FALSE;
  image = sqlite3_serialize(connection->sqlite, "snapshot", &size, 0);
  if (!image)
    return gw_fail(error, GW_ERROR_INTERNAL, "cannot copy the database: no memory");
  *ret_image = g_bytes_new_with_free_func(image, (gsize)size, sqlite3_free, image);
  return TRUE;
}

gboolean
gw_connection_copy(GwConnection *connection, const char *script, GBytes **ret_image, GError **error)
{
  gboolean is_done;

  if (!gw_connection_exec(connection, "ATTACH ':memory:' AS snapshot", error))
    return FALSE;
  is_done = fill_copy(connection, script, ret_image, error);
  if (gw_connection_is_in_transaction(connection))
    (void)gw_connection_exec(connection, "ROLLBACK", NULL);
  (void)gw_connection_exec(connection, "DETACH snapshot", NULL);
  return is_done;
}

static void
take_verdict(const GwRow *row, gpointer user)
{
  *(char **)user = g_strdup(gw_row_text(row, 0));
}

gboolean
gw_connection_check(GwConnection *connection, const char *table, GError **error)
{
  g_autofree char *sql =
      table ? g_strdup_printf("PRAGMA quick_check('%s')", table) : g_strdup("PRAGMA quick_check(1)");
  g_autofree char *verdict = NULL;
  const GwDbStatement statement = { .sql = sql };
  const GwRowSink sink = { take_verdict, &verdict, 1 };

  if (!gw_connection_run(connection, &statement, &sink, error))
    return FALSE;
  if (g_strcmp0(verdict, "ok") == 0)
    return TRUE;
  connection->is_corrupt = TRUE;
  return gw_fail(error, GW_ERROR_CORRUPT, "the database is damaged: %s", verdict ? verdict : "no verdict");
}

gint64
gw_row_int(const GwRow *row, int column)
{
  return sqlite3_column_int64(row->stmt, column);
}

const char *
gw_row_text(const GwRow *row, int column)
{
  const char *text = (const char *)sqlite3_column_text(row->stmt, column);

  return text ? text : "";
}

gboolean
gw_row_is_null(const GwRow *row, int column)
{
  return sqlite3_column_type(row->stmt, column) == SQLITE_NULL;
}

const void *
gw_row_blob(const GwRow *row, int column, gsize *ret_size)
{
  const void *blob = sqlite3_column_blob(row->stmt, column);

  *ret_size = (gsize)sqlite3_column_bytes(row->stmt, column);
  return blob;
}

static GVariant *
column_variant(const GwRow *row, int column)
{
  gsize size;
  const void *blob;

  switch (sqlite3_column_type(row->stmt, column)) {
  case SQLITE_INTEGER:
    return g_variant_new_int64(gw_row_int(row, column));
  case SQLITE_FLOAT:
    return g_variant_new_double(sqlite3_column_double(row->stmt, column));
  case SQLITE_BLOB:
    blob = gw_row_blob(row, column, &size);
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, blob, size, 1);
  default:
    return g_variant_new_take_string(g_utf8_make_valid(gw_row_text(row, column), -1));
  }
}

GVariant *
gw_row_variant(const GwRow *row)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
  for (int i = 0; i < sqlite3_column_count(row->stmt); i++)
    g_variant_builder_add(&builder, "v", column_variant(row, i));
  return g_variant_builder_end(&builder);
}
