/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/data-channel.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/file.h"
#include "net/ledger.h"
#include "net/socket.h"
#include "net/stream.h"

#define ACK_POLL_MS 16 /* doubles up to the pace of progress */

struct GwDataChannel {
  GwStream stream; /* first: a watch leads here */
  GwTimer timer;
  GwDataSetup setup;
  GwLease *lease;
  guint16 port;
  GwPaceFlow flow;
  GwAddress peer;
  GwBody *body; /* until its last byte is written */
  guint64 offset, left;
  guint64 acked, told_acked;
  gint64 opened_ms; /* or sent, while the peer is awaited */
  gint64 moved_ms, told_ms;
  gint64 rate_ms; /* the minimum rate is looked at */
  guint64 rate_acked;
  guint n_polls;
  gboolean is_up : 1;
  gboolean has_file : 1;
  gboolean has_spoken_last : 1; /* our FIN is out */
  gboolean is_deaf : 1;         /* the peer's FIN came */
  gboolean waits_for_pace : 1;
  gboolean is_broken : 1; /* said at the next turn */
  gboolean is_over : 1;
  gboolean is_freed : 1;
};

static gint64
now(const GwDataChannel *channel)
{
  return gw_reactor_now_ms(channel->setup.reactor);
}

/* ---- what is acknowledged ---- */

/* The FIN counts as one byte, the last. */
static gboolean
settle(GwDataChannel *channel)
{
  guint64 written = gw_stream_position(&channel->stream);
  guint64 unacked = channel->is_up ? gw_stream_unacked(&channel->stream) : written;
  guint64 missing = unacked - MIN(unacked, channel->has_spoken_last ? 1 : 0);
  guint64 acked = written - MIN(missing, written);

  if (acked > channel->acked) {
    channel->acked = acked;
    channel->moved_ms = now(channel);
  }
  return channel->has_spoken_last && unacked == 0;
}

static void
tell_moved(GwDataChannel *channel)
{
  gint64 now_ms = now(channel);

  if (channel->acked == channel->told_acked || now_ms - channel->told_ms < GW_LEDGER_PROGRESS_MS)
    return;
  channel->told_acked = channel->acked;
  channel->told_ms = now_ms;
  if (channel->setup.events->moved)
    channel->setup.events->moved(channel, channel->setup.user);
}

/* FALSE: in the last window the peer took less than the least. */
static gboolean
keeps_rate(GwDataChannel *channel, gint64 now_ms)
{
  guint64 least = (guint64)GW_DATA_MIN_BYTES_PER_S * GW_DATA_RATE_WINDOW_MS / 1000;

  if (now_ms < channel->rate_ms)
    return TRUE;
  if (channel->has_file && !channel->waits_for_pace && channel->acked - channel->rate_acked < least)
    return FALSE;
  channel->rate_ms = now_ms + GW_DATA_RATE_WINDOW_MS;
  channel->rate_acked = channel->acked;
  return TRUE;
}

/* ---- the end ---- */

static void
shut(GwDataChannel *channel, gboolean is_drained)
{
  if (channel->is_over)
    return;
  is_drained |= settle(channel);
  channel->is_over = TRUE;
  gw_wheel_cancel(&channel->timer);
  gw_pace_leave(&channel->flow);
  gw_lease_free(g_steal_pointer(&channel->lease));
  g_clear_pointer(&channel->body, gw_body_unref);
  if (channel->has_file && !is_drained)
    gw_stream_reset(&channel->stream);
  else
    gw_stream_close(&channel->stream);
}

static void
end(GwDataChannel *channel, gboolean is_drained)
{
  if (channel->is_over)
    return;
  shut(channel, is_drained);
  if (!channel->is_freed && channel->setup.events->over)
    channel->setup.events->over(channel, is_drained, channel->setup.user);
}

/* ---- what comes next ---- */

/* When both have spoken last the kernel would report it for ever: then only changes are. */
static guint32
wanted_events(const GwDataChannel *channel)
{
  guint32 events = channel->is_deaf ? 0 : EPOLLIN;

  if (!channel->is_up)
    return EPOLLOUT;
  if (channel->has_spoken_last)
    return events | EPOLLET;
  return events | (channel->body && !channel->waits_for_pace ? EPOLLOUT : 0);
}

/* The peer has taken all that it was sent, and our own pace holds the rest back. */
static gboolean
is_held_by_us(const GwDataChannel *channel)
{
  return channel->waits_for_pace && gw_stream_position(&channel->stream) <= channel->acked;
}

