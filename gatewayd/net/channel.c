/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/channel-private.h"

#include <sys/socket.h>

#define ACK_POLL_MS 16 /* doubles up to the pace of progress */
#define LINE_MAX_DEFAULT 512
#define LINE_MAX_LIMIT 8192
#define MIN_BYTES_PER_S 64
#define RATE_WINDOW_MS 300000

gint64
gw_channel_now_ms(const GwChannel *channel)
{
  return gw_reactor_now_ms(channel->stream.reactor);
}

/* ---- what comes next ---- */

/* Bytes that somebody waits for are under way. */
static gboolean
is_under_way(const GwChannel *channel)
{
  return gw_channel_has_output(channel) || !gw_ledger_is_empty(&channel->ledger) || channel->is_closing;
}

static gint64
next_event_ms(const GwChannel *channel, gint64 now_ms)
{
  gint64 due_ms = G_MAXINT64;

  for (guint i = 0; i < GW_CHANNEL_TIMERS; i++)
    if (channel->arms_ms[i] > 0)
      due_ms = MIN(due_ms, channel->arms_ms[i]);
  if (channel->limits.idle_ms && !is_under_way(channel))
    due_ms = MIN(due_ms, channel->moved_ms + channel->limits.idle_ms);
  if (is_under_way(channel))
    due_ms =
        MIN(due_ms, now_ms + MIN((gint64)ACK_POLL_MS << MIN(channel->n_polls, 8), GW_LEDGER_PROGRESS_MS));
  if (channel->is_broken)
    due_ms = now_ms;
  return due_ms;
}

void
gw_channel_rearm(GwChannel *channel)
{
  gint64 now_ms = gw_channel_now_ms(channel);
  gint64 due_ms;
  guint32 events = 0;

  if (channel->is_ended || channel->is_freed)
    return;
  channel->is_quiet &= channel->is_paused;
  if (!channel->is_quiet && !channel->is_broken)
    events |= EPOLLIN;
  if (gw_channel_has_output(channel) && !channel->waits_for_pace && !channel->is_broken)
    events |= EPOLLOUT;
  gw_reactor_modify(channel->stream.reactor, &channel->stream.watch, events);
  due_ms = channel->has_turn ? now_ms : next_event_ms(channel, now_ms);
  if (due_ms != G_MAXINT64)
    gw_wheel_arm(gw_reactor_wheel(channel->stream.reactor), &channel->timer, due_ms);
}

void
gw_channel_arm(GwChannel *channel, guint id, guint ms)
{
  g_assert(id < GW_CHANNEL_TIMERS);
  channel->arms_ms[id] = ms ? gw_channel_now_ms(channel) + ms : 0;
  gw_channel_rearm(channel);
}

static void
fire_arms(GwChannel *channel, gint64 now_ms)
{
  for (guint i = 0; i < GW_CHANNEL_TIMERS && !channel->is_ended && !channel->is_freed; i++) {
    if (channel->arms_ms[i] == 0 || channel->arms_ms[i] > now_ms)
      continue;
    channel->arms_ms[i] = 0;
    if (channel->events->timer && !channel->is_closing)
      channel->events->timer(channel, i, channel->user);
  }
}

/* FALSE: in the last window the peer took less than the least we accept. */
static gboolean
keeps_rate(GwChannel *channel, gint64 now_ms)
{
  guint64 least = (guint64)channel->limits.min_bytes_per_s * channel->limits.rate_window_ms / 1000;
  guint64 acked = channel->acked_position;
  gboolean is_rated = channel->rate_ms > 0 && !channel->waits_for_pace;

  if (channel->rate_ms > 0 && now_ms < channel->rate_ms)
    return TRUE;
  if (is_rated && acked - MIN(acked, channel->rate_position) < least)
    return FALSE;
  channel->rate_ms = now_ms + channel->limits.rate_window_ms;
  channel->rate_position = acked;
  return TRUE;
}

/* All is written: the peer may know. All is acknowledged: that was it. */
static void
go_on_closing(GwChannel *channel, guint64 unacked)
{
  if (gw_channel_has_output(channel))
    return;
  if (!channel->has_spoken_last && !channel->stream.is_tty) {
    shutdown(channel->stream.watch.fd, SHUT_WR);
    channel->has_spoken_last = TRUE;
  } else if (unacked == 0)
    gw_channel_end(channel, GW_CHANNEL_CLOSED);
}

static void
look_after_output(GwChannel *channel, gint64 now_ms)
{
  guint64 unacked = gw_channel_settle(channel);

  channel->n_polls += channel->n_polls < 8;
  if (channel->is_closing && !channel->is_freed && !channel->is_ended)
    go_on_closing(channel, unacked);
  if (channel->is_freed || channel->is_ended)
    return;
  if (!is_under_way(channel))
    channel->rate_ms = 0;
  else if (!keeps_rate(channel, now_ms))
    gw_channel_end(channel, GW_CHANNEL_SLOW);
}

static void
on_timer(GwTimer *timer, gint64 now_ms)
{
  GwChannel *channel = (GwChannel *)((char *)timer - G_STRUCT_OFFSET(GwChannel, timer));
  gboolean had_turn = channel->has_turn;

  channel->has_turn = FALSE;
  if (channel->is_broken) {
    gw_channel_end(channel, GW_CHANNEL_BROKEN);
    return;
  }
  if (is_under_way(channel))
    look_after_output(channel, now_ms);
  fire_arms(channel, now_ms);
  if (had_turn)
    gw_channel_deliver(channel);
  if (channel->limits.idle_ms && !is_under_way(channel) &&
      now_ms >= channel->moved_ms + channel->limits.idle_ms)
    gw_channel_end(channel, GW_CHANNEL_IDLE);
  gw_channel_rearm(channel);
}

