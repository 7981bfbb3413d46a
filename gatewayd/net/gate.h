/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may come in: the count of connections, in all and per address, and the reserve descriptor with which we
 * still refuse politely when descriptors have run out. One gate serves all listeners of a process. Promises
 * L2, L3, L4. */
#pragma once
#include "net/address.h"
#include <glib.h>

typedef struct {
  guint max_total;        /* 0 = 8192 */
  guint max_per_stranger; /* 0 = 8 */
  guint max_per_adopted;  /* 0 = 32 */
  /* Is this the address of an adopted node? Asked only where the answer matters; NULL = nobody is. */
  gboolean (*is_adopted)(const GwAddress *address, gpointer user);
  gpointer user;
} GwGateLimits;

typedef struct {
  guint64 n_entered, n_refused_total, n_refused_address, n_refused_descriptors;
  guint n_inside;
} GwGateCounters;

typedef struct GwGate GwGate;
GwGate *gw_gate_new(const GwGateLimits *limits);
GwGate *gw_gate_ref(GwGate *gate);
void gw_gate_unref(GwGate *gate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwGate, gw_gate_unref)
/* TRUE: one connection more from @address; every success needs its gw_gate_leave(). */
gboolean gw_gate_enter(GwGate *gate, const GwAddress *address);
void gw_gate_leave(GwGate *gate, const GwAddress *address);
/* Limits change for those who come later. */
void gw_gate_set_limits(GwGate *gate, const GwGateLimits *limits);
/* Valid until the gate is freed; the values move. */
const GwGateCounters *gw_gate_counters(const GwGate *gate);
/* Descriptors have run out: takes the reserve, accepts one connection of @listen_fd, sends it @refusal,
 * closes it and takes the reserve back. FALSE: not even that was possible, or nobody waits; come back later.
 */
gboolean gw_gate_refuse_one(GwGate *gate, int listen_fd, const void *refusal, gsize refusal_size);
/* Says @refusal to a connection that was accepted but may not come in, and closes it. */
void gw_gate_turn_away(int fd, const void *refusal, gsize refusal_size);
