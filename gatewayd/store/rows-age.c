/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which ids came next on each day of the gateway's running time. */
#include "store/rows-private.h"

void
gw_rows_put_age(GwBatch *batch, const GwAgeRow *row)
{
  gw_batch_add(batch, "INSERT OR REPLACE INTO age VALUES (?, ?, ?, ?, ?)", "iiiii", row->day, row->up_ms,
               row->event, row->timeline, row->update);
}

void
gw_rows_trim_ages(GwBatch *batch, gint64 before_day)
{
  gw_batch_add(batch, "DELETE FROM age WHERE day < ?", "i", before_day);
}

typedef struct {
  void (*each)(const GwAgeRow *row, gpointer user);
  gpointer user;
} AgeReader;

static void
read_age(const GwRow *row, gpointer user)
{
  const AgeReader *reader = user;

  reader->each(&(GwAgeRow){ gw_row_int(row, 0), gw_row_int(row, 1), gw_row_int(row, 2), gw_row_int(row, 3),
                            gw_row_int(row, 4) },
               reader->user);
}

gboolean
gw_rows_load_ages(GwDb *db, void (*each)(const GwAgeRow *row, gpointer user), gpointer user, GError **error)
{
  AgeReader reader = { each, user };

  return gw_db_load(db, "SELECT day, up_ms, event, timeline, node_update FROM age ORDER BY day", read_age,
                    &reader, error);
}
