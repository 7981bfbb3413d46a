/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/blobs.h"
#include <unistd.h>

typedef struct {
  GwBlobDone done;
  gpointer user;
} Waiter;

typedef struct Blob Blob;
struct Blob {
  guint8 sha256[GW_SHA256_LEN]; /* the key */
  guint64 size;
  GwBody *body;    /* NULL while it is asked for */
  GArray *waiters; /* Waiter */
  guint64 used;    /* greater = later */
};

struct GwBlobs {
  GwCoreLink *core;
  GHashTable *table;
  guint64 clock;
};

static guint
hash_digest(gconstpointer digest)
{
  guint hash;
  memcpy(&hash, digest, sizeof hash);
  return hash;
}

static gboolean
equal_digest(gconstpointer a, gconstpointer b)
{
  return memcmp(a, b, GW_SHA256_LEN) == 0;
}

static void
blob_free(gpointer data)
{
  Blob *blob = data;
  g_clear_pointer(&blob->body, gw_body_unref);
  g_array_unref(blob->waiters);
  g_free(blob);
}

GwBlobs *
gw_blobs_new(GwCoreLink *core)
{
  GwBlobs *blobs = g_new0(GwBlobs, 1);
  blobs->core = core;
  blobs->table = g_hash_table_new_full(hash_digest, equal_digest, NULL, blob_free);
  return blobs;
}

void
gw_blobs_free(GwBlobs *blobs)
{
  if (!blobs)
    return;
  g_hash_table_unref(blobs->table);
  g_free(blobs);
}

GwBody *
gw_blobs_get(GwBlobs *blobs, const guint8 sha256[GW_SHA256_LEN])
{
  Blob *blob = g_hash_table_lookup(blobs->table, sha256);
  if (!blob || !blob->body)
    return NULL;
  blob->used = ++blobs->clock;
  return gw_body_ref(blob->body);
}

/* Transfers keep their own reference: closing here costs them nothing. */
static void
make_room(GwBlobs *blobs)
{
  while (g_hash_table_size(blobs->table) >= GW_BLOBS_MAX) {
    Blob *oldest = NULL;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, blobs->table);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
      Blob *blob = value;
      if (blob->body && (!oldest || blob->used < oldest->used))
        oldest = blob;
    }
    if (!oldest)
      return; /* all are being asked for: as many as there are asks, which are bounded */
    g_hash_table_remove(blobs->table, oldest->sha256);
  }
}

static void
take_body(Blob *blob, int fd)
{
  char hex[GW_SHA256_HEX_LEN + 1], etag[GW_SHA256_HEX_LEN + 3];
  gw_hex(blob->sha256, GW_SHA256_LEN, hex);
  g_snprintf(etag, sizeof etag, "\"%.32s\"", hex);
  blob->body = fd >= 0 ? gw_body_new_fd(fd, blob->size, etag, NULL) : NULL;
}

static void
on_open(const guint8 sha256[GW_SHA256_LEN], int fd, gboolean is_busy, gpointer user)
{
  GwBlobs *blobs = user;
  Blob *blob = g_hash_table_lookup(blobs->table, sha256);
  if (!blob) {
    if (fd >= 0)
      close(fd);
    return;
  }
  take_body(blob, fd);
  g_autoptr(GArray) waiters = blob->waiters;
  g_autoptr(GwBody) body = blob->body ? gw_body_ref(blob->body) : NULL;
  blob->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
  if (!body)
    g_hash_table_remove(blobs->table, sha256);
  for (guint i = 0; i < waiters->len; i++) {
    Waiter *waiter = &g_array_index(waiters, Waiter, i);
    waiter->done(body, waiter->user);
  }
}

gboolean
gw_blobs_want(GwBlobs *blobs, const guint8 sha256[GW_SHA256_LEN], guint64 size, GwBlobDone done,
              gpointer user)
{
  Blob *blob = g_hash_table_lookup(blobs->table, sha256);
  if (!blob) {
    if (!gw_core_link_open(blobs->core, sha256, size, on_open, blobs))
      return FALSE;
    make_room(blobs);
    blob = g_new0(Blob, 1);
    memcpy(blob->sha256, sha256, GW_SHA256_LEN);
    blob->size = size;
    blob->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
    g_hash_table_insert(blobs->table, blob->sha256, blob);
  }
  g_array_append_val(blob->waiters, ((Waiter){ done, user }));
  return TRUE;
}

void
gw_blobs_forget(GwBlobs *blobs, gpointer user)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, blobs->table);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    GArray *waiters = ((Blob *)value)->waiters;
    for (guint i = waiters->len; i-- > 0;) {
      if (g_array_index(waiters, Waiter, i).user == user)
        g_array_remove_index(waiters, i);
    }
  }
}
