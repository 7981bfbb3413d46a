/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTP/1.1 server of the data plane: bounded, single-threaded, never chunked unless told to, honest about
 * what was acknowledged. It knows framing, ranges, limits and pacing; what a request means is its handler's
 * business.
 *
 * An exchange is one request and its reply. The handler answers inside its `request` call, or later: then the
 * request is parked (a copy is kept) until gw_http_reply(), or `gone` when the peer left. Requests on one
 * connection are handled strictly one after the other. Everything runs in the reactor's thread; every
 * function here may be called from inside any callback. */
#pragma once
#include "net/body.h"
#include "net/http-head.h"
#include "net/listener.h"
#include "net/pace.h"
#include "net/reactor.h"
#include "net/tls.h"
#include "net/transfer.h"

#define GW_HTTP_BODY_MAX 65536 /* of a buffered request body */

typedef struct GwHttpServer GwHttpServer;
/* Valid from its first callback until the reply was given; with an observer until `done`; with a stay-open
 * reply until gw_http_stream_end() or `gone`; otherwise until `gone`. It names the connection: to abort one
 * exchange cuts those that follow it on the same connection. */
typedef struct GwHttpExchange GwHttpExchange;

/* ---- requests ---- */

/* Immutable, valid for the call or until it is answered, whichever is first; after the call
 * gw_http_exchange_request() has the copy that a parked exchange keeps. */
typedef struct {
  const GwHttpHead *head;
  GwSlice body;      /* the whole body when buffered, else empty */
  guint64 body_size; /* also of a body that went to a descriptor */
  const GwAddress *peer;
  gpointer tag; /* of the listener it came by */
  gboolean is_tls;
} GwHttpRequest;

/* What to do with the body of a request whose head has come (request->body is empty yet). */
typedef enum { GW_HTTP_INTAKE_BUFFER, GW_HTTP_INTAKE_FD, GW_HTTP_INTAKE_REFUSE } GwHttpIntakeKind;
typedef struct {
  GwHttpIntakeKind kind;
  guint64 max_size; /* larger is answered 413; BUFFER: at most (and 0 =) GW_HTTP_BODY_MAX */
  int fd;           /* FD: written to, never closed here; a non-blocking pipe may be full for a while */
  guint status;     /* REFUSE: 4xx or 5xx, then we close; 0 = the handler called gw_http_reply() itself */
} GwHttpIntake;

typedef struct {
  /* Called when a head with a body has come; NULL = buffer. */
  GwHttpIntake (*intake)(GwHttpExchange *exchange, const GwHttpRequest *request, gpointer user);
  /* A whole request. */
  void (*request)(GwHttpExchange *exchange, const GwHttpRequest *request, gpointer user);
  /* The peer left (or was cut) before its request was answered, before its INTAKE_FD body was complete, or
   * while its reply stayed open. A half-close counts as leaving. The exchange ends here. May be NULL. */
  void (*gone)(GwHttpExchange *exchange, gpointer user);
  /* The server itself refused a request (400, 408, 413, 431, 501, 503...), for a rate-limited log line. @why:
   * static text. May be NULL. */
  void (*refused)(const GwAddress *peer, guint status, const char *why, gpointer user);
} GwHttpHandler;

/* The current request, until it is answered. */
const GwHttpRequest *gw_http_exchange_request(const GwHttpExchange *exchange);
/* The address by which the peer reached us, with port. */
void gw_http_exchange_local(GwHttpExchange *exchange, GwAddress *ret_address);
/* The handler's own pointer, NULL at first, until the exchange is answered. */
void gw_http_exchange_set_data(GwHttpExchange *exchange, gpointer data);
gpointer gw_http_exchange_data(const GwHttpExchange *exchange);

/* ---- replies ---- */

/* GwHttpReply.flags. The first two are GW_HTTP_RANGE_IGNORE and GW_HTTP_RANGE0_IS_200. */
#define GW_HTTP_REPLY_IGNORE_RANGE 1u
#define GW_HTTP_REPLY_RANGE0_200 2u
/* The last reply on this connection. */
#define GW_HTTP_REPLY_CLOSE 4u
/* No Date, ETag, Accept-Ranges, Connection: only the given fields and Content-Length. */
#define GW_HTTP_REPLY_PLAIN_HEAD 8u
/* Bytes chunked, as a single chunk, in one segment, unless the peer speaks HTTP/1.0, somebody observes, or
 * they are over 60 KiB. */
#define GW_HTTP_REPLY_ONE_CHUNK 16u
/* Pacing does not apply; to bytes it never does. */
#define GW_HTTP_REPLY_UNPACED 32u

