/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One [outlet NAME]: a thread in which its plugin publishes what the core hands it, one thing after the
 * other. The thread ends by itself after stop; nobody waits for a peer. All functions: main thread. */
#pragma once
#include "link/messages.h"
#include "link/settings.h"
#include "wan/outgoing.h"

typedef struct {
  char *name;
  GatewayOutletFunctions functions;
  GwSettings *settings;
  GwOutgoing out; /* its user is freed with the outlet */
} GwOutletSetup;

typedef struct GwOutlet GwOutlet;
/* Takes what @setup holds. */
GwOutlet *gw_outlet_start(GwOutletSetup *setup);
/* Takes what @publish holds and @fd (-1 = none). What became of it is said to the core. */
void gw_outlet_publish(GwOutlet *outlet, GwPublish *publish, int fd);
void gw_outlet_stop(GwOutlet *outlet);
/* Has its thread ended? Waits until @until_us of g_get_monotonic_time() (0 = not at all). */
gboolean gw_outlet_has_ended(GwOutlet *outlet, gint64 until_us);
/* Only after it has ended. */
void gw_outlet_free(GwOutlet *outlet);
