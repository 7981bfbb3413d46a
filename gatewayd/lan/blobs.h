/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sealed blobs that this worker has open: one descriptor for each, whoever downloads it, asked of the
 * core once and kept while it is used, and a while longer. One thread. */
#pragma once
#include "lan/core-link.h"
#include "net/body.h"

#define GW_BLOBS_MAX 128 /* open at once, beyond those in use */

typedef struct GwBlobs GwBlobs;
GwBlobs *gw_blobs_new(GwCoreLink *core);
void gw_blobs_free(GwBlobs *blobs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwBlobs, gw_blobs_free)

/* The body if it is open, else NULL: then gw_blobs_want(). A new reference. */
GwBody *gw_blobs_get(GwBlobs *blobs, const guint8 sha256[GW_SHA256_LEN]);
/* @body (borrowed) NULL = later: it is busy, or cannot be read just now. Called once, later. */
typedef void (*GwBlobDone)(GwBody *body, gpointer user);
/* FALSE = later: the core is away; @done is not called. */
gboolean gw_blobs_want(GwBlobs *blobs, const guint8 sha256[GW_SHA256_LEN], guint64 size, GwBlobDone done,
                       gpointer user);
/* The one who wanted left. */
void gw_blobs_forget(GwBlobs *blobs, gpointer user);
