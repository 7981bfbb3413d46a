/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internal to the session engine: session.c calls the plugin and owns the main channel, session-data.c the
 * data channel. */
#pragma once
#include "lan/coverage.h"
#include "lan/session.h"

#define GW_SESSION_LATER_MAX 32 /* events that actions brought; no honest step asks for more */
#define GW_SESSION_NODE_MAX 65

/* An event without foreign bytes that waits until the step before it is through. */
typedef struct {
  GatewayEventKind kind;
  guint64 number, count;
} GwLater;

struct GwSession {
  GwSessionSetup setup;
  const GatewaySessionFunctions *functions;
  GwChannel *channel;
  GwDataChannel *data;    /* NULL = none is open */
  GwByteRange data_range; /* of the image that goes over it; size 0: nothing of it does */
  GwBody *body;           /* of the last BYTES answer */
  GwCoverage blocks;      /* read and sent, not yet followed by a word of the node */
  GwTimer turn;           /* delivers OPEN, what is left of `later`, and `ended`, from the reactor */
  GwLater *later;         /* GW_SESSION_LATER_MAX; NULL = none */
  guint n_later;
  gboolean is_line;                /* a terminal */
  gboolean is_streaming, is_stale; /* the main channel; and of an image that is not `body` any more */
  gboolean is_open, has_ask, is_closing, is_busy, is_resting, has_ended, is_freed;
  char node[GW_SESSION_NODE_MAX];
  GatewayScratch *scratch; /* of the step that runs */
  guint64 state[];         /* the plugin's, aligned */
};

/* session.c. After the step that runs now, or at once. */
void gw_session_post(GwSession *session, GatewayEventKind kind, guint64 number, guint64 count);
/* What the channels' streams of the image tell the host. */
void gw_session_streamed(GwSession *session, const GwTransferGauge *gauge, gboolean is_over);
/* The part of the body that a STREAM names; FALSE: there is none. */
gboolean gw_session_range(const GwSession *session, const GatewayAction *action, GwByteRange *ret_range);

/* session-data.c */
void gw_session_data_open(GwSession *session, const GatewayAction *action);
void gw_session_data_stream(GwSession *session, const GatewayAction *action);
/* The plugin hears that it failed. */
void gw_session_data_fail(GwSession *session);
/* Nothing more is heard of it. */
void gw_session_data_close(GwSession *session);
