/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is being sent to whom: caps, gauges, and the facts begun, complete and interrupted, told once each. A
 * transfer is that of a pin, however many requests a node needs for it; it is complete when every byte of the
 * image was acknowledged, and not a byte earlier. One thread, the reactor's. */
#pragma once
#include "lan/gauges.h"
#include "net/address.h"
#include "net/reactor.h"

#define GW_TRANSFERS_PLACE_MS                                                                                \
  30000 /* after its last piece, if there are more to come, a place is kept so long */
#define GW_TRANSFERS_BRIEF_MS 250    /* what is complete sooner is told once: complete */
#define GW_TRANSFERS_REMEMBERED 4096 /* pins whose coverage is kept for a resumption */

typedef struct {
  guint total, per_segment, per_node; /* a segment: an IPv4 /24, an IPv6 /64 */
} GwTransferCaps;

/* Texts are borrowed for the call. */
typedef struct {
  const char *token, *node;
  const GwAddress *peer; /* or NULL: a line */
  guint64 size;          /* of the image */
  gboolean is_never_cut; /* begins over the caps, and is not stopped */
  /* Several nodes share the name: the cap of one node is not theirs, and what each of them is sent is begun,
   * complete and interrupted for itself. */
  gboolean is_group;
  guint idle_ms; /* of a transfer in pieces: so long after the last piece it counts as interrupted */
} GwTransferOf;

typedef struct GwTransfers GwTransfers;
typedef void (*GwTransfersTell)(const GwTold *told, gpointer user);
GwTransfers *gw_transfers_new(GwReactor *reactor, GwGauges *gauges, GwTransfersTell tell, gpointer user);
/* Tells nothing more. Nothing may be sending. */
void gw_transfers_free(GwTransfers *transfers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwTransfers, gw_transfers_free)
void gw_transfers_set_caps(GwTransfers *transfers, const GwTransferCaps *caps);
guint gw_transfers_open(const GwTransfers *transfers);
/* NULL-terminated tokens of those that are open, a group's once for each member that is being sent it; caller
 * frees with g_strfreev(). */
char **gw_transfers_tokens(const GwTransfers *transfers);

gboolean gw_transfers_has_room(const GwTransfers *transfers, const GwTransferOf *of);
/* A reply or stream that begins at @offset. */
typedef struct GwSending GwSending;
/* @cut(user) when it must end: then call gw_sending_end(), now or later. */
GwSending *gw_transfers_begin(GwTransfers *transfers, const GwTransferOf *of, guint64 offset,
                              void (*cut)(gpointer user), gpointer user);
/* So many bytes of this reply were acknowledged by now; only for the gauge. */
void gw_sending_progress(GwSending *sending, guint64 acked);
/* These bytes of the image were acknowledged. */
void gw_sending_covered(GwSending *sending, guint64 offset, guint64 size);
/* Frees it. @is_cut: the node went, or was cut, before it had all of what it asked for. */
void gw_sending_end(GwSending *sending, gboolean is_cut);

/* Ends what runs for @token, unless it is never-cut. */
void gw_transfers_stop(GwTransfers *transfers, const char *token, const char *reason);
