/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/inference.h"

static gboolean
has_enough(const GwInference *inference, const GwInferenceRule *rule)
{
  return inference->n_counted >= MAX(rule->requests, 1);
}

void
gw_inference_start(GwInference *inference, gint64 boot_ms)
{
  *inference = (GwInference){ .is_open = TRUE, .started_boot_ms = boot_ms };
}

void
gw_inference_metadata(GwInference *inference, const GwInferenceRule *rule, gint64 boot_ms)
{
  if (!inference->is_open || boot_ms < inference->started_boot_ms)
    return;
  /* The last one needed starts the wait for bytes. Those after it must not push that wait away: a node that
   * polls every minute would never be done. */
  if (has_enough(inference, rule))
    return;
  if (inference->n_counted > 0 && boot_ms - inference->last_boot_ms < rule->apart_ms)
    return;
  inference->n_counted++;
  inference->last_boot_ms = boot_ms;
}

GwInferenceVerdict
gw_inference_bytes(GwInference *inference, gint64 boot_ms)
{
  if (!inference->is_open || boot_ms < inference->started_boot_ms)
    return GW_INFERENCE_OPEN;
  inference->is_open = FALSE;
  return GW_INFERENCE_FAILED;
}

void
gw_inference_gap(GwInference *inference)
{
  if (inference->n_counted == 0)
    return;
  inference->started_boot_ms = inference->last_boot_ms;
  inference->n_counted = 0;
}

GwInferenceVerdict
gw_inference_tick(GwInference *inference, const GwInferenceRule *rule, gint64 boot_ms)
{
  if (!inference->is_open || boot_ms < gw_inference_next_ms(inference, rule))
    return GW_INFERENCE_OPEN;
  inference->is_open = FALSE;
  return has_enough(inference, rule) ? GW_INFERENCE_SUCCEEDED : GW_INFERENCE_NOT_BACK;
}

gint64
gw_inference_next_ms(const GwInference *inference, const GwInferenceRule *rule)
{
  if (!inference->is_open)
    return G_MAXINT64;
  if (has_enough(inference, rule))
    return inference->last_boot_ms + rule->bytes_ms;
  gint64 last_ms = inference->n_counted > 0 ? inference->last_boot_ms : inference->started_boot_ms;
  return last_ms + rule->not_back_ms;
}
