/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A byte stream for a session protocol: a TCP connection, a serial line or a pty. It reads lines, raw bytes
 * or exactly so many; sends from a bounded queue; streams a range of a body and says when the last byte was
 * acknowledged. What the bytes mean is its owner's business. One thread, the reactor's. Every function may be
 * called from inside any callback, gw_channel_free() too. */
#pragma once
#include "base/reader.h"
#include "net/body.h"
#include "net/listener.h"
#include "net/pace.h"
#include "net/reactor.h"
#include "net/transfer.h"

#define GW_CHANNEL_BYTES_MAX 4096 /* at most so many in one raw `bytes` event */
#define GW_CHANNEL_EXACT_MAX 65536
#define GW_CHANNEL_QUEUE_MAX 65536 /* unsent bytes of gw_channel_send() */
#define GW_CHANNEL_TIMERS 8

typedef struct GwChannel GwChannel;
typedef enum {
  GW_CHANNEL_PEER_CLOSED, /* end of file, unplugged */
  GW_CHANNEL_BROKEN,      /* reset, I/O error */
  GW_CHANNEL_IDLE,        /* no byte moved for idle_ms */
  GW_CHANNEL_SLOW,        /* a stream fell below the minimum rate */
  GW_CHANNEL_CLOSED,      /* gw_channel_close() is through: all was acknowledged */
} GwChannelEnd;

/* Slices are valid for the call. Any member may be NULL. */
typedef struct {
  void (*line)(GwChannel *channel, GwSlice line, gpointer user); /* without CR, LF or CRLF */
  void (*line_too_long)(GwChannel *channel, gpointer user);      /* once; the rest of it is skipped */
  void (*bytes)(GwChannel *channel, GwSlice bytes, gpointer user);
  void (*timer)(GwChannel *channel, guint id, gpointer user);
  void (*end)(GwChannel *channel, GwChannelEnd why, gpointer user); /* the last call; then free the channel */
} GwChannelEvents;

/* 0 takes the value in brackets. */
typedef struct {
  guint max_line;        /* without its end [512], at most 8192 */
  guint idle_ms;         /* [no limit] */
  guint min_bytes_per_s; /* of a stream [64]... */
  guint rate_window_ms;  /* ...over so long [300000] */
} GwChannelLimits;

/* Takes the connection and its place at the gate (accepted->gate may be NULL). Starts in line mode, delivers
 * nothing before the reactor's next turn. @events live as long as the channel. */
GwChannel *gw_channel_new(GwReactor *reactor, const GwAccepted *accepted, const GwChannelLimits *limits,
                          const GwChannelEvents *events, gpointer user);
/* The same over an open terminal; takes @fd. */
GwChannel *gw_channel_new_tty(GwReactor *reactor, int fd, const GwChannelLimits *limits,
                              const GwChannelEvents *events, gpointer user);
/* Cuts at once: a socket is reset if anything is unacknowledged. Observers get their `done`, `end` is not
 * called. */
void gw_channel_free(GwChannel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwChannel, gw_channel_free)

/* How bytes are delivered from now on, beginning with those that have come already. */
void gw_channel_read_lines(GwChannel *channel);
void gw_channel_read_raw(GwChannel *channel);
/* Exactly @size bytes (1 to GW_CHANNEL_EXACT_MAX) in one event, then the mode before it. A bare CR ends a
 * line; the LF of a peer that is known to send CRLF is never taken for the first of these bytes. */
void gw_channel_read_exactly(GwChannel *channel, gsize size);
/* Nothing is delivered until resumed; the peer feels it by its window. */
void gw_channel_pause(GwChannel *channel, gboolean is_paused);

/* FALSE: the queue has no room for all of it, or the channel is closing; nothing was taken. */
gboolean gw_channel_send(GwChannel *channel, const void *data, gsize size);
/* After what was sent before. One stream at a time: FALSE if one runs, or the range is not inside @body. What
 * is sent meanwhile follows it. Takes a reference. */
gboolean gw_channel_stream(GwChannel *channel, GwBody *body, GwByteRange range,
                           const GwTransferObserver *observer, gpointer observer_user);
/* Streams from now on are paced; @pace lives as long as the channel. */
void gw_channel_set_pace(GwChannel *channel, GwPace *pace);
/* @ms 0 disarms. @id below GW_CHANNEL_TIMERS. */
void gw_channel_arm(GwChannel *channel, guint id, guint ms);
/* Something moved on its behalf elsewhere: it is not idle. */
void gw_channel_touch(GwChannel *channel);
/* When all that was sent is acknowledged: closes, then `end` with GW_CHANNEL_CLOSED. Nothing more is
 * delivered. */
void gw_channel_close(GwChannel *channel);

const GwAddress *gw_channel_peer(const GwChannel *channel); /* all zero for a terminal */
void gw_channel_local(GwChannel *channel, GwAddress *ret_address);
/* Bytes sent or queued and not yet acknowledged. */
guint64 gw_channel_unacked(const GwChannel *channel);