static void
on_pace(GwPaceFlow *flow, gint64 now_ms)
{
  GwChannel *channel = (GwChannel *)((char *)flow - G_STRUCT_OFFSET(GwChannel, flow));

  channel->waits_for_pace = FALSE;
  gw_channel_flush(channel);
}

static void
on_event(GwWatch *watch, guint32 events)
{
  GwChannel *channel = (GwChannel *)watch;

  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    if (channel->is_paused && (events & (EPOLLHUP | EPOLLERR)))
      gw_channel_end(channel, GW_CHANNEL_BROKEN);
    else if (channel->is_paused)
      channel->is_quiet = TRUE; /* most pauses are over before anything comes */
    else
      gw_channel_read(channel, !(events & EPOLLIN));
  }
  if (events & EPOLLOUT)
    gw_channel_flush(channel);
  gw_channel_rearm(channel);
}

/* ---- life ---- */

static GwChannel *
channel_new(GwReactor *reactor, int fd, const GwChannelLimits *limits, const GwChannelEvents *events,
            gpointer user)
{
  GwChannel *channel = g_new0(GwChannel, 1);

  channel->stream.watch = (GwWatch){ .fd = fd, .ready = on_event };
  channel->stream.reactor = reactor;
  channel->timer.fire = on_timer;
  channel->flow.resume = on_pace;
  channel->flow.peer = &channel->peer;
  channel->events = events;
  channel->user = user;
  channel->limits = *limits;
  channel->limits.max_line = MIN(limits->max_line ? limits->max_line : LINE_MAX_DEFAULT, LINE_MAX_LIMIT);
  if (limits->min_bytes_per_s == 0)
    channel->limits.min_bytes_per_s = MIN_BYTES_PER_S;
  if (limits->rate_window_ms == 0)
    channel->limits.rate_window_ms = RATE_WINDOW_MS;
  channel->moved_ms = gw_reactor_now_ms(reactor);
  channel->is_broken = !gw_reactor_add(reactor, &channel->stream.watch, EPOLLIN);
  gw_channel_rearm(channel);
  return channel;
}

GwChannel *
gw_channel_new(GwReactor *reactor, const GwAccepted *accepted, const GwChannelLimits *limits,
               const GwChannelEvents *events, gpointer user)
{
  GwChannel *channel = channel_new(reactor, accepted->fd, limits, events, user);

  channel->peer = accepted->peer;
  channel->gate = accepted->gate ? gw_gate_ref(accepted->gate) : NULL;
  return channel;
}

GwChannel *
gw_channel_new_tty(GwReactor *reactor, int fd, const GwChannelLimits *limits, const GwChannelEvents *events,
                   gpointer user)
{
  GwChannel *channel = channel_new(reactor, fd, limits, events, user);

  channel->stream.is_tty = TRUE;
  return channel;
}

/* Closes; observers hear their last. A socket is reset if the peer could take less than all for all. */
static void
shut(GwChannel *channel)
{
  GwStream *stream = &channel->stream;
  guint64 position = gw_stream_position(stream);
  guint64 unacked = gw_stream_unacked(stream);

  if (channel->is_ended)
    return;
  channel->is_ended = TRUE;
  gw_wheel_cancel(&channel->timer);
  gw_pace_leave(&channel->flow);
  if (gw_channel_has_output(channel) || (!gw_ledger_is_empty(&channel->ledger) && unacked > 0))
    gw_stream_reset(stream);
  else
    gw_stream_close(stream);
  if (channel->gate)
    gw_gate_leave(channel->gate, &channel->peer);
  g_clear_pointer(&channel->gate, gw_gate_unref);
  g_clear_pointer(&channel->output, g_byte_array_unref);
  g_clear_pointer(&channel->output_after, g_byte_array_unref);
  g_clear_pointer(&channel->body, gw_body_unref);
  gw_ledger_fail(&channel->ledger, position, unacked);
}

void
gw_channel_end(GwChannel *channel, GwChannelEnd why)
{
  if (channel->is_ended)
    return;
  shut(channel);
  if (!channel->is_freed && channel->events->end)
    channel->events->end(channel, why, channel->user);
}

void
gw_channel_free(GwChannel *channel)
{
  if (!channel || channel->is_freed)
    return;
  channel->is_freed = TRUE;
  shut(channel);
  if (!channel->is_delivering)
    g_clear_pointer(&channel->input, g_byte_array_unref);
  gw_reactor_free_later(channel->stream.reactor, channel);
}

void
gw_channel_close(GwChannel *channel)
{
  channel->is_closing = TRUE;
  channel->n_polls = 0;
  gw_channel_rearm(channel);
}

void
gw_channel_touch(GwChannel *channel)
{
  channel->moved_ms = gw_channel_now_ms(channel);
}

const GwAddress *
gw_channel_peer(const GwChannel *channel)
{
  return &channel->peer;
}

void
gw_channel_local(GwChannel *channel, GwAddress *ret_address)
{
  struct sockaddr_storage sockaddr;
  socklen_t size = sizeof sockaddr;

  if (!channel->knows_local && !channel->stream.is_tty &&
      getsockname(channel->stream.watch.fd, (struct sockaddr *)&sockaddr, &size) == 0)
    gw_address_from_sockaddr((struct sockaddr *)&sockaddr, &channel->local);
  channel->knows_local = TRUE;
  *ret_address = channel->local;
}
