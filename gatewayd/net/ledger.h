/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internal to net. Which bytes of a connection belong to which transfer, so that what the kernel says about
 * the connection (so many bytes not yet acknowledged) becomes what an observer wants to know about a
 * transfer. Pure: positions are arguments. A position counts every byte written to the connection since it
 * began. */
#pragma once
#include "net/transfer.h"

#define GW_LEDGER_PROGRESS_MS 250

typedef struct GwLedgerEntry GwLedgerEntry;
/* All zero = empty. */
typedef struct {
  GwLedgerEntry *first, *last;
} GwLedger;

typedef struct {
  guint64 acked_bytes; /* of bodies, newly acknowledged */
  guint n_complete;    /* entries that are through */
  guint n_cut;         /* entries that never will be */
} GwLedgerNews;

/* From now on body bytes are those of a new entry, until @size (at least 1) of them were written. */
void gw_ledger_open(GwLedger *ledger, const GwTransferObserver *observer, gpointer user, guint64 offset,
                    guint64 size);
/* @n bytes of the newest entry's body were written; the connection now stands at @position. */
void gw_ledger_wrote(GwLedger *ledger, guint64 n, guint64 position);
/* Of all written, so far @position, the last @unacked bytes are not acknowledged. Observers of what is
 * through are told; those of what moves are told at most every GW_LEDGER_PROGRESS_MS. A callback may end the
 * connection. */
GwLedgerNews gw_ledger_settle(GwLedger *ledger, guint64 position, guint64 unacked, gint64 now_ms);
/* The connection is gone: the last word to every observer. */
GwLedgerNews gw_ledger_fail(GwLedger *ledger, guint64 position, guint64 unacked);
gboolean gw_ledger_is_empty(const GwLedger *ledger);
guint gw_ledger_size(const GwLedger *ledger);
