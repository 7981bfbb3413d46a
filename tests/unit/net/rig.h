/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server on a loopback port whose clock only moves when told, a handler with a few known paths, and peers
 * that say exactly the bytes they are told to. */
#pragma once
#include "net/http-server.h"

typedef struct {
  GwGateLimits gate;
  GwHttpLimits limits;
  GwTls *tls;
  gsize image_size; /* 0 = 1 MiB */
  gboolean has_intake;
} RigSetup;

typedef struct {
  GMainContext *context;
  GwReactor *reactor;
  GwGate *gate;
  GwHttpServer *server;
  const GwListener *listener;
  GwHttpHandler handler;
  guint16 port;

  /* what the handler does */
  guint flags;         /* of every reply */
  GwBody *image;       /* "/image" */
  GwHttpIntake intake; /* the answer to every body */
  gboolean aborts_on_progress;

  /* what it saw */
  GString *log;              /* "GET /path;" for every request */
  GwHttpExchange *parked;    /* of "/later" */
  GwHttpExchange *streaming; /* of "/stream" */
  guint n_gone, n_refused, refused_status;
  guint n_done, n_complete, n_progress;
  GwTransferGauge gauge;
} Rig;

typedef struct {
  Rig *rig;
  int fd;
  GString *heard;
  gboolean is_closed; /* by FIN */
  gboolean is_reset;
} Peer;

Rig *rig_new(const RigSetup *setup);
void rig_free(Rig *rig);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rig, rig_free)
/* Runs what is ready. */
void rig_turn(Rig *rig);
/* Moves the clock in small steps, running what is due. */
void rig_pass_ms(Rig *rig, gint64 ms);

/* Connects from @source ("127.0.0.2") or, with NULL, from 127.0.0.1. */
Peer *peer_new(Rig *rig, const char *source);
/* The same with a small receive buffer, so that little is taken unread. */
Peer *peer_new_narrow(Rig *rig);
/* A socket that is connected by peer_connect(): that needs no further descriptor. */
Peer *peer_prepare(Rig *rig, const char *source);
void peer_connect(Peer *peer);
void peer_free(Peer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Peer, peer_free)
void peer_say(Peer *peer, const char *text);
void peer_say_bytes(Peer *peer, const void *data, gsize size);
/* Reads what is there. */
void peer_hear(Peer *peer);
/* Until @text was heard in all; aborts the test if it is not. */
void peer_hear_until(Peer *peer, const char *text);
void peer_hear_size(Peer *peer, gsize size);
/* Takes exactly @size bytes from the socket and throws them away; the rig's clock stands still meanwhile.
 * FALSE if they do not come. */
gboolean peer_swallow(Peer *peer, gsize size);
/* Until the other side closed or reset. */
void peer_hear_end(Peer *peer);
/* What was heard is forgotten. */
void peer_forget(Peer *peer);
/* Repeats until @condition, some seconds of real time at most; it is looked at once more in the end. */
#define RIG_UNTIL(rig, condition)                                                                            \
  do {                                                                                                       \
    gint64 rig_until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;                                      \
    while (!(condition) && g_get_monotonic_time() < rig_until_us)                                            \
      rig_breathe(rig);                                                                                      \
    g_assert_true(condition);                                                                                \
  } while (0)
/* A turn, 8 ms of the rig's clock, and if nothing was ready a moment for the kernel. */
void rig_breathe(Rig *rig);
