/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How updates ended and how long they took, counted: one line of statistics. Durations are kept as a number
 * in each of some hundred classes that grow by a quarter of an octave, so that median and ninth decile of any
 * number of updates are known to within an eighth without keeping one of them. Pure. */
#pragma once
#include "model/update.h"

#define GW_TALLY_CLASSES 108 /* up to 4 years; longer is the last one */

/* 0 for less than a second, and for what is negative: a clock that jumped. */
guint gw_tally_class(gint64 took_ms);
/* The middle of a class, ms. */
gint64 gw_tally_class_ms(guint class);
/* Of a succeeded update: from its first offer until it was heard. -1 = not succeeded. */
int gw_tally_class_of(const GwUpdate *update);

typedef struct {
  guint64 n[GW_N_UPDATE_STATES + 1]; /* by state; nodes that are told apart */
  guint64 n_inferred;                /* of those that succeeded */
  guint64 n_groups, n_downloads; /* updates of shared logins, and what their members downloaded: counted, and
                                    nothing is claimed of any member */
  guint64 took[GW_TALLY_CLASSES];
} GwTally;

/* Of those that ended by what the node did: 0..100, -1 = none has. Cancelled and superseded ones were ended
 * by a person or a newer rule, and say nothing about the firmware. */
int gw_tally_success_percent(const GwTally *tally);
/* The duration that @percent of the successes did not exceed; -1 = there is none. */
gint64 gw_tally_took_ms(const GwTally *tally, guint percent);
