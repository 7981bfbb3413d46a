/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internal to the HTTP server: the connection, which is also the exchange that its user sees, and what its
 * files ask of each other. http-connection.c owns its life and its states, http-intake.c request bodies,
 * http-reply.c the words of a reply, http-send.c its way out, http-stream.c replies that stay open. */
#pragma once
#include "net/http-chunked.h"
#include "net/http-range.h"
#include "net/http-server.h"
#include "net/ledger.h"
#include "net/pace.h"
#include "net/stream.h"

#define GW_HTTP_SCRATCH 65536
/* Ranges of descriptors up to this size are copied into one write with their head; above it sendfile() is
 * cheaper. */
#define GW_HTTP_SMALL 16384
/* More than so many at a time are looked after with less haste. */
#define GW_HTTP_CROWD 256
/* Pipelined replies that are not yet acknowledged; more requests wait. */
#define GW_HTTP_UNSETTLED_MAX 8

typedef enum {
  GW_HTTP_HANDSHAKE,
  GW_HTTP_READING, /* a head, or waiting for one */
  GW_HTTP_INTAKE,  /* a request's body */
  GW_HTTP_ASKED,   /* the handler has it */
  GW_HTTP_SENDING, /* a reply that the socket would not take at once */
  GW_HTTP_STAYING, /* a reply that stays open */
  GW_HTTP_LEAVING, /* all is said: the peer may close first */
  GW_HTTP_CLOSED,
} GwHttpState;

/* A listener and what its connections have in common. */
typedef struct {
  GwHttpServer *server;
  GwListener *listener; /* NULL for adopted connections */
  GwTls *tls;
  gpointer tag;
} GwHttpPort;

/* A request whose body is coming, or which waits for its answer. */
typedef struct {
  GwHttpHead head;
  GwHttpRequest request;
  guint8 *head_bytes;
  GByteArray *body;
  GwHttpIntake plan;
  GwHttpChunked chunked;
  guint64 received;
  gsize charged, stuck_charged;
  GByteArray *stuck; /* decoded bytes that the plan's descriptor would not take yet */
  gboolean is_whole;
} GwHttpIncoming;

/* What is still to be written of a reply, in this order. */
typedef struct {
  GwSlice head, bytes;
  GwBody *body;
  guint64 offset, left;
  gsize granted; /* by the pace, not yet used */
} GwHttpRest;

/* A reply that has to wait for its socket or its turn. */
typedef struct {
  GwPaceFlow flow; /* first */
  GwHttpExchange *connection;
  GwHttpRest rest;
  guint8 *copy; /* what rest.head and rest.bytes point into */
  gsize charged;
  GByteArray *queue; /* of a reply that stays open */
} GwHttpOutgoing;

struct GwHttpExchange {
  GwStream stream; /* first: a watch leads here */
  GwHttpPort *port;
  GwHttpExchange *next, *previous; /* all of the server's */
  GwTimer timer;
  GwAddress peer;
  GwLedger ledger;
  const GwHttpRequest *request; /* the current one */
  GwHttpIncoming *incoming;
  GwHttpOutgoing *outgoing;
  guint8 *pending; /* bytes read and not yet understood */
  guint pending_size;
  guint idle_ms;
  gpointer data;
  gint64 deadline_ms;    /* 0 = none */
  guint64 rate_position; /* acknowledged when the rate was looked at last */
  guint8 state;          /* GwHttpState */
  guint8 n_polls;        /* since the last byte was written */
  guint16 drained_kib;   /* thrown away while leaving */
  gboolean is_last : 1;  /* close after this reply */
  gboolean is_known : 1; /* the handler must hear if it ends early */
  gboolean is_processing : 1;
  gboolean is_in_head : 1; /* the deadline is that of a head */
  gboolean is_rated : 1;   /* the deadline is that of a rate window */
  gboolean is_held : 1;    /* pending bytes may be worth another look */
  gboolean is_parked : 1;
  gboolean is_unpaced : 1;
  gboolean is_chunked : 1;      /* of a reply that stays open */
  gboolean is_mute : 1;         /* the same, to HEAD */
  gboolean is_ending : 1;       /* the same, its last piece is queued */
  gboolean has_spoken_last : 1; /* our FIN is out */
};
/* BENCH line B7: ten thousand of them idle must cost next to nothing. */
G_STATIC_ASSERT(sizeof(struct GwHttpExchange) <= 256);

