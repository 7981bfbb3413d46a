/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection beside a session's own that carries one file to the peer and ends with it: to a leased port
 * where the peer connects, or from us to a port of the peer's. It says when the peer has acknowledged all,
 * the end included. What the peer sends is thrown away. One thread, the reactor's. Every function may be
 * called from inside any callback, gw_data_channel_free() too; no callback comes from inside a function. */
#pragma once
#include "net/body.h"
#include "net/pace.h"
#include "net/passive.h"
#include "net/transfer.h"

#define GW_DATA_PORT_MIN 1024
#define GW_DATA_WAIT_MS 60000  /* for the peer, from the opening or the sending, whichever is later */
#define GW_DATA_IDLE_MS 600000 /* without a byte acknowledged, once the peer is there */
/* The least that a peer takes; over so long that a pause of almost GW_DATA_IDLE_MS does not make a reader of
 * 900 bytes a second too slow. */
#define GW_DATA_MIN_BYTES_PER_S 64
#define GW_DATA_RATE_WINDOW_MS (2 * GW_DATA_IDLE_MS)

typedef struct GwDataChannel GwDataChannel;
/* Any member may be NULL. */
typedef struct {
  void (*up)(GwDataChannel *channel, gpointer user);    /* the peer is there */
  void (*moved)(GwDataChannel *channel, gpointer user); /* more was acknowledged; at most 4 times a second */
  /* The last call; then free it. @is_drained: the peer acknowledged every byte and the end; else it broke, or
   * the time was up. */
  void (*over)(GwDataChannel *channel, gboolean is_drained, gpointer user);
} GwDataEvents;

/* Everything is borrowed as long as the channel lives. */
typedef struct {
  GwReactor *reactor;
  GwPace *pace; /* or NULL */
  const GwDataEvents *events;
  gpointer user;
} GwDataSetup;

/* Passive: from the address of @peer, whatever its port. NULL: no port is free. */
GwDataChannel *gw_data_channel_listen(const GwDataSetup *setup, GwPassive *passive, const GwAddress *peer);
/* Active: from the address of @local to @peer. NULL: a port below GW_DATA_PORT_MIN, or it failed at once. */
GwDataChannel *gw_data_channel_connect(const GwDataSetup *setup, const GwAddress *local,
                                       const GwAddress *peer);
/* Cuts at once: with a reset if the peer could take what it has for all. */
void gw_data_channel_free(GwDataChannel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDataChannel, gw_data_channel_free)

/* Where it listens; 0 if it is active. */
guint16 gw_data_channel_port(const GwDataChannel *channel);
/* The range, then the end; may come before the peer. Once: FALSE after the first, or if the range is not
 * inside
 * @body; an empty one is. Takes a reference. */
gboolean gw_data_channel_send(GwDataChannel *channel, GwBody *body, GwByteRange range);
/* So many bytes of it the peer has acknowledged by now. */
guint64 gw_data_channel_acked(GwDataChannel *channel);
