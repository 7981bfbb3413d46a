/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How often listeners are told: the first news at once, then at most one signal per GW_PULSE_MS with the
 * newest of them. Pure. */
#pragma once
#include <glib.h>

#define GW_PULSE_MS 250

/* Zero-initialised. */
typedef struct {
  gint64 next_boot_ms; /* no signal before */
} GwPulse;

/* Milliseconds until a signal may be sent; 0 = now. */
gint64 gw_pulse_wait_ms(const GwPulse *pulse, gint64 boot_ms);
/* A signal was sent. */
void gw_pulse_beat(GwPulse *pulse, gint64 boot_ms);
