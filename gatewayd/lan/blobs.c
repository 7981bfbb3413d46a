/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/blobs.h"

#include <string.h>

typedef struct {
  guint8 sha256[GW_SHA256_LEN];
  guint64 size;
  GwBody *body; /* NULL = asked for */
  GQueue waits; /* GwBlobWait */
  GList link;   /* in `recent` */
} Blob;

struct GwBlobWait {
  Blob *blob;
  GwBlobReady ready;
  gpointer user;
};

struct GwBlobs {
  GHashTable *by_sha256;
  GQueue recent; /* Blob, last used first */
  GwBlobsOpen open;
  gpointer user;
};

static guint
hash_sha256(gconstpointer key)
{
  guint hash;

  memcpy(&hash, key, sizeof hash);
  return hash;
}

static gboolean
equal_sha256(gconstpointer a, gconstpointer b)
{
  return memcmp(a, b, GW_SHA256_LEN) == 0;
}

GwBlobs *
gw_blobs_new(GwBlobsOpen open, gpointer user)
{
  GwBlobs *blobs = g_new0(GwBlobs, 1);

  blobs->by_sha256 = g_hash_table_new(hash_sha256, equal_sha256);
  blobs->open = open;
  blobs->user = user;
  return blobs;
}

static void
remove_blob(GwBlobs *blobs, Blob *blob)
{
  g_hash_table_remove(blobs->by_sha256, blob->sha256);
  g_queue_unlink(&blobs->recent, &blob->link);
  g_queue_clear_full(&blob->waits, g_free);
  g_clear_pointer(&blob->body, gw_body_unref);
  g_free(blob);
}

void
gw_blobs_free(GwBlobs *blobs)
{
  if (!blobs)
    return;
  while (blobs->recent.head)
    remove_blob(blobs, blobs->recent.head->data);
  g_hash_table_unref(blobs->by_sha256);
  g_free(blobs);
}

/* The longest unused goes, but none that is waited for. */
static void
make_room(GwBlobs *blobs)
{
  for (GList *link = blobs->recent.tail; link && blobs->recent.length >= GW_BLOBS_MAX;) {
    Blob *blob = link->data;
    link = link->prev;
    if (blob->body)
      remove_blob(blobs, blob);
  }
}

static gboolean
send_open(GwBlobs *blobs, const Blob *blob)
{
  GwBlobMessage wanted = { .size = blob->size };

  memcpy(wanted.sha256, blob->sha256, sizeof wanted.sha256);
  return blobs->open(&wanted, blobs->user);
}

static Blob *
ask_for(GwBlobs *blobs, const guint8 sha256[GW_SHA256_LEN], guint64 size)
{
  Blob *blob = g_new0(Blob, 1);

  memcpy(blob->sha256, sha256, sizeof blob->sha256);
  blob->size = size;
  blob->link.data = blob;
  if (!send_open(blobs, blob)) {
    g_free(blob);
    return NULL;
  }
  make_room(blobs);
  g_hash_table_insert(blobs->by_sha256, blob->sha256, blob);
  g_queue_push_head_link(&blobs->recent, &blob->link);
  return blob;
}

GwBody *
gw_blobs_find(GwBlobs *blobs, const guint8 sha256[GW_SHA256_LEN])
{
  Blob *blob = g_hash_table_lookup(blobs->by_sha256, sha256);

  if (!blob || !blob->body)
    return NULL;
  g_queue_unlink(&blobs->recent, &blob->link);
  g_queue_push_head_link(&blobs->recent, &blob->link);
  return blob->body;
}

GwBlobWait *
gw_blobs_wait(GwBlobs *blobs, const guint8 sha256[GW_SHA256_LEN], guint64 size, GwBlobReady ready,
              gpointer user)
{
  Blob *blob = g_hash_table_lookup(blobs->by_sha256, sha256);
  GwBlobWait *wait;

  if (!blob)
    blob = ask_for(blobs, sha256, size);
  if (!blob)
    return NULL;
  wait = g_new0(GwBlobWait, 1);
  *wait = (GwBlobWait){ blob, ready, user };
  g_queue_push_tail(&blob->waits, wait);
  return wait;
}

void
gw_blobs_cancel(GwBlobs *blobs, GwBlobWait *wait)
{
  g_queue_remove(&wait->blob->waits, wait);
  g_free(wait);
}

/* The blob may go while they are told. */
static void
tell_all(GQueue *waits, GwBody *body, gboolean is_busy)
{
  GwBlobWait *wait;

  while ((wait = g_queue_pop_head(waits)) != NULL) {
    GwBlobReady ready = wait->ready;
    gpointer user = wait->user;
    g_free(wait);
    ready(body, is_busy, user);
  }
}

/* Nothing came, or nothing of use. */
static void
fail(GwBlobs *blobs, Blob *blob, gboolean is_busy)
{
  GQueue waits = blob->waits;

  g_queue_init(&blob->waits);
  remove_blob(blobs, blob);
  tell_all(&waits, NULL, is_busy);
}

void
gw_blobs_arrived(GwBlobs *blobs, const GwBlobMessage *message, int *fd)
{
  Blob *blob = g_hash_table_lookup(blobs->by_sha256, message->sha256);
  char etag[GW_SHA256_HEX_LEN + 3] = "\"";

  if (!blob || blob->body)
    return;
  gw_hex(message->sha256, GW_SHA256_LEN, etag + 1);
  etag[33] = '"'; /* half of it tells images apart well enough, and heads stay short */
  etag[34] = '\0';
  if (*fd >= 0) {
    blob->body = gw_body_new_fd(*fd, blob->size, etag, NULL);
    *fd = -1;
  }
  if (!blob->body) {
    fail(blobs, blob, message->is_busy || message->size > 0); /* with a size: its descriptor was dropped */
    return;
  }
  g_autoptr(GwBody) body = gw_body_ref(blob->body);
  GQueue waits = blob->waits;
  g_queue_init(&blob->waits);
  tell_all(&waits, body, FALSE);
}

void
gw_blobs_ask_again(GwBlobs *blobs)
{
  for (GList *link = blobs->recent.head; link; link = link->next) {
    Blob *blob = link->data;
    if (!blob->body)
      (void)send_open(blobs, blob);
  }
}

static Blob *
find_awaited(GwBlobs *blobs)
{
  for (GList *link = blobs->recent.head; link; link = link->next) {
    if (!((Blob *)link->data)->body)
      return link->data;
  }
  return NULL;
}

/* Each time from the start: who is told may look for other blobs. */
void
gw_blobs_give_up(GwBlobs *blobs)
{
  Blob *blob;

  while ((blob = find_awaited(blobs)) != NULL)
    fail(blobs, blob, TRUE);
}

guint
gw_blobs_count(const GwBlobs *blobs)
{
  return blobs->recent.length;
}
