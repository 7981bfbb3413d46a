/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internal to the channel: channel.c owns its life and time, channel-read.c takes input apart, channel-send.c
 * its way out. */
#pragma once
#include "net/channel.h"
#include "net/ledger.h"
#include "net/stream.h"

typedef enum { GW_CHANNEL_LINES, GW_CHANNEL_RAW, GW_CHANNEL_EXACT } GwChannelMode;

struct GwChannel {
  GwStream stream; /* first: a watch leads here */
  GwTimer timer;
  const GwChannelEvents *events;
  gpointer user;
  GwChannelLimits limits;
  GwGate *gate;
  GwAddress peer, local; /* the latter once it was asked for */

  /* in */
  GByteArray *input; /* what was read; NULL when all is delivered */
  guint input_used;  /* so much of it is delivered already */
  GwChannelMode mode, mode_before;
  gsize exact_size;

  /* out: what precedes the stream, the stream, what follows it */
  GByteArray *output, *output_after;
  GwPace *pace;
  GwPaceFlow flow;
  GwLedger ledger;
  GwBody *body; /* of the stream, until its last byte is written */
  guint64 offset, left;

  /* time */
  gint64 arms_ms[GW_CHANNEL_TIMERS]; /* 0 = not armed */
  gint64 moved_ms;                   /* a byte moved in either direction */
  gint64 rate_ms;                    /* the minimum rate was looked at; 0 = nothing is under way */
  guint64 rate_position, acked_position;
  guint n_polls;

  gboolean is_paused : 1;
  gboolean is_quiet : 1; /* paused, and something has come meanwhile: the poll need not say so again */
  gboolean is_delivering : 1;
  gboolean is_skipping : 1;    /* the rest of a line that was too long */
  gboolean has_cr : 1;         /* the last line ended with CR: its LF may follow */
  gboolean is_crlf_peer : 1;   /* LF has followed CR before */
  gboolean waits_for_pace : 1; /* its turn to stream has not come */
  gboolean has_turn : 1;       /* input may be delivered now, but not inside the call that allowed it */
  gboolean is_closing : 1;
  gboolean has_spoken_last : 1; /* our FIN is out */
  gboolean is_broken : 1;       /* said at the next turn */
  gboolean knows_local : 1;
  gboolean is_ended : 1;
  gboolean is_freed : 1;
};

/* channel.c */
gint64 gw_channel_now_ms(const GwChannel *channel);
/* What the poll should announce, and when the timer fires next. */
void gw_channel_rearm(GwChannel *channel);
/* The last event. */
void gw_channel_end(GwChannel *channel, GwChannelEnd why);

/* channel-read.c */
/* @is_error: the poll says that something is wrong; if the read does not tell what, it ends all the same. */
void gw_channel_read(GwChannel *channel, gboolean is_error);
/* Takes what was read apart, as far as mode and pauses allow. */
void gw_channel_deliver(GwChannel *channel);

/* channel-send.c */
void gw_channel_flush(GwChannel *channel);
/* Something is queued, or being streamed. */
gboolean gw_channel_has_output(const GwChannel *channel);
/* Tells the observer what is acknowledged; returns what is not. */
guint64 gw_channel_settle(GwChannel *channel);
