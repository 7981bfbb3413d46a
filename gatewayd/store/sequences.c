/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sequences.h"

#include <string.h>

#define STEP 64 /* ids reserved at a time: so many may be skipped after a kill */

/* One row of the table: ids below @reserved are never given by a later run. */
typedef struct {
  gint64 next, reserved;
} Sequence;

struct GwSequences {
  GMutex mutex;
  GHashTable *by_name; /* name -> Sequence */
};

GwSequences *
gw_sequences_new(void)
{
  GwSequences *sequences = g_new0(GwSequences, 1);

  g_mutex_init(&sequences->mutex);
  sequences->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  return sequences;
}

void
gw_sequences_free(GwSequences *sequences)
{
  if (!sequences)
    return;
  g_hash_table_unref(sequences->by_name);
  g_mutex_clear(&sequences->mutex);
  g_free(sequences);
}

/* Called with the mutex held. */
static Sequence *
find_or_begin(GwSequences *sequences, const char *name)
{
  Sequence *sequence = g_hash_table_lookup(sequences->by_name, name);

  if (!sequence) {
    sequence = g_new(Sequence, 1);
    *sequence = (Sequence){ 1, 1 };
    g_hash_table_insert(sequences->by_name, g_strdup(name), sequence);
  }
  return sequence;
}

static void
take_row(const GwRow *row, gpointer user)
{
  GwSequences *sequences = user;
  Sequence *sequence;

  g_mutex_lock(&sequences->mutex);
  sequence = find_or_begin(sequences, gw_row_text(row, 0));
  sequence->reserved = gw_row_int(row, 1);
  sequence->next = MAX(sequence->next, sequence->reserved);
  g_mutex_unlock(&sequences->mutex);
}

gboolean
gw_sequences_learn(GwSequences *sequences, GwConnection *connection, GError **error)
{
  const GwDbStatement statement = { .sql = "SELECT name, next FROM sequence" };
  const GwRowSink sink = { take_row, sequences, 0 };

  return gw_connection_run(connection, &statement, &sink, error);
}

gint64
gw_sequences_next(GwSequences *sequences, const char *name)
{
  gint64 id;

  g_mutex_lock(&sequences->mutex);
  id = find_or_begin(sequences, name)->next++;
  g_mutex_unlock(&sequences->mutex);
  return id;
}

/* Name -> what is to be reserved (gint64). */
static GHashTable *
collect(GwSequences *sequences, gboolean is_last)
{
  GHashTable *due = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer name, value;

  g_mutex_lock(&sequences->mutex);
  g_hash_table_iter_init(&iter, sequences->by_name);
  while (g_hash_table_iter_next(&iter, &name, &value)) {
    const Sequence *sequence = value;
    gint64 wish = is_last ? sequence->next : sequence->next + STEP;

    if (sequence->next > sequence->reserved || (is_last && sequence->next != sequence->reserved))
      g_hash_table_insert(due, g_strdup(name), g_memdup2(&wish, sizeof wish));
  }
  g_mutex_unlock(&sequences->mutex);
  return due;
}

static gboolean
reserve(GHashTable *due, GwConnection *connection, GError **error)
{
  static const char SQL[] =
      "INSERT INTO sequence VALUES (?, ?) ON CONFLICT DO UPDATE SET next = excluded.next";
  GHashTableIter iter;
  gpointer name, wish;

  g_hash_table_iter_init(&iter, due);
  while (g_hash_table_iter_next(&iter, &name, &wish)) {
    const GwDbValue values[] = {
      { .kind = 's', .bytes = name, .size = strlen(name) },
      { .kind = 'i', .integer = *(const gint64 *)wish },
    };
    const GwDbStatement statement = { SQL, G_N_ELEMENTS(values), values };

    if (!gw_connection_run(connection, &statement, NULL, error))
      return FALSE;
  }
  return TRUE;
}

static void
note(GwSequences *sequences, GHashTable *due)
{
  GHashTableIter iter;
  gpointer name, wish;

  g_mutex_lock(&sequences->mutex);
  g_hash_table_iter_init(&iter, due);
  while (g_hash_table_iter_next(&iter, &name, &wish))
    find_or_begin(sequences, name)->reserved = *(const gint64 *)wish;
  g_mutex_unlock(&sequences->mutex);
}

gboolean
gw_sequences_commit(GwSequences *sequences, GwConnection *connection, gboolean is_last, GError **error)
{
  g_autoptr(GHashTable) due = collect(sequences, is_last);

  if (!reserve(due, connection, error) || !gw_connection_exec(connection, "COMMIT", error))
    return FALSE;
  note(sequences, due);
  return TRUE;
}
