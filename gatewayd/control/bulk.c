/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/bulk.h"

#include "base/error.h"

#define PER_TURN 100

struct GwBulk {
  GwCore *core;
  GwBulkWork work;
  gpointer job;
  guint next;
  GSource *source;
};

static void
bulk_free(GwBulk *bulk)
{
  bulk->core->bulk = NULL;
  g_source_destroy(bulk->source);
  g_source_unref(bulk->source);
  g_free(bulk);
}

static gboolean
turn(gpointer user)
{
  GwBulk *bulk = user;
  guint end = MIN(bulk->next + PER_TURN, bulk->work.n);
  GwBulkWork work = bulk->work;
  gpointer job = bulk->job;

  for (; bulk->next < end; bulk->next++)
    work.each(job, bulk->next);
  if (bulk->next < work.n)
    return G_SOURCE_CONTINUE;
  bulk_free(bulk); /* the end may begin another pass */
  work.done(job);
  return G_SOURCE_REMOVE;
}

gboolean
gw_bulk_begin(GwCore *core, const GwBulkWork *work, gpointer job, GError **error)
{
  GwBulk *bulk;

  if (core->bulk)
    return gw_fail(error, GW_ERROR_BUSY, "another command about many nodes is being done: wait until it is");
  bulk = core->bulk = g_new(GwBulk, 1);
  *bulk = (GwBulk){ core, *work, job, 0, g_idle_source_new() };
  g_source_set_priority(bulk->source, G_PRIORITY_DEFAULT);
  g_source_set_callback(bulk->source, turn, bulk, NULL);
  g_source_attach(bulk->source, core->context);
  return TRUE;
}

void
gw_bulk_stop(GwCore *core)
{
  GwBulk *bulk = core->bulk;
  GwBulkWork work;
  gpointer job;

  if (!bulk)
    return;
  work = bulk->work;
  job = bulk->job;
  bulk_free(bulk);
  work.stopped(job);
}
