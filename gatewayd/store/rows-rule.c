/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "model/rule-form.h"
#include "store/rows-private.h"

void
gw_rows_put_rule(GwBatch *batch, const GwRule *rule)
{
  g_autofree char *form = gw_rule_form_text(rule, FALSE);

  gw_batch_add(batch, "INSERT OR REPLACE INTO rule VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", "isssiiisi", rule->id,
               rule->name, gw_rule_state_name(rule->state), rule->pause_reason, (gint64)rule->is_push,
               rule->created_ms, rule->changed_ms, form, rule->notification);
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

/* A form that cannot be read is a rule for nobody, which an operator can look at and delete. */
static GwRule *
read_form(const GwRow *row)
{
  const char *text = gw_row_text(row, 7);
  GwRule *rule = gw_rule_form_parse(text, strlen(text), NULL);

  if (rule)
    return rule;
  rule = gw_rule_new(gw_row_text(row, 1));
  rule->who.nodes = gw_who_set_new();
  return rule;
}

static void
read_rule(const GwRow *row, gpointer user)
{
  const RuleReader *reader = user;
  GwRule *rule = read_form(row);

  rule->id = gw_row_int(row, 0);
  (void)gw_rule_state_parse(gw_row_text(row, 2), &rule->state);
  gw_rows_read_text(&rule->pause_reason, row, 3);
  rule->is_push = gw_row_int(row, 4) != 0;
  rule->created_ms = gw_row_int(row, 5);
  rule->changed_ms = gw_row_int(row, 6);
  rule->notification = gw_row_int(row, 8);
  reader->each(rule, reader->user);
}

gboolean
gw_rows_load_rules(GwDb *db, void (*each)(GwRule *rule, gpointer user), gpointer user, GError **error)
{
  RuleReader reader = { each, user };

  return gw_db_load(db, "SELECT * FROM rule ORDER BY id", read_rule, &reader, error);
}
