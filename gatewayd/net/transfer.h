/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Honest progress: of a range of a body that is being sent, how much has the peer acknowledged? What was
 * written minus what the kernel still holds. Observers return nothing and cannot slow a transfer. */
#pragma once
#include <glib.h>

typedef struct {
  guint64 offset, size;
} GwByteRange;

typedef struct {
  guint64 offset; /* first byte of the body that is sent */
  guint64 size;   /* how many from there; 0: the reply carried none of them (HEAD, 304, 416) */
  guint64 acked;  /* so many of these the peer's kernel has acknowledged */
} GwTransferGauge;

typedef struct {
  /* At most 4 times a second, only when the gauge moved. May be NULL. */
  void (*progress)(gpointer user, const GwTransferGauge *gauge);
  /* Exactly once for each reply or stream that named this observer, the last call. @is_complete: every byte
   * of the range was acknowledged (size > 0 and acked == size). It may come inside the call that started the
   * transfer. */
  void (*done)(gpointer user, const GwTransferGauge *gauge, gboolean is_complete);
} GwTransferObserver;
