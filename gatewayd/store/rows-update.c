/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Updates, their history, and pins. */
#include "model/tally.h"
#include "store/rows-private.h"

/* In this order they are read, too. */
#define COLUMNS                                                                                              \
  "id, node, type, firmware, rule, state, is_open, reason, is_inferred, n_attempts, boot_id, "               \
  "written_boot_ms, retry_boot_ms, deadline_boot_id, deadline_boot_ms, deadline_remaining_ms, "              \
  "version_before, acked, size, created_ms, changed_ms, finished_ms, version, product, location, release, "  \
  "cause, took, is_group, n_downloads"

/* Never "OR REPLACE": the triggers of the statistics must see a change as a change. Nothing is set that an
 * index holds, but when the update ends: SQLite would write the index anew for the same words. */
#define PUT_UPDATE                                                                                           \
  "INSERT INTO node_update (" COLUMNS ") VALUES "                                                            \
  "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "              \
  "ON CONFLICT (id) DO UPDATE SET state = excluded.state, "                                                  \
  "reason = excluded.reason, is_inferred = excluded.is_inferred, n_attempts = excluded.n_attempts, "         \
  "boot_id = excluded.boot_id, written_boot_ms = excluded.written_boot_ms, "                                 \
  "retry_boot_ms = excluded.retry_boot_ms, deadline_boot_id = excluded.deadline_boot_id, "                   \
  "deadline_boot_ms = excluded.deadline_boot_ms, deadline_remaining_ms = excluded.deadline_remaining_ms, "   \
  "version_before = excluded.version_before, acked = excluded.acked, size = excluded.size, "                 \
  "changed_ms = excluded.changed_ms, finished_ms = excluded.finished_ms, version = excluded.version, "       \
  "cause = excluded.cause, took = excluded.took, n_downloads = excluded.n_downloads"

#define PUT_ENDED_UPDATE PUT_UPDATE ", is_open = excluded.is_open"

void
gw_rows_put_update(GwBatch *batch, const GwUpdate *update, const GwNow *now)
{
  GwDeadline deadline = update->deadline;
  gboolean is_open = !gw_update_state_is_final(update->state); /* one that has ended is never opened again */

  if (*deadline.boot_id)
    gw_deadline_touch(&deadline, now);
  gw_batch_add(batch, is_open ? PUT_UPDATE : PUT_ENDED_UPDATE, "issiisisiisiisiisiiiiisssssiii", update->id,
               update->node, update->type, update->firmware_id, update->rule_id,
               gw_update_state_name(update->state), (gint64)is_open, update->reason,
               (gint64)update->is_inferred, (gint64)update->n_attempts, gw_clock_boot_id(), now->boot_ms,
               update->retry_boot_ms, deadline.boot_id, deadline.boot_ms, deadline.remaining_ms,
               update->version_before, (gint64)update->acked, (gint64)update->size, update->created_ms,
               update->changed_ms, update->finished_ms, update->version, update->product, update->location,
               update->release, update->cause ? gw_fact_name(update->cause) : "",
               (gint64)gw_tally_class_of(update), (gint64)update->is_group, (gint64)update->n_downloads);
}

void
gw_rows_trim_updates(GwBatch *batch, gint64 before_id, gint64 before_ms)
{
  gw_batch_add(
      batch,
      "DELETE FROM node_update WHERE NOT is_open AND id < ? AND changed_ms < ? AND NOT " GW_SQL_LIVE_UPDATES,
      "ii", before_id, before_ms);
  gw_batch_add(batch, "DELETE FROM history WHERE node_update NOT IN (SELECT id FROM node_update)", "");
}

typedef struct {
  const GwNow *now;
  void (*each)(GwUpdate *update, gpointer user);
  gpointer user;
} UpdateReader;

static void
read_subject(const GwRow *row, GwUpdate *update)
{
  gw_shared_text_set(&update->product, gw_row_text(row, 23));
  gw_shared_text_set(&update->location, gw_row_text(row, 24));
  gw_shared_text_set(&update->release, gw_row_text(row, 25));
  update->cause = gw_fact_parse(gw_row_text(row, 26));
  update->is_group = gw_row_int(row, 28) != 0;
  update->n_downloads = (guint)gw_row_int(row, 29);
}

