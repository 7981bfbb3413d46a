/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/loading.h"

#include <string.h>

#include "base/log.h"
#include "control/ages.h"
#include "control/budget.h"
#include "control/imports.h"
#include "control/logins.h"
#include "control/outlets.h"
#include "control/progress.h"
#include "control/relay.h"
#include "control/rollouts.h"
#include "control/scheduler.h"
#include "control/upstreams.h"
#include "control/verbs.h"
#include "control/verifications.h"
#include "control/withdrawals.h"

/* ---- rows ---- */

static void
take_product(GwProduct *product, gpointer user)
{
  gw_products_add(((GwCore *)user)->firmwares, product);
}

static void
take_firmware(GwFirmware *firmware, gpointer user)
{
  gw_firmwares_add(((GwCore *)user)->firmwares, firmware);
}

static void
take_node(GwNode *node, gpointer user)
{
  GwCore *core = user;

  gw_registry_add(core->registry, node);
  if (node->identity == GW_IDENTITY_ADDRESS && *node->address)
    gw_registry_set_at(core->registry, node->address, node);
}

static void
take_account(GwAccount *account, gpointer user)
{
  gw_accounts_put(((GwCore *)user)->accounts, account);
}

static void
take_rule(GwRule *rule, gpointer user)
{
  gw_rules_add(((GwCore *)user)->rules, rule);
}

static void
take_update(GwUpdate *update, gpointer user)
{
  gw_updates_add(((GwCore *)user)->updates, update);
}

static void
take_pin(const GwPinRow *row, gpointer user)
{
  GwCore *core = user;
  const GwNode *node = gw_registry_find(core->registry, row->node);
  GwPin *pin = gw_pin_new();

  g_strlcpy(pin->token, row->token, sizeof(pin->token));
  pin->update_id = row->update_id;
  pin->firmware_id = row->firmware_id;
  pin->node = g_strdup(row->node);
  pin->type = g_strdup(row->type);
  pin->plugin = g_strdup(row->plugin);
  pin->is_durable = TRUE;
  pin->is_never_cut = row->is_never_cut;
  pin->is_silent = row->is_silent;
  pin->is_owed = row->is_owed;
  pin->given_ms = row->given_ms;
  pin->used_ms = row->used_ms;
  pin->given_boot_ms = gw_core_now(core).boot_ms;
  pin->n_downloads = row->n_downloads;
  pin->inference = row->inference;
  if (node)
    g_strlcpy(pin->mac, node->mac, sizeof(pin->mac));
  gw_pins_add(core->pins, pin);
}

static void
take_meta(const char *key, const char *value, gpointer user)
{
  GwCore *core = user;

  gw_verbs_load(core->verbs, key, value);
  gw_relay_load_meta(core->relay, key, value);
  gw_outlets_load(core->outlets, key, value);
  gw_logins_load(core, key, value);
  gw_budget_load(core, key, value);
}

/* Read after it was written: the database does one thing after the other. */
static void
carry_over_waits(GwCore *core)
{
  GwNow now = gw_core_now(core);
  GwBatch *batch = gw_batch_new();

  gw_rows_carry_over(batch, &now);
  gw_db_submit(core->db, batch, NULL, NULL);
}

/* In the thread of the database, while the main thread waits. */
static gboolean
load_rows(gpointer user, GError **error)
{
  GwCore *core = user;
  GwNow now = gw_core_now(core);
  GwDb *db = core->db;

  return gw_rows_load_products(db, take_product, core, error) &&
         gw_rows_load_firmwares(db, take_firmware, core, error) &&
         gw_rows_load_nodes(db, take_node, core, error) &&
         gw_rows_load_accounts(db, take_account, core, error) &&
         gw_rows_load_rules(db, take_rule, core, error) &&
         gw_rows_load_updates(db, &now, take_update, core, error) &&
         gw_rows_load_pins(db, &now, take_pin, core, error) &&
         gw_rows_load_upstreams(db, gw_upstreams_load, core->upstreams, error) &&
         gw_rows_load_ages(db, gw_ages_load, core->ages, error) &&
         gw_rows_load_meta(db, take_meta, core, error) && gw_rollouts_load(core, error) &&
         gw_relay_load(core->relay, error);
}

/* ---- images ---- */

/* A row that says "sealed" without its blob: fetched again when needed. The other way round needs nothing: a
 * blob without a row is found by whoever fetches it, or evicted. */
static void
match_images(GwCore *core, GwChange *change)
{
  GHashTableIter iter;
  gpointer value;

  gw_firmwares_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    if (((GwFirmware *)value)->image_state == GW_IMAGE_FETCHING)
      ((GwFirmware *)value)->image_state = GW_IMAGE_WANTED;
  gw_imports_match(core, change);
}

/* ---- updates ---- */

static void
drop_stray_pins(GwCore *core, GwChange *change)
{
  g_autoptr(GPtrArray) stray = g_ptr_array_new();
  GHashTableIter iter;
  gpointer value;

  gw_pins_iter(core->pins, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    if (!gw_registry_find(core->registry, ((GwPin *)value)->node) ||
        !gw_firmwares_find(core->firmwares, ((GwPin *)value)->firmware_id))
      g_ptr_array_add(stray, value);
  for (guint i = 0; i < stray->len; i++)
    gw_progress_drop_pin(core, stray->pdata[i], change);
}

static void
watch_all(GwCore *core)
{
  GHashTableIter iter;
  gpointer value;

  gw_progress_watch_all(core);
  gw_rules_iter(core->rules, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    gw_scheduler_watch_rule(core, value);
}

static void
say_start(GwCore *core, GwChange *change)
{
  gw_change_say(change, "daemon.started", &(GwAbout){ 0 },
                "started: %u nodes, %u adopted, %u firmware entries", gw_registry_count(core->registry),
                gw_registry_count_adopted(core->registry), gw_firmwares_count(core->firmwares));
  if (gw_db_has_gap(core->db))
    gw_change_say(change, "daemon.database-gap", &(GwAbout){ 0 },
                  "the log of the database could not be read and was set aside: what happened shortly before "
                  "the last end is not known");
  if (!core->was_lost)
    return;
  g_autofree char *taken =
      core->restored_ms ? gw_clock_format(core->restored_ms) : g_strdup("nothing could be restored");
  gw_change_say(change, "daemon.database-lost", &(GwAbout){ 0 },
                "the database could not be read and was set aside; what is known is of the snapshot of %s: "
                "what happened since is not known, and logins that were withdrawn since are in force again",
                taken);
}

gboolean
gw_loading_run(GwCore *core, GError **error)
{
  g_autoptr(GwChange) change = NULL;

  carry_over_waits(core);
  if (!gw_db_load_all(core->db, load_rows, core, error))
    return FALSE;
  gw_events_set_newest(core->events, gw_db_next_id(core->db, GW_SEQUENCE_EVENT));
  gw_rules_reindex(core->rules);
  change = gw_change_new(core, NULL);
  match_images(core, change);
  drop_stray_pins(core, change);
  gw_withdrawals_resume(core, change);
  gw_verifications_resume(core, change);
  gw_relay_begin(core->relay, change);
  say_start(core, change);
  gw_ages_look(core, change);
  gw_rollouts_resume(core, change);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  gw_budget_resume(core);
  watch_all(core);
  gw_scheduler_fetch_needed(core);
  return TRUE;
}
