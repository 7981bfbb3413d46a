/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What fits: the cache has a limit of its own, and leaves some of the disk to the database. */
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "store/store-private.h"

#define DISK_RESERVE ((guint64)16 * 1024 * 1024) /* at most; a twentieth of a small disk */

static guint64
used(const GwStore *store)
{
  return store->blob_bytes + store->part_bytes + store->reserved_bytes;
}

guint64
gw_store_free_on_disk(const GwStore *store)
{
  struct statvfs st;

  if (fstatvfs(store->blobs_fd, &st) < 0)
    return 0;
  return (guint64)st.f_bavail * st.f_frsize;
}

static guint64
disk_reserve(const GwStore *store)
{
  struct statvfs st;

  if (fstatvfs(store->blobs_fd, &st) < 0)
    return DISK_RESERVE;
  return MIN(DISK_RESERVE, (guint64)st.f_blocks * st.f_frsize / 20);
}

static guint64
minus(guint64 a, guint64 b)
{
  return a > b ? a - b : 0;
}

static guint64
room_in_cache(const GwStore *store)
{
  return minus(store->limits.max_bytes, used(store));
}

/* What is reserved is not yet written, or only in part. */
static guint64
room_on_disk(const GwStore *store)
{
  return minus(gw_store_free_on_disk(store), disk_reserve(store) + store->reserved_bytes);
}

guint64
gw_store_room(const GwStore *store)
{
  return MIN(room_in_cache(store), room_on_disk(store));
}

gboolean
gw_store_reserve(GwStore *store, guint64 bytes, GError **error)
{
  if (bytes > room_in_cache(store))
    return gw_fail(error, GW_ERROR_NO_SPACE,
                   "the cache has %" G_GUINT64_FORMAT " bytes left, the image needs %" G_GUINT64_FORMAT,
                   room_in_cache(store), bytes);
  if (bytes > room_on_disk(store))
    return gw_fail(error, GW_ERROR_NO_SPACE,
                   "the disk has %" G_GUINT64_FORMAT " bytes left, the image needs %" G_GUINT64_FORMAT,
                   room_on_disk(store), bytes);
  store->reserved_bytes += bytes;
  return TRUE;
}

void
gw_store_unreserve(GwStore *store, guint64 bytes)
{
  store->reserved_bytes -= bytes;
}

typedef struct {
  gboolean (*is_needed)(const guint8 sha256[GW_SHA256_LEN], gpointer user);
  gpointer user;
} Needs;

static gboolean
may_go(GwStore *store, const GwBlob *blob, const Needs *needs)
{
  return !blob->is_busy && !gw_store_is_arriving(store, blob->sha256) &&
         g_queue_is_empty((GQueue *)&blob->waiters) && !(blob->sealed && gw_sealed_is_held(blob->sealed)) &&
         !(needs->is_needed && needs->is_needed(blob->sha256, needs->user));
}

static int
by_order(gconstpointer a, gconstpointer b)
{
  guint64 left = (*(const GwBlob *const *)a)->order, right = (*(const GwBlob *const *)b)->order;

  return left < right ? -1 : left > right;
}

static GPtrArray *
least_used_first(const GwStore *store)
{
  GPtrArray *blobs = g_ptr_array_new();
  GHashTableIter iter;
  gpointer blob;

  g_hash_table_iter_init(&iter, store->blobs);
  while (g_hash_table_iter_next(&iter, NULL, &blob))
    g_ptr_array_add(blobs, blob);
  g_ptr_array_sort(blobs, by_order);
  return blobs;
}

/* What is missing is taken as it is now: a file that somebody still reads frees its bytes later. */
guint64
gw_store_make_room(GwStore *store, guint64 bytes,
                   gboolean (*is_needed)(const guint8 sha256[GW_SHA256_LEN], gpointer user), gpointer user)
{
  const Needs needs = { is_needed, user };
  guint64 missing = minus(bytes, gw_store_room(store));
  guint64 freed = 0;
  g_autoptr(GPtrArray) blobs = NULL;

  if (missing == 0)
    return 0;
  gw_store_empty_quarantine(store, 0);
  missing = minus(bytes, gw_store_room(store));
  blobs = least_used_first(store);
  for (guint i = 0; i < blobs->len && freed < missing; i++) {
    const GwBlob *blob = g_ptr_array_index(blobs, i);

    if (!may_go(store, blob, &needs))
      continue;
    freed += blob->size;
    gw_store_remove(store, blob->sha256);
  }
  return freed + gw_parts_evict(store, minus(missing, freed));
}
