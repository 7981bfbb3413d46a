/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which bytes of an image has a node got? A small set of ranges. When it must forget one it forgets the
 * smallest, so it can say "not yet" wrongly, but never "all". Pure. */
#pragma once
#include <glib.h>

#define GW_COVERAGE_RANGES 32

typedef struct {
  guint64 start, end;
} GwRange;

/* All zero = nothing. */
typedef struct {
  GwRange *ranges; /* sorted, apart from each other */
  guint n;
} GwCoverage;

void gw_coverage_add(GwCoverage *coverage, guint64 offset, guint64 size);
guint64 gw_coverage_total(const GwCoverage *coverage);
gboolean gw_coverage_has_all(const GwCoverage *coverage, guint64 size);
void gw_coverage_clear(GwCoverage *coverage);