static void
read_update(const GwRow *row, gpointer user)
{
  const UpdateReader *reader = user;
  GwUpdate *update = gw_update_new();

  update->id = gw_row_int(row, 0);
  gw_rows_read_text(&update->node, row, 1);
  gw_rows_read_text(&update->type, row, 2);
  update->firmware_id = gw_row_int(row, 3);
  update->rule_id = gw_row_int(row, 4);
  (void)gw_update_state_parse(gw_row_text(row, 5), &update->state);
  gw_rows_read_text(&update->reason, row, 7);
  update->is_inferred = gw_row_int(row, 8) != 0;
  update->n_attempts = (guint)gw_row_int(row, 9);
  update->retry_boot_ms = gw_row_int(row, 12);
  if (update->retry_boot_ms != 0)
    update->retry_boot_ms =
        gw_rows_on_clock(update->retry_boot_ms, gw_row_text(row, 10), gw_row_int(row, 11), reader->now);
  g_strlcpy(update->deadline.boot_id, gw_row_text(row, 13), sizeof update->deadline.boot_id);
  update->deadline.boot_ms = gw_row_int(row, 14);
  update->deadline.remaining_ms = gw_row_int(row, 15);
  if (*update->deadline.boot_id)
    gw_deadline_touch(&update->deadline, reader->now);
  gw_rows_read_text(&update->version_before, row, 16);
  update->acked = (guint64)gw_row_int(row, 17);
  update->size = (guint64)gw_row_int(row, 18);
  update->created_ms = gw_row_int(row, 19);
  update->changed_ms = gw_row_int(row, 20);
  update->finished_ms = gw_row_int(row, 21);
  gw_rows_read_text(&update->version, row, 22);
  read_subject(row, update);
  reader->each(update, reader->user);
}

gboolean
gw_rows_load_updates(GwDb *db, const GwNow *now, void (*each)(GwUpdate *update, gpointer user), gpointer user,
                     GError **error)
{
  UpdateReader reader = { now, each, user };

  return gw_db_load(db, "SELECT " COLUMNS " FROM node_update WHERE " GW_SQL_LIVE_UPDATES " ORDER BY id",
                    read_update, &reader, error);
}

void
gw_rows_put_history(GwBatch *batch, const GwHistoryRow *row)
{
  gw_batch_add(batch,
               "INSERT INTO history (node_update, wall_ms, state, fact, detail) VALUES (?, ?, ?, ?, ?)",
               "iisss", row->update_id, row->wall_ms, gw_update_state_name(row->state),
               row->fact ? gw_fact_name(row->fact) : "created", row->detail);
}

void
gw_rows_put_pin(GwBatch *batch, const GwPinRow *row, const GwNow *now)
{
  const GwInference *inference = &row->inference;

  gw_batch_add(
      batch, "INSERT OR REPLACE INTO pin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      "siisssiiiiiisiiiii", row->token, row->update_id, row->firmware_id, row->node, row->type, row->plugin,
      (gint64)row->is_never_cut, (gint64)row->is_silent, (gint64)row->is_owed, row->given_ms, row->used_ms,
      (gint64)row->n_downloads, gw_clock_boot_id(), now->boot_ms, (gint64)inference->is_open,
      (gint64)inference->n_counted, inference->started_boot_ms, inference->last_boot_ms);
}

void
gw_rows_delete_pin(GwBatch *batch, gint64 update_id)
{
  gw_batch_add(batch, "DELETE FROM pin WHERE node_update = ?", "i", update_id);
}

static GwInference
read_inference(const GwRow *row, const GwNow *now)
{
  const char *boot_id = gw_row_text(row, 12);
  gint64 written_ms = gw_row_int(row, 13);

  if (gw_row_int(row, 14) == 0)
    return (GwInference){ 0 };
  return (GwInference){
    .is_open = TRUE,
    .n_counted = (guint)gw_row_int(row, 15),
    .started_boot_ms = gw_rows_on_clock(gw_row_int(row, 16), boot_id, written_ms, now),
    .last_boot_ms = gw_rows_on_clock(gw_row_int(row, 17), boot_id, written_ms, now),
  };
}

typedef struct {
  const GwNow *now;
  void (*each)(const GwPinRow *row, gpointer user);
  gpointer user;
} PinReader;

static void
read_pin(const GwRow *row, gpointer user)
{
  const PinReader *reader = user;
  const GwPinRow pin = {
    .token = gw_row_text(row, 0),
    .update_id = gw_row_int(row, 1),
    .firmware_id = gw_row_int(row, 2),
    .node = gw_row_text(row, 3),
    .type = gw_row_text(row, 4),
    .plugin = gw_row_text(row, 5),
    .is_never_cut = gw_row_int(row, 6) != 0,
    .is_silent = gw_row_int(row, 7) != 0,
    .is_owed = gw_row_int(row, 8) != 0,
    .given_ms = gw_row_int(row, 9),
    .used_ms = gw_row_int(row, 10),
    .n_downloads = (guint)gw_row_int(row, 11),
    .inference = read_inference(row, reader->now),
  };

  reader->each(&pin, reader->user);
}

gboolean
gw_rows_load_pins(GwDb *db, const GwNow *now, void (*each)(const GwPinRow *row, gpointer user), gpointer user,
                  GError **error)
{
  PinReader reader = { now, each, user };

  return gw_db_load(db, "SELECT * FROM pin ORDER BY node_update", read_pin, &reader, error);
}
