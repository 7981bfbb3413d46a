/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ids that are never given twice. They are counted in memory; every transaction takes along a reservation a
 * little ahead of what was given, so no durable row can hold an id that a later run gives again. Any thread.
 * Private to the database. */
#pragma once
#include "store/db-private.h"

typedef struct GwSequences GwSequences;
GwSequences *gw_sequences_new(void);
void gw_sequences_free(GwSequences *sequences);
/* Reads what was reserved; never goes back. */
gboolean gw_sequences_learn(GwSequences *sequences, GwConnection *connection, GError **error);
gint64 gw_sequences_next(GwSequences *sequences, const char *name);
/* Commits the open transaction, with the reservations that are due. @is_last: exact ones, so that a clean
 * stop skips nothing. After an error nothing is committed. */
gboolean gw_sequences_commit(GwSequences *sequences, GwConnection *connection, gboolean is_last,
                             GError **error);
