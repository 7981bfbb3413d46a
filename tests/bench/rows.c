/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes events as the core does, one batch each, in a folder: as many as it can, then a trickle. Prints
 * JSON: rows a second, and how long the slowest hundredth of the trickle waited for its commit. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "store/rows.h"

#define TRICKLE_ROWS 300
#define TRICKLE_EVERY_MS 20
#define IN_FLIGHT_MAX 20000

typedef struct {
  GwDb *db;
  GMainLoop *loop;
  guint n_rows, n_sent, n_done;
  gint64 sent_us[TRICKLE_ROWS], waited_us[TRICKLE_ROWS];
} Bench;

static void
on_done(const GError *error, gpointer user)
{
  Bench *bench = user;

  if (error)
    g_error("not written: %s", error->message);
  if (bench->n_rows == TRICKLE_ROWS)
    bench->waited_us[bench->n_done] = g_get_monotonic_time() - bench->sent_us[bench->n_done];
  if (++bench->n_done == bench->n_rows)
    g_main_loop_quit(bench->loop);
}

static void
send_one(Bench *bench)
{
  GwBatch *batch = gw_batch_new();
  GwEventRow row = {
    .id = gw_db_next_id(bench->db, "event"),
    .wall_ms = 1800000000000,
    .type = "update.succeeded",
    .subject_kind = "node",
    .subject_id = "02:00:00:00:00:07",
    .node = "02:00:00:00:00:07",
    .firmware_id = 1,
    .rule_id = 2,
    .update_id = 3,
    .data = "{\"text\":\"02:00:00:00:00:07 runs version 5\"}",
    .is_final = TRUE,
  };

  gw_rows_put_event(batch, &row);
  gw_db_submit(bench->db, batch, on_done, bench);
  bench->n_sent++;
}

static gboolean
send_many(gpointer user)
{
  Bench *bench = user;

  while (bench->n_sent < bench->n_rows && bench->n_sent - bench->n_done < IN_FLIGHT_MAX)
    send_one(bench);
  return bench->n_sent < bench->n_rows ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
send_trickle(gpointer user)
{
  Bench *bench = user;

  bench->sent_us[bench->n_sent] = g_get_monotonic_time();
  send_one(bench);
  return bench->n_sent < bench->n_rows ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static int
compare(const void *a, const void *b)
{
  gint64 left = *(const gint64 *)a, right = *(const gint64 *)b;

  return left < right ? -1 : left > right;
}

static double
run(Bench *bench, guint n_rows)
{
  gint64 began_us = g_get_monotonic_time();

  bench->n_rows = n_rows;
  bench->n_sent = bench->n_done = 0;
  g_main_loop_run(bench->loop);
  return (double)(g_get_monotonic_time() - began_us) / 1e6;
}

int
main(int argc, char **argv)
{
  g_autoptr(GError) error = NULL;
  Bench bench = { .loop = g_main_loop_new(NULL, FALSE) };
  GW_AUTO_FD int fd = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  guint n_rows = fd >= 0 ? (guint)atoi(argv[2]) : 0;
  gboolean was_lost;
  double seconds;

  if (n_rows == 0) {
    fprintf(stderr, "usage: bench-rows FOLDER ROWS\n");
    return 2;
  }
  bench.db = gw_db_open(fd, "bench.db", NULL, &was_lost, &error);
  if (!bench.db)
    g_error("%s", error->message);
  g_idle_add(send_many, &bench);
  seconds = run(&bench, n_rows);
  g_timeout_add(TRICKLE_EVERY_MS, send_trickle, &bench);
  (void)run(&bench, TRICKLE_ROWS);
  qsort(bench.waited_us, TRICKLE_ROWS, sizeof *bench.waited_us, compare);
  printf("{\"rows_per_s\": %.1f, \"median_ms\": %.3f, \"slow_ms\": %.3f}\n", n_rows / seconds,
         (double)bench.waited_us[TRICKLE_ROWS / 2] / 1e3,
         (double)bench.waited_us[TRICKLE_ROWS - TRICKLE_ROWS / 100] / 1e3);
  gw_db_close(bench.db);
  g_main_loop_unref(bench.loop);
  return 0;
}
