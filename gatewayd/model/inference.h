/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Success of a make that never tells its version. After a complete transfer: at least `requests` metadata
 * requests, `apart` apart, none followed by a request for bytes within `bytes`. Pure: every step takes the
 * time. */
#pragma once
#include <glib.h>

typedef struct {
  guint requests;
  gint64 apart_ms, bytes_ms, not_back_ms;
} GwInferenceRule;

/* Durable with the update: plain values only; boot-clock times are turned into ages by the caller when
 * stored. */
typedef struct {
  gboolean is_open;
  guint n_counted;        /* requests that count so far */
  gint64 started_boot_ms; /* the transfer was complete */
  gint64 last_boot_ms;    /* the last request that counted */
} GwInference;

typedef enum {
  GW_INFERENCE_OPEN = 1,
  GW_INFERENCE_SUCCEEDED,
  GW_INFERENCE_FAILED,
  GW_INFERENCE_NOT_BACK
} GwInferenceVerdict;

void gw_inference_start(GwInference *inference, gint64 boot_ms);
/* The node asked for metadata. Never succeeds at once: bytes may still be asked for. */
void gw_inference_metadata(GwInference *inference, const GwInferenceRule *rule, gint64 boot_ms);
/* The node asked for bytes: FAILED while open. */
GwInferenceVerdict gw_inference_bytes(GwInference *inference, gint64 boot_ms);
/* Time went by: SUCCEEDED when enough requests counted and bytes_ms passed since the last of them. */
GwInferenceVerdict gw_inference_tick(GwInference *inference, const GwInferenceRule *rule, gint64 boot_ms);
/* When tick may next decide; G_MAXINT64 = never. */
gint64 gw_inference_next_ms(const GwInference *inference, const GwInferenceRule *rule);
