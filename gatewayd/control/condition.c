/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the gateway is, in one line: what `systemctl status` shows. What is wrong comes first. */
#include "control/core-private.h"
#include "control/upstreams.h"
#include "control/workers.h"

/* Most of the time, all is well with all of them. */
static void
add_upstreams(const GwCore *core, GPtrArray *parts)
{
  GHashTableIter iter;
  gpointer value;

  gw_upstreams_iter(core->upstreams, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwUpstream *upstream = value;
    const char *words = gw_upstream_words(upstream);

    if (upstream->is_stale || *upstream->problem || (!upstream->is_well && *words))
      g_ptr_array_add(parts, g_strdup_printf("upstream %s: %s", upstream->name,
                                             upstream->is_stale && !*words ? "stale" : words));
  }
}

char *
gw_core_condition(const GwCore *core)
{
  g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);

  if (!gw_workers_has_lan(core->workers))
    g_ptr_array_add(parts, g_strdup("no LAN worker"));
  if (!gw_workers_wan(core->workers))
    g_ptr_array_add(parts, g_strdup("no WAN worker"));
  if (core->was_lost)
    g_ptr_array_add(parts, g_strdup("the database was lost and restored from a snapshot"));
  if (!gw_core_now(core).is_trusted)
    g_ptr_array_add(parts, g_strdup("the clock is not trusted yet"));
  add_upstreams(core, parts);
  if (parts->len == 0)
    g_ptr_array_add(parts,
                    g_strdup_printf("%u nodes adopted, %u downloads",
                                    gw_registry_count_adopted(core->registry), gw_slots_count(core->slots)));
  g_ptr_array_add(parts, NULL);
  return g_strjoinv("; ", (char **)parts->pdata);
}
