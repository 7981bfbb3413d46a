/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* C5: a disk of eight megabytes, made for this test alone, is filled to its last byte. */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "cache.h"
#include "store/db.h"

#define DISK "8m"
#define PUT "INSERT OR REPLACE INTO meta VALUES (?, ?)"

static Folder
small_disk(void)
{
  Folder folder = { g_dir_make_tmp("gatewayd-full-XXXXXX", NULL), -1 };

  if (mount("tmpfs", folder.path, "tmpfs", 0, "size=" DISK) < 0)
    g_error("this test needs a disk of its own, and so the right to mount one: %s", g_strerror(errno));
  folder.fd = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return folder;
}

static void
small_disk_clear(Folder *folder)
{
  gw_close(&folder->fd);
  g_assert_cmpint(umount(folder->path), ==, 0);
  g_assert_cmpint(g_rmdir(folder->path), ==, 0);
  g_free(folder->path);
}

/* Leaves not one byte. */
static void
fill(const Folder *folder)
{
  GW_AUTO_FD int fd = openat(folder->fd, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  g_autofree guint8 *zeros = g_malloc0(MIB);
  gsize step = MIB;

  while (step > 0)
    if (write(fd, zeros, step) <= 0)
      step /= 2;
}

/* A quota, because a disk that has one is hard to come by: SQLite's calls end here. */
static gint is_over_quota;

ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
  if (!g_atomic_int_get(&is_over_quota))
    return syscall(SYS_pwrite64, fd, data, size, offset);
  errno = EDQUOT;
  return -1;
}

static void
note_written(const GError *error, gpointer user)
{
  Result *result = user;

  result->is_done = TRUE;
  result->code = error ? error->code : 0;
}

static void
note_trouble(const GError *error, gpointer user)
{
  int *code = user;

  *code = error ? error->code : 0;
}

static GwDb *
open_db(const Folder *folder, int *trouble)
{
  gboolean was_lost = TRUE;
  GwDb *db = gw_db_open(folder->fd, "state.db", NULL, &was_lost, NULL);

  g_assert_nonnull(db);
  g_assert_false(was_lost);
  *trouble = 0;
  gw_db_watch(db, note_trouble, trouble);
  return db;
}

static void
submit(GwDb *db, const char *key, gsize size, Result *result)
{
  g_autofree char *value = g_strnfill(size, 'x');
  GwBatch *batch = gw_batch_new();

  *result = (Result){ 0 };
  gw_batch_add(batch, PUT, "ss", key, value);
  gw_db_submit(db, batch, note_written, result);
}

/* FALSE = it waits for room. */
static gboolean
put(GwDb *db, const char *key, gsize size, const int *trouble, Result *result)
{
  submit(db, key, size, result);
  while (!result->is_done && !*trouble)
    (void)g_main_context_iteration(NULL, TRUE);
  g_assert_cmpint(result->code, ==, 0);
  return result->is_done;
}

static void
count_row(const GwRow *row, gpointer user)
{
  *(gint64 *)user = gw_row_int(row, 0);
}

static gint64
count_rows(GwDb *db)
{
  gint64 n = -1;

  g_assert_true(gw_db_load(db, "SELECT count(*) FROM meta WHERE key LIKE 'key %'", count_row, &n, NULL));
  return n;
}

static void
test_C5_no_image_fills_the_disk(void)
{
  Folder folder = small_disk();
  GwStore *store = store_open(&folder, 1024 * MIB, MIB);
  Image image = image_new(1, MIB), large = image_new(2, 7 * MIB);
  const GwExpected unknown = { .max_size = 256 * MIB };
  GwSealed *sealed = NULL;
  Result result;

  g_assert_cmpint(ingest(store, &image, &sealed), ==, 0);
  g_assert_cmpint(ingest(store, &large, NULL), ==, GW_ERROR_NO_SPACE);
  g_assert_false(folder_has(&folder, large.part)); /* not one byte was taken */
  g_assert_cmpint(ingest_fd(store, &unknown, open("/dev/zero", O_RDONLY | O_CLOEXEC), NULL), ==,
                  GW_ERROR_BAD_INPUT);
  g_assert_cmpuint(gw_store_usage(store).free_on_disk, >, 5 * MIB); /* and none is left */
  result = serve(store, sealed);
  g_assert_true(fd_holds(result.fd, &image));
  gw_close(&result.fd);
  gw_sealed_unref(sealed);
  gw_store_close(store);
  image_clear(&image);
  image_clear(&large);
  small_disk_clear(&folder);
}

/* Somebody else filled it. */
static void
test_C5_images_are_served_from_a_full_disk(void)
{
  static const guint64 memory[] = { MIB, 1 };

  for (guint i = 0; i < G_N_ELEMENTS(memory); i++) {
    Folder folder = small_disk();
    GwStore *store = store_open(&folder, 1024 * MIB, memory[i]);
    Image image = image_new(3, MIB), small = image_new(4, 10000);
    GwSealed *sealed = NULL;
    Result result;

    g_assert_cmpint(ingest(store, &image, NULL), ==, 0);
    gw_store_close(store);
    fill(&folder);
    store = store_open(&folder, 1024 * MIB, memory[i]); /* it also starts on a full disk */
    g_assert_cmpint(find(store, &image, &sealed), ==, 0);
    result = serve(store, sealed);
    g_assert_true(fd_holds(result.fd, &image));
    gw_close(&result.fd);
    g_assert_cmpint(ingest(store, &small, NULL), ==, GW_ERROR_NO_SPACE);
    g_assert_cmpint(unlinkat(folder.fd, "ballast", 0), ==, 0);
    g_assert_cmpint(ingest(store, &small, NULL), ==, 0); /* without a restart */
    gw_sealed_unref(sealed);
    gw_store_close(store);
    image_clear(&image);
    image_clear(&small);
    small_disk_clear(&folder);
  }
}

