/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/tally.h"

/* Each octave of seconds is cut into four. */
#define PARTS 4

guint
gw_tally_class(gint64 took_ms)
{
  guint64 s = took_ms < 1000 ? 0 : (guint64)took_ms / 1000;
  guint octave = 0;

  if (s == 0)
    return 0;
  while (s >> (octave + 1))
    octave++;
  return MIN(1 + octave * PARTS + (guint)((s * PARTS >> octave) - PARTS), GW_TALLY_CLASSES - 1);
}

gint64
gw_tally_class_ms(guint class)
{
  guint octave, part;

  if (class == 0)
    return 500;
  octave = (MIN(class, GW_TALLY_CLASSES - 1) - 1) / PARTS;
  part = (MIN(class, GW_TALLY_CLASSES - 1) - 1) % PARTS;
  return ((gint64)1 << octave) * (2 * (PARTS + part) + 1) * 1000 / (2 * PARTS);
}

int
gw_tally_class_of(const GwUpdate *update)
{
  return update->state == GW_UPDATE_SUCCEEDED ? (int)gw_tally_class(update->finished_ms - update->created_ms)
                                              : -1;
}

int
gw_tally_success_percent(const GwTally *tally)
{
  guint64 n_good = tally->n[GW_UPDATE_SUCCEEDED];
  guint64 n = n_good + tally->n[GW_UPDATE_FAILED] + tally->n[GW_UPDATE_REFUSED] + tally->n[GW_UPDATE_EXPIRED];

  return n ? (int)(n_good * 100 / n) : -1; /* rounded down: 100 means all of them */
}

gint64
gw_tally_took_ms(const GwTally *tally, guint percent)
{
  guint64 n = 0, n_below = 0;

  for (guint i = 0; i < GW_TALLY_CLASSES; i++)
    n += tally->took[i];
  for (guint i = 0; i < GW_TALLY_CLASSES; i++) {
    n_below += tally->took[i];
    if (n && n_below * 100 >= n * percent)
      return gw_tally_class_ms(i);
  }
  return -1;
}
