/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an outbox keeps and what it lets go, without a database and without a clock. */
#include "control/outbox.h"

#define KEPT 2000
#define NODES 1000
#define HOURS 72

static gint64 last_id;

static GwEvent *
event(const char *type, gint64 update_id, gboolean is_final)
{
  GwEventRow row = { .id = ++last_id,
                     .type = type,
                     .subject_kind = "update",
                     .subject_id = "1",
                     .node = "n",
                     .update_id = update_id,
                     .data = "{}",
                     .is_final = is_final };

  return gw_event_from_row(&row);
}

/* As the core does: the row with the event's change, the event when it is on disk. */
static gint64
say(GwOutbox *outbox, GwBatch *batch, const char *type, gint64 update_id)
{
  GwEvent *said = event(type, update_id, g_str_equal(type, "update.succeeded"));
  gint64 id = said->id;

  gw_outbox_put(outbox, batch, said);
  gw_outbox_add(outbox, said);
  gw_event_free(said);
  return id;
}

static GPtrArray *
pick(const GwOutbox *outbox, guint max)
{
  return gw_outbox_pick(outbox, &(GwOutboxPick){ max, 1 << 20 });
}

static void
assert_types(const GwOutbox *outbox, const char *expected)
{
  g_autoptr(GPtrArray) events = pick(outbox, 100);
  g_autoptr(GString) types = g_string_new(NULL);

  for (guint i = 0; i < events->len; i++)
    g_string_append_printf(types, "%s%s", i ? " " : "", ((GwEvent *)events->pdata[i])->type);
  g_assert_cmpstr(types->str, ==, expected);
}

static void
test_readings(void)
{
  g_autoptr(GwBatch) batch = gw_batch_new();
  GwOutbox *outbox = gw_outbox_new("cloud", 0);

  say(outbox, batch, "update.offered", 1);
  say(outbox, batch, "update.offered", 2);
  say(outbox, batch, "node.seen", 0);
  say(outbox, batch, "update.attempt-failed", 1); /* a fact, no reading */
  say(outbox, batch, "update.downloading", 1);
  say(outbox, batch, "update.succeeded", 2);
  assert_types(outbox, "update.offered node.seen update.attempt-failed update.downloading update.succeeded");
  gw_outbox_free(outbox);
}

/* What is under way may be replaced meanwhile: its answer is nobody's business then. */
static void
test_replaced_under_way(void)
{
  g_autoptr(GwBatch) batch = gw_batch_new();
  GwOutbox *outbox = gw_outbox_new("cloud", 0);
  gint64 sent = say(outbox, batch, "update.offered", 1);

  say(outbox, batch, "update.downloading", 1);
  gw_outbox_refused(outbox, sent, "422", batch);
  gw_outbox_taken(outbox, sent, batch);
  assert_types(outbox, "update.downloading");
  gw_outbox_free(outbox);
}

static void
test_dead(void)
{
  g_autoptr(GwBatch) batch = gw_batch_new();
  GwOutbox *outbox = gw_outbox_new("cloud", 0);
  gint64 reading = say(outbox, batch, "update.offered", 1), end;

  gw_outbox_refused(outbox, reading, "422", batch);
  gw_outbox_refused(outbox, reading, "422", batch);
  say(outbox, batch, "update.downloading", 1); /* the dead one is an operator's by now */
  end = say(outbox, batch, "update.succeeded", 1);
  gw_outbox_refused(outbox, end, "422", batch);
  g_assert_cmpuint(gw_outbox_count_dead(outbox), ==, 2);
  assert_types(outbox, "update.downloading");
  g_assert_false(gw_outbox_revive(outbox, end + 1, batch));
  g_assert_true(gw_outbox_revive(outbox, reading, batch)); /* outdated: it goes */
  assert_types(outbox, "update.downloading");
  g_assert_true(gw_outbox_revive(outbox, end, batch));
  g_assert_false(gw_outbox_drop(outbox, end, batch)); /* alive */
  assert_types(outbox, "update.downloading update.succeeded");
  g_assert_cmpuint(gw_outbox_count_dead(outbox), ==, 0);
  gw_outbox_free(outbox);
}

static void
test_limits_of_a_batch(void)
{
  g_autoptr(GwBatch) batch = gw_batch_new();
  GwOutbox *outbox = gw_outbox_new("cloud", 0);
  g_autoptr(GPtrArray) three = NULL, one = NULL;

  for (int i = 0; i < 10; i++)
    say(outbox, batch, "node.seen", 0);
  three = pick(outbox, 3);
  g_assert_cmpuint(three->len, ==, 3);
  one = gw_outbox_pick(outbox, &(GwOutboxPick){ 10, 1 }); /* one always goes */
  g_assert_cmpuint(one->len, ==, 1);
  gw_outbox_free(outbox);
}

static void
test_what_was_never_written(void)
{
  GwOutbox *outbox = gw_outbox_new("cloud", last_id + 1);
  GwEvent *early = event("node.seen", 0, FALSE), *late = event("node.seen", 0, FALSE);

  gw_outbox_add(outbox, early);
  gw_outbox_add(outbox, late);
  g_assert_cmpuint(gw_outbox_count(outbox), ==, 1);
  gw_event_free(early);
  gw_event_free(late);
  gw_outbox_free(outbox);
}

static guint
count_final(const GwOutbox *outbox)
{
  g_autoptr(GPtrArray) events = pick(outbox, G_MAXUINT);
  gint64 last = 0;
  guint n = 0;

  for (guint i = 0; i < events->len; i++) {
    const GwEvent *said = events->pdata[i];

    g_assert_cmpint(said->id, >, last);
    last = said->id;
    n += said->is_final;
  }
  return n;
}

/* Each node is heard, offered and updated hour by hour, far more than the outbox may hold. */
static void
test_E3_three_days_of_a_thousand_nodes(void)
{
  GwOutbox *outbox = gw_outbox_new("cloud", 0);
  guint n_ended = 0;

  for (gint64 hour = 0; hour < HOURS; hour++) {
    g_autoptr(GwBatch) batch = gw_batch_new();

    for (gint64 node = 0; node < NODES; node++) {
      say(outbox, batch, "node.version", 0);
      say(outbox, batch, "update.downloading", node + 1);
      if (node % HOURS == hour) {
        say(outbox, batch, "update.succeeded", node + 1);
        n_ended++;
      }
      gw_outbox_trim(outbox, KEPT, batch);
      g_assert_cmpuint(gw_outbox_count(outbox), <=, KEPT);
    }
  }
  g_assert_cmpuint(n_ended, ==, NODES);
  g_assert_cmpuint(count_final(outbox), ==, NODES);
  gw_outbox_free(outbox);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/outbox/readings", test_readings);
  g_test_add_func("/control/outbox/replaced-under-way", test_replaced_under_way);
  g_test_add_func("/control/outbox/dead", test_dead);
  g_test_add_func("/control/outbox/limits-of-a-batch", test_limits_of_a_batch);
  g_test_add_func("/control/outbox/what-was-never-written", test_what_was_never_written);
  g_test_add_func("/promise/E3/three-days-of-a-thousand-nodes", test_E3_three_days_of_a_thousand_nodes);
  return g_test_run();
}
