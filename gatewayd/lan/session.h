/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine under a session plugin: turns what a channel brings into events, carries out the actions of each
 * step, and lends the plugin its state, timers and blocks. It knows no ask: those go to its host, which
 * answers later. One thread, the reactor's. */
#pragma once
#include "gateway-plugin.h"
#include "net/channel.h"
#include "net/data-channel.h"

typedef struct GwSession GwSession;

typedef struct {
  /* The plugin asks; texts are valid for the call. Answer with gw_session_answer(), now or later. */
  void (*ask)(GwSession *session, const GatewayAsk *ask, gpointer user);
  /* Bytes [offset, offset + size) of the body of the last BYTES answer have reached the node: acknowledged
   * when streamed, once the stream is over; when read in blocks, as soon as the node speaks again. */
  void (*covered)(GwSession *session, guint64 offset, guint64 size, gpointer user);
  /* A plugin call begins (TRUE) and ends (FALSE), for the watchdog. May be NULL. */
  void (*calling)(GwSession *session, gboolean is_begun, gpointer user);
  /* It is over; the last call, and never from inside a function of this header. Free the session. */
  void (*ended)(GwSession *session, gpointer user);
  /* A stream of that body, to either channel: begins, moves (at most 4 times a second), and last, after
   * `covered`, @is_over. It may come inside gw_session_free(), as `covered` may. May be NULL. */
  void (*streamed)(GwSession *session, const GwTransferGauge *gauge, gboolean is_over, gpointer user);
} GwSessionHost;

typedef struct {
  GwReactor *reactor;
  GwPace *pace;                /* or NULL */
  const GatewayPlugin *plugin; /* of kind GATEWAY_SESSION */
  const GatewaySettings *settings;
  const GwSessionHost *host;
  gpointer user;
  GwPassive *passive; /* ports for data channels, or NULL = none */
  const char *line;   /* name of a serial line: the peer's, for there is no address; else NULL */
} GwSessionSetup;

/* Over a TCP connection (takes it), or an open terminal (takes @tty_fd when @accepted is NULL). Everything in
 * @setup is borrowed as long as the session lives. OPEN is delivered at the reactor's next turn. */
GwSession *gw_session_new(const GwSessionSetup *setup, const GwAccepted *accepted, int tty_fd);
/* Cuts at once, the data channel too; `ended` is not called. */
void gw_session_free(GwSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSession, gw_session_free)

/* The answer to the open ask; ignored when there is none. @body: the image, with a BYTES answer; gets a
 * reference and serves READ_BLOCK and STREAM from now on. */
void gw_session_answer(GwSession *session, const GatewayAnswer *answer, GwBody *body);
/* Another image takes the place of the one whose bytes went so far: a stream of that one over the data
 * channel ends, and of one over the main channel nothing more is told. Before gw_session_answer() with a
 * body. */
void gw_session_end_streams(GwSession *session);
/* An operator's verb or a due offer ("" = look now). */
void gw_session_wake(GwSession *session, const char *verb, const char *argument);
/* The address that its peer reached; 0 on a terminal. */
void gw_session_local(GwSession *session, GwAddress *ret_address);
/* The name under which the node asked last, or "". */
const char *gw_session_node(const GwSession *session);
