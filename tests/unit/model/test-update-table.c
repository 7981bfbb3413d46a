/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state machine of an update, pair by pair: what each fact does in each state, for makes that tell their
 * version and for silent ones. Written down a second time on purpose, in the words of the promise and not in
 * those of the table: a slip in either is seen here. */
#include <string.h>

#include "model/update.h"

/* One word for each state, in their order: sc of dg dd in re | ok fa rf ca su ex. A word says the next state;
 * "!" that the attempt failed; "--" that the fact means nothing; "==" that it is recorded, and changes
 * nothing. */
typedef struct {
  GwFact fact;
  const char *talking;
  const char *silent; /* NULL = the same */
} Row;

#define ENDED_STAY "--  --  --  --  --  --"

/* clang-format off */
static const Row ROWS[] = {
  { GW_FACT_OFFERED,         "of  --  --  --  --  --  " ENDED_STAY, NULL },
  { GW_FACT_OFFER_UNDONE,    "--  sc! --  --  --  --  " ENDED_STAY, NULL },
  { GW_FACT_BYTES_ASKED,     "dg  dg  --  dg  dg  dg  " ENDED_STAY,
                             "dg  dg  --  dg! dg! dg! " ENDED_STAY },
  { GW_FACT_INTERRUPTED,     "--  --  of  --  --  --  " ENDED_STAY, NULL },
  { GW_FACT_ALL_SENT,        "dd  dd  dd  --  --  --  " ENDED_STAY, NULL },
  { GW_FACT_TOLD_INSTALLING, "in  in  in  in  --  --  " ENDED_STAY,
                             "--  --  --  in  --  --  " ENDED_STAY },
  { GW_FACT_TOLD_SUCCEEDED,  "re  re  re  re  re  --  " ENDED_STAY,
                             "--  --  --  re  re  --  " ENDED_STAY },
  { GW_FACT_TOLD_FAILED,     "--  sc! sc! sc! sc! sc! " ENDED_STAY, NULL },
  { GW_FACT_TOLD_REFUSED,    "rf  rf  rf  rf  rf  rf  " ENDED_STAY, NULL },
  { GW_FACT_HEARD_TARGET,    "ok  ok  ok  ok  ok  ok  --  ok  --  --  --  ok", NULL },
  { GW_FACT_HEARD_OLD,       "--  --  --  sc! sc! sc! " ENDED_STAY, NULL },
  { GW_FACT_HEARD_OTHER,     "--  --  --  sc! sc! sc! " ENDED_STAY, NULL },
  { GW_FACT_INFERRED,        "--  --  --  --  --  --  " ENDED_STAY,
                             "--  --  --  ok  ok  ok  " ENDED_STAY },
  { GW_FACT_BYTES_AGAIN,     "dg  dg  --  dg  dg  dg  " ENDED_STAY,
                             "dg  dg  --  dg! dg! dg! " ENDED_STAY },
  { GW_FACT_NOT_BACK,        "--  --  --  fa  fa  fa  " ENDED_STAY, NULL },
  { GW_FACT_STALLED,         "--  --  sc! --  --  --  " ENDED_STAY, NULL },
  { GW_FACT_CANCELLED,       "ca  ca  ca  ca  ca  ca  " ENDED_STAY, NULL },
  { GW_FACT_SUPERSEDED,      "su  su  su  su  su  su  " ENDED_STAY, NULL },
  { GW_FACT_EXPIRED,         "ex  ex  --  --  --  --  " ENDED_STAY, NULL },
  { GW_FACT_GAVE_UP,         "fa  fa  fa  --  --  --  " ENDED_STAY, NULL },
  { GW_FACT_RETRY,           "==  --  --  --  --  --  " ENDED_STAY, NULL },
};
/* clang-format on */

static const char *const WORDS[] = { "sc", "of", "dg", "dd", "in", "re", "ok", "fa", "rf", "ca", "su", "ex" };
G_STATIC_ASSERT(G_N_ELEMENTS(WORDS) == GW_N_UPDATE_STATES);
G_STATIC_ASSERT(G_N_ELEMENTS(ROWS) == GW_N_FACTS);

static GwUpdateState
state_of(const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS(WORDS); i++)
    if (strncmp(word, WORDS[i], 2) == 0)
      return GW_UPDATE_SCHEDULED + i;
  g_assert_not_reached();
}

static GwTransition
expected(GwUpdateState state, const char *word)
{
  if (g_str_has_prefix(word, "--"))
    return (GwTransition){ .next = state, .is_ignored = TRUE };
  if (g_str_has_prefix(word, "=="))
    return (GwTransition){ .next = state };
  return (GwTransition){ .next = state_of(word), .is_attempt_failed = word[2] == '!' };
}

static void
check_pair(GwUpdateState state, GwFact fact, gboolean is_silent, const char *word)
{
  GwTransition wanted = expected(state, word), got = gw_update_next(state, fact, is_silent);

  g_test_message("%s, %s%s: \"%.3s\"", gw_update_state_name(state), gw_fact_name(fact),
                 is_silent ? ", silent" : "", word);
  g_assert_cmpstr(gw_update_state_name(got.next), ==, gw_update_state_name(wanted.next));
  g_assert_cmpint(got.is_attempt_failed, ==, wanted.is_attempt_failed);
  g_assert_cmpint(got.is_ignored, ==, wanted.is_ignored);
}

static guint
check_row(GwFact fact, gboolean is_silent, const char *row)
{
  g_auto(GStrv) words = g_strsplit_set(row, " ", -1);
  GwUpdateState state = GW_UPDATE_SCHEDULED;

  for (char **word = words; *word; word++)
    if (**word)
      check_pair(state++, fact, is_silent, *word);
  g_assert_cmpint(state, ==, GW_N_UPDATE_STATES + 1);
  return GW_N_UPDATE_STATES;
}

static void
test_every_pair(void)
{
  guint n_pairs = 0;

  for (guint i = 0; i < G_N_ELEMENTS(ROWS); i++) {
    g_assert_cmpint(ROWS[i].fact, ==, GW_FACT_OFFERED + i);
    n_pairs += check_row(ROWS[i].fact, FALSE, ROWS[i].talking);
    n_pairs += check_row(ROWS[i].fact, TRUE, ROWS[i].silent ? ROWS[i].silent : ROWS[i].talking);
  }
  g_assert_cmpuint(n_pairs, ==, 2 * GW_N_FACTS * GW_N_UPDATE_STATES);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/update/table", test_every_pair);
  return g_test_run();
}