static gint64
due_ms(const GwDataChannel *channel)
{
  gint64 now_ms = now(channel);
  gint64 due =
      is_held_by_us(channel) ? channel->rate_ms : MIN(channel->moved_ms + GW_DATA_IDLE_MS, channel->rate_ms);

  if (channel->is_broken)
    return now_ms;
  if (!channel->is_up)
    return channel->opened_ms + GW_DATA_WAIT_MS;
  if (channel->has_spoken_last || gw_stream_position(&channel->stream) > channel->acked)
    due = MIN(due, now_ms + MIN((gint64)ACK_POLL_MS << MIN(channel->n_polls, 8), GW_LEDGER_PROGRESS_MS));
  return due;
}

static void
rearm(GwDataChannel *channel)
{
  if (channel->is_over || channel->is_freed)
    return;
  if (channel->stream.watch.fd >= 0)
    gw_reactor_modify(channel->setup.reactor, &channel->stream.watch,
                      channel->is_broken ? EPOLLET : wanted_events(channel));
  gw_wheel_arm(gw_reactor_wheel(channel->setup.reactor), &channel->timer, due_ms(channel));
}

/* ---- sending ---- */

static gsize
allowance(GwDataChannel *channel, gsize want)
{
  if (!channel->setup.pace)
    return want;
  return gw_pace_take(channel->setup.pace, &channel->flow, want, now(channel));
}

/* FALSE: no more for now. */
static gboolean
send_some(GwDataChannel *channel, gsize *budget)
{
  gsize allowed = allowance(channel, (gsize)MIN(channel->left, *budget));
  gsize n = 0;
  GwStreamResult result;

  channel->waits_for_pace = allowed == 0;
  if (allowed == 0)
    return FALSE;
  if (allowed == channel->left)
    gw_stream_cork(&channel->stream);
  result = gw_stream_send(&channel->stream, channel->body, channel->offset, allowed, &n);
  if (channel->setup.pace)
    gw_pace_give_back(channel->setup.pace, &channel->flow, allowed - n);
  channel->is_broken |= result != GW_STREAM_DONE && result != GW_STREAM_BLOCKED;
  channel->offset += n;
  channel->left -= n;
  *budget -= n;
  return result == GW_STREAM_DONE && *budget > 0;
}

static void
flush(GwDataChannel *channel)
{
  gsize budget = GW_STREAM_BUDGET;

  if (channel->is_over || channel->is_freed || channel->is_broken)
    return;
  if (channel->is_up && channel->body) {
    channel->n_polls = 0;
    while (channel->left > 0 && send_some(channel, &budget))
      ;
    if (channel->left == 0) {
      g_clear_pointer(&channel->body, gw_body_unref);
      shutdown(channel->stream.watch.fd, SHUT_WR);
      channel->has_spoken_last = TRUE;
    }
  }
  rearm(channel);
}

static void
on_pace(GwPaceFlow *flow, gint64 now_ms)
{
  GwDataChannel *channel = (GwDataChannel *)(void *)((char *)flow - G_STRUCT_OFFSET(GwDataChannel, flow));

  if (is_held_by_us(channel)) {
    channel->moved_ms = now_ms;
    channel->rate_ms = now_ms + GW_DATA_RATE_WINDOW_MS;
    channel->rate_acked = channel->acked;
  }
  channel->waits_for_pace = FALSE;
  flush(channel);
}

gboolean
gw_data_channel_send(GwDataChannel *channel, GwBody *body, GwByteRange range)
{
  guint64 size = gw_body_size(body);

  if (channel->is_over || channel->has_file || range.offset > size || range.size > size - range.offset)
    return FALSE;
  channel->has_file = TRUE;
  channel->body = gw_body_ref(body);
  channel->offset = range.offset;
  channel->left = range.size;
  channel->opened_ms = channel->moved_ms = now(channel);
  channel->rate_ms = channel->moved_ms + GW_DATA_RATE_WINDOW_MS;
  flush(channel);
  return TRUE;
}

/* ---- what happens ---- */

static void
come_up(GwDataChannel *channel)
{
  channel->is_up = TRUE;
  channel->moved_ms = now(channel);
  channel->rate_ms = channel->moved_ms + GW_DATA_RATE_WINDOW_MS;
  if (channel->setup.events->up)
    channel->setup.events->up(channel, channel->setup.user);
  flush(channel);
}

