/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/update.h"
#include <string.h>

#include "base/shared-text.h"

/* What a fact does in a state. Two letters, so that the table below can be read at a glance. */
typedef enum {
  no = 0, /* nothing: late, duplicate, or says nothing here; not recorded */
  nn,     /* no change, but worth a line in the history */
  OF,     /* offered */
  DG,     /* downloading */
  DD,     /* downloaded */
  IN,     /* installing */
  RE,     /* reported */
  OK,     /* succeeded */
  FA,     /* failed */
  RF,     /* refused */
  CA,     /* cancelled */
  SU,     /* superseded */
  EX,     /* expired */
  ff,     /* the attempt failed: scheduled again, until control gives up */
  ag,     /* bytes again: downloading; of a silent make that is a failed attempt */
  in,     /* installing, unless the make is silent: its word before all bytes are sent is nothing */
  re,     /* reported, likewise */
  ok,     /* succeeded, if the make is silent: others must be heard */
  N_CELLS,
} Cell;

/* clang-format off */
/* Why the cells are as they are:
 * - downloaded is reached by one fact only, ALL_SENT. It also counts when the order of facts was lost, or when
 *   the attempt had been given up as stalled meanwhile: the bytes are there.
 * - succeeded is reached by HEARD_TARGET, from every open state: a node may run the version without us. An
 *   inference needs a complete transfer, so a silent make gets past downloading by ALL_SENT alone.
 * - reported is a claim. It ends nothing: the node that claims success and comes back with its old version, or
 *   with a third one, has failed. Before all bytes are sent the old version is what we expect to hear.
 * - An interrupted transfer goes back to offered, where it may resume; only the stall time makes it a failure.
 * - A node that never comes back is not worth attempts: not heard again is failed, at once.
 * - A late success still counts: failed and expired yield to HEARD_TARGET, and to nothing else. Refused,
 *   cancelled and superseded do not: somebody decided, and what runs later is not this update's doing.
 * - The end of a rule (EXPIRED) lets what has begun finish; the outcome of a complete transfer is awaited.
 * - Control gives up right after a failed attempt, so giving up means nothing once the bytes are there. */
static const guint8 table[GW_N_FACTS + 1][GW_N_UPDATE_STATES + 1] = {
  /*                            scheduled   downloading  installing  succeeded  refused   superseded
                           (none)    offered      downloaded  reported    failed   cancelled   expired */
  [GW_FACT_OFFERED]         = {no, OF,   no,   no,   no,   no,   no,   no,   no,   no,   no,   no,   no},
  [GW_FACT_OFFER_UNDONE]    = {no, no,   ff,   no,   no,   no,   no,   no,   no,   no,   no,   no,   no},
  [GW_FACT_BYTES_ASKED]     = {no, DG,   DG,   no,   ag,   ag,   ag,   no,   no,   no,   no,   no,   no},
  [GW_FACT_INTERRUPTED]     = {no, no,   no,   OF,   no,   no,   no,   no,   no,   no,   no,   no,   no},
  [GW_FACT_ALL_SENT]        = {no, DD,   DD,   DD,   no,   no,   no,   no,   no,   no,   no,   no,   no},
  [GW_FACT_TOLD_INSTALLING] = {no, in,   in,   in,   IN,   no,   no,   no,   no,   no,   no,   no,   no},
  [GW_FACT_TOLD_SUCCEEDED]  = {no, re,   re,   re,   RE,   RE,   no,   no,   no,   no,   no,   no,   no},
  [GW_FACT_TOLD_FAILED]     = {no, no,   ff,   ff,   ff,   ff,   ff,   no,   no,   no,   no,   no,   no},
  [GW_FACT_TOLD_REFUSED]    = {no, RF,   RF,   RF,   RF,   RF,   RF,   no,   no,   no,   no,   no,   no},
  [GW_FACT_HEARD_TARGET]    = {no, OK,   OK,   OK,   OK,   OK,   OK,   no,   OK,   no,   no,   no,   OK},
  [GW_FACT_HEARD_OLD]       = {no, no,   no,   no,   ff,   ff,   ff,   no,   no,   no,   no,   no,   no},
  [GW_FACT_HEARD_OTHER]     = {no, no,   no,   no,   ff,   ff,   ff,   no,   no,   no,   no,   no,   no},
  [GW_FACT_INFERRED]        = {no, no,   no,   no,   ok,   ok,   ok,   no,   no,   no,   no,   no,   no},
  [GW_FACT_BYTES_AGAIN]     = {no, DG,   DG,   no,   ag,   ag,   ag,   no,   no,   no,   no,   no,   no},
  [GW_FACT_NOT_BACK]        = {no, no,   no,   no,   FA,   FA,   FA,   no,   no,   no,   no,   no,   no},
  [GW_FACT_STALLED]         = {no, no,   no,   ff,   no,   no,   no,   no,   no,   no,   no,   no,   no},
  [GW_FACT_CANCELLED]       = {no, CA,   CA,   CA,   CA,   CA,   CA,   no,   no,   no,   no,   no,   no},
  [GW_FACT_SUPERSEDED]      = {no, SU,   SU,   SU,   SU,   SU,   SU,   no,   no,   no,   no,   no,   no},
  [GW_FACT_EXPIRED]         = {no, EX,   EX,   no,   no,   no,   no,   no,   no,   no,   no,   no,   no},
  [GW_FACT_GAVE_UP]         = {no, FA,   FA,   FA,   no,   no,   no,   no,   no,   no,   no,   no,   no},
  [GW_FACT_RETRY]           = {no, nn,   no,   no,   no,   no,   no,   no,   no,   no,   no,   no,   no},
};
/* clang-format on */

