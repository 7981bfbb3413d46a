/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The only way into the cache: reads a descriptor (a pipe from the wan worker, a file from an import), writes
 * a .part, hashes while writing, stops at its cap, and ends in a seal or an error. One per digest at a time.
 */
#pragma once
#include "store/blob.h"

typedef struct {
  guint64 size;                 /* expected; 0 = unknown (import) */
  guint8 sha256[GW_SHA256_LEN]; /* expected; all zero = unknown: the result names it */
  const GwKeyring *image_keys;  /* with @signature: an image signature that must hold too; or NULL */
  const char *signature;
  guint64 max_size;
  gint64 idle_ms; /* the sender may be silent for so long; 0 = for ever: somebody else watches it */
  guint64 offset; /* where the bytes begin: what gw_store_part() said, or 0 */
} GwExpected;

typedef struct GwIngest GwIngest;
/* @sealed is borrowed for the call; NULL: @error says what failed. The part of a known digest is kept for
 * resume after OFFLINE, STOPPED, BUSY and INTERNAL. UNTRUSTED = not what was announced, BAD_INPUT = too
 * large, TIMED_OUT, CORRUPT = the part was not what gw_store_part() had said, NO_SPACE. */
typedef void (*GwIngestDone)(GwIngest *ingest, GwSealed *sealed, const GError *error, gpointer user);
/* Room is reserved first (NO_SPACE). Takes @fd, also on failure, and reads it to its end in the pool. BUSY =
 * this digest, or too many, are on their way. The ingest is freed after @done. */
GwIngest *gw_ingest_start(GwStore *store, const GwExpected *expected, int fd, GwIngestDone done,
                          gpointer user, GError **error);
/* The sender begins again at 0: what was there is dropped. To be called before its first byte is written. */
void gw_ingest_restart(GwIngest *ingest);
/* The sender failed: end as OFFLINE, keeping the part, although the pipe was closed cleanly. Call before the
 * write end closes, or the end of file counts as the end of the image and is checked by size and digest. */
void gw_ingest_abort(GwIngest *ingest);
/* The sender is gone, and what it sent is of no use: end as OFFLINE, now. */
void gw_ingest_cancel(GwIngest *ingest);
guint64 gw_ingest_received(const GwIngest *ingest); /* a gauge */
/* How many bytes of a part are there, and under which validator it was begun ("" = none). */
guint64 gw_store_part(GwStore *store, const guint8 sha256[GW_SHA256_LEN], char ret_validator[128]);
void gw_store_set_part_validator(GwStore *store, const guint8 sha256[GW_SHA256_LEN], const char *validator);
