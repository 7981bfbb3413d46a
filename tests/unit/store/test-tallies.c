/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The statistics: whatever happens to the rows, they say what counting the rows would say. */
#include "nouns.h"

#include <string.h>

static GwUpdate *
update_new(gint64 id, GwUpdateState state)
{
  GwUpdate *update = gw_update_new();

  update->id = id;
  replace(&update->node, "n1");
  gw_shared_text_set(&update->product, "weather");
  gw_shared_text_set(&update->location, id % 2 ? "Roof" : "");
  gw_shared_text_set(&update->release, "5");
  update->rule_id = 1 + id % 3;
  update->state = state;
  update->created_ms = NOW.wall_ms;
  update->finished_ms = NOW.wall_ms + 60000;
  return update;
}

static void
put(GwBatch *batch, gint64 id, GwUpdateState state, GwFact cause)
{
  g_autoptr(GwUpdate) update = update_new(id, state);

  update->cause = cause;
  gw_rows_put_update(batch, update, &NOW);
}

/* ---- asking ---- */

typedef struct {
  GPtrArray *lines;
  gboolean is_done;
  char *last;
  guint n;
} Asked;

static void
on_tallies(const GPtrArray *tallies, const GError *error, gpointer user)
{
  Asked *asked = user;

  g_assert_no_error(error);
  asked->n = tallies->len;
  for (guint i = 0; i < tallies->len; i++) {
    const GwNamedTally *named = tallies->pdata[i];
    GString *line = g_string_new(named->key);

    for (GwUpdateState state = GW_UPDATE_SCHEDULED; state <= GW_N_UPDATE_STATES; state++)
      if (named->tally.n[state])
        g_string_append_printf(line, " %s=%" G_GUINT64_FORMAT, gw_update_state_name(state),
                               named->tally.n[state]);
    for (GwFact fact = 0; fact <= GW_N_FACTS; fact++)
      if (named->n_causes[fact])
        g_string_append_printf(line, " %s:%" G_GUINT64_FORMAT, gw_fact_name(fact), named->n_causes[fact]);
    if (named->tally.n_groups)
      g_string_append_printf(line, " groups=%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, named->tally.n_groups,
                             named->tally.n_downloads);
    g_ptr_array_add(asked->lines, g_string_free(line, FALSE));
    g_free(asked->last);
    asked->last = g_strdup(named->key);
  }
  asked->is_done = TRUE;
}

/* "key state=n cause:n; key ..." */
static char *
statistics(Site *site, const char *kind)
{
  Asked asked = { .lines = g_ptr_array_new_with_free_func(g_free) };
  char *text;

  do {
    g_autofree char *after = g_steal_pointer(&asked.last);

    asked.is_done = FALSE;
    gw_rows_tally(site->db, &(GwTallyQuestion){ kind, after }, on_tallies, &asked);
    wait_for(&asked.is_done);
  } while (asked.n == GW_TALLIES_PAGE);
  g_free(asked.last);
  g_ptr_array_add(asked.lines, NULL);
  text = g_strjoinv("; ", (char **)asked.lines->pdata);
  g_ptr_array_unref(asked.lines);
  return text;
}

static void
assert_statistics(Site *site, const char *kind, const char *expected)
{
  g_autofree char *text = statistics(site, kind);

  g_assert_cmpstr(text, ==, expected);
}

/* ---- the cases ---- */

static void
test_each_change_counts_once(void)
{
  Site site = site_new();
  GwBatch *batch = gw_batch_new();

  put(batch, 1, GW_UPDATE_OFFERED, 0);
  put(batch, 1, GW_UPDATE_OFFERED, 0);
  put(batch, 2, GW_UPDATE_DOWNLOADING, 0);
  put(batch, 2, GW_UPDATE_FAILED, GW_FACT_STALLED);
  commit(&site, batch);
  assert_statistics(&site, "rule", "2 offered=1; 3 failed=1 stalled:1");
  assert_statistics(&site, "location", " failed=1 stalled:1; Roof offered=1");
  assert_statistics(&site, "version", "weather 5 offered=1 failed=1 stalled:1");
  batch = gw_batch_new();
  put(batch, 2, GW_UPDATE_SUCCEEDED, GW_FACT_HEARD_TARGET); /* late */
  put(batch, 2, GW_UPDATE_SUCCEEDED, GW_FACT_HEARD_TARGET);
  commit(&site, batch);
  assert_statistics(&site, "product", "weather offered=1 succeeded=1");
  batch = gw_batch_new();
  gw_rows_delete_node(batch, "n1");
  gw_rows_trim_tallies(batch);
  commit(&site, batch);
  assert_statistics(&site, "product", "");
  site_clear(&site);
}

static void
test_groups_are_apart(void)
{
  Site site = site_new();
  GwBatch *batch = gw_batch_new();
  g_autoptr(GwUpdate) update = update_new(3, GW_UPDATE_OFFERED);

  update->is_group = TRUE;
  gw_rows_put_update(batch, update, &NOW);
  update->n_downloads = 2;
  gw_rows_put_update(batch, update, &NOW);
  commit(&site, batch);
  assert_statistics(&site, "product", "weather groups=1/2");
  site_clear(&site);
}

