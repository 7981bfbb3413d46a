/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of the cache, shared by its files: blob.c (the table and the folders), serve.c (checks and
 * descriptors), room.c (what fits), parts.c (what is half here) and ingest.c. Main thread, except where it
 * says "any thread". */
#pragma once
#include <sys/stat.h>

#include "base/mailbox.h"
#include "store/blob.h"
#include "store/ingest.h"
#include "store/seal.h"

#define GW_PART_NAME_LEN 80

typedef struct {
  guint8 sha256[GW_SHA256_LEN]; /* its key in the table */
  guint64 size;
  guint64 order;       /* of the last serving: the least goes first */
  GwSealed *sealed;    /* NULL = not looked at since the start */
  struct stat stamp;   /* of the file when it was hashed; st_ino 0 = never */
  gint64 hashed_ms;    /* boot clock */
  gboolean is_settled; /* a later change cannot have the same stamp */
  guint n_adoptions;   /* how often a file was published in its place */
  int memory_fd;       /* sealed copy, or -1 */
  gboolean is_busy;    /* a task or a callback is at it: it must stay */
  gboolean is_removed; /* not in the table any more; freed when it is no longer busy */
  GQueue waiters;      /* serve.c's */
} GwBlob;

struct GwStore {
  GwStoreLimits limits;
  int blobs_fd, parts_fd, quarantine_fd;
  GwMailbox *mailbox;
  GThreadPool *hashing; /* short work; ingest has threads of its own, because senders are slow */
  GThreadPool *reading;
  GMutex moving;        /* held while a name in blobs/ changes; any thread */
  GHashTable *arriving; /* set of sha256 that were published and not yet adopted; guarded by moving */
  GHashTable *blobs;    /* sha256 -> GwBlob, owned */
  GHashTable *parts;    /* sha256 -> GwPart, owned: those at rest */
  GHashTable *ingests;  /* set of GwIngest that run */
  guint64 blob_bytes, part_bytes, reserved_bytes, memory_bytes;
  guint64 last_order;
};

/* --- blob.c --- */
/* "ab/<64 hex>" below blobs/. Any thread. */
#define GW_BLOB_NAME_LEN 68
void gw_blob_name(const guint8 sha256[GW_SHA256_LEN], char ret_name[GW_BLOB_NAME_LEN]);
GwBlob *gw_store_lookup(const GwStore *store, const guint8 sha256[GW_SHA256_LEN]);
/* It was published: into the table, most recently used. *sealed becomes the one that others hold already, so
 * that all who hold the blob hold the same. NOT_FOUND = it was removed meanwhile. */
gboolean gw_store_adopt(GwStore *store, GwSealed **sealed, GError **error);
/* Was it published a moment ago? Then its file must stay. */
gboolean gw_store_is_arriving(GwStore *store, const guint8 sha256[GW_SHA256_LEN]);
/* Out of the table; the file is the caller's business. */
void gw_store_forget(GwStore *store, GwBlob *blob);
/* Call when what made it busy has ended. */
void gw_blob_release(GwStore *store, GwBlob *blob);
/* Moves the part parts/@part to its place, durably. Any thread. */
gboolean gw_store_publish(GwStore *store, const char *part, const guint8 sha256[GW_SHA256_LEN],
                          GError **error);
/* Moves the file away, if it is still the one that @checked describes. Any thread. */
void gw_store_quarantine(GwStore *store, const guint8 sha256[GW_SHA256_LEN], const struct stat *checked);
void gw_store_empty_quarantine(GwStore *store, guint n_kept);

/* --- serve.c --- */
void gw_store_drop_memory(GwStore *store, GwBlob *blob);
/* Those that wait for it hear @error. */
void gw_blob_fail_waiters(GwBlob *blob, const GError *error);
void gw_blob_free_waiters(GwBlob *blob);
/* The work of store->hashing. */
void gw_store_hash(gpointer task, gpointer store);

/* --- room.c --- */
/* NO_SPACE = @bytes more fit neither the cache nor the disk; else they are counted until released. */
gboolean gw_store_reserve(GwStore *store, guint64 bytes, GError **error);
void gw_store_unreserve(GwStore *store, guint64 bytes);
/* How much an image of unknown size may take. */
guint64 gw_store_room(const GwStore *store);
guint64 gw_store_free_on_disk(const GwStore *store);

/* --- parts.c --- */
typedef struct {
  guint8 sha256[GW_SHA256_LEN];
  guint64 size;
  gint64 changed_ms;  /* wall */
  gboolean is_wanted; /* somebody asked for it since the start */
} GwPart;
void gw_parts_scan(GwStore *store);
/* parts/<64 hex>.part, or a name of its own when the digest is not known. */
void gw_part_name(const guint8 sha256[GW_SHA256_LEN], char ret_name[GW_PART_NAME_LEN]);
/* For writing at @offset, which the part must have reached; 0 makes it anew. Any thread. */
int gw_part_open(GwStore *store, const char *name, guint64 offset, GError **error);
/* It is being written now / it rests again with what it has. */
void gw_part_take(GwStore *store, const guint8 sha256[GW_SHA256_LEN]);
void gw_part_rest(GwStore *store, const guint8 sha256[GW_SHA256_LEN]);
/* With its validator. Any thread. */
void gw_part_drop(GwStore *store, const char *name);
/* Deletes resting parts that nobody asked for, oldest first. Returns freed bytes. */
guint64 gw_parts_evict(GwStore *store, guint64 bytes);

/* --- ingest.c --- */
/* The work of store->reading. */
void gw_ingest_run(gpointer ingest, gpointer store);
/* Its thread ends soon; nobody is called. */
void gw_ingest_stop(GwIngest *ingest);
