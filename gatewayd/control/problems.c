/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/problems.h"

#include "control/budget.h"
#include "control/core-private.h"
#include "control/outlets.h"
#include "control/relay.h"
#include "control/upstreams.h"
#include "control/workers.h"
#include "store/unpacker.h"

typedef struct {
  GwCore *core;
  GVariantBuilder texts;
} Problems;

static void add(Problems *problems, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
add(Problems *problems, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_variant_builder_add_value(&problems->texts, g_variant_new_take_string(g_strdup_vprintf(format, args)));
  va_end(args);
}

static void
add_workers(Problems *problems)
{
  GwWorkers *workers = problems->core->workers;
  g_auto(GStrv) upstreams = gw_config_instances(problems->core->config, "upstream");
  g_auto(GStrv) missing = gw_workers_missing(workers);

  if (!gw_workers_has_lan(workers))
    add(problems, "no LAN worker is connected: no node is served");
  if (*upstreams && !gw_workers_wan(workers))
    add(problems, "the WAN worker is not connected: no upstream is asked");
  for (char **name = missing; *name; name++)
    add(problems, "worker %s went away and has not come back", *name);
}

static void
add_plugins(Problems *problems)
{
  GwCore *core = problems->core;
  g_autoptr(GPtrArray) texts = gw_plugins_problems(core->plugins);
  GHashTableIter iter;
  gpointer value;

  for (guint i = 0; i < texts->len; i++)
    add(problems, "%s", (const char *)texts->pdata[i]);
  gw_products_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwProduct *product = value;

    if (*product->plugin && gw_workers_has_lan(core->workers) &&
        !gw_plugins_find(core->plugins, product->plugin))
      add(problems, "product %s: no worker has brought its plugin %s", product->name, product->plugin);
  }
}

static void
add_gone(Problems *problems)
{
  g_autoptr(GPtrArray) outboxes = gw_relay_gone(problems->core->relay);

  for (guint i = 0; i < outboxes->len; i++) {
    const char *name = gw_outbox_name(outboxes->pdata[i]);

    add(problems,
        "upstream %s is not configured any more, and %u events wait for it: configure it again, or "
        "\"gatewayctl deadletter drop %s\"",
        name, gw_outbox_count(outboxes->pdata[i]), name);
  }
}

static void
add_upstreams(Problems *problems)
{
  GwCore *core = problems->core;
  g_auto(GStrv) names = gw_config_instances(core->config, "upstream");

  for (char **name = names; *name; name++) {
    const GwUpstream *upstream = gw_upstreams_find(core->upstreams, *name);

    if (upstream && (!upstream->is_well || *upstream->problem))
      add(problems, "upstream %s: %s", *name, gw_upstream_words(upstream));
    if (upstream && upstream->is_stale)
      add(problems, "upstream %s: its catalog has expired", *name);
    if (upstream && upstream->is_well && *gw_relay_trouble(core->relay, *name))
      add(problems, "upstream %s takes no events: %s", *name, gw_relay_trouble(core->relay, *name));
  }
  add_gone(problems);
}

static void
add_outlets(Problems *problems)
{
  g_autoptr(GPtrArray) outlets = gw_outlets_list(problems->core->outlets);

  for (guint i = 0; i < outlets->len; i++) {
    const GwOutlet *outlet = outlets->pdata[i];

    if (*outlet->status)
      add(problems, "outlet %s: %s", outlet->name, outlet->status);
  }
}

/* Asked again by whoever looks: the next one sees whether it is over. */
static void
add_unpacker(Problems *problems)
{
  GwUnpacker *unpacker = problems->core->unpacker;

  if (*gw_unpacker_problem(unpacker) == '\0')
    return;
  add(problems, "images are not looked into, and nothing is taken out of archives: %s",
      gw_unpacker_problem(unpacker));
  gw_unpacker_greet(unpacker);
}

GVariant *
gw_problems_variant(GwCore *core)
{
  Problems problems = { .core = core };

  g_variant_builder_init(&problems.texts, G_VARIANT_TYPE_STRING_ARRAY);
  if (!gw_db_has_room(core->db))
    add(&problems, "the disk of the database is full: nothing new begins before there is room");
  if (!gw_core_now(core).is_trusted)
    add(&problems, "the clock is not trusted yet, and no update begins before it is: see [clock] trust=");
  if (core->limits.wan_month && gw_budget_used(core) >= core->limits.wan_month)
    add(&problems, "the month's budget of the WAN is spent: no image is fetched before the next month");
  add_workers(&problems);
  add_plugins(&problems);
  add_upstreams(&problems);
  add_outlets(&problems);
  add_unpacker(&problems);
  return g_variant_builder_end(&problems.texts);
}
