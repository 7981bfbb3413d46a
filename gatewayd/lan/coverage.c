/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/coverage.h"

static void
remove_at(GwCoverage *coverage, guint i)
{
  coverage->n--;
  for (; i < coverage->n; i++)
    coverage->islands[i] = coverage->islands[i + 1];
}

/* Swallows every island that touches [*start, *end). */
static void
merge(GwCoverage *coverage, guint64 *start, guint64 *end)
{
  for (guint i = 0; i < coverage->n;) {
    if (coverage->islands[i].end < *start || coverage->islands[i].start > *end) {
      i++;
      continue;
    }
    *start = MIN(*start, coverage->islands[i].start);
    *end = MAX(*end, coverage->islands[i].end);
    remove_at(coverage, i);
  }
}

static void
forget_smallest(GwCoverage *coverage)
{
  guint smallest = 0;
  for (guint i = 1; i < coverage->n; i++) {
    if (coverage->islands[i].end - coverage->islands[i].start <
        coverage->islands[smallest].end - coverage->islands[smallest].start)
      smallest = i;
  }
  remove_at(coverage, smallest);
}

void
gw_coverage_add(GwCoverage *coverage, guint64 offset, guint64 size)
{
  guint64 start = offset, end = offset > G_MAXUINT64 - size ? G_MAXUINT64 : offset + size;
  if (size == 0)
    return;
  merge(coverage, &start, &end);
  if (coverage->n == GW_COVERAGE_MAX)
    forget_smallest(coverage);
  guint i = coverage->n++;
  for (; i > 0 && coverage->islands[i - 1].start > start; i--)
    coverage->islands[i] = coverage->islands[i - 1];
  coverage->islands[i].start = start;
  coverage->islands[i].end = end;
}

guint64
gw_coverage_sum(const GwCoverage *coverage)
{
  guint64 sum = 0;
  for (guint i = 0; i < coverage->n; i++)
    sum += coverage->islands[i].end - coverage->islands[i].start;
  return sum;
}

gboolean
gw_coverage_is_complete(const GwCoverage *coverage, guint64 size)
{
  return size > 0 && coverage->n > 0 && coverage->islands[0].start == 0 && coverage->islands[0].end >= size;
}
