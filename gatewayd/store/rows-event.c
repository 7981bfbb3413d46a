/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events, and the outbox: which upstream has not yet taken which event. */
#include "store/rows-private.h"

void
gw_rows_put_event(GwBatch *batch, const GwEventRow *row)
{
  gw_batch_add(batch, "INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "iissssiiisi",
               row->id, row->wall_ms, row->type, row->subject_kind, row->subject_id, row->node,
               row->firmware_id, row->rule_id, row->update_id, row->data, (gint64)row->is_final);
}

void
gw_rows_trim_events(GwBatch *batch, gint64 before_id, guint max)
{
  gw_batch_add(batch,
               "DELETE FROM event WHERE (id < ? OR id <= (SELECT id FROM event ORDER BY id DESC LIMIT 1 "
               "OFFSET ?)) AND id NOT IN (SELECT event FROM outbox)",
               "ii", before_id, (gint64)max);
}

GwEventRow
gw_rows_read_event(const GwRow *row, int column)
{
  return (GwEventRow){
    .id = gw_row_int(row, column),
    .wall_ms = gw_row_int(row, column + 1),
    .type = gw_row_text(row, column + 2),
    .subject_kind = gw_row_text(row, column + 3),
    .subject_id = gw_row_text(row, column + 4),
    .node = gw_row_text(row, column + 5),
    .firmware_id = gw_row_int(row, column + 6),
    .rule_id = gw_row_int(row, column + 7),
    .update_id = gw_row_int(row, column + 8),
    .data = gw_row_text(row, column + 9),
    .is_final = gw_row_int(row, column + 10) != 0,
  };
}

/* Only what may be replaced is replaced: a final row has no replace_key, and is never deleted here. */
void
gw_rows_put_outbox(GwBatch *batch, const GwOutboxRow *row)
{
  if (*row->replace_key)
    gw_batch_add(batch,
                 "DELETE FROM outbox WHERE upstream = ? AND replace_key = ? AND event < ? AND NOT is_final",
                 "ssi", row->upstream, row->replace_key, row->event_id);
  gw_batch_add(batch, "INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "sissiiis",
               row->upstream, row->event_id, row->order_key, row->replace_key, (gint64)row->is_final,
               (gint64)row->is_dead, (gint64)row->n_tries, row->last_error);
}

void
gw_rows_delete_outbox(GwBatch *batch, const char *upstream, gint64 event_id)
{
  gw_batch_add(batch, "DELETE FROM outbox WHERE upstream = ? AND event = ?", "si", upstream, event_id);
}

void
gw_rows_clear_outbox(GwBatch *batch, const char *upstream)
{
  gw_batch_add(batch, "DELETE FROM outbox WHERE upstream = ?", "s", upstream);
}

typedef struct {
  void (*each)(const GwOutboxRow *row, const GwEventRow *event, gpointer user);
  gpointer user;
} OutboxReader;

static void
read_outbox(const GwRow *row, gpointer user)
{
  const OutboxReader *reader = user;
  const GwEventRow event = gw_rows_read_event(row, 8);
  const GwOutboxRow outbox = {
    .upstream = gw_row_text(row, 0),
    .event_id = gw_row_int(row, 1),
    .order_key = gw_row_text(row, 2),
    .replace_key = gw_row_text(row, 3),
    .is_final = gw_row_int(row, 4) != 0,
    .is_dead = gw_row_int(row, 5) != 0,
    .n_tries = (guint)gw_row_int(row, 6),
    .last_error = gw_row_text(row, 7),
  };

  reader->each(&outbox, &event, reader->user);
}

gboolean
gw_rows_load_outbox(GwDb *db, void (*each)(const GwOutboxRow *row, const GwEventRow *event, gpointer user),
                    gpointer user, GError **error)
{
  OutboxReader reader = { each, user };

  return gw_db_load(db, "SELECT * FROM outbox JOIN event ON event.id = outbox.event ORDER BY event.id",
                    read_outbox, &reader, error);
}
