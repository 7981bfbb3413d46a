/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the configuration to what an upstream's workers need: which keys mean something to the host. Pure but
 * for no file: credentials are read when they are used. */
#pragma once
#include "wan/worker.h"

/* The [wan] section: what all upstreams share. */
typedef struct {
  GwSettings *settings;
  GwRate *rate;
  GwRoute *route; /* to the vendors' own clouds */
} GwSite;
/* @values: a{ss} as written. */
gboolean gw_site_read(GVariant *values, GwSite *ret_site, GError **error);
void gw_site_clear(GwSite *site);

/* rate= of a section as written; 0 = unlimited. */
guint64 gw_site_rate(GVariant *values);
/* Do two sections (@values may be NULL: it is gone) say the same, but for the rate? Then @rate is that of
 * @values from now on, and nothing begins anew: it changes with the hours. */
gboolean gw_site_follow(GVariant *values, GVariant *former, GwRate *rate);

/* One [upstream NAME] section. The caller fills in functions and out. */
gboolean gw_site_upstream(const GwSite *site, const GatewayPlugin *plugin, const char *name, GVariant *values,
                          GwWorkerSetup *ret_setup, GError **error);
/* For what is passed on to a vendor's own cloud: no credentials of ours, and its own way to find hosts. */
void gw_site_passing(const GwSite *site, GwHttpOptions *ret_http);
