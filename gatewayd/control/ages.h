/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How old rows are, by the time in which the gateway ran: a wall clock that is set thirty years on, or stood
 * at 1970, makes nothing older than it is. On each day of that time it is noted which ids come next; what has
 * a lesser one is older. Time in which the machine was off does not count: rows live longer then, within
 * their numbers. Main thread. */
#pragma once
#include "control/core-private.h"

/* Rows with lesser ids are so old; 0 = none is. */
typedef struct {
  gint64 event, timeline, update;
} GwOld;

GwAges *gw_ages_new(void);
void gw_ages_free(GwAges *ages);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwAges, gw_ages_free)
void gw_ages_load(const GwAgeRow *row, gpointer ages);
/* The time that has passed since the last look, or since the start. From time to time. */
void gw_ages_look(GwCore *core, GwChange *change);
GwOld gw_ages_older(const GwCore *core, gint64 age_ms);
