/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is being sent what, and how much of it has arrived: one entry for each pin (token) whose bytes are
 * moving. It counts the caps, keeps the gauges that the core may look at, and tells the core the three facts:
 * begun, complete (every byte of the image was acknowledged, however many requests that took), interrupted.
 * One thread. */
#pragma once
#include "lan/core-link.h"
#include "net/transfer.h"

#define GW_TRANSFERS_MAX (GW_GAUGE_COUNT * 4)

typedef struct GwTransfers GwTransfers;
/* 0 = no limit. */
typedef struct {
  guint max_total, max_per_segment, max_per_node;
} GwTransferCaps;

/* @ret_gauges_fd: a memfd of GwGauge slots, owned by the result. NULL and error if it cannot be made. */
GwTransfers *gw_transfers_new(GError **error);
void gw_transfers_free(GwTransfers *transfers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwTransfers, gw_transfers_free)
int gw_transfers_gauges_fd(const GwTransfers *transfers);
/* Where facts are told; before the first transfer. */
void gw_transfers_set_core(GwTransfers *transfers, GwCoreLink *core);
void gw_transfers_set_caps(GwTransfers *transfers, const GwTransferCaps *caps);

typedef struct {
  const char *token, *node, *address; /* numeric, of the peer: its /24 or /64 is the segment */
  guint64 size;                       /* of the whole image */
  gboolean is_never_cut;              /* served beyond the caps, and counted */
} GwTransferWho;

/* One request for bytes of the image. Give @observer and the returned pointer to the reply or stream. NULL: a
 * cap is reached, the node must hear "later". @stop(user) is called when the core ends the pin, at most once,
 * before `done`. */
typedef struct GwRunning GwRunning;
GwRunning *gw_transfers_begin(GwTransfers *transfers, const GwTransferWho *who, void (*stop)(gpointer user),
                              gpointer user);
extern const GwTransferObserver GW_TRANSFER_OBSERVER; /* its user is the GwRunning; `done` frees it */
/* For bytes that went another way than a reply (blocks of a session): they have arrived. */
void gw_transfers_arrived(GwTransfers *transfers, const GwTransferWho *who, guint64 offset, guint64 size);
/* The session that fetched by blocks ended: interrupted, unless it was complete. */
void gw_transfers_left(GwTransfers *transfers, const char *token);

/* STOP of the core: every running request of that pin is stopped. */
void gw_transfers_stop(GwTransfers *transfers, const char *token);
/* Tokens with a running request; NULL-terminated, caller frees. */
char **gw_transfers_running(const GwTransfers *transfers);
guint gw_transfers_count(const GwTransfers *transfers); /* running requests */
