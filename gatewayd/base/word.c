/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/word.h"

#include <string.h>

#define WORD_MAX 64

/* Levenshtein's distance; words beyond WORD_MAX are as far as can be. */
static guint
distance(const char *a, const char *b)
{
  gsize n_a = strlen(a), n_b = strlen(b);
  guint row[WORD_MAX + 1];

  if (n_a > WORD_MAX || n_b > WORD_MAX)
    return G_MAXUINT;
  for (guint j = 0; j <= n_b; j++)
    row[j] = j;
  for (guint i = 1; i <= n_a; i++) {
    guint diagonal = row[0];

    row[0] = i;
    for (guint j = 1; j <= n_b; j++) {
      guint replaced = diagonal + (a[i - 1] != b[j - 1]);

      diagonal = row[j];
      row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
    }
  }
  return row[n_b];
}

GwClosest
gw_closest(const char *word)
{
  return (GwClosest){ .word = word, .distance = (guint)MAX(strlen(word) / 3, 2) + 1 };
}

void
gw_closest_consider(GwClosest *closest, const char *candidate)
{
  guint d = distance(closest->word, candidate);

  if (d < closest->distance) {
    closest->best = candidate;
    closest->distance = d;
  }
}