/* It fills while the bytes come. */
static void
test_C5_a_disk_that_fills_meanwhile(void)
{
  Folder folder = small_disk();
  GwStore *store = store_open(&folder, 1024 * MIB, MIB);
  Image image = image_new(5, 2 * MIB);
  const GwExpected expected = expect(&image);
  Result result = { 0 };
  int fds[2];

  g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
  g_assert_nonnull(gw_ingest_start(store, &expected, fds[0], note_ingested, &result, NULL));
  fill(&folder);
  (void)signal(SIGPIPE, SIG_IGN);
  (void)gw_write_all(fds[1], image.data, image.size, NULL);
  gw_close(&fds[1]);
  wait_for(&result.is_done);
  g_assert_cmpint(result.code, ==, GW_ERROR_NO_SPACE);
  g_assert_false(folder_has(&folder, image.part));
  g_assert_cmpuint(gw_store_usage(store).used, ==, 0);
  g_assert_cmpint(unlinkat(folder.fd, "ballast", 0), ==, 0);
  g_assert_cmpint(ingest(store, &image, NULL), ==, 0);
  gw_store_close(store);
  image_clear(&image);
  small_disk_clear(&folder);
}

/* What finds no room is neither lost nor refused: it waits, and so does all that comes after. What is on the
 * disk is read meanwhile. */
static void
test_C5_what_finds_no_room_is_written_later(void)
{
  Folder folder = small_disk();
  int trouble;
  GwDb *db = open_db(&folder, &trouble);
  Result waiting, later;
  gint64 n_good = 0;

  g_assert_true(gw_db_has_room(db));
  for (g_autofree char *key = NULL; put(db, key ? key : "key 0", 100000, &trouble, &waiting);) {
    g_free(key);
    key = g_strdup_printf("key %" G_GINT64_FORMAT, ++n_good);
  }
  g_assert_cmpint(trouble, ==, GW_ERROR_NO_SPACE);
  g_assert_cmpint(n_good, >, 10);
  g_assert_true(gw_db_is_waiting(db));
  g_assert_false(gw_db_has_room(db));
  fill(&folder);
  submit(db, "key later", 1, &later);
  g_assert_cmpint(count_rows(db), ==, n_good);
  g_assert_cmpint(unlinkat(folder.fd, "ballast", 0), ==, 0);
  g_assert_false(later.is_done); /* still too little for the one before it */
  g_assert_cmpint(mount("tmpfs", folder.path, "tmpfs", MS_REMOUNT, "size=64m"), ==, 0);
  wait_for(&later.is_done);
  g_assert_true(waiting.is_done);
  g_assert_cmpint(waiting.code, ==, 0);
  g_assert_cmpint(later.code, ==, 0);
  g_assert_cmpint(count_rows(db), ==, n_good + 2);
  while (trouble)
    (void)g_main_context_iteration(NULL, TRUE);
  g_assert_true(gw_db_has_room(db)); /* without a restart */
  gw_db_close(db);
  small_disk_clear(&folder);
}

/* It is closed while they wait: they were never acknowledged, and what was is whole. */
static void
test_C5_the_database_survives_a_full_disk(void)
{
  Folder folder = small_disk();
  int trouble;
  GwDb *db = open_db(&folder, &trouble);
  Result result;

  g_assert_true(put(db, "key 1", 1000, &trouble, &result));
  fill(&folder);
  g_assert_false(gw_db_has_room(db)); /* before anything has failed */
  while (put(db, "key 2", 200000, &trouble, &result))
    continue;
  gw_db_close(db);
  db = open_db(&folder, &trouble);
  g_assert_cmpint(count_rows(db), >=, 1);
  g_assert_cmpint(unlinkat(folder.fd, "ballast", 0), ==, 0);
  g_assert_true(put(db, "key 3", 100000, &trouble, &result));
  gw_db_close(db);
  small_disk_clear(&folder);
}

static void
test_C5_a_quota_is_waited_for(void)
{
  Folder folder = small_disk();
  int trouble;
  GwDb *db = open_db(&folder, &trouble);
  Result first, second;

  g_assert_true(put(db, "key 1", 100, &trouble, &first));
  g_atomic_int_set(&is_over_quota, TRUE);
  g_assert_false(put(db, "key 2", 100, &trouble, &second));
  g_assert_cmpint(trouble, ==, GW_ERROR_NO_SPACE);
  g_atomic_int_set(&is_over_quota, FALSE);
  wait_for(&second.is_done);
  g_assert_cmpint(second.code, ==, 0);
  g_assert_cmpint(count_rows(db), ==, 2);
  gw_db_close(db);
  small_disk_clear(&folder);
}

int
main(int argc, char **argv)
{
  if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    g_error("this test needs mounts of its own: %s", g_strerror(errno));
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/C5/no-image-fills-the-disk", test_C5_no_image_fills_the_disk);
  g_test_add_func("/promise/C5/images-are-served-from-a-full-disk",
                  test_C5_images_are_served_from_a_full_disk);
  g_test_add_func("/promise/C5/a-disk-that-fills-meanwhile", test_C5_a_disk_that_fills_meanwhile);
  g_test_add_func("/promise/C5/the-database-survives-a-full-disk", test_C5_the_database_survives_a_full_disk);
  g_test_add_func("/promise/C5/what-finds-no-room-is-written-later",
                  test_C5_what_finds_no_room_is_written_later);
  g_test_add_func("/promise/C5/a-quota-is-waited-for", test_C5_a_quota_is_waited_for);
  return g_test_run();
}