struct GwHttpServer {
  GwReactor *reactor;
  GwGate *gate;
  GwHttpLimits limits;
  const GwHttpHandler *handler;
  gpointer user;
  GwPace *pace;
  GPtrArray *ports;
  GwHttpExchange *connections;
  GwHttpCounters counters;
  char date[40];
  gint64 date_s;
  guint8 scratch[GW_HTTP_SCRATCH];
};

static inline GwHttpServer *
gw_http_server_of(const GwHttpExchange *connection)
{
  return connection->port->server;
}

/* http-server.c */
/* Room for @size more bytes of memory that peers make us hold? Counted if so. */
gboolean gw_http_server_charge(GwHttpServer *server, gsize size);
void gw_http_server_discharge(GwHttpServer *server, gsize size);
/* "Date" of now, without its name. */
const char *gw_http_server_date(GwHttpServer *server);

/* http-connection.c */
void gw_http_connection_new(GwHttpPort *port, const GwAccepted *accepted);
/* Ends it: observers and, if it must know, the handler hear. With a reset if @is_abort or something tracked
 * is not acknowledged. */
void gw_http_connection_close(GwHttpExchange *connection, gboolean is_abort);
/* Refuses what comes: a bare reply, then no more requests. */
void gw_http_connection_refuse(GwHttpExchange *connection, guint status, const char *why);
/* Hands the current request to the handler. */
void gw_http_connection_ask(GwHttpExchange *connection, const GwHttpRequest *request);
/* The reply is written: on to the next request, or to the end. */
void gw_http_connection_answered(GwHttpExchange *connection);
/* Looks at pending bytes at the next turn, and reads on. */
void gw_http_connection_resume(GwHttpExchange *connection);
void gw_http_connection_watch(GwHttpExchange *connection, guint32 events);
/* It reads requests just now. */
gboolean gw_http_connection_is_receptive(const GwHttpExchange *connection);
/* Held bytes may be understood, or answered, now. */
void gw_http_connection_look_again(GwHttpExchange *connection);

/* http-timing.c */
/* A reply is on its way, or not yet acknowledged. */
gboolean gw_http_connection_is_sending(const GwHttpExchange *connection);
/* What is acknowledged by now; tells observers, who may end the connection. Returns what is not. */
guint64 gw_http_connection_settle(GwHttpExchange *connection);
void gw_http_connection_count(GwHttpExchange *connection, GwLedgerNews news);
/* 0 = never. */
void gw_http_connection_expire_in(GwHttpExchange *connection, guint ms);
/* After the idle time, or when leaving after the time we linger. */
void gw_http_connection_expire_idle(GwHttpExchange *connection);
/* Sets the timer to what comes first: the deadline, or a look at what is acknowledged. */
void gw_http_connection_schedule(GwHttpExchange *connection);
void gw_http_connection_on_timer(GwTimer *timer, gint64 now_ms);

/* http-intake.c */
/* The request's head has come and announces a body, whose first bytes are @data. Returns how many were used.
 */
gsize gw_http_intake_begin(GwHttpExchange *connection, GwHttpRequest *request, GwSlice data);
gsize gw_http_intake_feed(GwHttpExchange *connection, GwSlice data);
/* Tries again to get rid of what the descriptor would not take. */
void gw_http_intake_retry(GwHttpExchange *connection);
/* Copies the current request, so that it can wait. FALSE: no room. */
gboolean gw_http_intake_keep(GwHttpExchange *connection);
void gw_http_incoming_free(GwHttpExchange *connection);

/* http-reply.c */
typedef struct {
  const GwHttpReply *reply;
  GwHttpRange range; /* of reply->body; else size of reply->bytes */
  gboolean is_stream, is_one_chunk, is_chunked;
} GwHttpWording;
/* Writes the head into @ret_head; returns its size, 0 if a field is not fit to be sent or there is no room.
 */
gsize gw_http_reply_word(GwHttpExchange *connection, const GwHttpWording *wording, char *ret_head,
                         gsize room);

/* http-send.c */
void gw_http_send(GwHttpExchange *connection, const GwHttpRest *rest);
/* The socket, or the pace, has room again. */
void gw_http_send_more(GwHttpExchange *connection);
GwHttpOutgoing *gw_http_outgoing_new(GwHttpExchange *connection);
void gw_http_outgoing_free(GwHttpExchange *connection);

/* http-stream.c */
#define GW_HTTP_STREAM_QUEUE_MAX 65536
void gw_http_stream_flush(GwHttpExchange *connection);
