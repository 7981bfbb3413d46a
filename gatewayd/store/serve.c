/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a name to bytes that may be sent. Whoever asks waits in the blob's own queue; one task at a time works
 * for a blob, so that two hundred askers cost one hash. Small images are served from a sealed copy in memory.
 * Large ones are served from the file: it is hashed the first time, after a day, and whenever it is not the
 * very file, unchanged, that was hashed. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "store/store-private.h"

#define MAX_HASH_AGE_MS ((gint64)24 * 3600 * 1000)
/* The kernel stamps changes by a coarse clock: two within one of its ticks look alike. */
#define SETTLED_MS 100

typedef struct {
  GwStore *store;
  guint8 sha256[GW_SHA256_LEN];
  guint64 size;       /* find: by its row */
  GwSealed *sealed;   /* serve: what was found */
  GwSealedDone found; /* one of the two */
  GwServeDone served;
  gpointer user;
  gboolean is_from_file; /* there was no memory */
} Waiter;

typedef enum { TASK_FIND, TASK_COPY, TASK_RECHECK } TaskKind;
typedef struct {
  TaskKind kind;
  GwStore *store;
  GwBlob *blob;      /* stays, because it is busy; only its sha256 is read in the pool */
  guint n_adoptions; /* of the blob at the start: a newer file has come since? */
  GwSealTerms terms;
  GwSealed *sealed; /* FIND: the result, else what to compare with */
  int fd;           /* the file, or the copy */
  struct stat stamp;
  gboolean is_settled;
  GError *error;
} Task;

static void
waiter_free(gpointer data)
{
  Waiter *waiter = data;

  gw_sealed_unref(waiter->sealed);
  g_free(waiter);
}

static void
task_free(gpointer data)
{
  Task *task = data;

  if (task->blob) /* the store closes: nobody looked at the result */
    gw_blob_release(task->store, task->blob);
  gw_sealed_unref(task->sealed);
  gw_close(&task->fd);
  g_clear_error(&task->error);
  g_free(task);
}

/* --- in the pool --- */

