/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs about the gateway itself. */
#include "base/error.h"
#include "control/commands-private.h"
#include "control/relay.h"
#include "control/scheduler.h"
#include "control/workers.h"
#include "link/messages.h"

void
gw_command_upstream_poll(GwCore *core, const GwCaller *caller, const char *name, GwThen then)
{
  g_auto(GStrv) names = gw_config_instances(core->config, "upstream");
  GwWorker *wan = gw_workers_wan(core->workers);
  g_autoptr(GError) error = NULL;

  if (*name && !g_strv_contains((const char *const *)names, name))
    gw_fail(&error, GW_ERROR_NOT_FOUND, "there is no [upstream %.64s] in the configuration", name);
  else if (!wan || !gw_worker_send(wan, GW_MESSAGE_POLL, 0, gw_poll_pack(name, FALSE), -1))
    gw_fail(&error, GW_ERROR_OFFLINE, "the WAN worker is not connected");
  else
    gw_relay_hurry(core->relay, name);
  if (error)
    gw_then_fail(core, then, g_steal_pointer(&error));
  else
    gw_then_succeed(core, then, NULL);
}

/* All or nothing: a bad file changes nothing. What only counts at start (folders, sockets, cache size) is
 * taken then. */
void
gw_command_reload(GwCore *core, const GwCaller *caller, GwThen then)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwConfig) config = gw_config_load(gw_core_schema(), core->config_path, &error);
  GwKeyrings *keyrings = config ? gw_keyrings_load(config, &error) : NULL;
  g_autoptr(GwChange) change = NULL;

  if (!keyrings) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  gw_keyrings_free(core->keyrings);
  core->keyrings = keyrings;
  gw_core_take_config(core, config);
  gw_workers_configure(core->workers);
  gw_relay_configure(core->relay);
  gw_relay_hurry(core->relay, "");
  gw_scheduler_changed(core);
  change = gw_change_new(core, caller);
  gw_change_say(change, "daemon.reloaded", &(GwAbout){ 0 }, "the configuration was read again");
  gw_change_finish(g_steal_pointer(&change), then, NULL);
}
