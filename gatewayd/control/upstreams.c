/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/upstreams.h"

struct GwUpstreams {
  GHashTable *by_name; /* upstream->name -> GwUpstream */
};

static void
upstream_free(gpointer data)
{
  GwUpstream *upstream = data;

  g_free(upstream->name);
  g_free(upstream->catalog_sha256);
  g_free(upstream->status);
  g_free(upstream->problem);
  g_free(upstream);
}

GwUpstreams *
gw_upstreams_new(void)
{
  GwUpstreams *upstreams = g_new0(GwUpstreams, 1);

  upstreams->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, upstream_free);
  return upstreams;
}

void
gw_upstreams_free(GwUpstreams *upstreams)
{
  if (!upstreams)
    return;
  g_hash_table_unref(upstreams->by_name);
  g_free(upstreams);
}

GwUpstream *
gw_upstreams_find(const GwUpstreams *upstreams, const char *name)
{
  return g_hash_table_lookup(upstreams->by_name, name);
}

GwUpstream *
gw_upstreams_get(GwUpstreams *upstreams, const char *name)
{
  GwUpstream *upstream = gw_upstreams_find(upstreams, name);

  if (upstream)
    return upstream;
  upstream = g_new0(GwUpstream, 1);
  upstream->name = g_strdup(name);
  upstream->catalog_sha256 = g_strdup("");
  upstream->status = g_strdup("");
  upstream->problem = g_strdup("");
  upstream->is_well = TRUE;
  g_hash_table_insert(upstreams->by_name, upstream->name, upstream);
  return upstream;
}

void
gw_upstreams_iter(const GwUpstreams *upstreams, GHashTableIter *ret_iter)
{
  g_hash_table_iter_init(ret_iter, upstreams->by_name);
}

void
gw_upstreams_load(const GwUpstreamRow *row, gpointer user)
{
  GwUpstream *upstream = gw_upstreams_get(user, row->name);

  upstream->sequence = row->sequence;
  g_free(upstream->catalog_sha256);
  upstream->catalog_sha256 = g_strdup(row->catalog_sha256);
  upstream->expires_ms = row->expires_ms;
  upstream->polled_ms = row->polled_ms;
  upstream->changed_ms = row->changed_ms;
  upstream->is_stale = row->is_stale;
}

void
gw_upstreams_put(const GwUpstream *upstream, GwBatch *batch)
{
  GwUpstreamRow row = {
    .name = upstream->name,
    .sequence = upstream->sequence,
    .catalog_sha256 = upstream->catalog_sha256,
    .etag = "",
    .last_modified = "",
    .expires_ms = upstream->expires_ms,
    .polled_ms = upstream->polled_ms,
    .changed_ms = upstream->changed_ms,
    .is_stale = upstream->is_stale,
    .status = gw_upstream_words(upstream),
  };

  gw_rows_put_upstream(batch, &row);
}

GwFreshness
gw_upstreams_freshness(const GwUpstreams *upstreams, const char *name, const GwNow *now)
{
  const GwUpstream *upstream = gw_upstreams_find(upstreams, name);

  return gw_catalog_freshness(upstream ? upstream->expires_ms : 0, now);
}

const char *
gw_upstream_words(const GwUpstream *upstream)
{
  return *upstream->problem ? upstream->problem : upstream->status;
}
