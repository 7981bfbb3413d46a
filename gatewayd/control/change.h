/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One change of what is true: the rows that it writes and the events that say it, committed together or not
 * at all. Whoever waits for it is called after the commit; the events are told then. Main thread. */
#pragma once
#include "base/log.h"
#include "control/events.h"

typedef struct GwChange GwChange;
/* @caller (copied) or NULL: nobody asked, it happened. */
GwChange *gw_change_new(GwCore *core, const GwCaller *caller);
void gw_change_free(GwChange *change);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwChange, gw_change_free)
/* Rows are added to this. */
GwBatch *gw_change_batch(GwChange *change);

/* What an event is about. Its subject is the first part of its type: "node.adopted" is about the node. */
typedef struct {
  const char *node; /* or NULL */
  gint64 firmware_id, rule_id, update_id;
  const char *name; /* of the subject when it is none of these: an upstream, a plugin, a product */
  gboolean is_final;
  const char *reason; /* why, for programs that do not read sentences; or NULL */
} GwAbout;
void gw_change_say(GwChange *change, const char *type, const GwAbout *about, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Takes @change. @done (or NULL) is called once, later, with NULL when everything is durable. */
void gw_change_commit(GwChange *change, GwDbDone done, gpointer user);
/* The same without @done, or nothing at all if it changes nothing. */
void gw_change_commit_if_any(GwChange *change);
/* The same, ending an operator's command: @result (floating, or NULL) is what it hears. */
void gw_change_finish(GwChange *change, GwThen then, GVariant *result);
/* End a command that changes nothing; later, as always. They take @error, or sink @result. */
void gw_then_fail(GwCore *core, GwThen then, GError *error);
void gw_then_succeed(GwCore *core, GwThen then, GVariant *result);
/* The disk is full: whoever waits for a command hears that it is done, but not written yet. */
void gw_changes_wait(GwCore *core);
/* The database is closed: whoever still waits hears STOPPED, whether it was written or not. */
void gw_changes_abandon(GwCore *core);
