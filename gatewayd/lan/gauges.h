/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory in which the core reads how far each transfer is. The worker writes, nobody waits. One thread
 * writes. */
#pragma once
#include "link/messages.h"

typedef struct GwGauges GwGauges;
GwGauges *gw_gauges_new(GError **error);
void gw_gauges_free(GwGauges *gauges);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwGauges, gw_gauges_free)
/* To be sent with GAUGES: as long as it is and readable; borrowed. */
int gw_gauges_fd(const GwGauges *gauges);
/* A slot for @token, or -1 when all are taken. */
int gw_gauges_take(GwGauges *gauges, const char *token, guint64 size);
/* Harmless with slot -1. */
void gw_gauges_set(GwGauges *gauges, int slot, guint64 acked);
void gw_gauges_give_back(GwGauges *gauges, int slot);
