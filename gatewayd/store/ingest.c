/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One image on its way in. The thread owns the bytes (descriptor, part, digest) from start to end; the main
 * thread owns the rest, and speaks to it by flags. */
#include "store/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "store/store-private.h"

#define READ_SIZE ((gsize)128 * 1024)
#define SYNC_STEP ((guint64)8 * 1024 * 1024) /* so much at most is lost to a power cut */
#define MAX_INGESTS 16                       /* as many as there are threads */

struct GwIngest {
  GwStore *store;
  GwIngestDone done;
  gpointer user;
  guint64 reserved;

  GwExpected expected; /* its own keyring and signature */
  char part[GW_PART_NAME_LEN];
  guint64 cap; /* bytes of the whole image */
  int fd;
  int wake_fd; /* eventfd: look at the flags */
  atomic_bool is_restarting, is_aborted, is_cancelled, is_stopped;
  atomic_uint_fast64_t received;

  GwSealed *sealed;
  GError *error;
};

/* --- in its thread --- */

typedef struct {
  GwIngest *ingest;
  GwDigester *digester;
  int part_fd;
  guint64 size; /* of the part, and of what was hashed */
  guint64 synced;
  guint8 *buffer; /* READ_SIZE */
} Writer;

static gboolean
hash_part(Writer *writer, GError **error)
{
  guint64 end = writer->ingest->expected.offset;

  while (writer->size < end) {
    ssize_t n =
        pread(writer->part_fd, writer->buffer, MIN(READ_SIZE, end - writer->size), (off_t)writer->size);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return gw_fail_errno(error, errno, "cannot read the part of the image");
    if (n == 0)
      return gw_fail(error, GW_ERROR_CORRUPT, "the part of the image is shorter than it was");
    gw_digester_update(writer->digester, writer->buffer, (gsize)n);
    writer->size += (guint64)n;
  }
  return TRUE;
}

/* The flag was set before the first of the new bytes was written, so it is seen with them or sooner. */
static gboolean
restart_if_asked(Writer *writer, GError **error)
{
  if (!atomic_exchange(&writer->ingest->is_restarting, FALSE))
    return TRUE;
  if (ftruncate(writer->part_fd, 0) < 0 || lseek(writer->part_fd, 0, SEEK_SET) < 0)
    return gw_fail_errno(error, errno, "cannot empty the part of the image");
  gw_digester_free(writer->digester);
  writer->digester = gw_digester_new(TRUE);
  writer->size = writer->synced = 0;
  return TRUE;
}

static gboolean
take(Writer *writer, gsize size, GError **error)
{
  GwIngest *ingest = writer->ingest;

  if (!restart_if_asked(writer, error))
    return FALSE;
  if (size > ingest->cap - writer->size)
    return gw_fail(error, ingest->expected.size ? GW_ERROR_UNTRUSTED : GW_ERROR_BAD_INPUT,
                   "the image is longer than %" G_GUINT64_FORMAT " bytes", ingest->cap);
  if (!gw_write_all(writer->part_fd, writer->buffer, size, error))
    return FALSE;
  gw_digester_update(writer->digester, writer->buffer, size);
  writer->size += size;
  atomic_store(&ingest->received, writer->size);
  if (writer->size - writer->synced < SYNC_STEP)
    return TRUE;
  writer->synced = writer->size;
  if (fdatasync(writer->part_fd) < 0)
    return gw_fail_errno(error, errno, "cannot sync the part of the image");
  return TRUE;
}

static gboolean
wait_for_bytes(const GwIngest *ingest, GError **error)
{
  struct pollfd fds[] = { { .fd = ingest->fd, .events = POLLIN },
                          { .fd = ingest->wake_fd, .events = POLLIN } };

  int idle_ms = ingest->expected.idle_ms ? (int)ingest->expected.idle_ms : -1;
  int n;

  while ((n = poll(fds, G_N_ELEMENTS(fds), idle_ms)) < 0)
    if (errno != EINTR)
      return gw_fail_errno(error, errno, "cannot wait for the image");
  if (n == 0)
    return gw_fail(error, GW_ERROR_TIMED_OUT, "the sender was silent for %d s", idle_ms / 1000);
  if (atomic_load(&ingest->is_cancelled))
    return gw_fail(error, GW_ERROR_OFFLINE, "the sender went away");
  return !atomic_load(&ingest->is_stopped) ||
         gw_fail(error, GW_ERROR_STOPPED, "the gateway stops; the image goes on later");
}