static gint64
ms_of(struct timespec time)
{
  return (gint64)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* A damaged name (a link, a folder) is as bad as damaged bytes. */
static gboolean
open_file(Task *task)
{
  char name[GW_BLOB_NAME_LEN];
  struct timespec now;

  gw_blob_name(task->blob->sha256, name);
  if (fstatat(task->store->blobs_fd, name, &task->stamp, AT_SYMLINK_NOFOLLOW) < 0)
    return gw_fail_errno(&task->error, errno, "cannot find the image");
  if (!S_ISREG(task->stamp.st_mode))
    return gw_fail(&task->error, GW_ERROR_CORRUPT, "the image is not a file any more");
  task->fd = openat(task->store->blobs_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (task->fd < 0 || fstat(task->fd, &task->stamp) < 0)
    return gw_fail_errno(&task->error, errno, "cannot open the image");
  (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
  /* A stamp of the future (the clock went back) cannot be repeated now either. */
  task->is_settled = ABS(ms_of(now) - ms_of(task->stamp.st_ctim)) > SETTLED_MS;
  return TRUE;
}

static void
look(Task *task)
{
  int copy;

  if (task->kind == TASK_FIND) {
    task->sealed = gw_seal_file(task->fd, &task->terms, &task->error);
  } else if (task->kind == TASK_RECHECK) {
    (void)gw_seal_recheck(task->fd, task->sealed, &task->error);
  } else {
    copy = gw_seal_copy(task->fd, task->sealed, &task->error);
    gw_close(&task->fd);
    task->fd = copy;
  }
}

static void on_task_done(gpointer data);

void
gw_store_hash(gpointer data, gpointer user)
{
  Task *task = data;

  if (open_file(task))
    look(task);
  /* A disk that cannot be read has lost the image as well. */
  if (task->error && task->error->code == GW_ERROR_INTERNAL)
    task->error->code = GW_ERROR_CORRUPT;
  if (task->error && task->error->code == GW_ERROR_CORRUPT)
    gw_store_quarantine(task->store, task->blob->sha256, &task->stamp);
  gw_mailbox_post(task->store->mailbox, on_task_done, task, task_free);
}

/* --- in the context --- */

static void
start(GwBlob *blob, const Waiter *waiter, TaskKind kind)
{
  Task *task = g_new0(Task, 1);

  *task = (Task){ .kind = kind, .store = waiter->store, .blob = blob, .fd = -1 };
  task->n_adoptions = blob->n_adoptions;
  task->terms = (GwSealTerms){ .sha256 = blob->sha256 };
  if (kind != TASK_FIND)
    task->sealed = gw_sealed_ref(waiter->sealed);
  blob->is_busy = TRUE;
  (void)g_thread_pool_push(waiter->store->hashing, task, NULL);
}

static void
tell(const Waiter *waiter, GwSealed *sealed, const GError *error)
{
  if (waiter->found)
    waiter->found(sealed, error, waiter->user);
  else
    waiter->served(-1, FALSE, error, waiter->user);
}

/* A descriptor with a position of its own, for reading only. */
static void
tell_descriptor(const Waiter *waiter, int fd, gboolean is_memory)
{
  g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
  int own = open(path, O_RDONLY | O_CLOEXEC);
  g_autoptr(GError) error = NULL;

  if (own < 0)
    gw_fail_errno(&error, errno, "cannot open the image once more");
  waiter->served(own, own >= 0 && is_memory, error, waiter->user);
}

void
gw_blob_fail_waiters(GwBlob *blob, const GError *error)
{
  Waiter *waiter;

  while ((waiter = g_queue_pop_head(&blob->waiters))) {
    tell(waiter, NULL, error);
    waiter_free(waiter);
  }
}

void
gw_blob_free_waiters(GwBlob *blob)
{
  g_queue_clear_full(&blob->waiters, waiter_free);
}

void
gw_store_drop_memory(GwStore *store, GwBlob *blob)
{
  if (blob->memory_fd < 0)
    return;
  gw_close(&blob->memory_fd);
  store->memory_bytes -= blob->size;
}

/* The copy that nobody holds and was served longest ago, or NULL. */
static GwBlob *
idle_copy(GwStore *store)
{
  GHashTableIter iter;
  gpointer value;
  GwBlob *idlest = NULL;

  g_hash_table_iter_init(&iter, store->blobs);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GwBlob *blob = value;

    if (blob->memory_fd < 0 || blob->is_busy || gw_sealed_is_held(blob->sealed))
      continue;
    if (!idlest || blob->order < idlest->order)
      idlest = blob;
  }
  return idlest;
}

static gboolean
has_memory_for(GwStore *store, guint64 size)
{
  GwBlob *idle;

  if (size > store->limits.memory_max_image || size > store->limits.memory_budget)
    return FALSE;
  while (store->memory_bytes + size > store->limits.memory_budget) {
    idle = idle_copy(store);
    if (!idle)
      return FALSE;
    gw_store_drop_memory(store, idle);
  }
  return TRUE;
}

static gboolean
is_same_file(const struct stat *a, const struct stat *b)
{
  return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
         memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0 &&
         memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim) == 0;
}

/* Is it the file that was hashed, and not too long ago? Then *ret_fd is that file. */
static gboolean
open_hashed(const GwStore *store, const GwBlob *blob, int *ret_fd)
{
  char name[GW_BLOB_NAME_LEN];
  GW_AUTO_FD int fd = -1;
  struct stat st;

  if (blob->stamp.st_ino == 0 || !blob->is_settled || gw_clock_boot_ms() - blob->hashed_ms > MAX_HASH_AGE_MS)
    return FALSE;
  gw_blob_name(blob->sha256, name);
  fd = openat(store->blobs_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &st) < 0 || !is_same_file(&st, &blob->stamp))
    return FALSE;
  *ret_fd = g_steal_fd(&fd);
  return TRUE;
}

static gboolean
find_now(GwBlob *blob, const Waiter *waiter)
{
  g_autoptr(GError) error = NULL;

  if (!blob->sealed) {
    start(blob, waiter, TASK_FIND);
    return FALSE;
  }
  if (waiter->size != 0 && waiter->size != gw_sealed_size(blob->sealed))
    gw_fail(&error, GW_ERROR_UNTRUSTED,
            "the image has %" G_GUINT64_FORMAT " bytes instead of %" G_GUINT64_FORMAT,
            gw_sealed_size(blob->sealed), waiter->size);
  tell(waiter, error ? NULL : blob->sealed, error);
  return TRUE;
}

static gboolean
serve_now(GwBlob *blob, const Waiter *waiter)
{
  GwStore *store = waiter->store;
  GW_AUTO_FD int fd = -1;

  blob->order = ++store->last_order;
  if (blob->memory_fd >= 0) {
    tell_descriptor(waiter, blob->memory_fd, TRUE);
    return TRUE;
  }
  if (!waiter->is_from_file && has_memory_for(store, blob->size)) {
    store->memory_bytes += blob->size;
    start(blob, waiter, TASK_COPY);
    return FALSE;
  }
  if (!open_hashed(store, blob, &fd)) {
    start(blob, waiter, TASK_RECHECK);
    return FALSE;
  }
  tell_descriptor(waiter, fd, FALSE);
  return TRUE;
}

/* The file is gone or was moved away. The blob is busy. */
static void
lose(GwStore *store, GwBlob *blob, const GError *error)
{
  g_autoptr(GError) removed = NULL;

  if (!error)
    gw_fail(&removed, GW_ERROR_NOT_FOUND, "the image was removed from the cache");
  if (!blob->is_removed)
    gw_store_forget(store, blob);
  gw_blob_fail_waiters(blob, error ? error : removed);
  gw_blob_release(store, blob);
}

