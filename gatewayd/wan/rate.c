/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/rate.h"

#define AHEAD_US G_GINT64_CONSTANT(500000)

struct GwRate {
  gatomicrefcount n_refs;
  GMutex mutex;
  guint64 bytes_per_s;
  gint64 paid_us; /* what was taken is paid for until then */
};

GwRate *
gw_rate_new(guint64 bytes_per_s)
{
  GwRate *rate = g_new0(GwRate, 1);

  g_atomic_ref_count_init(&rate->n_refs);
  g_mutex_init(&rate->mutex);
  rate->bytes_per_s = bytes_per_s;
  return rate;
}

GwRate *
gw_rate_ref(GwRate *rate)
{
  g_atomic_ref_count_inc(&rate->n_refs);
  return rate;
}

void
gw_rate_set(GwRate *rate, guint64 bytes_per_s)
{
  g_mutex_lock(&rate->mutex);
  if (rate->bytes_per_s != bytes_per_s)
    rate->paid_us = 0;
  rate->bytes_per_s = bytes_per_s;
  g_mutex_unlock(&rate->mutex);
}

void
gw_rate_unref(GwRate *rate)
{
  if (!rate || !g_atomic_ref_count_dec(&rate->n_refs))
    return;
  g_mutex_clear(&rate->mutex);
  g_free(rate);
}

gint64
gw_rate_take(GwRate *rate, gint64 now_ms, gsize bytes)
{
  gint64 ahead_us;

  g_mutex_lock(&rate->mutex);
  rate->paid_us = MAX(rate->paid_us, now_ms * 1000);
  if (rate->bytes_per_s)
    rate->paid_us += (gint64)(bytes * G_USEC_PER_SEC / rate->bytes_per_s);
  ahead_us = rate->bytes_per_s ? rate->paid_us - now_ms * 1000 : 0;
  g_mutex_unlock(&rate->mutex);
  return ahead_us > AHEAD_US ? (ahead_us - AHEAD_US) / 1000 : 0;
}

gint64
gw_rates_take(GwRate *const rates[2], gint64 now_ms, gsize bytes)
{
  gint64 wait_ms = 0;

  for (guint i = 0; i < 2; i++) {
    gint64 one_ms = rates[i] ? gw_rate_take(rates[i], now_ms, bytes) : 0;

    wait_ms = MAX(wait_ms, one_ms);
  }
  return wait_ms;
}