/* Everything is borrowed for the call; @body gets a reference. The server adds the reason text, Date,
 * Content-Length, and for @body ETag, Accept-Ranges, Content-Range, and with HEAD sends no body. */
typedef struct {
  guint status; /* 200 to 599; with @body 200, which becomes 206, 304 or 416 as the request says */
  guint flags;  /* GW_HTTP_REPLY_* */
  const GwHttpField *fields; /* sent in this order, spelled as given */
  guint n_fields;
  GwSlice bytes;   /* the body... */
  GwBody *body;    /* ...or this, with ranges and validators... */
  guint64 head_of; /* ...or neither: the head alone of a reply of so many bytes, and the connection ends */
  guint idle_ms;   /* keep the connection so long after this reply; 0 = as the server's limits say */
  const GwTransferObserver *observer; /* of @body or @bytes; NULL = nobody. Must live until `done` */
  gpointer observer_user;
} GwHttpReply;

/* Answers; the exchange ends (see GwHttpExchange). A field with a control character in it, or a status out of
 * range, turns the reply into a plain 500. */
void gw_http_reply(GwHttpExchange *exchange, const GwHttpReply *reply);
/* Shorthand: status with its reason text as body. */
void gw_http_reply_status(GwHttpExchange *exchange, guint status);
/* Cuts the connection with a reset: the peer must not take what it has for the whole. An observer
 * gets its `done`; `gone` is not called. */
void gw_http_abort(GwHttpExchange *exchange);
/* The reason text of a status; never empty. Static. */
const char *gw_http_reason(guint status);

/* A reply that stays open: @reply's head without length, then pieces. Chunked where the peer speaks HTTP/1.1,
 * else until close. @reply->bytes is the first piece. */
void gw_http_stream_begin(GwHttpExchange *exchange, const GwHttpReply *reply);
/* FALSE: the queue (64 KiB) has no room for all of it, nothing was taken. */
gboolean gw_http_stream_write(GwHttpExchange *exchange, const void *data, gsize size);
void gw_http_stream_end(GwHttpExchange *exchange);

/* ---- the server ---- */

/* 0 takes the value in brackets. */
typedef struct {
  guint head_ms;   /* a head must be complete so soon after its first byte, the first after connect [15000] */
  guint idle_ms;   /* between requests, and within a request's body without a byte [60000] */
  guint linger_ms; /* a connection to be closed waits so long for the peer to close first [5000] */
  guint min_bytes_per_s; /* slower transfers are cut... [64] */
  guint rate_window_ms;  /* ...measured over so long [300000] */
  guint max_parked;      /* requests without an answer; more hear 503 [1024] */
  gsize max_buffered; /* bytes: partial heads, bodies, unsent replies, of all connections together [8 MiB] */
  guint64 total_bytes_per_s, segment_bytes_per_s, node_bytes_per_s, transfer_bytes_per_s; /* [unlimited] */
} GwHttpLimits;

typedef struct {
  guint64 n_requests, n_refused, n_transfers_complete, n_transfers_aborted, n_acked_bytes;
  guint n_connections, n_parked, n_transfers; /* just now */
  gsize buffered;                             /* bytes just now */
} GwHttpCounters;

/* @handler lives as long as the server. */
GwHttpServer *gw_http_server_new(GwReactor *reactor, GwGate *gate, const GwHttpLimits *limits,
                                 const GwHttpHandler *handler, gpointer user);
/* Closes listeners and connections at once: what was not acknowledged is reset and reported as not complete.
 * `gone` is called for those who wait. Never waits for a peer. Not from inside a callback of this server. */
void gw_http_server_free(GwHttpServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHttpServer, gw_http_server_free)
/* @tls: NULL = plain. @tag comes back in requests. The listener is the server's, and so is its refusal. */
const GwListener *gw_http_server_listen(GwHttpServer *server, const GwListen *listen, GwTls *tls,
                                        gpointer tag, GError **error);
/* Stops listening there; connections that came by it stay, with their @tag. */
void gw_http_server_unlisten(GwHttpServer *server, const GwListener *listener);
/* For a connection that came another way (a socket pair in tests). Takes @fd. */
void gw_http_server_adopt(GwHttpServer *server, const GwAccepted *accepted, GwTls *tls, gpointer tag);
/* Pacing and time limits of what begins later. */
void gw_http_server_set_limits(GwHttpServer *server, const GwHttpLimits *limits);
/* For others who send to the same nodes, and live shorter: the rates are those of all together. */
GwPace *gw_http_server_pace(const GwHttpServer *server);
/* Valid until the server is freed; the values move. */
const GwHttpCounters *gw_http_server_counters(const GwHttpServer *server);
