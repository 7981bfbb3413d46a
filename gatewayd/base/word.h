/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far apart two words are: for "did you mean...?" in every place where a person types. Any thread. */
#pragma once
#include <glib.h>

/* The closest known word so far. */
typedef struct {
  const char *word, *best; /* best: NULL = nothing is close enough */
  guint distance;          /* the next candidate must be closer than this */
} GwClosest;

/* A third of the letters may be wrong, and always two. */
GwClosest gw_closest(const char *word);
/* Borrows @candidate. */
void gw_closest_consider(GwClosest *closest, const char *candidate);
