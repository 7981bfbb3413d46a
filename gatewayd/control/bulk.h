/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One command about thousands of nodes: done some at a time, so that nodes are answered between, and
 * committed as one change. One at a time. Main thread. */
#pragma once
#include "control/core-private.h"

typedef struct {
  guint n;
  /* Never fails: what can be wrong was checked, or is checked in @each of an earlier pass. */
  void (*each)(gpointer job, guint index);
  /* All were done. Frees the job. */
  void (*done)(gpointer job);
  /* The gateway is stopping: nothing is done any more. Frees the job. */
  void (*stopped)(gpointer job);
} GwBulkWork;
/* FALSE = BUSY, and the job stays yours. @work is static or lives in @job. */
gboolean gw_bulk_begin(GwCore *core, const GwBulkWork *work, gpointer job, GError **error);
void gw_bulk_stop(GwCore *core);
