/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The statistics: triggers of the schema count every update that has ended, and those that are open are
 * counted now. So asking costs as much as there are keys and open updates, however many there were. */
#include <string.h>

#include "store/db-private.h"
#include "store/rows-private.h"

#define TALLY_OF(keys)                                                                                       \
  "WITH counted (key, state, cause, took, n, downloads) AS MATERIALIZED ("                                   \
  "SELECT key, state, cause, took, n, downloads FROM tally WHERE kind = ?1 AND n > 0 UNION ALL "             \
  "SELECT CASE ?1 WHEN 'rule' THEN CAST(rule AS TEXT) WHEN 'product' THEN product "                          \
  "WHEN 'location' THEN location ELSE product || ' ' || release END, "                                       \
  "iif(is_group, 'group', state), cause, took, count(*), sum(n_downloads) "                                  \
  "FROM node_update WHERE is_open GROUP BY 1, 2) "                                                           \
  "SELECT * FROM counted WHERE key IN (SELECT DISTINCT key FROM counted" keys                                \
  " ORDER BY key LIMIT " G_STRINGIFY(GW_TALLIES_PAGE) ") ORDER BY key"

typedef struct {
  GwTalliesDone done;
  gpointer user;
} Pending;

static gint64
integer_of(GVariant *row, guint column)
{
  g_autoptr(GVariant) value = NULL;

  g_variant_get_child(row, column, "v", &value);
  return g_variant_get_int64(value);
}

static char *
text_of(GVariant *row, guint column)
{
  g_autoptr(GVariant) value = NULL;

  g_variant_get_child(row, column, "v", &value);
  return g_variant_dup_string(value, NULL);
}

static void
named_free(gpointer data)
{
  GwNamedTally *named = data;

  g_free(named->key);
  g_free(named);
}

/* Rows of one key follow one another. */
static GwNamedTally *
tally_of(GPtrArray *tallies, char *key)
{
  GwNamedTally *last = tallies->len ? tallies->pdata[tallies->len - 1] : NULL;

  if (last && strcmp(last->key, key) == 0) {
    g_free(key);
    return last;
  }
  last = g_new0(GwNamedTally, 1);
  last->key = key;
  g_ptr_array_add(tallies, last);
  return last;
}

static void
count_row(GwNamedTally *named, GVariant *row)
{
  g_autofree char *state_name = text_of(row, 1), *cause = text_of(row, 2);
  gint64 took = integer_of(row, 3);
  guint64 n = (guint64)integer_of(row, 4);
  GwUpdateState state;

  if (!gw_update_state_parse(state_name, &state)) {
    named->tally.n_groups += n;
    named->tally.n_downloads += (guint64)integer_of(row, 5);
    return;
  }
  named->tally.n[state] += n;
  if (state == GW_UPDATE_SUCCEEDED && gw_fact_parse(cause) == GW_FACT_INFERRED)
    named->tally.n_inferred += n;
  if (took >= 0 && took < GW_TALLY_CLASSES)
    named->tally.took[took] += n;
  if (state == GW_UPDATE_FAILED || state == GW_UPDATE_REFUSED || state == GW_UPDATE_EXPIRED)
    named->n_causes[gw_fact_parse(cause)] += n;
}

static void
on_rows(GPtrArray *rows, const GError *error, gpointer user)
{
  g_autofree Pending *pending = user;
  g_autoptr(GPtrArray) owned = rows;
  g_autoptr(GPtrArray) tallies = g_ptr_array_new_with_free_func(named_free);

  for (guint i = 0; owned && i < owned->len; i++)
    count_row(tally_of(tallies, text_of(owned->pdata[i], 0)), owned->pdata[i]);
  pending->done(error ? NULL : tallies, error, pending->user);
}

void
gw_rows_tally(GwDb *db, const GwTallyQuestion *question, GwTalliesDone done, gpointer user)
{
  Pending *pending = g_new(Pending, 1);

  *pending = (Pending){ done, user };
  if (question->after)
    gw_db_query(db, on_rows, pending, TALLY_OF(" WHERE key > ?2"), "ss", question->kind, question->after);
  else
    gw_db_query(db, on_rows, pending, TALLY_OF(""), "s", question->kind);
}

void
gw_rows_trim_tallies(GwBatch *batch)
{
  gw_batch_add(batch, "DELETE FROM tally WHERE n = 0", "");
}
