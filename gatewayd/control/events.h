/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts that happened, numbered. An event is made as part of a change, is persisted with it, and only then
 * told. The newest are kept in memory for readers that follow; older ones are read from the database. Main
 * thread. */
#pragma once
#include "control/commands.h"
#include "store/rows.h"

typedef struct {
  gint64 id, wall_ms;
  char *type;                   /* "update.succeeded" */
  char *subject_kind, *subject; /* "node", "02:00:..." */
  char *node;                   /* "" = none; 0 = none for the numbers */
  gint64 firmware_id, rule_id, update_id;
  gboolean is_final; /* says how an update ended */
  guint n_refs;      /* beyond the first */
  char *data;        /* JSON object: "text", a sentence for people; "reason", "product", "version",
                      * "rule-name"; "who", "door", "address" of a person */
} GwEvent;
/* Everybody who took one frees it. */
GwEvent *gw_event_ref(GwEvent *event);
void gw_event_free(GwEvent *event);
GwEvent *gw_event_from_row(const GwEventRow *row);
void gw_event_put(GwBatch *batch, const GwEvent *event);
/* a{sv}, floating: id, time, type, subject-kind, subject, node, firmware, rule, update, final, and the
 * members of data as texts; what says nothing is left out. */
GVariant *gw_event_variant(const GwEvent *event);
/* The same from a row of the database's own listing. */
GVariant *gw_event_variant_from_row(GVariant *row);

typedef struct GwEvents GwEvents;
GwEvents *gw_events_new(GMainContext *context);
void gw_events_free(GwEvents *events);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwEvents, gw_events_free)
/* Takes @event, which is on disk now. */
void gw_events_tell(GwEvents *events, GwEvent *event);
/* Told at most 4 times a second with the newest id. */
void gw_events_set_listener(GwEvents *events, void (*newest)(gint64 id, gpointer user), gpointer user);
/* Id of the newest event that was told, and of the oldest that is in memory (newest + 1 = none is). */
gint64 gw_events_newest(const GwEvents *events);
gint64 gw_events_oldest_held(const GwEvents *events);
void gw_events_set_newest(GwEvents *events, gint64 id); /* at start, from the database */
/* Of those in memory the first with an id greater than @after_id; walk on with ->next. Its data: GwEvent. */
const GList *gw_events_after(const GwEvents *events, gint64 after_id);
