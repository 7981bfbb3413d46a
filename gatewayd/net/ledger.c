/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/ledger.h"

struct GwLedgerEntry {
  GwLedgerEntry *next;
  const GwTransferObserver *observer;
  gpointer user;
  GwTransferGauge gauge;
  guint64 written;
  guint64 end; /* the connection's position after its last byte, once that is written */
  gint64 told_ms;
  guint64 told_acked;
};

static gboolean
is_written(const GwLedgerEntry *entry)
{
  return entry->written == entry->gauge.size;
}

void
gw_ledger_open(GwLedger *ledger, const GwTransferObserver *observer, gpointer user, guint64 offset,
               guint64 size)
{
  GwLedgerEntry *entry = g_new0(GwLedgerEntry, 1);

  entry->observer = observer;
  entry->user = user;
  entry->gauge = (GwTransferGauge){ .offset = offset, .size = size };
  if (ledger->last)
    ledger->last->next = entry;
  else
    ledger->first = entry;
  ledger->last = entry;
}

void
gw_ledger_wrote(GwLedger *ledger, guint64 n, guint64 position)
{
  GwLedgerEntry *entry = ledger->last;

  if (!entry || is_written(entry))
    return;
  entry->written += n;
  entry->end = position;
}

/* What lies behind the entry's last written byte does not count against it. Returns what is new. */
static guint64
gauge(GwLedgerEntry *entry, guint64 position, guint64 unacked)
{
  guint64 acked_position = position - MIN(unacked, position);
  guint64 missing = entry->end > acked_position ? entry->end - acked_position : 0;
  guint64 acked = entry->written - MIN(missing, entry->written);

  acked -= MIN(acked, entry->gauge.acked);
  entry->gauge.acked += acked;
  return acked;
}

static void
tell_progress(GwLedgerEntry *entry, gint64 now_ms)
{
  if (!entry->observer->progress || entry->gauge.acked == entry->told_acked)
    return;
  if (entry->told_ms != 0 && now_ms - entry->told_ms < GW_LEDGER_PROGRESS_MS)
    return;
  entry->told_ms = now_ms;
  entry->told_acked = entry->gauge.acked;
  entry->observer->progress(entry->user, &entry->gauge);
}

static void
finish(GwLedger *ledger, gboolean is_complete)
{
  g_autofree GwLedgerEntry *entry = ledger->first;

  ledger->first = entry->next;
  if (!ledger->first)
    ledger->last = NULL;
  entry->observer->done(entry->user, &entry->gauge, is_complete);
}

static gboolean
is_through(const GwLedgerEntry *entry)
{
  return is_written(entry) && entry->gauge.acked == entry->gauge.size;
}

GwLedgerNews
gw_ledger_settle(GwLedger *ledger, guint64 position, guint64 unacked, gint64 now_ms)
{
  GwLedgerNews news = { 0 };
  GwLedgerEntry *entry;

  while ((entry = ledger->first)) {
    news.acked_bytes += gauge(entry, position, unacked);
    if (!is_through(entry)) {
      tell_progress(entry, now_ms);
      break; /* those behind it have nothing acknowledged */
    }
    news.n_complete++;
    finish(ledger, TRUE);
  }
  return news;
}

GwLedgerNews
gw_ledger_fail(GwLedger *ledger, guint64 position, guint64 unacked)
{
  GwLedgerNews news = { 0 };
  GwLedgerEntry *entry;

  while ((entry = ledger->first)) {
    gboolean is_complete;

    news.acked_bytes += gauge(entry, position, unacked);
    is_complete = is_through(entry);
    news.n_complete += is_complete;
    news.n_cut += !is_complete;
    finish(ledger, is_complete);
  }
  return news;
}

gboolean
gw_ledger_is_empty(const GwLedger *ledger)
{
  return ledger->first == NULL;
}

guint
gw_ledger_size(const GwLedger *ledger)
{
  guint n = 0;

  for (const GwLedgerEntry *entry = ledger->first; entry; entry = entry->next)
    n++;
  return n;
}
