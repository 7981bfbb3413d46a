/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Remembers, in memory that outlives the process, whose code runs and for whom: a worker that was killed by a
 * plugin knows it at its next start. A plugin on which it died three times is held back, a peer for which it
 * died twice is turned away; and a call that does not return within 5 s ends the process. Promise L12. One
 * thread; one guard per process. */
#pragma once
#include "net/address.h"
#include <glib.h>

#define GW_GUARD_PLUGIN_DEATHS 3
#define GW_GUARD_PEER_DEATHS 2
#define GW_GUARD_NAME 72              /* longest name kept, with its NUL */
#define GW_GUARD_MEMORY_MS 86400000LL /* deaths are forgotten a day after the last */

typedef struct GwGuard GwGuard;
/* What the last process died of. */
typedef struct {
  char plugin[GW_GUARD_NAME], node[GW_GUARD_NAME], peer[GW_GUARD_NAME];
  guint plugin_deaths, peer_deaths; /* this one included */
} GwDeath;

/* Takes @fd, a file or memfd that is kept over restarts; nonsense in it is forgotten, and so is what was
 * noted before the machine started. NULL and error: it cannot be mapped. */
GwGuard *gw_guard_new(int fd, gint64 now_boot_ms, GError **error);
void gw_guard_free(GwGuard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwGuard, gw_guard_free)
/* FALSE: the last process did not die inside a plugin. The same as long as the guard lives. */
gboolean gw_guard_last_death(const GwGuard *guard, GwDeath *ret_death);
/* Why @plugin shall not be loaded (caller frees), or NULL. */
char *gw_guard_hold(const GwGuard *guard, const char *plugin, gint64 now_boot_ms);
/* @peer: an address or the name of a line. */
gboolean gw_guard_is_set_aside(const GwGuard *guard, const char *peer, gint64 now_boot_ms);

/* Around every call into a plugin. @node: as far as known, with its length. Costs no system call. */
void gw_guard_enter(GwGuard *guard, const char *plugin, const char *peer, const char *node, gsize node_size);
void gw_guard_leave(GwGuard *guard);
/* Ends the process by SIGABRT when a call lasts longer than 5 s (and at most 7.5). Takes SIGALRM. */
gboolean gw_guard_watch(GwGuard *guard, GError **error);