/* The meaning of a cell, for makes that tell their version and for silent ones. next 0 = no change. */
static const struct {
  guint8 next[2];
  gboolean is_attempt_failed[2], is_ignored[2];
} cells[N_CELLS] = {
  [no] = { { 0, 0 }, .is_ignored = { TRUE, TRUE } },
  [nn] = { { 0, 0 } },
  [OF] = { { GW_UPDATE_OFFERED, GW_UPDATE_OFFERED } },
  [DG] = { { GW_UPDATE_DOWNLOADING, GW_UPDATE_DOWNLOADING } },
  [DD] = { { GW_UPDATE_DOWNLOADED, GW_UPDATE_DOWNLOADED } },
  [IN] = { { GW_UPDATE_INSTALLING, GW_UPDATE_INSTALLING } },
  [RE] = { { GW_UPDATE_REPORTED, GW_UPDATE_REPORTED } },
  [OK] = { { GW_UPDATE_SUCCEEDED, GW_UPDATE_SUCCEEDED } },
  [FA] = { { GW_UPDATE_FAILED, GW_UPDATE_FAILED } },
  [RF] = { { GW_UPDATE_REFUSED, GW_UPDATE_REFUSED } },
  [CA] = { { GW_UPDATE_CANCELLED, GW_UPDATE_CANCELLED } },
  [SU] = { { GW_UPDATE_SUPERSEDED, GW_UPDATE_SUPERSEDED } },
  [EX] = { { GW_UPDATE_EXPIRED, GW_UPDATE_EXPIRED } },
  [ff] = { { GW_UPDATE_SCHEDULED, GW_UPDATE_SCHEDULED }, .is_attempt_failed = { TRUE, TRUE } },
  [ag] = { { GW_UPDATE_DOWNLOADING, GW_UPDATE_DOWNLOADING }, .is_attempt_failed = { FALSE, TRUE } },
  [in] = { { GW_UPDATE_INSTALLING, 0 }, .is_ignored = { FALSE, TRUE } },
  [re] = { { GW_UPDATE_REPORTED, 0 }, .is_ignored = { FALSE, TRUE } },
  [ok] = { { 0, GW_UPDATE_SUCCEEDED }, .is_ignored = { TRUE, FALSE } },
};

GwTransition
gw_update_next(GwUpdateState state, GwFact fact, gboolean is_silent)
{
  if ((guint)state > GW_N_UPDATE_STATES || (guint)fact > GW_N_FACTS)
    return (GwTransition){ .next = state, .is_ignored = TRUE };
  Cell cell = table[fact][state];
  guint make = is_silent ? 1 : 0;
  GwUpdateState next = cells[cell].next[make];
  return (GwTransition){
    .next = next ? next : state,
    .is_attempt_failed = cells[cell].is_attempt_failed[make],
    .is_ignored = cells[cell].is_ignored[make],
  };
}