/* Answers those that wait until one needs a task. Whoever is told may do anything, also remove the blob. */
static void
proceed(GwStore *store, GwBlob *blob)
{
  Waiter *waiter;

  blob->is_busy = TRUE;
  while (!blob->is_removed && (waiter = g_queue_pop_head(&blob->waiters))) {
    if (!(waiter->found ? find_now(blob, waiter) : serve_now(blob, waiter))) {
      g_queue_push_head(&blob->waiters, waiter);
      return;
    }
    waiter_free(waiter);
  }
  if (blob->is_removed)
    lose(store, blob, NULL);
  else
    gw_blob_release(store, blob);
}

/* The first who waits hears of it, unless the file can serve him as well. */
static void
fail_first(GwBlob *blob, const Task *task)
{
  Waiter *waiter = g_queue_peek_head(&blob->waiters);

  if (task->kind == TASK_COPY) {
    waiter->is_from_file = TRUE;
    return;
  }
  (void)g_queue_pop_head(&blob->waiters);
  tell(waiter, NULL, task->error);
  waiter_free(waiter);
}

static void
take_result(GwBlob *blob, Task *task)
{
  blob->stamp = task->stamp;
  blob->is_settled = task->is_settled;
  blob->hashed_ms = gw_clock_boot_ms();
  if (task->kind == TASK_FIND && !blob->sealed)
    blob->sealed = g_steal_pointer(&task->sealed);
  if (task->kind == TASK_COPY) {
    blob->stamp.st_ino = 0; /* the copy was hashed, not the file */
    blob->memory_fd = g_steal_fd(&task->fd);
  }
}

/* Somebody waits for the very file that was hashed: it is his, whatever has happened to its name since. */
static void
serve_first(GwBlob *blob, const Task *task)
{
  Waiter *waiter = g_queue_pop_head(&blob->waiters);

  tell_descriptor(waiter, task->fd, FALSE);
  waiter_free(waiter);
}

/* Nothing good is at its place any more. */
static gboolean
is_lost(const GwBlob *blob, const Task *task)
{
  return task->error && task->n_adoptions == blob->n_adoptions &&
         (task->error->code == GW_ERROR_CORRUPT || task->error->code == GW_ERROR_NOT_FOUND);
}

static void
on_task_done(gpointer data)
{
  Task *task = data;
  GwStore *store = task->store;
  GwBlob *blob = g_steal_pointer(&task->blob);

  if (task->kind == TASK_COPY && (task->error || blob->is_removed))
    store->memory_bytes -= blob->size;
  if (blob->is_removed || is_lost(blob, task)) {
    lose(store, blob, task->error);
    return;
  }
  if (task->error && task->n_adoptions == blob->n_adoptions)
    fail_first(blob, task);
  if (!task->error) {
    take_result(blob, task);
    if (task->kind == TASK_RECHECK)
      serve_first(blob, task);
  }
  proceed(store, blob);
}

/* --- the door --- */

static void
on_asked(gpointer data)
{
  Waiter *waiter = data;
  GwStore *store = waiter->store;
  GwBlob *blob = gw_store_lookup(store, waiter->sha256);
  g_autoptr(GError) error = NULL;

  if (!blob || (waiter->served && !blob->sealed)) {
    gw_fail(&error, GW_ERROR_NOT_FOUND, "the image is not in the cache");
    tell(waiter, NULL, error);
    return;
  }
  g_queue_push_tail(&blob->waiters, g_memdup2(waiter, sizeof *waiter));
  waiter->sealed = NULL; /* the copy has it */
  if (!blob->is_busy)
    proceed(store, blob);
}

void
gw_store_find(GwStore *store, const guint8 sha256[GW_SHA256_LEN], guint64 size, GwSealedDone done,
              gpointer user)
{
  Waiter *waiter = g_new0(Waiter, 1);

  *waiter = (Waiter){ .store = store, .size = size, .found = done, .user = user };
  memcpy(waiter->sha256, sha256, GW_SHA256_LEN);
  gw_mailbox_post(store->mailbox, on_asked, waiter, waiter_free);
}

void
gw_store_serve(GwStore *store, GwSealed *sealed, GwServeDone done, gpointer user)
{
  Waiter *waiter = g_new0(Waiter, 1);

  *waiter = (Waiter){ .store = store, .served = done, .user = user };
  waiter->sealed = gw_sealed_ref(sealed);
  memcpy(waiter->sha256, gw_sealed_digests(sealed)->sha256, GW_SHA256_LEN);
  gw_mailbox_post(store->mailbox, on_asked, waiter, waiter_free);
}
