/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one upstream has yet to take: a row per event, here and on disk, oldest first. Rows are written with
 * the change that says their event, and deleted when it was taken. Readings (how far an update is) replace
 * one another and are the first to go; how an update ended stays until it was taken. What was refused for
 * good is dead: it is kept for an operator, and waits for nobody. Knows no time and no link. Main thread. */
#pragma once
#include "control/events.h"

typedef struct {
  const char *upstream; /* borrowed from the outbox */
  GwEvent *event;
  gboolean is_dead;
  guint n_tries; /* how often it was refused */
  char *error;   /* why; "" or NULL = it was not */
} GwOutboxItem;

typedef struct GwOutbox GwOutbox;
/* Takes no event with an id up to @since_id: their rows were never written. */
GwOutbox *gw_outbox_new(const char *upstream, gint64 since_id);
void gw_outbox_free(GwOutbox *outbox);
const char *gw_outbox_name(const GwOutbox *outbox);

/* The event's row, as part of the change that says it. */
void gw_outbox_put(const GwOutbox *outbox, GwBatch *batch, const GwEvent *event);
/* It is on disk: from now on it can be picked. */
void gw_outbox_add(GwOutbox *outbox, GwEvent *event);
/* At start. */
void gw_outbox_load(GwOutbox *outbox, const GwOutboxRow *row, const GwEventRow *event);

typedef struct {
  guint max_events;
  gsize max_bytes; /* of texts; the first is picked however large it is */
} GwOutboxPick;
/* The oldest living ones; their events (GwEvent), a reference each. */
GPtrArray *gw_outbox_pick(const GwOutbox *outbox, const GwOutboxPick *pick);

/* What became of one. One that went in the meantime, replaced or trimmed, is nobody's business any more. */
void gw_outbox_taken(GwOutbox *outbox, gint64 event_id, GwBatch *batch);
void gw_outbox_refused(GwOutbox *outbox, gint64 event_id, const char *why, GwBatch *batch);

/* Its upstream went: what says an end of an update becomes dead, the rest goes. Returns how many died now. */
guint gw_outbox_retire(GwOutbox *outbox, GwBatch *batch);
/* It is back: those that died of that live again. No event with an id up to @since_id is taken. */
void gw_outbox_return(GwOutbox *outbox, gint64 since_id, GwBatch *batch);

/* Of the dead: back among the living, or gone. FALSE = there is none of that id. */
gboolean gw_outbox_revive(GwOutbox *outbox, gint64 event_id, GwBatch *batch);
gboolean gw_outbox_drop(GwOutbox *outbox, gint64 event_id, GwBatch *batch);

/* When there are more than @max, the oldest that say no end go until a sixteenth is free; returns how many
 * went. */
guint gw_outbox_trim(GwOutbox *outbox, guint max, GwBatch *batch);

guint gw_outbox_count(const GwOutbox *outbox); /* living and dead */
guint gw_outbox_count_dead(const GwOutbox *outbox);
/* Adds the dead (GwOutboxItem, borrowed until the next change), oldest first. */
void gw_outbox_list_dead(const GwOutbox *outbox, GPtrArray *items);