const char *
gw_update_state_name(GwUpdateState state)
{
  static const char *const names[] = {
    [GW_UPDATE_SCHEDULED] = "scheduled",     [GW_UPDATE_OFFERED] = "offered",
    [GW_UPDATE_DOWNLOADING] = "downloading", [GW_UPDATE_DOWNLOADED] = "downloaded",
    [GW_UPDATE_INSTALLING] = "installing",   [GW_UPDATE_REPORTED] = "reported",
    [GW_UPDATE_SUCCEEDED] = "succeeded",     [GW_UPDATE_FAILED] = "failed",
    [GW_UPDATE_REFUSED] = "refused",         [GW_UPDATE_CANCELLED] = "cancelled",
    [GW_UPDATE_SUPERSEDED] = "superseded",   [GW_UPDATE_EXPIRED] = "expired",
  };
  if ((guint)state >= G_N_ELEMENTS(names) || !names[state])
    return "none";
  return names[state];
}

gboolean
gw_update_state_parse(const char *name, GwUpdateState *ret_state)
{
  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state <= GW_N_UPDATE_STATES; state++)
    if (strcmp(name, gw_update_state_name(state)) == 0) {
      *ret_state = state;
      return TRUE;
    }
  return FALSE;
}

gboolean
gw_update_state_is_final(GwUpdateState state)
{
  return state >= GW_UPDATE_SUCCEEDED && state <= GW_UPDATE_EXPIRED;
}

const char *
gw_fact_name(GwFact fact)
{
  static const char *const names[] = {
    [GW_FACT_OFFERED] = "offered",
    [GW_FACT_OFFER_UNDONE] = "offer-undone",
    [GW_FACT_BYTES_ASKED] = "bytes-asked",
    [GW_FACT_INTERRUPTED] = "interrupted",
    [GW_FACT_ALL_SENT] = "all-sent",
    [GW_FACT_TOLD_INSTALLING] = "told-installing",
    [GW_FACT_TOLD_SUCCEEDED] = "told-succeeded",
    [GW_FACT_TOLD_FAILED] = "told-failed",
    [GW_FACT_TOLD_REFUSED] = "told-refused",
    [GW_FACT_HEARD_TARGET] = "heard-target",
    [GW_FACT_HEARD_OLD] = "heard-old",
    [GW_FACT_HEARD_OTHER] = "heard-other",
    [GW_FACT_INFERRED] = "inferred",
    [GW_FACT_BYTES_AGAIN] = "bytes-again",
    [GW_FACT_NOT_BACK] = "not-back",
    [GW_FACT_STALLED] = "stalled",
    [GW_FACT_CANCELLED] = "cancelled",
    [GW_FACT_SUPERSEDED] = "superseded",
    [GW_FACT_EXPIRED] = "expired",
    [GW_FACT_GAVE_UP] = "gave-up",
    [GW_FACT_RETRY] = "retry",
  };
  if ((guint)fact >= G_N_ELEMENTS(names) || !names[fact])
    return "none";
  return names[fact];
}

GwFact
gw_fact_parse(const char *name)
{
  for (GwFact fact = GW_FACT_OFFERED; fact <= GW_N_FACTS; fact++)
    if (strcmp(name, gw_fact_name(fact)) == 0)
      return fact;
  return 0;
}

GwUpdate *
gw_update_new(void)
{
  GwUpdate *update = g_new0(GwUpdate, 1);
  update->node = g_strdup("");
  update->type = g_strdup("");
  update->reason = g_strdup("");
  update->version_before = g_strdup("");
  update->version = g_strdup("");
  gw_shared_text_set(&update->product, "");
  gw_shared_text_set(&update->location, "");
  gw_shared_text_set(&update->release, "");
  update->state = GW_UPDATE_SCHEDULED;
  return update;
}

void
gw_update_free(GwUpdate *update)
{
  if (!update)
    return;
  g_free(update->node);
  g_free(update->type);
  g_free(update->reason);
  g_free(update->version_before);
  g_free(update->version);
  gw_shared_text_clear(&update->product);
  gw_shared_text_clear(&update->location);
  gw_shared_text_clear(&update->release);
  g_free(update);
}

gint32
gw_update_number(gint64 id)
{
  const gint64 max_id = G_MAXINT32 - G_MAXINT32 / 10;
  if (id < 1 || id > max_id)
    return 0;
  return (gint32)(id + (id - 1) / 9);
}

gint64
gw_update_id(gint32 number)
{
  if (number < 1 || number % 10 == 0)
    return 0;
  return number - number / 10;
}

gint64
gw_update_backoff_ms(guint n_attempts, gint64 first_ms, gint64 max_ms)
{
  if (n_attempts == 0)
    return 0;
  gint64 wait_ms = MIN(first_ms, max_ms);
  for (guint i = 1; i < n_attempts && wait_ms < max_ms; i++)
    wait_ms = wait_ms > max_ms / 2 ? max_ms : wait_ms * 2;
  return wait_ms;
}
