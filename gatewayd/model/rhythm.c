/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/rhythm.h"

static gint64
backoff_ms(gint64 poll_ms, guint n_failures)
{
  gint64 wait_ms = MIN(poll_ms, GW_RHYTHM_FIRST_BACKOFF_MS);
  gint64 max_ms = MAX(poll_ms, GW_RHYTHM_MAX_BACKOFF_MS);

  for (guint i = 1; i < n_failures && wait_ms < max_ms; i++)
    wait_ms *= 2;
  return MIN(wait_ms, max_ms);
}

gint64
gw_rhythm_wait_ms(gint64 poll_ms, guint n_failures, gint64 retry_after_ms, guint32 chance)
{
  gint64 wait_ms = n_failures > 0 ? backoff_ms(poll_ms, n_failures) : poll_ms;
  gint64 pause_ms = MIN(retry_after_ms, GW_RHYTHM_MAX_PAUSE_MS);
  gint64 jitter_ms = wait_ms / 5 * (gint64)(chance >> 16) / 65535 - wait_ms / 10;

  return MAX(wait_ms + jitter_ms, pause_ms + pause_ms / 10 * (gint64)(chance & 65535) / 65535);
}
