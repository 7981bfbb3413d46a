/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When something must happen on a connection: its deadline, the next look at what is acknowledged, the rate
 * below which a transfer is cut. One timer does it all. */
#include "net/http-private.h"

/* Of what is written and not acknowledged; doubles up to the pace of progress. */
#define ACK_POLL_MS 16
#define CROWDED_ACK_POLL_MS 256
#define CROWDED_POLL_MS 2000
#define STUCK_POLL_MS 10

static GwHttpServer *
server_of(const GwHttpExchange *connection)
{
  return gw_http_server_of(connection);
}

static gint64
now_of(const GwHttpExchange *connection)
{
  return gw_reactor_now_ms(connection->stream.reactor);
}

gboolean
gw_http_connection_is_sending(const GwHttpExchange *connection)
{
  return connection->outgoing || !gw_ledger_is_empty(&connection->ledger);
}

static gint64
poll_interval_ms(const GwHttpExchange *connection)
{
  const GwHttpServer *server = server_of(connection);
  gboolean is_crowded = server->counters.n_connections > GW_HTTP_CROWD;
  gint64 slowest = is_crowded ? CROWDED_POLL_MS : GW_LEDGER_PROGRESS_MS;
  gint64 quickest = is_crowded ? CROWDED_ACK_POLL_MS : ACK_POLL_MS;

  if (connection->state == GW_HTTP_STAYING)
    return server->limits.rate_window_ms;
  if (connection->outgoing)
    return slowest;
  return MIN(quickest << MIN(connection->n_polls, 8), slowest);
}

void
gw_http_connection_schedule(GwHttpExchange *connection)
{
  gint64 now_ms = now_of(connection);
  gint64 due_ms = connection->deadline_ms ? connection->deadline_ms : G_MAXINT64;

  if (connection->state == GW_HTTP_CLOSED)
    return;
  if (gw_http_connection_is_sending(connection))
    due_ms = MIN(due_ms, now_ms + poll_interval_ms(connection));
  else if (connection->is_held && gw_http_connection_is_receptive(connection))
    due_ms = now_ms;
  if (connection->incoming && connection->incoming->stuck)
    due_ms = MIN(due_ms, now_ms + STUCK_POLL_MS);
  if (due_ms != G_MAXINT64)
    gw_wheel_arm(gw_reactor_wheel(connection->stream.reactor), &connection->timer, due_ms);
}

void
gw_http_connection_expire_in(GwHttpExchange *connection, guint ms)
{
  connection->deadline_ms = ms ? now_of(connection) + ms : 0;
  connection->is_rated = FALSE;
  gw_http_connection_schedule(connection);
}

void
gw_http_connection_expire_idle(GwHttpExchange *connection)
{
  const GwHttpLimits *limits = &server_of(connection)->limits;
  guint idle_ms = connection->idle_ms ? connection->idle_ms : limits->idle_ms;

  if (connection->state == GW_HTTP_LEAVING)
    idle_ms = MAX(limits->linger_ms, connection->idle_ms);
  connection->is_in_head = FALSE;
  gw_http_connection_expire_in(connection, idle_ms);
}

void
gw_http_connection_count(GwHttpExchange *connection, GwLedgerNews news)
{
  GwHttpCounters *counters = &server_of(connection)->counters;

  counters->n_acked_bytes += news.acked_bytes;
  counters->n_transfers_complete += news.n_complete;
  counters->n_transfers_aborted += news.n_cut;
}

guint64
gw_http_connection_settle(GwHttpExchange *connection)
{
  guint64 position = gw_stream_position(&connection->stream);
  guint64 unacked = gw_stream_unacked(&connection->stream);

  gw_http_connection_count(connection,
                           gw_ledger_settle(&connection->ledger, position, unacked, now_of(connection)));
  return unacked;
}

/* FALSE: in the last window the peer took less than the least we accept. Our own pacing is not held against
 * it, nor that a reply that stays open has little to say. */
static gboolean
keeps_rate(GwHttpExchange *connection, guint64 unacked, gint64 now_ms)
{
  const GwHttpLimits *limits = &server_of(connection)->limits;
  guint64 position = gw_stream_position(&connection->stream);
  guint64 acked = position - MIN(unacked, position);
  guint64 least = (guint64)limits->min_bytes_per_s * limits->rate_window_ms / 1000;
  gboolean waits_for_pace = connection->outgoing && connection->stream.watch.events == 0;

  if (connection->state == GW_HTTP_STAYING)
    least = 1;
  if (connection->is_rated && now_ms < connection->deadline_ms)
    return TRUE;
  if (connection->is_rated && !waits_for_pace && unacked > 0 &&
      acked - MIN(acked, connection->rate_position) < least)
    return FALSE;
  connection->is_rated = unacked > 0;
  connection->rate_position = acked;
  connection->deadline_ms = now_ms + limits->rate_window_ms;
  return TRUE;
}

/* While something is under way: what is acknowledged, is it fast enough, is it through? */
static void
look_after_transfer(GwHttpExchange *connection, gint64 now_ms)
{
  guint64 unacked = gw_http_connection_settle(connection);

  if (connection->state == GW_HTTP_CLOSED)
    return;
  connection->n_polls += connection->n_polls < 8;
  if (!gw_http_connection_is_sending(connection))
    gw_http_connection_expire_idle(connection);
  else if (!keeps_rate(connection, unacked, now_ms))
    gw_http_connection_close(connection, TRUE);
}

static void
expire(GwHttpExchange *connection)
{
  if (connection->state == GW_HTTP_INTAKE)
    gw_http_connection_refuse(connection, 408, "a request's body does not come");
  else if (connection->state == GW_HTTP_READING && connection->pending)
    gw_http_connection_refuse(connection, 408, "a request's head does not come");
  else
    gw_http_connection_close(connection, FALSE);
}

void
gw_http_connection_on_timer(GwTimer *timer, gint64 now_ms)
{
  GwHttpExchange *connection = (GwHttpExchange *)((char *)timer - G_STRUCT_OFFSET(GwHttpExchange, timer));

  if (gw_http_connection_is_sending(connection) && connection->state != GW_HTTP_INTAKE)
    look_after_transfer(connection, now_ms);
  else if (connection->deadline_ms && now_ms >= connection->deadline_ms)
    expire(connection);
  if (connection->state == GW_HTTP_INTAKE && connection->incoming->stuck)
    gw_http_intake_retry(connection);
  if (connection->is_held && gw_http_connection_is_receptive(connection))
    gw_http_connection_look_again(connection);
  gw_http_connection_schedule(connection);
}
