/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/coverage.h"

#include <string.h>

static void
remove_at(GwCoverage *coverage, guint at, guint n)
{
  memmove(&coverage->ranges[at], &coverage->ranges[at + n], (coverage->n - at - n) * sizeof(GwRange));
  coverage->n -= n;
}

static void
forget_smallest(GwCoverage *coverage)
{
  guint smallest = 0;

  for (guint i = 1; i < coverage->n; i++) {
    const GwRange *range = &coverage->ranges[i], *other = &coverage->ranges[smallest];
    smallest = range->end - range->start < other->end - other->start ? i : smallest;
  }
  remove_at(coverage, smallest, 1);
}

void
gw_coverage_add(GwCoverage *coverage, guint64 offset, guint64 size)
{
  GwRange added = { offset, offset + MIN(size, G_MAXUINT64 - offset) };
  guint at = 0, past;

  if (size == 0)
    return;
  if (!coverage->ranges)
    coverage->ranges = g_new(GwRange, GW_COVERAGE_RANGES + 1);
  while (at < coverage->n && coverage->ranges[at].end < added.start)
    at++;
  for (past = at; past < coverage->n && coverage->ranges[past].start <= added.end; past++) {
    added.start = MIN(added.start, coverage->ranges[past].start);
    added.end = MAX(added.end, coverage->ranges[past].end);
  }
  remove_at(coverage, at, past - at);
  memmove(&coverage->ranges[at + 1], &coverage->ranges[at], (coverage->n - at) * sizeof(GwRange));
  coverage->ranges[at] = added;
  if (++coverage->n > GW_COVERAGE_RANGES)
    forget_smallest(coverage);
}

guint64
gw_coverage_total(const GwCoverage *coverage)
{
  guint64 total = 0;

  for (guint i = 0; i < coverage->n; i++)
    total += coverage->ranges[i].end - coverage->ranges[i].start;
  return total;
}

gboolean
gw_coverage_has_all(const GwCoverage *coverage, guint64 size)
{
  return coverage->n == 1 && coverage->ranges[0].start == 0 && coverage->ranges[0].end >= size;
}

void
gw_coverage_clear(GwCoverage *coverage)
{
  g_clear_pointer(&coverage->ranges, g_free);
  coverage->n = 0;
}
