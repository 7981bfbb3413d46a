/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/rows-private.h"

void
gw_rows_put_rule(GwBatch *batch, const GwRule *rule)
{
  g_autofree char *nodes = gw_rows_write_set(rule->nodes);
  g_autofree char *macs = gw_rows_write_set(rule->macs);
  g_autofree char *versions = gw_rows_write_set(rule->versions);

  gw_batch_add(batch,
               "INSERT OR REPLACE INTO rule VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
               "?, ?, ?, ?, ?, ?)",
               "isiisssssssiiiiiiiiiiiiss",

               rule->id, rule->name, rule->firmware_id, (gint64)rule->priority,
               gw_rule_state_name(rule->state), rule->pause_reason, rule->product, nodes, macs, versions,
               rule->location, (gint64)rule->is_unknown_included, rule->not_before_ms, rule->not_after_ms,
               (gint64)rule->from_minute, (gint64)rule->until_minute, (gint64)rule->is_cut_at_edge,
               (gint64)rule->cap, (gint64)rule->max_attempts, (gint64)rule->is_heard_required,
               (gint64)rule->is_push, rule->created_ms, rule->changed_ms, rule->number, rule->overrides);
}

void
gw_rows_delete_rule(GwBatch *batch, gint64 id)
{
  gw_batch_add(batch, "DELETE FROM rule WHERE id = ?", "i", id);
}

typedef struct {
  void (*each)(GwRule *rule, gpointer user);
  gpointer user;
} RuleReader;

static void
read_rule(const GwRow *row, gpointer user)
{
  const RuleReader *reader = user;
  GwRule *rule = gw_rule_new(gw_row_text(row, 1));

  rule->id = gw_row_int(row, 0);
  rule->firmware_id = gw_row_int(row, 2);
  rule->priority = (int)gw_row_int(row, 3);
  (void)gw_rule_state_parse(gw_row_text(row, 4), &rule->state);
  gw_rows_read_text(&rule->pause_reason, row, 5);
  gw_rows_read_text(&rule->product, row, 6);
  rule->nodes = gw_rows_read_set(row, 7);
  rule->macs = gw_rows_read_set(row, 8);
  rule->versions = gw_rows_read_set(row, 9);
  gw_rows_read_text(&rule->location, row, 10);
  rule->is_unknown_included = gw_row_int(row, 11) != 0;
  rule->not_before_ms = gw_row_int(row, 12);
  rule->not_after_ms = gw_row_int(row, 13);
  rule->from_minute = (guint)gw_row_int(row, 14);
  rule->until_minute = (guint)gw_row_int(row, 15);
  rule->is_cut_at_edge = gw_row_int(row, 16) != 0;
  rule->cap = (guint)gw_row_int(row, 17);
  rule->max_attempts = (guint)gw_row_int(row, 18);
  rule->is_heard_required = gw_row_int(row, 19) != 0;
  rule->is_push = gw_row_int(row, 20) != 0;
  rule->created_ms = gw_row_int(row, 21);
  rule->changed_ms = gw_row_int(row, 22);
  gw_rows_read_text(&rule->number, row, 23);
  gw_rows_read_text(&rule->overrides, row, 24);
  reader->each(rule, reader->user);
}

gboolean
gw_rows_load_rules(GwDb *db, void (*each)(GwRule *rule, gpointer user), gpointer user, GError **error)
{
  RuleReader reader = { each, user };

  return gw_db_load(db, "SELECT * FROM rule ORDER BY id", read_rule, &reader, error);
}
