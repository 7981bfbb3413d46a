/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images that this worker can send: one descriptor per blob, asked of the core once and kept as long as
 * there is room. Only the core hands them out, and only sealed ones. One thread. */
#pragma once
#include "link/messages.h"
#include "net/body.h"

#define GW_BLOBS_MAX 64 /* kept open; those that are being sent live on besides */

typedef struct GwBlobs GwBlobs;
/* Sends one OPEN; FALSE: it cannot go now. */
typedef gboolean (*GwBlobsOpen)(const GwBlobMessage *wanted, gpointer user);
GwBlobs *gw_blobs_new(GwBlobsOpen open, gpointer user);
/* Nobody who waits is told any more. */
void gw_blobs_free(GwBlobs *blobs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwBlobs, gw_blobs_free)

/* @body NULL: @is_busy = later, else it cannot be read. Borrowed. */
typedef void (*GwBlobReady)(GwBody *body, gboolean is_busy, gpointer user);
typedef struct GwBlobWait GwBlobWait;
/* The body if it is here, borrowed. */
GwBody *gw_blobs_find(GwBlobs *blobs, const guint8 sha256[GW_SHA256_LEN]);
/* It is not: asks the core, unless it was asked already; @ready is called once, later. NULL: the core cannot
 * be asked now. */
GwBlobWait *gw_blobs_wait(GwBlobs *blobs, const guint8 sha256[GW_SHA256_LEN], guint64 size, GwBlobReady ready,
                          gpointer user);
void gw_blobs_cancel(GwBlobs *blobs, GwBlobWait *wait);
/* A BLOB message; takes *fd if it uses it. */
void gw_blobs_arrived(GwBlobs *blobs, const GwBlobMessage *message, int *fd);
/* The core is there again: what is waited for is asked once more. / It is gone: who waits hears busy. */
void gw_blobs_ask_again(GwBlobs *blobs);
void gw_blobs_give_up(GwBlobs *blobs);
guint gw_blobs_count(const GwBlobs *blobs);
