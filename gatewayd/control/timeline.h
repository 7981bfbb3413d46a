/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a node asked and heard, run by run: a repeated identical ask is one row (first, last, count). Runs are
 * kept in memory and written when they end, or when they have lasted ten minutes, twenty, forty... so that a
 * node that polls for ever costs the flash next to nothing. What happened to the node stands between them,
 * written with its event (change.c). Main thread. */
#pragma once
#include "store/rows.h"

typedef struct GwTimeline GwTimeline;
GwTimeline *gw_timeline_new(GwDb *db);
void gw_timeline_free(GwTimeline *timeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwTimeline, gw_timeline_free)

typedef struct {
  const char *node;
  const char *kind;         /* "asked", "told"...; static */
  const char *text;         /* equal text = the same run */
  gint64 first_ms, last_ms; /* wall */
  guint count;
} GwTimelineNote;
void gw_timeline_note(GwTimeline *timeline, const GwTimelineNote *note, gint64 boot_ms);
/* The run that lasts, not yet written or older on disk; FALSE = none. Texts are borrowed. */
gboolean gw_timeline_last(const GwTimeline *timeline, const char *node, GwTimelineRow *ret_row);
/* What is not on disk yet, or older there: oldest first. Rows and texts are borrowed for the call. */
void gw_timeline_unwritten(const GwTimeline *timeline, const char *node,
                           void (*each)(const GwTimelineRow *row, gpointer user), gpointer user);
/* @text as it is kept: at most so many bytes, cut between two characters. Caller frees. */
#define GW_TIMELINE_TEXT_MAX 160
char *gw_timeline_text(const char *text);
void gw_timeline_forget(GwTimeline *timeline, const char *node);
/* Adds what is due (at G_MAXINT64: everything) to @batch, and the contact times of those nodes by @contact.
 */
void gw_timeline_flush(GwTimeline *timeline, GwBatch *batch, gint64 boot_ms,
                       void (*contact)(GwBatch *batch, const char *node, gpointer user), gpointer user);
