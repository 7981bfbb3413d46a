/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the rules' rollouts stand: who is in which group, and what became of the groups. */
#include "store/rows-private.h"

void
gw_rows_put_rollout(GwBatch *batch, gint64 rule_id, const GwTargets *targets)
{
  gsize size;
  g_autofree guint8 *bytes = gw_targets_write(targets, &size);

  gw_batch_add(batch, "DELETE FROM rule_group WHERE rule = ?", "i", rule_id);
  gw_batch_add(batch, "INSERT OR REPLACE INTO rollout VALUES (?, ?, 0)", "ib", rule_id, bytes, size);
}

void
gw_rows_put_missed(GwBatch *batch, gint64 rule_id, gint64 missed_ms)
{
  gw_batch_add(batch, "UPDATE rollout SET missed_ms = ? WHERE rule = ?", "ii", missed_ms, rule_id);
}

void
gw_rows_put_group(GwBatch *batch, const GwGroupRow *row, const GwNow *now)
{
  const GwGroup *group = row->group;
  GwDeadline spread = group->spread, watched = group->watched;

  if (*spread.boot_id)
    gw_deadline_touch(&spread, now);
  if (*watched.boot_id)
    gw_deadline_touch(&watched, now);
  gw_batch_add(batch, "INSERT OR REPLACE INTO rule_group VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
               "iisiiiisiisii", row->rule_id, (gint64)row->number, gw_group_state_name(group->state),
               (gint64)group->n_let_failed, (gint64)group->n_let_ended, group->opened_ms, group->passed_ms,
               spread.boot_id, spread.boot_ms, spread.remaining_ms, watched.boot_id, watched.boot_ms,
               watched.remaining_ms);
}

void
gw_rows_delete_rollout(GwBatch *batch, gint64 rule_id)
{
  gw_batch_add(batch, "DELETE FROM rule_group WHERE rule = ?", "i", rule_id);
  gw_batch_add(batch, "DELETE FROM rollout WHERE rule = ?", "i", rule_id);
  gw_batch_add(batch, "DELETE FROM rule_day WHERE rule = ?", "i", rule_id);
}

void
gw_rows_put_day(GwBatch *batch, gint64 rule_id, gint64 key, gint64 day)
{
  gw_batch_add(batch, "INSERT OR REPLACE INTO rule_day VALUES (?, ?, ?)", "iii", rule_id, key, day);
}

void
gw_rows_trim_days(GwBatch *batch)
{
  gw_batch_add(batch,
               "DELETE FROM rule_day WHERE rule NOT IN (SELECT id FROM rule WHERE state IN "
               "('running', 'paused'))",
               "");
}

typedef struct {
  const GwNow *now;
  void (*each)(const GwRolloutRow *row, gpointer user);
  void (*each_group)(const GwGroupRow *row, gpointer user);
  gpointer user;
} RolloutReader;

static void
read_rollout(const GwRow *row, gpointer user)
{
  const RolloutReader *reader = user;
  gsize size;
  const void *bytes = gw_row_blob(row, 1, &size);
  GwTargets *targets = gw_targets_read(bytes, size, (guint)gw_row_int(row, 2));

  if (targets)
    reader->each(&(GwRolloutRow){ gw_row_int(row, 0), targets, gw_row_int(row, 3) }, reader->user);
}

static GwDeadline
read_deadline(const GwRow *row, int column, const GwNow *now)
{
  GwDeadline deadline = { .boot_ms = gw_row_int(row, column + 1),
                          .remaining_ms = gw_row_int(row, column + 2) };

  g_strlcpy(deadline.boot_id, gw_row_text(row, column), sizeof deadline.boot_id);
  if (*deadline.boot_id)
    gw_deadline_touch(&deadline, now);
  return deadline;
}

static void
read_group(const GwRow *row, gpointer user)
{
  const RolloutReader *reader = user;
  GwGroup group = {
    .state = GW_GROUP_CLOSED,
    .n_let_failed = (guint)gw_row_int(row, 3),
    .n_let_ended = (guint)gw_row_int(row, 4),
    .opened_ms = gw_row_int(row, 5),
    .passed_ms = gw_row_int(row, 6),
    .spread = read_deadline(row, 7, reader->now),
    .watched = read_deadline(row, 10, reader->now),
  };

  (void)gw_group_state_parse(gw_row_text(row, 2), &group.state);
  reader->each_group(&(GwGroupRow){ gw_row_int(row, 0), (guint)gw_row_int(row, 1), &group }, reader->user);
}

gboolean
gw_rows_load_rollouts(GwDb *db, const GwNow *now, void (*each)(const GwRolloutRow *row, gpointer user),
                      void (*each_group)(const GwGroupRow *row, gpointer user), gpointer user, GError **error)
{
  RolloutReader reader = { now, each, each_group, user };

  return gw_db_load(db,
                    "SELECT rule, targets, (SELECT count(*) FROM rule_group WHERE rule_group.rule = "
                    "rollout.rule), missed_ms FROM rollout ORDER BY rule",
                    read_rollout, &reader, error) &&
         gw_db_load(db, "SELECT * FROM rule_group ORDER BY rule, number", read_group, &reader, error);
}

typedef struct {
  void (*each)(gint64 rule_id, gint64 key, gint64 day, gpointer user);
  gpointer user;
} DayReader;

static void
read_day(const GwRow *row, gpointer user)
{
  const DayReader *reader = user;

  reader->each(gw_row_int(row, 0), gw_row_int(row, 1), gw_row_int(row, 2), reader->user);
}

gboolean
gw_rows_load_days(GwDb *db, void (*each)(gint64 rule_id, gint64 key, gint64 day, gpointer user),
                  gpointer user, GError **error)
{
  DayReader reader = { each, user };

  return gw_db_load(db, "SELECT rule, key, day FROM rule_day", read_day, &reader, error);
}
