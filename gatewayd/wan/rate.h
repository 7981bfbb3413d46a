/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes a second that all downloads together may take from the WAN link. Any thread. */
#pragma once
#include <glib.h>

typedef struct GwRate GwRate;
/* @bytes_per_s 0 = unlimited. */
GwRate *gw_rate_new(guint64 bytes_per_s);
GwRate *gw_rate_ref(GwRate *rate);
/* For what is taken from now on, also by downloads that run. */
void gw_rate_set(GwRate *rate, guint64 bytes_per_s);
void gw_rate_unref(GwRate *rate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwRate, gw_rate_unref)
/* @bytes were taken: for how many milliseconds the taker must not read. Half a second's worth may be ahead.
 */
gint64 gw_rate_take(GwRate *rate, gint64 now_ms, gsize bytes);
/* From both, of which any may be NULL: for the longer of the two. */
gint64 gw_rates_take(GwRate *const rates[2], gint64 now_ms, gsize bytes);