/* The end of file is the end of the image, unless its sender said that it failed. */
static gboolean
read_all(Writer *writer, GError **error)
{
  GwIngest *ingest = writer->ingest;
  ssize_t n;

  do {
    if (!wait_for_bytes(ingest, error))
      return FALSE;
    n = read(ingest->fd, writer->buffer, READ_SIZE);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      return gw_fail_errno(error, errno, "cannot read the image");
    if (n > 0 && !take(writer, (gsize)n, error))
      return FALSE;
  } while (n != 0);
  if (atomic_load(&ingest->is_aborted))
    return gw_fail(error, GW_ERROR_OFFLINE, "the sender stopped after %" G_GUINT64_FORMAT " bytes",
                   writer->size);
  return restart_if_asked(writer, error);
}

/* Nobody but the owner could write to it; from here on not even he. */
static gboolean
publish(Writer *writer, const GwDigests *measured, GError **error)
{
  GwIngest *ingest = writer->ingest;

  if (fchmod(writer->part_fd, 0400) < 0 || fsync(writer->part_fd) < 0)
    return gw_fail_errno(error, errno, "cannot sync the image");
  gw_close(&writer->part_fd);
  return gw_store_publish(ingest->store, ingest->part, measured->sha256, error);
}

static GwSealed *
bring_in(Writer *writer, GError **error)
{
  GwIngest *ingest = writer->ingest;
  const GwSealTerms terms = { .size = ingest->expected.size,
                              .sha256 = ingest->expected.sha256,
                              .image_keys = ingest->expected.image_keys,
                              .signature = ingest->expected.signature };
  g_autoptr(GwSealed) sealed = NULL;
  GwDigests measured;

  writer->part_fd = gw_part_open(ingest->store, ingest->part, ingest->expected.offset, error);
  if (writer->part_fd < 0 || !hash_part(writer, error) || !read_all(writer, error))
    return NULL;
  gw_digester_finish(writer->digester, &measured);
  sealed = gw_seal_measured(&measured, &terms, error);
  if (!sealed || !publish(writer, &measured, error))
    return NULL;
  return g_steal_pointer(&sealed);
}

/* May what is there be of use to the next fetch? A full disk needs its bytes more. */
static gboolean
is_resumable(const GError *error)
{
  return error->code == GW_ERROR_OFFLINE || error->code == GW_ERROR_STOPPED || error->code == GW_ERROR_BUSY ||
         error->code == GW_ERROR_INTERNAL;
}

static void on_ended(gpointer data);
static void ingest_free(gpointer data);

void
gw_ingest_run(gpointer data, gpointer user)
{
  GwIngest *ingest = data;
  Writer writer = { .ingest = ingest, .part_fd = -1 };
  static const guint8 unknown[GW_SHA256_LEN];
  gboolean is_named = memcmp(ingest->expected.sha256, unknown, GW_SHA256_LEN) != 0;

  writer.buffer = g_malloc(READ_SIZE);
  writer.digester = gw_digester_new(TRUE);
  ingest->sealed = bring_in(&writer, &ingest->error);
  if (ingest->sealed || !is_named || !is_resumable(ingest->error))
    gw_part_drop(ingest->store, ingest->part);
  gw_close(&ingest->fd); /* the sender is told by SIGPIPE that nobody listens */
  gw_close(&writer.part_fd);
  gw_digester_free(writer.digester);
  g_free(writer.buffer);
  gw_mailbox_post(ingest->store->mailbox, on_ended, ingest, ingest_free);
}

/* --- in the context --- */

static void
ingest_free(gpointer data)
{
  GwIngest *ingest = data;

  gw_sealed_unref(ingest->sealed);
  g_clear_error(&ingest->error);
  gw_keyring_unref((GwKeyring *)ingest->expected.image_keys);
  g_free((char *)ingest->expected.signature);
  gw_close(&ingest->fd);
  gw_close(&ingest->wake_fd);
  g_free(ingest);
}

