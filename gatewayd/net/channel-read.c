/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/channel-private.h"

/* What was read and not yet delivered. Bytes leave it by moving its start, so that an event's slice stays
 * where it is while callbacks change modes, pause, or free the channel. */
static GwSlice
rest(const GwChannel *channel)
{
  if (!channel->input)
    return (GwSlice){ NULL, 0 };
  return (GwSlice){ channel->input->data + channel->input_used, channel->input->len - channel->input_used };
}

/* The LF that may follow a CR belongs to it. */
static void
skip_lf(GwChannel *channel)
{
  gboolean is_sure = channel->mode == GW_CHANNEL_LINES || channel->is_crlf_peer;

  channel->has_cr = FALSE;
  if (rest(channel).data[0] != '\n' || !is_sure)
    return;
  channel->is_crlf_peer = TRUE;
  channel->input_used++;
}

/* Length of the line at the start of @bytes without its end, or -1 if the end is not there. */
static gssize
find_line(GwSlice bytes)
{
  for (gsize i = 0; i < bytes.size; i++)
    if (bytes.data[i] == '\n' || bytes.data[i] == '\r')
      return (gssize)i;
  return -1;
}

static void
say_line(GwChannel *channel, GwSlice line)
{
  gboolean was_said = channel->is_skipping;

  channel->is_skipping = FALSE;
  if (was_said)
    return;
  if (line.size > channel->limits.max_line) {
    if (channel->events->line_too_long)
      channel->events->line_too_long(channel, channel->user);
  } else if (channel->events->line)
    channel->events->line(channel, line, channel->user);
}

/* An endless line is thrown away as it comes, and said once. */
static void
skip_endless_line(GwChannel *channel)
{
  gboolean was_said = channel->is_skipping;

  if (!was_said && rest(channel).size <= channel->limits.max_line)
    return;
  channel->input_used = channel->input->len;
  channel->is_skipping = TRUE;
  if (!was_said && channel->events->line_too_long)
    channel->events->line_too_long(channel, channel->user);
}

static gboolean
deliver_line(GwChannel *channel)
{
  GwSlice bytes = rest(channel);
  gssize size = find_line(bytes);

  if (size < 0) {
    skip_endless_line(channel);
    return FALSE;
  }
  channel->has_cr = bytes.data[size] == '\r';
  channel->input_used += (guint)size + 1;
  if (channel->has_cr && rest(channel).size > 0)
    skip_lf(channel);
  say_line(channel, (GwSlice){ bytes.data, (gsize)size });
  return TRUE;
}

static gboolean
deliver_bytes(GwChannel *channel, gsize size)
{
  GwSlice bytes = { rest(channel).data, size };

  channel->input_used += (guint)size;
  if (channel->events->bytes)
    channel->events->bytes(channel, bytes, channel->user);
  return TRUE;
}

/* FALSE: more must come. */
static gboolean
deliver_one(GwChannel *channel)
{
  if (channel->has_cr)
    skip_lf(channel);
  if (rest(channel).size == 0)
    return FALSE;
  switch (channel->mode) {
  case GW_CHANNEL_LINES:
    return deliver_line(channel);
  case GW_CHANNEL_RAW:
    return deliver_bytes(channel, MIN(rest(channel).size, GW_CHANNEL_BYTES_MAX));
  case GW_CHANNEL_EXACT:
    if (rest(channel).size < channel->exact_size)
      return FALSE;
    channel->mode = channel->mode_before;
    return deliver_bytes(channel, channel->exact_size);
  }
  return FALSE;
}

static gboolean
may_deliver(const GwChannel *channel)
{
  return rest(channel).size > 0 && !channel->is_paused && !channel->is_closing && !channel->is_ended &&
         !channel->is_freed;
}

void
gw_channel_deliver(GwChannel *channel)
{
  if (channel->is_delivering)
    return;
  channel->is_delivering = TRUE;
  while (may_deliver(channel) && deliver_one(channel))
    ;
  channel->is_delivering = FALSE;
  if (channel->input && channel->input_used > 0)
    g_byte_array_remove_range(channel->input, 0, channel->input_used);
  channel->input_used = 0;
  if (channel->input && (channel->input->len == 0 || channel->is_closing || channel->is_freed))
    g_clear_pointer(&channel->input, g_byte_array_unref);
}

void
gw_channel_read(GwChannel *channel, gboolean is_error)
{
  guint8 *buffer = gw_reactor_buffer(channel->stream.reactor);
  gsize n = 0;
  GwStreamResult result = gw_stream_read(&channel->stream, buffer, GW_REACTOR_BUFFER, &n);

  if (result == GW_STREAM_DONE) {
    channel->moved_ms = gw_channel_now_ms(channel);
    if (channel->is_closing)
      return;
    if (!channel->input)
      channel->input = g_byte_array_new();
    g_byte_array_append(channel->input, buffer, (guint)n);
    gw_channel_deliver(channel);
  } else if (result == GW_STREAM_CLOSED || (result == GW_STREAM_BROKEN && channel->stream.is_tty))
    gw_channel_end(channel, GW_CHANNEL_PEER_CLOSED);
  else if (result == GW_STREAM_BROKEN || is_error)
    gw_channel_end(channel, GW_CHANNEL_BROKEN);
}

/* ---- modes ---- */

/* From inside a callback the loop goes on by itself; else at the next turn. */
static void
look_again(GwChannel *channel)
{
  channel->has_turn = !channel->is_delivering && channel->input;
  gw_channel_rearm(channel);
}

static void
set_mode(GwChannel *channel, GwChannelMode mode)
{
  channel->mode = mode;
  look_again(channel);
}

void
gw_channel_read_lines(GwChannel *channel)
{
  set_mode(channel, GW_CHANNEL_LINES);
}

void
gw_channel_read_raw(GwChannel *channel)
{
  set_mode(channel, GW_CHANNEL_RAW);
}

void
gw_channel_read_exactly(GwChannel *channel, gsize size)
{
  if (channel->mode != GW_CHANNEL_EXACT)
    channel->mode_before = channel->mode;
  channel->exact_size = CLAMP(size, 1, GW_CHANNEL_EXACT_MAX);
  set_mode(channel, GW_CHANNEL_EXACT);
}

void
gw_channel_pause(GwChannel *channel, gboolean is_paused)
{
  channel->is_paused = is_paused;
  look_again(channel);
}
