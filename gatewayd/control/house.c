/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/house.h"

#include <sys/statvfs.h>

#include "base/log.h"
#include "control/ages.h"
#include "control/catalog.h"
#include "control/logins.h"
#include "control/progress.h"
#include "control/rates.h"
#include "control/scheduler.h"
#include "control/tells.h"
#include "control/timeline.h"

#define MINUTE_MS G_GINT64_CONSTANT(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define SOON_MS 1000
#define JUMP_MS 2000
#define MENDED_MS (30 * 24 * HOUR_MS)
/* Of all nodes, and as many final ones: 2 x 500,000 rows of at most some 250 bytes are 256 MiB. */
#define TIMELINE_ROWS_MAX 500000

guint64
gw_house_partition_share(int dir_fd)
{
  struct statvfs info;

  if (fstatvfs(dir_fd, &info) < 0)
    return G_MAXUINT64;
  return (guint64)info.f_blocks * info.f_frsize / 5 * 4;
}

static void
put_contact(GwBatch *batch, const char *id, gpointer user)
{
  const GwCore *core = user;
  const GwNode *node = gw_registry_find(core->registry, id);

  if (node)
    gw_rows_put_contact(batch, node);
  gw_rows_trim_timeline_of(batch, id, core->limits.timeline_rows);
}

/* An update, or a group that is watched. */
static gboolean
is_anything_awaited(const GwCore *core)
{
  GHashTableIter iter;
  gpointer update;

  if (gw_rules_count_live(core->rules) > 0)
    return TRUE;
  gw_updates_iter(core->updates, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &update))
    if (!gw_update_state_is_final(((GwUpdate *)update)->state))
      return TRUE;
  return FALSE;
}

void
gw_house_flush(GwCore *core, gboolean is_all)
{
  GwNow now = gw_core_now(core);
  g_autoptr(GwBatch) batch = gw_batch_new();

  if (gw_db_is_waiting(core->db))
    return; /* the timeline goes on counting */
  gw_timeline_flush(core->timeline, batch, is_all ? G_MAXINT64 : gw_core_now(core).boot_ms, put_contact,
                    core);
  if (is_anything_awaited(core)) /* somebody waits, and the power may fail */
    gw_rows_note_boot(batch, &now);
  if (!gw_batch_is_empty(batch))
    gw_db_submit(core->db, g_steal_pointer(&batch), NULL, NULL);
}

static void
on_snapshot(const GError *error, gpointer user)
{
  if (error)
    gw_warning(GW_SUBJECT_DAEMON, NULL, "no snapshot was taken: %s", error->message);
}

/* Promises to serve an image lapse by idle time, and never while an update is open. */
static void
drop_idle_pins(GwCore *core, GwChange *change)
{
  GwNow now = gw_core_now(core);
  GwOld old = gw_ages_older(core, core->limits.pin_idle_ms);
  g_autoptr(GPtrArray) idle = g_ptr_array_new();
  GHashTableIter iter;
  gpointer value;

  gw_pins_iter(core->pins, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwPin *pin = value;
    const GwUpdate *update = gw_updates_find(core->updates, pin->update_id);

    if ((!update || gw_update_state_is_final(update->state)) && now.is_trusted &&
        pin->update_id < old.update && now.wall_ms - pin->used_ms > core->limits.pin_idle_ms)
      g_ptr_array_add(idle, value);
  }
  for (guint i = 0; i < idle->len; i++)
    gw_progress_drop_pin(core, idle->pdata[i], change);
}

/* A failure may turn out to have been a success: its node is only heard late. */
static gboolean
may_be_mended(const GwUpdate *update, const GwOld *old, const GwNow *now)
{
  return (update->state == GW_UPDATE_FAILED || update->state == GW_UPDATE_EXPIRED) &&
         (update->id >= old->update || now->wall_ms - update->finished_ms < MENDED_MS);
}

/* Ended updates matter as long as their rule lives, or a pin of theirs does. */
static void
drop_ended_updates(GwCore *core)
{
  g_autoptr(GPtrArray) ended = g_ptr_array_new();
  GwOld old = gw_ages_older(core, MENDED_MS);
  GwNow now = gw_core_now(core);
  GHashTableIter iter;
  gpointer value;

  gw_updates_iter(core->updates, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwUpdate *update = value;
    const GwRule *rule = gw_rules_find(core->rules, update->rule_id);

    if (gw_update_state_is_final(update->state) && !(rule && gw_rule_is_live(rule)) &&
        !gw_pins_of_update(core->pins, update->id) && !may_be_mended(update, &old, &now))
      g_ptr_array_add(ended, value);
  }
  for (guint i = 0; i < ended->len; i++)
    gw_updates_drop(core->updates, ended->pdata[i]);
}

