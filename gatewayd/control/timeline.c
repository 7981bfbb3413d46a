/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/timeline.h"

#include <string.h>

#define FLUSH_FIRST_MS G_GINT64_CONSTANT(600000)
#define FLUSH_MAX_MS G_GINT64_CONSTANT(86400000)
#define ENDED_MAX 20000 /* waiting to be written; then the oldest is lost */

typedef struct {
  gint64 id, first_ms, last_ms;
  gint64 begun_boot_ms, flush_boot_ms;
  guint64 count;
  const char *kind;
  char *text; /* shared by all nodes that ask the same */
  gboolean is_dirty;
} Run;

struct GwTimeline {
  GwDb *db;
  GHashTable *runs; /* node -> Run */
  GPtrArray *ended; /* Ended, waiting for the next flush */
};

/* A run that was over before it was written. */
typedef struct {
  char *node;
  Run *run;
} Ended;

static void
run_free(gpointer data)
{
  Run *run = data;

  g_ref_string_release(run->text);
  g_free(run);
}

static void
ended_free(gpointer data)
{
  Ended *ended = data;

  g_free(ended->node);
  run_free(ended->run);
  g_free(ended);
}

GwTimeline *
gw_timeline_new(GwDb *db)
{
  GwTimeline *timeline = g_new0(GwTimeline, 1);

  timeline->db = db;
  timeline->runs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, run_free);
  timeline->ended = g_ptr_array_new_with_free_func(ended_free);
  return timeline;
}

void
gw_timeline_free(GwTimeline *timeline)
{
  if (!timeline)
    return;
  g_hash_table_unref(timeline->runs);
  g_ptr_array_unref(timeline->ended);
  g_free(timeline);
}

static void
begin_run(GwTimeline *timeline, const GwTimelineNote *note, gint64 boot_ms)
{
  Run *run = g_new0(Run, 1);

  *run = (Run){
    .id = gw_db_next_id(timeline->db, GW_SEQUENCE_TIMELINE),
    .first_ms = note->first_ms,
    .last_ms = note->last_ms,
    .begun_boot_ms = boot_ms,
    .flush_boot_ms = boot_ms + FLUSH_FIRST_MS,
    .count = note->count,
    .kind = note->kind,
    .text = g_ref_string_new_intern(note->text),
    .is_dirty = TRUE,
  };
  g_hash_table_insert(timeline->runs, g_strdup(note->node), run);
}

static void
end_run(GwTimeline *timeline, const char *node)
{
  gpointer key, value;

  if (!g_hash_table_steal_extended(timeline->runs, node, &key, &value))
    return;
  Ended *ended = g_new(Ended, 1);
  *ended = (Ended){ key, value };
  if (timeline->ended->len >= ENDED_MAX)
    g_ptr_array_remove_index(timeline->ended, 0);
  g_ptr_array_add(timeline->ended, ended);
}

void
gw_timeline_note(GwTimeline *timeline, const GwTimelineNote *note, gint64 boot_ms)
{
  Run *run = g_hash_table_lookup(timeline->runs, note->node);

  if (run && strcmp(run->kind, note->kind) == 0 && strcmp(run->text, note->text) == 0) {
    run->last_ms = MAX(run->last_ms, note->last_ms);
    run->count += note->count;
    run->is_dirty = TRUE;
    return;
  }
  end_run(timeline, note->node);
  begin_run(timeline, note, boot_ms);
}

static GwTimelineRow
row_of(const char *node, const Run *run)
{
  return (GwTimelineRow){
    .id = run->id,
    .node = node,
    .kind = run->kind,
    .text = run->text,
    .first_ms = run->first_ms,
    .last_ms = run->last_ms,
    .count = run->count,
  };
}

gboolean
gw_timeline_last(const GwTimeline *timeline, const char *node, GwTimelineRow *ret_row)
{
  const Run *run = g_hash_table_lookup(timeline->runs, node);

  if (run)
    *ret_row = row_of(node, run);
  return run != NULL;
}

void
gw_timeline_unwritten(const GwTimeline *timeline, const char *node,
                      void (*each)(const GwTimelineRow *row, gpointer user), gpointer user)
{
  const Run *run = g_hash_table_lookup(timeline->runs, node);

  for (guint i = 0; i < timeline->ended->len; i++) {
    const Ended *ended = timeline->ended->pdata[i];
    GwTimelineRow row = row_of(ended->node, ended->run);

    if (strcmp(ended->node, node) == 0)
      each(&row, user);
  }
  if (run && run->is_dirty) {
    GwTimelineRow row = row_of(node, run);

    each(&row, user);
  }
}

char *
gw_timeline_text(const char *text)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  gsize size = strlen(valid);

  if (size <= GW_TIMELINE_TEXT_MAX)
    return g_steal_pointer(&valid);
  return g_strndup(valid, (gsize)(g_utf8_find_prev_char(valid, valid + GW_TIMELINE_TEXT_MAX + 1) - valid));
}

void
gw_timeline_forget(GwTimeline *timeline, const char *node)
{
  g_hash_table_remove(timeline->runs, node);
  for (guint i = timeline->ended->len; i > 0; i--)
    if (strcmp(((Ended *)timeline->ended->pdata[i - 1])->node, node) == 0)
      g_ptr_array_remove_index_fast(timeline->ended, i - 1);
}

void
gw_timeline_flush(GwTimeline *timeline, GwBatch *batch, gint64 boot_ms,
                  void (*contact)(GwBatch *batch, const char *node, gpointer user), gpointer user)
{
  GHashTableIter iter;
  gpointer key, value;

  for (guint i = 0; i < timeline->ended->len; i++) {
    const Ended *ended = timeline->ended->pdata[i];
    GwTimelineRow row = row_of(ended->node, ended->run);

    gw_rows_put_timeline(batch, &row);
  }
  g_ptr_array_set_size(timeline->ended, 0);
  g_hash_table_iter_init(&iter, timeline->runs);
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    Run *run = value;
    GwTimelineRow row = row_of(key, run);

    if (!run->is_dirty || boot_ms < run->flush_boot_ms)
      continue;
    gw_rows_put_timeline(batch, &row);
    contact(batch, key, user);
    run->is_dirty = FALSE;
    run->flush_boot_ms = MIN(boot_ms, G_MAXINT64 - FLUSH_MAX_MS) +
                         CLAMP(boot_ms - run->begun_boot_ms, FLUSH_FIRST_MS, FLUSH_MAX_MS);
  }
}
