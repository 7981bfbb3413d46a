/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of the database: it is made beside its place and moved there whole, set aside when it is no good,
 * and copied from time to time (what start-up reads, and the final events nobody has taken yet). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "store/db-private.h"
#include "store/log.h"
#include "store/rows-private.h"

#define SNAPSHOTS "snapshots"
#define MAX_SNAPSHOTS 24
#define MAX_SET_ASIDE 3
#define MAX_SNAPSHOT_SIZE ((gsize)512 * 1024 * 1024)
#define MAX_LOG_SIZE ((gsize)64 * 1024 * 1024)
#define DIGEST_CHARS 16
/* Up to here the whole file is checked at start-up, above only what start-up reads. */
#define WHOLE_CHECK_SIZE ((goffset)8 * 1024 * 1024)
/* Ids given out after the snapshot was taken are never given again. */
#define AFTER_RESTORE "UPDATE sequence SET next = next + 1000000; DELETE FROM meta WHERE key = 'lost'"

/* Every table that start-up reads, and which of its rows a snapshot holds (NULL = all). Times of contact come
 * back by themselves, and would make every snapshot differ from the one before. */
static const struct {
  const char *table, *where;
} COPIED[] = {
  { "product", NULL },
  { "firmware", NULL },
  { "node", NULL },
  { "rule", NULL },
  { "rollout", NULL },
  { "rule_group", NULL },
  { "rule_day", NULL },
  { "node_update", GW_SQL_LIVE_UPDATES },
  { "pin", NULL },
  { "upstream", NULL },
  { "account", NULL },
  { "sequence", NULL },
  { "meta", NULL },
  { "outbox", "is_final" },
  { "event", "id IN (SELECT event FROM main.outbox WHERE is_final)" },
};

typedef struct {
  guint64 number;
  char *name;
} Numbered;

static void
numbered_clear(gpointer data)
{
  g_free(((Numbered *)data)->name);
}

static int
by_number(gconstpointer a, gconstpointer b)
{
  guint64 left = ((const Numbered *)a)->number, right = ((const Numbered *)b)->number;

  return left < right ? -1 : left > right;
}

/* The files called PREFIX<number>[.rest] in a folder, by number. A folder that is not there has none. */
static GArray *
numbered(int dir_fd, const char *folder, const char *prefix)
{
  GArray *found = g_array_new(FALSE, FALSE, sizeof(Numbered));
  int fd = openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
  const struct dirent *entry;

  g_array_set_clear_func(found, numbered_clear);
  while (dir && (entry = readdir(dir))) {
    const char *digits = entry->d_name + strlen(prefix);
    char *end;

    if (!g_str_has_prefix(entry->d_name, prefix) || !g_ascii_isdigit(*digits))
      continue;
    Numbered one = { g_ascii_strtoull(digits, &end, 10), NULL };
    if (*end != '\0' && *end != '.')
      continue;
    one.name = g_strdup(entry->d_name);
    g_array_append_val(found, one);
  }
  if (dir)
    (void)closedir(dir);
  else
    gw_close(&fd);
  g_array_sort(found, by_number);
  return found;
}

static guint64
next_number(const GArray *found)
{
  return found->len > 0 ? g_array_index(found, Numbered, found->len - 1).number + 1 : 1;
}

char *
gw_place_path(const GwDbPlace *place, const char *suffix)
{
  return g_strdup_printf("/proc/self/fd/%d/%s%s", place->dir_fd, place->name, suffix);
}

static void
drop(const GwDbPlace *place, const char *suffix)
{
  g_autofree char *name = g_strconcat(place->name, suffix, NULL);

  (void)unlinkat(place->dir_fd, name, 0);
}

static void
move_aside(const GwDbPlace *place, guint64 number, const char *suffix)
{
  g_autofree char *from = g_strconcat(place->name, suffix, NULL);
  g_autofree char *to = g_strdup_printf("%s.bad-%" G_GUINT64_FORMAT "%s", place->name, number, suffix);

  (void)renameat(place->dir_fd, from, place->dir_fd, to);
}

/* The log goes with its database: it must never be played into another one. */
static void
set_aside(const GwDbPlace *place)
{
  g_autofree char *prefix = g_strconcat(place->name, ".bad-", NULL);
  g_autoptr(GArray) bad = numbered(place->dir_fd, ".", prefix);
  guint64 number = next_number(bad);

  move_aside(place, number, "");
  move_aside(place, number, "-wal");
  move_aside(place, number, "-journal");
  drop(place, "-shm");
  for (guint i = 0; i + MAX_SET_ASIDE <= bad->len; i++) {
    const char *name = g_array_index(bad, Numbered, i).name;
    g_autofree char *log = g_strconcat(name, "-wal", NULL);

    (void)unlinkat(place->dir_fd, name, 0);
    (void)unlinkat(place->dir_fd, log, 0);
  }
}

