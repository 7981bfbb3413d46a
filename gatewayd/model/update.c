/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/update.h"
#include <string.h>

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

GwUpdate *
gw_update_new(void)
{
  GwUpdate *update = g_new0(GwUpdate, 1);
  update->node = g_strdup("");
  update->type = g_strdup("");
  update->reason = g_strdup("");
  update->version_before = g_strdup("");
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