static void
finish_connecting(GwDataChannel *channel)
{
  int error = 0;
  socklen_t size = sizeof error;

  if (getsockopt(channel->stream.watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0)
    end(channel, FALSE);
  else
    come_up(channel);
}

static void
hear(GwDataChannel *channel)
{
  gsize n;
  GwStreamResult result =
      gw_stream_read(&channel->stream, gw_reactor_buffer(channel->setup.reactor), GW_REACTOR_BUFFER, &n);

  channel->is_deaf |= result == GW_STREAM_CLOSED;
  channel->is_broken |= result == GW_STREAM_BROKEN;
}

/* A peer that has all may hang up as roughly as it likes. */
static void
on_event(GwWatch *watch, guint32 events)
{
  GwDataChannel *channel = (GwDataChannel *)watch;

  if (!channel->is_up) {
    finish_connecting(channel);
    return;
  }
  if (settle(channel)) {
    end(channel, TRUE);
    return;
  }
  if (events & EPOLLIN)
    hear(channel);
  channel->is_broken |= (events & EPOLLERR) != 0;
  flush(channel);
  if (channel->is_broken)
    end(channel, FALSE);
  rearm(channel);
}

static void
on_accepted(int fd, gpointer user)
{
  GwDataChannel *channel = user;

  channel->lease = NULL;
  channel->stream.watch.fd = fd;
  if (fd < 0 || !gw_reactor_add(channel->setup.reactor, &channel->stream.watch, EPOLLIN))
    end(channel, FALSE);
  else
    come_up(channel);
}

static void
on_timer(GwTimer *timer, gint64 now_ms)
{
  GwDataChannel *channel = (GwDataChannel *)(void *)((char *)timer - G_STRUCT_OFFSET(GwDataChannel, timer));
  gboolean is_late = !channel->is_up && now_ms >= channel->opened_ms + GW_DATA_WAIT_MS;

  if (settle(channel)) {
    end(channel, TRUE);
    return;
  }
  is_late |= channel->is_up && !is_held_by_us(channel) && now_ms >= channel->moved_ms + GW_DATA_IDLE_MS;
  if (channel->is_broken || is_late || !keeps_rate(channel, now_ms)) {
    end(channel, FALSE);
    return;
  }
  channel->n_polls += channel->n_polls < 8;
  tell_moved(channel);
  rearm(channel);
}

/* ---- life ---- */

static GwDataChannel *
channel_new(const GwDataSetup *setup, const GwAddress *peer)
{
  GwDataChannel *channel = g_new0(GwDataChannel, 1);

  channel->setup = *setup;
  channel->stream.watch = (GwWatch){ .fd = -1, .ready = on_event };
  channel->stream.reactor = setup->reactor;
  channel->timer.fire = on_timer;
  channel->peer = *peer;
  channel->flow.resume = on_pace;
  channel->flow.peer = &channel->peer;
  channel->opened_ms = channel->moved_ms = now(channel);
  channel->rate_ms = channel->moved_ms + GW_DATA_RATE_WINDOW_MS;
  return channel;
}

GwDataChannel *
gw_data_channel_listen(const GwDataSetup *setup, GwPassive *passive, const GwAddress *peer)
{
  g_autoptr(GwDataChannel) channel = channel_new(setup, peer);

  channel->lease = gw_passive_lease(passive, peer, on_accepted, channel);
  if (!channel->lease)
    return NULL;
  channel->port = gw_lease_port(channel->lease);
  rearm(channel);
  return g_steal_pointer(&channel);
}

/* The kernel takes a port that is free towards this peer; one taken by bind() would be taken from all. */
static int
dial(const GwAddress *local, const GwAddress *peer)
{
  struct sockaddr_storage from, to;
  GwAddress any_port = *local;
  GW_AUTO_FD int fd = -1;
  socklen_t size;
  int yes = 1;

  any_port.port = 0;
  size = gw_address_to_sockaddr(&any_port, &from);
  fd = socket(from.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  gw_socket_tune(fd, FALSE);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&from, size) < 0)
    return -1;
  size = gw_address_to_sockaddr(peer, &to);
  if (connect(fd, (struct sockaddr *)&to, size) < 0 && errno != EINPROGRESS)
    return -1;
  return g_steal_fd(&fd);
}

GwDataChannel *
gw_data_channel_connect(const GwDataSetup *setup, const GwAddress *local, const GwAddress *peer)
{
  g_autoptr(GwDataChannel) channel = channel_new(setup, peer);

  if (peer->port < GW_DATA_PORT_MIN)
    return NULL;
  channel->stream.watch.fd = dial(local, peer);
  if (channel->stream.watch.fd < 0 || !gw_reactor_add(setup->reactor, &channel->stream.watch, EPOLLOUT))
    return NULL;
  rearm(channel);
  return g_steal_pointer(&channel);
}

void
gw_data_channel_free(GwDataChannel *channel)
{
  if (!channel || channel->is_freed)
    return;
  channel->is_freed = TRUE;
  shut(channel, FALSE);
  gw_reactor_free_later(channel->setup.reactor, channel);
}

guint16
gw_data_channel_port(const GwDataChannel *channel)
{
  return channel->port;
}

guint64
gw_data_channel_acked(GwDataChannel *channel)
{
  if (!channel->is_over)
    (void)settle(channel);
  return channel->acked;
}
