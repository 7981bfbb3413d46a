/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/ledger.h"

typedef struct {
  GwTransferGauge gauge;
  guint n_progress, n_done;
  gboolean is_complete;
} Heard;

static void
on_progress(gpointer user, const GwTransferGauge *gauge)
{
  Heard *heard = user;

  g_assert_cmpuint(heard->n_done, ==, 0);
  heard->gauge = *gauge;
  heard->n_progress++;
}

static void
on_done(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  Heard *heard = user;

  heard->gauge = *gauge;
  heard->is_complete = is_complete;
  heard->n_done++;
}

static const GwTransferObserver observer = { .progress = on_progress, .done = on_done };

static void
test_done_only_when_acknowledged(void)
{
  GwLedger ledger = { 0 };
  Heard heard = { 0 };
  GwLedgerNews news;

  gw_ledger_open(&ledger, &observer, &heard, 100, 5000); /* a head of 200 bytes went before */
  gw_ledger_wrote(&ledger, 3000, 3200);
  news = gw_ledger_settle(&ledger, 3200, 3200, 1000);
  g_assert_cmpuint(news.acked_bytes, ==, 0);
  gw_ledger_settle(&ledger, 3200, 1000, 2000);
  g_assert_cmpuint(heard.gauge.acked, ==, 2000);
  gw_ledger_wrote(&ledger, 2000, 5200);
  gw_ledger_settle(&ledger, 5200, 1, 3000);
  g_assert_cmpuint(heard.gauge.acked, ==, 4999);
  g_assert_cmpuint(heard.n_done, ==, 0);
  news = gw_ledger_settle(&ledger, 5200, 0, 3001);
  g_assert_cmpuint(news.acked_bytes, ==, 1);
  g_assert_cmpuint(news.n_complete, ==, 1);
  g_assert_cmpuint(heard.n_done, ==, 1);
  g_assert_true(heard.is_complete);
  g_assert_cmpuint(heard.gauge.offset, ==, 100);
  g_assert_cmpuint(heard.gauge.acked, ==, 5000);
  g_assert_true(gw_ledger_is_empty(&ledger));
}

/* Two replies on one connection: what is not acknowledged belongs to the later one first. */
static void
test_replies_on_one_connection(void)
{
  GwLedger ledger = { 0 };
  Heard first = { 0 }, second = { 0 };

  gw_ledger_open(&ledger, &observer, &first, 0, 1000);
  gw_ledger_wrote(&ledger, 1000, 1100);
  gw_ledger_open(&ledger, &observer, &second, 0, 400);
  gw_ledger_wrote(&ledger, 400, 1600);
  gw_ledger_settle(&ledger, 1600, 501, 0);
  g_assert_cmpuint(first.n_done, ==, 0);
  g_assert_cmpuint(first.gauge.acked, ==, 999);
  gw_ledger_settle(&ledger, 1600, 400, 1000);
  g_assert_true(first.is_complete);
  g_assert_cmpuint(second.n_done, ==, 0);
  g_assert_cmpuint(gw_ledger_size(&ledger), ==, 1);
  gw_ledger_fail(&ledger, 1600, 300);
  g_assert_cmpuint(second.n_done, ==, 1);
  g_assert_false(second.is_complete);
  g_assert_cmpuint(second.gauge.acked, ==, 100);
  g_assert_cmpuint(first.n_done, ==, 1);
}

static void
test_progress_is_bounded(void)
{
  GwLedger ledger = { 0 };
  Heard heard = { 0 };

  gw_ledger_open(&ledger, &observer, &heard, 0, 1000000);
  for (guint ms = 1; ms <= 1000; ms++) {
    gw_ledger_wrote(&ledger, 100, ms * 100);
    gw_ledger_settle(&ledger, ms * 100, 0, ms);
  }
  g_assert_cmpuint(heard.n_progress, >=, 4);
  g_assert_cmpuint(heard.n_progress, <=, 5);
  gw_ledger_settle(&ledger, 100000, 0, 99999); /* the last one is told, but not twice */
  gw_ledger_settle(&ledger, 100000, 0, 999999);
  g_assert_cmpuint(heard.n_progress, <=, 6);
  gw_ledger_fail(&ledger, 100000, 0);
  g_assert_false(heard.is_complete);
}

static void
test_gauge_never_falls(void)
{
  GwLedger ledger = { 0 };
  Heard heard = { 0 };

  gw_ledger_open(&ledger, &observer, &heard, 0, 1000);
  gw_ledger_wrote(&ledger, 1000, 1000);
  gw_ledger_settle(&ledger, 1000, 100, 0);
  gw_ledger_settle(&ledger, 1000, G_MAXUINT64, 1000); /* the descriptor is gone: nothing more is known */
  gw_ledger_fail(&ledger, 1000, G_MAXUINT64);
  g_assert_cmpuint(heard.gauge.acked, ==, 900);
  g_assert_false(heard.is_complete);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/ledger/acknowledged", test_done_only_when_acknowledged);
  g_test_add_func("/net/ledger/pipelined", test_replies_on_one_connection);
  g_test_add_func("/net/ledger/progress", test_progress_is_bounded);
  g_test_add_func("/net/ledger/never-falls", test_gauge_never_falls);
  return g_test_run();
}
