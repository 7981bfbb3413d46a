/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/channel-private.h"

gboolean
gw_channel_has_output(const GwChannel *channel)
{
  return channel->output || channel->body || channel->output_after;
}

static gsize
queued(const GwChannel *channel)
{
  return (channel->output ? channel->output->len : 0) +
         (channel->output_after ? channel->output_after->len : 0);
}

static void
append(GByteArray **array, const void *data, gsize size)
{
  if (!*array)
    *array = g_byte_array_new();
  g_byte_array_append(*array, data, (guint)size);
}

/* An error is said at the next turn, not inside the call that met it. */
static GwStreamResult
note(GwChannel *channel, GwStreamResult result)
{
  if (result == GW_STREAM_DONE)
    channel->moved_ms = gw_channel_now_ms(channel);
  else if (result != GW_STREAM_BLOCKED)
    channel->is_broken = TRUE;
  return result;
}

/* FALSE: it is not all gone. */
static gboolean
flush_queue(GwChannel *channel, GByteArray **array)
{
  while (*array) {
    const GwSlice pieces[2] = { { (*array)->data, (*array)->len }, { NULL, 0 } };
    gsize n = 0;

    if (note(channel, gw_stream_write(&channel->stream, pieces, channel->body != NULL, &n)) != GW_STREAM_DONE)
      return FALSE;
    g_byte_array_remove_range(*array, 0, (guint)n);
    if ((*array)->len == 0)
      g_clear_pointer(array, g_byte_array_unref);
  }
  return TRUE;
}

static gsize
allowance(GwChannel *channel, gsize want)
{
  if (!channel->pace)
    return want;
  return gw_pace_take(channel->pace, &channel->flow, want, gw_channel_now_ms(channel));
}

static gboolean
flush_body(GwChannel *channel)
{
  gsize budget = GW_STREAM_BUDGET;

  while (channel->body && budget > 0) {
    gsize allowed = allowance(channel, (gsize)MIN(channel->left, budget));
    gsize n = 0;
    GwStreamResult result;

    channel->waits_for_pace = allowed == 0;
    if (allowed == 0)
      return FALSE;
    result = note(channel, gw_stream_send(&channel->stream, channel->body, channel->offset, allowed, &n));
    if (channel->pace)
      gw_pace_give_back(channel->pace, &channel->flow, allowed - n);
    if (result != GW_STREAM_DONE)
      return FALSE;
    channel->offset += n;
    channel->left -= n;
    budget -= n;
    gw_ledger_wrote(&channel->ledger, n, gw_stream_position(&channel->stream));
    if (channel->left == 0)
      g_clear_pointer(&channel->body, gw_body_unref);
  }
  return channel->body == NULL;
}

void
gw_channel_flush(GwChannel *channel)
{
  if (channel->is_ended || channel->is_freed || channel->is_broken)
    return;
  channel->n_polls = 0;
  if (flush_queue(channel, &channel->output) && flush_body(channel))
    flush_queue(channel, &channel->output_after);
  gw_channel_rearm(channel);
}

guint64
gw_channel_settle(GwChannel *channel)
{
  guint64 position = gw_stream_position(&channel->stream);
  guint64 unacked = gw_stream_unacked(&channel->stream);
  guint64 acked = position - MIN(unacked, position);

  if (acked > channel->acked_position) {
    channel->acked_position = acked;
    channel->moved_ms = gw_channel_now_ms(channel);
  }
  gw_ledger_settle(&channel->ledger, position, unacked, gw_channel_now_ms(channel));
  return unacked;
}

/* ---- for the owner ---- */

gboolean
gw_channel_send(GwChannel *channel, const void *data, gsize size)
{
  if (channel->is_closing || channel->is_ended || size > GW_CHANNEL_QUEUE_MAX - queued(channel))
    return FALSE;
  if (size == 0)
    return TRUE;
  append(channel->body ? &channel->output_after : &channel->output, data, size);
  gw_channel_flush(channel);
  return TRUE;
}

gboolean
gw_channel_stream(GwChannel *channel, GwBody *body, GwByteRange range, const GwTransferObserver *observer,
                  gpointer observer_user)
{
  guint64 size = gw_body_size(body);

  if (channel->is_closing || channel->is_ended || channel->body || !gw_ledger_is_empty(&channel->ledger))
    return FALSE;
  if (range.size == 0 || range.offset > size || range.size > size - range.offset)
    return FALSE;
  channel->body = gw_body_ref(body);
  channel->offset = range.offset;
  channel->left = range.size;
  channel->rate_ms = 0;
  if (observer)
    gw_ledger_open(&channel->ledger, observer, observer_user, range.offset, range.size);
  gw_channel_flush(channel);
  return TRUE;
}

void
gw_channel_set_pace(GwChannel *channel, GwPace *pace)
{
  channel->pace = pace;
}

guint64
gw_channel_unacked(const GwChannel *channel)
{
  return queued(channel) + channel->left + gw_stream_unacked(&channel->stream);
}
