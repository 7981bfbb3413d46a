/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of our interfaces has that address? The kernel is asked once for many asks of nodes: its answer is
 * long and seldom changes. One thread. */
#pragma once
#include "net/address.h"

#define GW_INTERFACES_FRESH_MS 1000

typedef struct GwInterfaces GwInterfaces;
GwInterfaces *gw_interfaces_new(void);
void gw_interfaces_free(GwInterfaces *interfaces);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwInterfaces, gw_interfaces_free)
/* Its name, or "" if none has @address; valid until the next call. @now_ms: boot clock. */
const char *gw_interfaces_find(GwInterfaces *interfaces, const GwAddress *address, gint64 now_ms);
