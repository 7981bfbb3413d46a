/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folders of the cache, and the table of what lies in them:
 *   blobs/ab/<64 hex>      mode 0400, published by rename once it was sealed
 *   parts/<64 hex>.part    still being fetched, with <64 hex>.validator
 *   quarantine/<64 hex>    did not hold what its name says */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "store/store-private.h"

#define MAX_QUARANTINED 4
#define N_HASHING_THREADS 2
#define N_READING_THREADS 16

void
gw_blob_name(const guint8 sha256[GW_SHA256_LEN], char ret_name[GW_BLOB_NAME_LEN])
{
  gw_hex(sha256, 1, ret_name);
  ret_name[2] = '/';
  gw_hex(sha256, GW_SHA256_LEN, ret_name + 3);
}

static guint
sha256_hash(gconstpointer key)
{
  guint hash;

  memcpy(&hash, key, sizeof hash);
  return hash;
}

static gboolean
sha256_equal(gconstpointer a, gconstpointer b)
{
  return memcmp(a, b, GW_SHA256_LEN) == 0;
}

static void
blob_free(GwBlob *blob)
{
  gw_blob_free_waiters(blob);
  gw_sealed_unref(blob->sealed);
  gw_close(&blob->memory_fd);
  g_free(blob);
}

GwBlob *
gw_store_lookup(const GwStore *store, const guint8 sha256[GW_SHA256_LEN])
{
  return g_hash_table_lookup(store->blobs, sha256);
}

static GwBlob *
add(GwStore *store, const guint8 sha256[GW_SHA256_LEN], guint64 size)
{
  GwBlob *blob = g_new0(GwBlob, 1);

  memcpy(blob->sha256, sha256, GW_SHA256_LEN);
  blob->size = size;
  blob->memory_fd = -1;
  blob->order = ++store->last_order;
  g_queue_init(&blob->waiters);
  g_hash_table_insert(store->blobs, blob->sha256, blob);
  store->blob_bytes += size;
  return blob;
}

/* A file in its place may have been another one. */
static void
take_in(GwStore *store, GwSealed **sealed)
{
  const GwDigests *digests = gw_sealed_digests(*sealed);
  GwBlob *blob = gw_store_lookup(store, digests->sha256);

  if (!blob)
    blob = add(store, digests->sha256, digests->size);
  store->blob_bytes += digests->size - blob->size;
  blob->size = digests->size;
  blob->stamp.st_ino = 0;
  blob->n_adoptions++;
  blob->order = ++store->last_order;
  if (!blob->sealed)
    blob->sealed = gw_sealed_ref(*sealed);
  gw_sealed_unref(*sealed);
  *sealed = gw_sealed_ref(blob->sealed);
}

