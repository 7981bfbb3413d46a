/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of each upstream: the catalog accepted last, and how it is. Main thread. */
#pragma once
#include "base/clock.h"
#include "base/config.h"
#include "model/catalog.h"
#include "store/rows.h"

typedef struct {
  char *name;
  gint64 sequence;      /* greatest that was accepted; never decreases */
  char *catalog_sha256; /* of that document; "" = none yet */
  gint64 expires_ms;    /* wall; 0 = none */
  gint64 polled_ms, changed_ms;
  gboolean is_stale;  /* past its expiry, and said so */
  gboolean is_well;   /* what the WAN worker says of it */
  char *status;       /* its words */
  gboolean is_missed; /* a catalog came and could not be taken: it is to be announced again */
  char *problem;      /* why the last catalog was refused; "" = it was not */
} GwUpstream;

typedef struct GwUpstreams GwUpstreams;
GwUpstreams *gw_upstreams_new(void);
void gw_upstreams_free(GwUpstreams *upstreams);
/* Made if missing. */
GwUpstream *gw_upstreams_get(GwUpstreams *upstreams, const char *name);
GwUpstream *gw_upstreams_find(const GwUpstreams *upstreams, const char *name);
/* name -> GwUpstream */
void gw_upstreams_iter(const GwUpstreams *upstreams, GHashTableIter *ret_iter);
void gw_upstreams_load(const GwUpstreamRow *row, gpointer upstreams);
void gw_upstreams_put(const GwUpstream *upstream, GwBatch *batch);
/* Of the catalog accepted last; FRESH for imports. */
GwFreshness gw_upstreams_freshness(const GwUpstreams *upstreams, const char *name, const GwNow *now);
/* For people: the problem, else the worker's words. */
const char *gw_upstream_words(const GwUpstream *upstream);
