/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The content-addressed cache. A GwSealed can only be made by store/seal.c after length, digest and (where
 * required) signature were checked, and only a GwSealed can be opened for serving. Main thread, but hashing
 * runs in the task pool. */
#pragma once
#include "base/digest.h"
#include "base/sign.h"

typedef struct GwStore GwStore;
typedef struct {
  guint64 max_bytes;        /* of the whole cache */
  guint64 max_image;        /* of one image */
  guint64 memory_budget;    /* bytes of images kept in sealed memfds */
  guint64 memory_max_image; /* larger ones are served from the file */
} GwStoreLimits;

/* @dir_fd: the cache folder (made: blobs/, parts/, quarantine/). What was published without a row is here
 * like any other blob, until it is found or evicted; parts are kept for resume, for 30 days. Everybody is
 * called later, in the thread-default context of now, in the order of asking for each blob. */
GwStore *gw_store_open(int dir_fd, const GwStoreLimits *limits, GError **error);
/* Not from one of its callbacks. Ends what runs (ingests keep their parts); nobody is called any more. */
void gw_store_close(GwStore *store);
typedef struct {
  guint64 used, max, n_blobs, pinned, free_on_disk;
} GwStoreUsage;
GwStoreUsage gw_store_usage(const GwStore *store);

/* A sealed blob: immutable, reference-counted. Holding one keeps it from eviction. */
typedef struct GwSealed GwSealed;
GwSealed *gw_sealed_ref(GwSealed *sealed);
void gw_sealed_unref(GwSealed *sealed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSealed, gw_sealed_unref)
const GwDigests *gw_sealed_digests(const GwSealed *sealed);
guint64 gw_sealed_size(const GwSealed *sealed);

/* The blob of that digest if it is here and holds what its name says; @size from its row (0 = any). The file
 * is looked at (whole hash, in the pool) the first time after start. @sealed is borrowed for the call.
 * CORRUPT = quarantined, fetch it again; NOT_FOUND = not here; UNTRUSTED = here, but not of that size. */
typedef void (*GwSealedDone)(GwSealed *sealed, const GError *error, gpointer user);
void gw_store_find(GwStore *store, const guint8 sha256[GW_SHA256_LEN], guint64 size, GwSealedDone done,
                   gpointer user);

/* A readable descriptor for the LAN worker: a memfd sealed against writing (filled and hashed now) for images
 * up to memory_max_image within the budget, else the file, hashed again if the last look is older than a day
 * or it is not the same unchanged file. @done gets a descriptor of its own to close, with a position of its
 * own, or -1 and an error (as gw_store_find()). */
typedef void (*GwServeDone)(int fd, gboolean is_memory, const GError *error, gpointer user);
void gw_store_serve(GwStore *store, GwSealed *sealed, GwServeDone done, gpointer user);
/* So that @bytes more fit the cache and the disk. Least recently served first, never one that is held or
 * named by @is_needed (NULL = none). Returns freed bytes. */
guint64 gw_store_make_room(GwStore *store, guint64 bytes,
                           gboolean (*is_needed)(const guint8 sha256[GW_SHA256_LEN], gpointer user),
                           gpointer user);
/* Names (64 hex) of all blobs present. For start-up reconciliation. */
GPtrArray *gw_store_list(const GwStore *store);
void gw_store_remove(GwStore *store, const guint8 sha256[GW_SHA256_LEN]);
