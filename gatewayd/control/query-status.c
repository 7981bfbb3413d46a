/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the gateway is doing, in one dictionary. */
#include "control/budget.h"
#include "control/columns.h"
#include "control/problems.h"
#include "control/workers.h"

static void
add_number(GVariantBuilder *builder, const char *key, guint64 number)
{
  g_variant_builder_add(builder, "{sv}", key, g_variant_new_int64((gint64)number));
}

static void
add_updates(GwCore *core, GVariantBuilder *builder)
{
  guint counts[GW_N_UPDATE_STATES + 1] = { 0 };
  GVariantBuilder states;
  GHashTableIter iter;
  gpointer update;

  gw_updates_iter(core->updates, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &update))
    counts[((GwUpdate *)update)->state]++;
  g_variant_builder_init(&states, G_VARIANT_TYPE_VARDICT);
  for (GwUpdateState state = GW_UPDATE_SCHEDULED; state <= GW_N_UPDATE_STATES; state++)
    if (counts[state])
      add_number(&states, gw_update_state_name(state), counts[state]);
  g_variant_builder_add(builder, "{sv}", "updates", g_variant_builder_end(&states));
}

static void
add_cache(GwCore *core, GVariantBuilder *builder)
{
  GwStoreUsage usage = gw_store_usage(core->store);

  add_number(builder, "cache-used", usage.used);
  add_number(builder, "cache-max", usage.max);
  add_number(builder, "cache-images", usage.n_blobs);
  add_number(builder, "disk-free", usage.free_on_disk);
}

void
gw_query_status(GwCore *core, GwThen then)
{
  GwNow now = gw_core_now(core);
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add(&builder, "{sv}", "version", g_variant_new_string(GW_VERSION));
  add_number(&builder, "started", (guint64)core->started_ms);
  add_number(&builder, "time", (guint64)now.wall_ms);
  g_variant_builder_add(&builder, "{sv}", "clock-trusted", g_variant_new_boolean(now.is_trusted));
  add_number(&builder, "nodes", gw_registry_count(core->registry));
  add_number(&builder, "adopted", gw_registry_count_adopted(core->registry));
  add_number(&builder, "firmware", gw_firmwares_count(core->firmwares));
  add_number(&builder, "rules", gw_rules_count(core->rules));
  add_updates(core, &builder);
  add_number(&builder, "slots", gw_slots_count(core->slots));
  add_number(&builder, "slots-max", gw_slots_cap(core->slots));
  add_number(&builder, "slots-over", gw_slots_over(core->slots));
  add_number(&builder, "wan-month-used", gw_budget_used(core));
  add_number(&builder, "wan-month-max", core->limits.wan_month);
  add_cache(core, &builder);
  add_number(&builder, "newest-event", (guint64)gw_events_newest(core->events));
  g_variant_builder_add(&builder, "{sv}", "workers", gw_workers_variant(core->workers));
  g_variant_builder_add(&builder, "{sv}", "problems", gw_problems_variant(core));
  if (core->was_lost)
    add_number(&builder, "database-restored", (guint64)core->restored_ms);
  gw_then_succeed(core, then, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
}