static void
test_pages(void)
{
  Site site = site_new();
  GwBatch *batch = gw_batch_new();
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;

  for (gint64 id = 1; id <= 3 * GW_TALLIES_PAGE + 5; id++) {
    g_autoptr(GwUpdate) update = update_new(id, GW_UPDATE_OFFERED);
    g_autofree char *location = g_strdup_printf("Plant/%03d", (int)id);

    gw_shared_text_set(&update->location, location);
    gw_rows_put_update(batch, update, &NOW);
  }
  commit(&site, batch);
  text = statistics(&site, "location");
  lines = g_strsplit(text, "; ", -1);
  g_assert_cmpuint(g_strv_length(lines), ==, 3 * GW_TALLIES_PAGE + 5);
  g_assert_cmpstr(lines[0], ==, "Plant/001 offered=1");
  g_assert_cmpstr(lines[124], ==, "Plant/125 offered=1");
  site_clear(&site);
}

/* By counting the rows themselves. */
static void
on_counted(GPtrArray *rows, const GError *error, gpointer user)
{
  Asked *asked = user;
  g_autoptr(GPtrArray) owned = rows;

  g_assert_no_error(error);
  for (guint i = 0; i < owned->len; i++) {
    g_autofree char *line = g_variant_print(owned->pdata[i], FALSE);

    g_ptr_array_add(asked->lines, g_steal_pointer(&line));
  }
  asked->is_done = TRUE;
}

static char *
rows_of(Site *site, const char *sql)
{
  Asked asked = { .lines = g_ptr_array_new_with_free_func(g_free) };
  char *text;

  gw_db_query(site->db, on_counted, &asked, sql, "");
  wait_for(&asked.is_done);
  g_ptr_array_add(asked.lines, NULL);
  text = g_strjoinv("\n", (char **)asked.lines->pdata);
  g_ptr_array_unref(asked.lines);
  return text;
}

#define N_ANY 60

/* One that has ended may end in another way, and is never opened again. */
static void
put_any(GwBatch *batch, GRand *chance, gboolean has_ended[N_ANY])
{
  int id = g_rand_int_range(chance, 1, N_ANY);
  GwUpdateState first = has_ended[id] ? GW_UPDATE_SUCCEEDED : GW_UPDATE_SCHEDULED;
  GwUpdateState state = (GwUpdateState)g_rand_int_range(chance, (gint32)first, GW_UPDATE_EXPIRED + 1);
  g_autoptr(GwUpdate) update = update_new(id, state);
  g_autofree char *node = g_strdup_printf("n%d", (int)update->id % 7);

  replace(&update->node, node);
  update->is_group = update->id % 5 == 0;
  update->n_downloads = (guint)g_rand_int_range(chance, 0, 3);
  update->cause = gw_update_state_is_final(state) ? (GwFact)g_rand_int_range(chance, 1, GW_N_FACTS) : 0;
  gw_rows_put_update(batch, update, &NOW);
  has_ended[id] = gw_update_state_is_final(state);
}

static void
delete_any(GwBatch *batch, GRand *chance, gboolean has_ended[N_ANY])
{
  int number = g_rand_int_range(chance, 0, 7);
  g_autofree char *node = g_strdup_printf("n%d", number);

  gw_rows_delete_node(batch, node);
  for (int id = number; id < N_ANY; id += 7)
    has_ended[id] = FALSE;
}

/* Thousands of changes, deletions and restarts later. */
static void
test_always_what_counting_would_give(void)
{
  Site site = site_new();
  g_autoptr(GRand) chance = g_rand_new_with_seed(5);
  gboolean has_ended[N_ANY] = { FALSE };

  for (int round = 0; round < 5; round++) {
    g_autofree char *kept = NULL, *counted = NULL;
    GwBatch *batch = gw_batch_new();

    for (int i = 0; i < 400; i++)
      if (g_rand_int_range(chance, 0, 40) == 0)
        delete_any(batch, chance, has_ended);
      else
        put_any(batch, chance, has_ended);
    commit(&site, batch);
    site_restart(&site);
    kept = rows_of(&site,
                   "SELECT key, state, cause, took, n, downloads FROM tally WHERE kind = 'rule' AND n <> 0 "
                   "ORDER BY 1, 2, 3, 4");
    counted = rows_of(
        &site, "SELECT CAST(rule AS TEXT), iif(is_group, 'group', state), cause, took, count(*), "
               "sum(n_downloads) FROM node_update WHERE NOT is_open GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4");
    g_assert_cmpstr(kept, ==, counted);
    g_assert_cmpuint(strlen(counted), >, 100);
  }
  site_clear(&site);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/store/tally/each-change-counts-once", test_each_change_counts_once);
  g_test_add_func("/store/tally/groups-are-apart", test_groups_are_apart);
  g_test_add_func("/store/tally/pages", test_pages);
  g_test_add_func("/store/tally/what-counting-would-give", test_always_what_counting_would_give);
  return g_test_run();
}
