/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A serial line behind a TCP serial server: raw bytes, or RFC 2217, which also sets speed and framing. It
 * becomes a descriptor that reads and writes like an open terminal. The address comes from the operator's
 * configuration, never from a peer. One thread, the reactor's. */
#pragma once
#include "net/address.h"
#include "net/reactor.h"
#include "net/serial.h"

typedef struct {
  GwAddress address;
  gboolean is_rfc2217; /* else raw: the server has its own settings */
} GwSerialPlace;

/* "tcp://192.0.2.1:4001", "rfc2217://[2001:db8::1]:2217"; numeric only. */
gboolean gw_serial_place_parse(const char *text, GwSerialPlace *ret_place, GError **error);
gboolean gw_serial_place_is_one(const char *text);

typedef struct GwSerialServer GwSerialServer;
/* Once, never from inside gw_serial_server_open(): @fd is yours; or -1 and why. It may free the server when
 * there was an error. */
typedef void (*GwSerialServerReady)(int fd, const GError *error, gpointer user);

/* Connects, and sets up the line, within 10 s. NULL: it could not even be tried. When the connection is lost,
 * or the server's machine is gone for 20 s, @fd ends. When @fd is closed, what was written to it still goes,
 * for 1 s, and then the connection ends. */
GwSerialServer *gw_serial_server_open(GwReactor *reactor, const GwSerialPlace *place,
                                      const GwSerialLine *line, GwSerialServerReady ready, gpointer user,
                                      GError **error);
/* Closes the connection at once; @fd ends. */
void gw_serial_server_free(GwSerialServer *server);