static void
trim(GwCore *core)
{
  GwNow now = gw_core_now(core);
  g_autoptr(GwChange) change = gw_change_new(core, NULL);
  gint64 oldest_ms = now.is_trusted ? now.wall_ms - core->limits.timeline_age_ms : 0;
  GwOld old;

  gw_ages_look(core, change);
  old = gw_ages_older(core, core->limits.timeline_age_ms);
  drop_idle_pins(core, change);
  drop_ended_updates(core);
  gw_rows_trim_timeline(gw_change_batch(change), old.timeline, oldest_ms, TIMELINE_ROWS_MAX);
  gw_rows_trim_updates(gw_change_batch(change), old.update, oldest_ms);
  gw_rows_trim_days(gw_change_batch(change));
  gw_rows_trim_tallies(gw_change_batch(change));
  gw_rows_trim_events(gw_change_batch(change), old.event, (guint)core->limits.events);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

/* What was answered to a login's nodes ends with it. */
static gint64
until_expiry_ms(const GwCore *core)
{
  gint64 wall_ms = gw_core_now(core).wall_ms;

  return MIN(MINUTE_MS, gw_accounts_next_end_ms(core->accounts, wall_ms) - wall_ms);
}

/* Windows and ends of rules were reckoned with a clock that has been set since. */
static void
note_jump(GwCore *core)
{
  GwNow now = gw_core_now(core);
  gint64 offset_ms = now.wall_ms - now.boot_ms, jump_ms = offset_ms - core->clock_offset_ms;
  GHashTableIter iter;
  gpointer rule;

  if (ABS(jump_ms) < JUMP_MS)
    return;
  gw_notice(GW_SUBJECT_DAEMON, NULL, "the clock was set by %" G_GINT64_FORMAT " s", jump_ms / 1000);
  core->clock_offset_ms = offset_ms;
  gw_rules_iter(core->rules, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &rule))
    gw_scheduler_watch_rule(core, rule);
  gw_scheduler_changed(core);
}

static gint64
interval_ms(const GwCore *core, GwHouseWork work)
{
  switch (work) {
  case GW_HOUSE_FLUSH:
    return 10 * MINUTE_MS;
  case GW_HOUSE_EXPIRY:
    return until_expiry_ms(core);
  case GW_HOUSE_TRANSFERS:
    return G_MAXINT64;
  default:
    return HOUR_MS;
  }
}

static void
plan(GwCore *core, GwHouseWork work)
{
  gint64 wait_ms = interval_ms(core, work);

  gw_core_alarm(core, GW_ALARM_HOUSE, work,
                wait_ms == G_MAXINT64 ? wait_ms : gw_core_now(core).boot_ms + wait_ms);
}

void
gw_house_snapshot_soon(GwCore *core)
{
  gw_core_alarm(core, GW_ALARM_HOUSE, GW_HOUSE_SNAPSHOT, gw_core_now(core).boot_ms + SOON_MS);
}

void
gw_house_begin(GwCore *core)
{
  GwNow now = gw_core_now(core);

  core->clock_offset_ms = now.wall_ms - now.boot_ms;
  for (GwHouseWork work = GW_HOUSE_FLUSH; work <= GW_HOUSE_TRIM; work++)
    plan(core, work);
}

void
gw_house_alarm(GwCore *core, gint64 work)
{
  switch ((GwHouseWork)work) {
  case GW_HOUSE_FLUSH:
    gw_house_flush(core, FALSE);
    break;
  case GW_HOUSE_EXPIRY:
    note_jump(core);
    gw_rates_look(core);
    gw_catalog_check_expiry(core);
    gw_logins_check_expiry(core);
    gw_catalog_ask_again(core);
    break;
  case GW_HOUSE_SNAPSHOT:
    gw_db_snapshot(core->db, on_snapshot, core);
    break;
  case GW_HOUSE_TRIM:
    trim(core);
    break;
  case GW_HOUSE_TRANSFERS:
    gw_tells_interrupt_lost(core);
    break;
  }
  plan(core, (GwHouseWork)work);
}