static gboolean
exists(const GwDbPlace *place, const char *suffix, goffset *ret_size)
{
  g_autofree char *name = g_strconcat(place->name, suffix, NULL);
  struct stat st;

  if (fstatat(place->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return FALSE;
  if (ret_size)
    *ret_size = st.st_size;
  return TRUE;
}

/* NAME.new takes its place. */
static gboolean
move_in(const GwDbPlace *place, GError **error)
{
  g_autofree char *new_name = g_strconcat(place->name, ".new", NULL);

  if (renameat(place->dir_fd, new_name, place->dir_fd, place->name) < 0)
    return gw_fail_errno(error, errno, "cannot put the database %s in its place", place->name);
  return gw_fsync_dir(place->dir_fd, error);
}

/* Its log takes over the mode: tokens are nobody else's business. */
static gboolean
make_empty_file(const GwDbPlace *place, GError **error)
{
  g_autofree char *name = g_strconcat(place->name, ".new", NULL);
  GW_AUTO_FD int fd = -1;

  drop(place, ".new");
  drop(place, ".new-journal");
  fd = openat(place->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  return fd >= 0 || gw_fail_errno(error, errno, "cannot make the database %s", place->name);
}

static gboolean
make(const GwDbPlace *place, gboolean is_lost, GError **error)
{
  g_autofree char *path = gw_place_path(place, ".new");
  g_autoptr(GwConnection) connection = NULL;

  if (!make_empty_file(place, error))
    return FALSE;
  connection = gw_connection_open(path, FALSE, error);
  if (!connection || !gw_connection_migrate(connection, error))
    return FALSE;
  if (is_lost && !gw_connection_exec(connection, "INSERT INTO meta VALUES ('lost', '1')", error))
    return FALSE;
  g_clear_pointer(&connection, gw_connection_close);
  return move_in(place, error);
}

static gboolean
check(const GwDbPlace *place, GwConnection *connection, goffset size, GError **error)
{
  if (size <= WHOLE_CHECK_SIZE || exists(place, ".suspect", NULL))
    return gw_connection_check(connection, NULL, error);
  for (guint i = 0; i < G_N_ELEMENTS(COPIED); i++)
    if (!gw_connection_check(connection, COPIED[i].table, error))
      return FALSE;
  return TRUE;
}

/* Ours came here whole: one without a version is what damage has left. */
static gboolean
has_version(GwConnection *connection, GError **error)
{
  gint64 version = 0;

  if (!gw_connection_int(connection, "PRAGMA user_version", &version, error))
    return FALSE;
  return version != 0 || gw_fail(error, GW_ERROR_CORRUPT, "the database is empty");
}

/* What stands behind the last good frame must not be met again. */
static gboolean
cut_log(const GwDbPlace *place, GwConnection *connection, GError **error)
{
  return !place->is_log_cut || gw_connection_exec(connection, "PRAGMA wal_checkpoint(TRUNCATE)", error);
}

static GwConnection *
open_what_is_there(const GwDbPlace *place, goffset size, GError **error)
{
  g_autofree char *path = gw_place_path(place, "");
  g_autoptr(GwConnection) connection = gw_connection_open(path, TRUE, error);

  if (!connection || !has_version(connection, error) || !gw_connection_migrate(connection, error) ||
      !check(place, connection, size, error) || !cut_log(place, connection, error))
    return NULL;
  drop(place, ".suspect");
  return g_steal_pointer(&connection);
}

/* Was there a database once? */
static gboolean
has_traces(const GwDbPlace *place)
{
  g_autofree char *prefix = g_strconcat(place->name, "-", NULL);
  g_autofree char *bad_prefix = g_strconcat(place->name, ".bad-", NULL);
  g_autoptr(GArray) snapshots = numbered(place->dir_fd, SNAPSHOTS, prefix);
  g_autoptr(GArray) bad = numbered(place->dir_fd, ".", bad_prefix);

  return snapshots->len > 0 || bad->len > 0;
}

static gboolean
is_marked_lost(GwConnection *connection)
{
  gint64 n = 0;

  return gw_connection_int(connection, "SELECT count(*) FROM meta WHERE key = 'lost'", &n, NULL) && n > 0;
}

/* One that cannot be looked at is left to SQLite. */
static GwLogState
state_of_log(const GwDbPlace *place)
{
  g_autofree char *name = g_strconcat(place->name, "-wal", NULL);
  g_autofree char *log = NULL;
  gsize size = 0;

  if (!gw_file_read(place->dir_fd, name, MAX_LOG_SIZE, &log, &size, NULL))
    return GW_LOG_GOOD;
  return gw_log_check((const guint8 *)log, size);
}

/* The database alone is whole, or half of a checkpoint: every page is looked at. */
static void
drop_bad_log(GwDbPlace *place)
{
  g_autofree char *prefix = g_strconcat(place->name, ".bad-", NULL);
  g_autoptr(GArray) bad = numbered(place->dir_fd, ".", prefix);
  GwLogState state = state_of_log(place);

  place->is_log_cut = state == GW_LOG_HAS_TAIL || state == GW_LOG_HAS_GAP;
  if (state == GW_LOG_GOOD || state == GW_LOG_HAS_TAIL)
    return;
  gw_warning(GW_SUBJECT_DAEMON, NULL, "the log of the database %s %s", place->name,
             state == GW_LOG_HAS_GAP ? "is damaged in its middle: what follows is lost"
                                     : "cannot be read and is set aside");
  if (state == GW_LOG_UNREADABLE)
    move_aside(place, next_number(bad), "-wal");
  gw_place_suspect(place);
  place->has_gap = TRUE;
}

GwConnection *
gw_place_open(GwDbPlace *place, gboolean *ret_was_lost, GError **error)
{
  g_autoptr(GwConnection) connection = NULL;
  g_autoptr(GError) damage = NULL;
  goffset size = 0;
  gboolean is_there = exists(place, "", &size);

  if (is_there)
    drop_bad_log(place);
  if (is_there)
    connection = open_what_is_there(place, size, &damage);
  if (damage && damage->code != GW_ERROR_CORRUPT) {
    g_propagate_error(error, g_steal_pointer(&damage));
    return NULL;
  }
  if (!connection) {
    if (damage)
      gw_warning(GW_SUBJECT_DAEMON, NULL, "the database %s is set aside: %s", place->name, damage->message);
    set_aside(place);
    if (!make(place, damage || has_traces(place), error))
      return NULL;
    connection = open_what_is_there(place, 1, error);
  }
  if (connection)
    *ret_was_lost = is_marked_lost(connection);
  return g_steal_pointer(&connection);
}

void
gw_place_suspect(const GwDbPlace *place)
{
  g_autofree char *name = g_strconcat(place->name, ".suspect", NULL);
  GW_AUTO_FD int fd = openat(place->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  (void)fd;
}

static char *
copy_script(void)
{
  g_autoptr(GString) script = g_string_new("BEGIN;");

  for (guint i = 0; i < G_N_ELEMENTS(COPIED); i++)
    g_string_append_printf(script, "INSERT INTO snapshot.%s SELECT * FROM main.%s WHERE %s;", COPIED[i].table,
                           COPIED[i].table, COPIED[i].where ? COPIED[i].where : "1");
  g_string_append(script, "COMMIT;");
  return g_string_free(g_steal_pointer(&script), FALSE);
}

static void
digest_chars(const void *data, gsize size, char ret_chars[DIGEST_CHARS + 1])
{
  guint8 sha256[GW_SHA256_LEN];

  gw_sha256(data, size, sha256);
  gw_hex(sha256, DIGEST_CHARS / 2, ret_chars);
}

/* Its name says what it holds: NAME-<n>.<first of its SHA-256>. */
static gboolean
is_named_by(const char *name, const char *chars)
{
  const char *dot = strrchr(name, '.');

  return dot && strcmp(dot + 1, chars) == 0;
}

static void
prune(int fd, const GArray *found)
{
  for (guint i = 0; i + MAX_SNAPSHOTS <= found->len; i++)
    (void)unlinkat(fd, g_array_index(found, Numbered, i).name, 0);
}

static int
open_snapshots(const GwDbPlace *place, GError **error)
{
  int fd;

  if (mkdirat(place->dir_fd, SNAPSHOTS, 0700) < 0 && errno != EEXIST) {
    gw_fail_errno(error, errno, "cannot make the folder of the snapshots");
    return -1;
  }
  fd = openat(place->dir_fd, SNAPSHOTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    gw_fail_errno(error, errno, "cannot open the folder of the snapshots");
  return fd;
}

gboolean
gw_place_snapshot(const GwDbPlace *place, GwConnection *connection, GError **error)
{
  GW_AUTO_FD int fd = open_snapshots(place, error);
  g_autofree char *prefix = g_strconcat(place->name, "-", NULL);
  g_autofree char *script = copy_script();
  g_autofree char *name = NULL;
  g_autoptr(GArray) found = NULL;
  g_autoptr(GBytes) image = NULL;
  char chars[DIGEST_CHARS + 1];

  if (fd < 0 || !gw_connection_copy(connection, script, &image, error))
    return FALSE;
  digest_chars(g_bytes_get_data(image, NULL), g_bytes_get_size(image), chars);
  found = numbered(fd, ".", prefix);
  if (found->len > 0) {
    const char *newest = g_array_index(found, Numbered, found->len - 1).name;

    if (is_named_by(newest, chars) && utimensat(fd, newest, NULL, AT_SYMLINK_NOFOLLOW) == 0)
      return TRUE;
  }
  name = g_strdup_printf("%s%" G_GUINT64_FORMAT ".%s", prefix, next_number(found), chars);
  if (!gw_file_replace(fd, name, g_bytes_get_data(image, NULL), g_bytes_get_size(image), 0600, error))
    return FALSE;
  prune(fd, found);
  return TRUE;
}

/* A copy of the snapshot becomes NAME.new, checked and brought up to date. */
static gboolean
unfold(const GwDbPlace *place, int fd, const char *name, gint64 *ret_taken_ms, GError **error)
{
  g_autofree char *path = gw_place_path(place, ".new");
  g_autofree char *new_name = g_strconcat(place->name, ".new", NULL);
  g_autofree char *data = NULL;
  g_autoptr(GwConnection) connection = NULL;
  char chars[DIGEST_CHARS + 1];
  struct stat st;
  gsize size;

  if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return gw_fail_errno(error, errno, "cannot find %s", name);
  if (!gw_file_read(fd, name, MAX_SNAPSHOT_SIZE, &data, &size, error))
    return FALSE;
  digest_chars(data, size, chars);
  if (!is_named_by(name, chars))
    return gw_fail(error, GW_ERROR_CORRUPT, "%s does not hold what its name says", name);
  drop(place, ".new-journal");
  if (!gw_file_replace(place->dir_fd, new_name, data, size, 0600, error))
    return FALSE;
  connection = gw_connection_open(path, FALSE, error);
  if (!connection || !gw_connection_migrate(connection, error) ||
      !gw_connection_check(connection, NULL, error) || !gw_connection_exec(connection, AFTER_RESTORE, error))
    return FALSE;
  *ret_taken_ms = (gint64)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
  return TRUE;
}

/* The fresh database is closed first (which empties its log), then replaced. */
static gboolean
exchange(const GwDbPlace *place, GwConnection **connection, GError **error)
{
  g_clear_pointer(connection, gw_connection_close);
  drop(place, "-wal");
  if (!move_in(place, error))
    return FALSE;
  *connection = open_what_is_there(place, 1, error);
  return *connection != NULL;
}

/* Else it failed for a reason of the disk, and may be tried again. */
static gboolean
is_of_the_snapshot(const GError *error)
{
  return error->code == GW_ERROR_CORRUPT || error->code == GW_ERROR_BAD_INPUT ||
         error->code == GW_ERROR_UNSUPPORTED;
}

gboolean
gw_place_restore(const GwDbPlace *place, GwConnection **connection, gint64 *ret_taken_ms, GError **error)
{
  g_autofree char *prefix = g_strconcat(place->name, "-", NULL);
  GW_AUTO_FD int fd = open_snapshots(place, error);
  g_autoptr(GArray) found = NULL;

  if (fd < 0)
    return FALSE;
  found = numbered(fd, ".", prefix);
  for (guint i = found->len; i-- > 0;) {
    const char *name = g_array_index(found, Numbered, i).name;
    g_autoptr(GError) damage = NULL;

    if (unfold(place, fd, name, ret_taken_ms, &damage))
      return exchange(place, connection, error);
    if (!is_of_the_snapshot(damage)) {
      g_propagate_error(error, g_steal_pointer(&damage));
      return FALSE;
    }
    gw_warning(GW_SUBJECT_DAEMON, NULL, "the snapshot %s is left out: %s", name, damage->message);
  }
  (void)gw_connection_exec(*connection, "DELETE FROM meta WHERE key = 'lost'", NULL);
  return gw_fail(error, GW_ERROR_NOT_FOUND, "there is no good snapshot of the database %s", place->name);
}