static void
on_ended(gpointer data)
{
  GwIngest *ingest = data;
  GwStore *store = ingest->store;

  g_hash_table_remove(store->ingests, ingest);
  gw_store_unreserve(store, ingest->reserved);
  if (ingest->sealed && !gw_store_adopt(store, &ingest->sealed, &ingest->error))
    g_clear_pointer(&ingest->sealed, gw_sealed_unref);
  if (!ingest->sealed)
    gw_part_rest(store, ingest->expected.sha256);
  ingest->done(ingest, ingest->sealed, ingest->error, ingest->user);
}

static gboolean
is_running(const GwStore *store, const char *part)
{
  GHashTableIter iter;
  gpointer ingest;

  g_hash_table_iter_init(&iter, store->ingests);
  while (g_hash_table_iter_next(&iter, &ingest, NULL))
    if (strcmp(((const GwIngest *)ingest)->part, part) == 0)
      return TRUE;
  return FALSE;
}

/* A file tells its size, whoever sends it. */
static guint64
size_to_reserve(const GwExpected *expected, int fd)
{
  struct stat st;

  if (expected->size > 0)
    return expected->size;
  if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
    return 0;
  return (guint64)st.st_size;
}

static gboolean
admit(GwStore *store, GwIngest *ingest, GError **error)
{
  guint64 max = MIN(ingest->expected.max_size, store->limits.max_image);
  guint64 size = size_to_reserve(&ingest->expected, ingest->fd);

  if (size > max)
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "the image has %" G_GUINT64_FORMAT " bytes, the limit is %" G_GUINT64_FORMAT, size, max);
  if (ingest->expected.offset > (size ? size : max))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the image cannot go on beyond its end");
  if (is_running(store, ingest->part))
    return gw_fail(error, GW_ERROR_BUSY, "this image is being fetched already");
  if (g_hash_table_size(store->ingests) >= MAX_INGESTS)
    return gw_fail(error, GW_ERROR_BUSY, "%d images are being fetched already", MAX_INGESTS);
  gw_part_take(store, ingest->expected.sha256); /* what is there will be overwritten or goes on */
  if (!gw_store_reserve(store, size, error)) {
    gw_part_rest(store, ingest->expected.sha256);
    return FALSE;
  }
  ingest->reserved = size;
  ingest->cap = ingest->expected.size ? ingest->expected.size : MIN(max, gw_store_room(store) + size);
  return TRUE;
}

GwIngest *
gw_ingest_start(GwStore *store, const GwExpected *expected, int fd, GwIngestDone done, gpointer user,
                GError **error)
{
  GwIngest *ingest = g_new0(GwIngest, 1);

  ingest->store = store;
  ingest->done = done;
  ingest->user = user;
  ingest->fd = fd;
  ingest->expected = *expected;
  if (expected->image_keys)
    (void)gw_keyring_ref((GwKeyring *)expected->image_keys);
  ingest->expected.signature = g_strdup(expected->signature);
  gw_part_name(expected->sha256, ingest->part);
  atomic_init(&ingest->received, expected->offset);
  ingest->wake_fd = eventfd(0, EFD_CLOEXEC);
  if (ingest->wake_fd < 0)
    gw_fail_errno(error, errno, "cannot begin to store the image");
  if (ingest->wake_fd < 0 || !admit(store, ingest, error)) {
    ingest_free(ingest);
    return NULL;
  }
  g_hash_table_add(store->ingests, ingest);
  (void)g_thread_pool_push(store->reading, ingest, NULL);
  return ingest;
}

void
gw_ingest_restart(GwIngest *ingest)
{
  atomic_store(&ingest->received, 0);
  atomic_store(&ingest->is_restarting, TRUE);
}

void
gw_ingest_abort(GwIngest *ingest)
{
  atomic_store(&ingest->is_aborted, TRUE);
}

static void
wake(GwIngest *ingest)
{
  const guint64 one = 1;

  while (write(ingest->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
    continue;
}

void
gw_ingest_stop(GwIngest *ingest)
{
  atomic_store(&ingest->is_stopped, TRUE);
  wake(ingest);
}

void
gw_ingest_cancel(GwIngest *ingest)
{
  atomic_store(&ingest->is_cancelled, TRUE);
  wake(ingest);
}

guint64
gw_ingest_received(const GwIngest *ingest)
{
  return atomic_load(&((GwIngest *)ingest)->received);
}
