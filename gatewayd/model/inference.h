/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Success of a make that never tells its version. After a complete transfer: at least `requests` metadata
 * requests, `apart` apart, none followed by a request for bytes within `bytes`. Asking for the bytes again is
 * a failed attempt; silence for the return time is one that is not worth another. Pure: every step takes the
 * time. */
#pragma once
#include <glib.h>

typedef struct {
  guint requests; /* 0 is taken as 1: success without any sign of life is never inferred */
  gint64 apart_ms, bytes_ms, not_back_ms;
} GwInferenceRule;

/* Durable with the update: plain values only. Stored, boot-clock times become ages; loaded in a later boot
 * they are that boot's clock minus the age, and so may be negative. */
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

/* The transfer is complete: opens it afresh. */
void gw_inference_start(GwInference *inference, gint64 boot_ms);
/* The node asked for metadata, and was given the same offer: an answer without it says nothing about the
 * node, so do not call this for one. Never succeeds at once: bytes may still be asked for. Sooner than
 * apart_ms after the last that counted, or once there are enough, it does not count. */
void gw_inference_metadata(GwInference *inference, const GwInferenceRule *rule, gint64 boot_ms);
/* The node asked for bytes: FAILED and closed while open; else OPEN, which says nothing. */
GwInferenceVerdict gw_inference_bytes(GwInference *inference, gint64 boot_ms);
/* Nobody listened for a while: the daemon was down, or its worker. Bytes may have been asked for in vain, so
 * what was counted proves nothing any more and counting begins again; the return time runs on. Call it after
 * loading, and when a worker comes back. */
void gw_inference_gap(GwInference *inference);
/* Time went by: SUCCEEDED when enough requests counted and bytes_ms passed since the last of them; NOT_BACK
 * when not_back_ms passed since the transfer, or the last request that counted, without enough of them. Both
 * close it. OPEN when nothing is decided, also when none is open. Tell the requests first, then the time. */
GwInferenceVerdict gw_inference_tick(GwInference *inference, const GwInferenceRule *rule, gint64 boot_ms);
/* When tick may next decide; G_MAXINT64 = never, none is open. */
gint64 gw_inference_next_ms(const GwInference *inference, const GwInferenceRule *rule);