gboolean
gw_store_adopt(GwStore *store, GwSealed **sealed, GError **error)
{
  const guint8 *sha256 = gw_sealed_digests(*sealed)->sha256;
  char name[GW_BLOB_NAME_LEN];
  struct stat st;
  gboolean is_there;

  gw_blob_name(sha256, name);
  g_mutex_lock(&store->moving);
  (void)g_hash_table_remove(store->arriving, sha256);
  is_there = fstatat(store->blobs_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
  g_mutex_unlock(&store->moving);
  if (!is_there)
    return gw_fail(error, GW_ERROR_NOT_FOUND, "the image was removed as soon as it was here");
  take_in(store, sealed);
  return TRUE;
}

gboolean
gw_store_is_arriving(GwStore *store, const guint8 sha256[GW_SHA256_LEN])
{
  gboolean is_arriving;

  g_mutex_lock(&store->moving);
  is_arriving = g_hash_table_contains(store->arriving, sha256);
  g_mutex_unlock(&store->moving);
  return is_arriving;
}

void
gw_store_forget(GwStore *store, GwBlob *blob)
{
  gw_store_drop_memory(store, blob);
  store->blob_bytes -= blob->size;
  blob->is_removed = TRUE;
  g_hash_table_remove(store->blobs, blob->sha256);
  if (!blob->is_busy)
    blob_free(blob);
}

void
gw_blob_release(GwStore *store, GwBlob *blob)
{
  blob->is_busy = FALSE;
  if (blob->is_removed)
    blob_free(blob);
}

/* --- the folders; any thread --- */

static gboolean
sync_below(int dir_fd, const char *name, GError **error)
{
  GW_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

  if (fd < 0 || fsync(fd) < 0)
    return gw_fail_errno(error, errno, "cannot sync a folder of the cache");
  return TRUE;
}

static gboolean
move_in(GwStore *store, const char *part, const char *name, const guint8 sha256[GW_SHA256_LEN],
        GError **error)
{
  int err = 0;

  g_mutex_lock(&store->moving);
  if (renameat(store->parts_fd, part, store->blobs_fd, name) < 0)
    err = errno;
  else
    (void)g_hash_table_add(store->arriving, g_memdup2(sha256, GW_SHA256_LEN));
  g_mutex_unlock(&store->moving);
  return err == 0 || gw_fail_errno(error, err, "cannot publish the image");
}

static void
forget_arrival(GwStore *store, const guint8 sha256[GW_SHA256_LEN])
{
  g_mutex_lock(&store->moving);
  (void)g_hash_table_remove(store->arriving, sha256);
  g_mutex_unlock(&store->moving);
}

/* Both folders are synced: the one of the name may have been made just now, or by a run that was killed. */
gboolean
gw_store_publish(GwStore *store, const char *part, const guint8 sha256[GW_SHA256_LEN], GError **error)
{
  char name[GW_BLOB_NAME_LEN];
  char folder[3];

  gw_blob_name(sha256, name);
  g_strlcpy(folder, name, sizeof folder);
  if (mkdirat(store->blobs_fd, folder, 0700) < 0 && errno != EEXIST)
    return gw_fail_errno(error, errno, "cannot make a folder of the cache");
  if (!move_in(store, part, name, sha256, error))
    return FALSE;
  if (sync_below(store->blobs_fd, folder, error) && sync_below(store->blobs_fd, ".", error))
    return TRUE;
  forget_arrival(store, sha256);
  return FALSE;
}

void
gw_store_empty_quarantine(GwStore *store, guint n_kept)
{
  int fd = openat(store->quarantine_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
  const struct dirent *entry;
  guint n = 0;

  if (!dir) {
    gw_close(&fd);
    return;
  }
  while ((entry = readdir(dir)))
    if (entry->d_name[0] != '.' && ++n > n_kept)
      (void)unlinkat(store->quarantine_fd, entry->d_name, 0);
  (void)closedir(dir);
}

void
gw_store_quarantine(GwStore *store, const guint8 sha256[GW_SHA256_LEN], const struct stat *checked)
{
  char name[GW_BLOB_NAME_LEN];
  struct stat st;

  gw_blob_name(sha256, name);
  gw_store_empty_quarantine(store, MAX_QUARANTINED - 1); /* a few are kept to be looked at */
  g_mutex_lock(&store->moving);
  if (fstatat(store->blobs_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == checked->st_ino)
    (void)renameat(store->blobs_fd, name, store->quarantine_fd, name + 3);
  g_mutex_unlock(&store->moving);
}

/* --- opening and closing --- */

typedef struct {
  guint8 sha256[GW_SHA256_LEN];
  guint64 size;
  gint64 used_s; /* wall: read (at most a day wrong) or written */
} Found;

static int
by_use(gconstpointer a, gconstpointer b)
{
  gint64 left = ((const Found *)a)->used_s, right = ((const Found *)b)->used_s;

  return left < right ? -1 : left > right;
}

/* What is no blob by its name is left alone, and never served. */
static void
scan_folder(const GwStore *store, const char *folder, GArray *found)
{
  int fd = openat(store->blobs_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
  const struct dirent *entry;

  if (!dir) {
    gw_close(&fd);
    return;
  }
  while ((entry = readdir(dir))) {
    Found one;
    struct stat st;

    if (!gw_unhex(entry->d_name, GW_SHA256_LEN, one.sha256) || strncmp(entry->d_name, folder, 2) != 0 ||
        fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
      continue;
    one.size = (guint64)st.st_size;
    one.used_s = MAX(st.st_atim.tv_sec, st.st_mtim.tv_sec);
    g_array_append_val(found, one);
  }
  (void)closedir(dir);
}

static void
scan(GwStore *store)
{
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(Found));

  for (guint i = 0; i < 256; i++) {
    const guint8 byte = (guint8)i;
    char folder[3];

    gw_hex(&byte, 1, folder);
    scan_folder(store, folder, found);
  }
  g_array_sort(found, by_use);
  for (guint i = 0; i < found->len; i++) {
    const Found *one = &g_array_index(found, Found, i);

    add(store, one->sha256, one->size);
  }
}

static int
open_folder(int dir_fd, const char *name, GError **error)
{
  int fd;

  if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST) {
    gw_fail_errno(error, errno, "cannot make the folder %s of the cache", name);
    return -1;
  }
  fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    gw_fail_errno(error, errno, "cannot open the folder %s of the cache", name);
  return fd;
}

static gboolean
open_folders(GwStore *store, int dir_fd, GError **error)
{
  store->blobs_fd = open_folder(dir_fd, "blobs", error);
  if (store->blobs_fd < 0)
    return FALSE;
  store->parts_fd = open_folder(dir_fd, "parts", error);
  if (store->parts_fd < 0)
    return FALSE;
  store->quarantine_fd = open_folder(dir_fd, "quarantine", error);
  return store->quarantine_fd >= 0 && gw_fsync_dir(dir_fd, error);
}

static void
store_free(GwStore *store)
{
  GHashTableIter iter;
  gpointer blob;

  g_hash_table_iter_init(&iter, store->blobs);
  while (g_hash_table_iter_next(&iter, NULL, &blob))
    blob_free(blob);
  g_hash_table_unref(store->blobs);
  g_hash_table_unref(store->parts);
  g_hash_table_unref(store->ingests);
  g_hash_table_unref(store->arriving);
  gw_close(&store->blobs_fd);
  gw_close(&store->parts_fd);
  gw_close(&store->quarantine_fd);
  g_mutex_clear(&store->moving);
  g_free(store);
}

GwStore *
gw_store_open(int dir_fd, const GwStoreLimits *limits, GError **error)
{
  GwStore *store = g_new0(GwStore, 1);

  store->limits = *limits;
  store->blobs_fd = store->parts_fd = store->quarantine_fd = -1;
  store->blobs = g_hash_table_new(sha256_hash, sha256_equal);
  store->parts = g_hash_table_new_full(sha256_hash, sha256_equal, NULL, g_free);
  store->ingests = g_hash_table_new(NULL, NULL);
  store->arriving = g_hash_table_new_full(sha256_hash, sha256_equal, g_free, NULL);
  g_mutex_init(&store->moving);
  if (!open_folders(store, dir_fd, error)) {
    store_free(store);
    return NULL;
  }
  scan(store);
  gw_parts_scan(store);
  store->mailbox = gw_mailbox_new(g_main_context_get_thread_default());
  store->hashing = g_thread_pool_new(gw_store_hash, store, N_HASHING_THREADS, FALSE, NULL);
  store->reading = g_thread_pool_new(gw_ingest_run, store, N_READING_THREADS, FALSE, NULL);
  return store;
}

/* Threads end first, then what they posted is dropped, then what it pointed to. */
void
gw_store_close(GwStore *store)
{
  GHashTableIter iter;
  gpointer ingest;

  if (!store)
    return;
  g_hash_table_iter_init(&iter, store->ingests);
  while (g_hash_table_iter_next(&iter, &ingest, NULL))
    gw_ingest_stop(ingest);
  g_thread_pool_free(store->reading, FALSE, TRUE);
  g_thread_pool_free(store->hashing, FALSE, TRUE);
  gw_mailbox_close(store->mailbox);
  gw_mailbox_unref(store->mailbox);
  store_free(store);
}

/* --- what is here --- */

static gboolean
is_held(const GwBlob *blob)
{
  return blob->sealed && gw_sealed_is_held(blob->sealed);
}

GwStoreUsage
gw_store_usage(const GwStore *store)
{
  GwStoreUsage usage = {
    .used = store->blob_bytes + store->part_bytes + store->reserved_bytes,
    .max = store->limits.max_bytes,
    .n_blobs = g_hash_table_size(store->blobs),
    .free_on_disk = gw_store_free_on_disk(store),
  };
  GHashTableIter iter;
  gpointer blob;

  g_hash_table_iter_init(&iter, store->blobs);
  while (g_hash_table_iter_next(&iter, NULL, &blob))
    usage.pinned += is_held(blob);
  return usage;
}

GPtrArray *
gw_store_list(const GwStore *store)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  GHashTableIter iter;
  gpointer sha256;

  g_hash_table_iter_init(&iter, store->blobs);
  while (g_hash_table_iter_next(&iter, &sha256, NULL)) {
    char *name = g_malloc(GW_SHA256_HEX_LEN + 1);

    gw_hex(sha256, GW_SHA256_LEN, name);
    g_ptr_array_add(names, name);
  }
  return names;
}

void
gw_store_remove(GwStore *store, const guint8 sha256[GW_SHA256_LEN])
{
  GwBlob *blob = gw_store_lookup(store, sha256);
  char name[GW_BLOB_NAME_LEN];

  gw_blob_name(sha256, name);
  (void)unlinkat(store->blobs_fd, name, 0);
  if (blob)
    gw_store_forget(store, blob);
}
