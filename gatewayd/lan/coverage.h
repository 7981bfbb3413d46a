/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which bytes of an image has one node acknowledged? A small set of intervals, so that a download in many
 * ranges, in any order and with repeats, is complete when, and only when, nothing is missing. Pure. */
#pragma once
#include <glib.h>

/* More gaps than that and the smallest island is forgotten: the node is then never said to be complete
 * wrongly, at worst too late. */
#define GW_COVERAGE_MAX 16

typedef struct {
  guint n;
  struct {
    guint64 start, end; /* [start, end), sorted, not touching each other */
  } islands[GW_COVERAGE_MAX];
} GwCoverage; /* all zero = nothing */

void gw_coverage_add(GwCoverage *coverage, guint64 offset, guint64 size);
/* Bytes covered. */
guint64 gw_coverage_sum(const GwCoverage *coverage);
/* Every byte of [0, size)? An empty image never is. */
gboolean gw_coverage_is_complete(const GwCoverage *coverage, guint64 size);
