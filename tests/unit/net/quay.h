/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where data connections come and go: a reactor whose clock only moves when told, a few passive ports, and
 * far ends on the loopback that do what the test says. One at a time: `quay`. */
#pragma once
#include "net/data-channel.h"

#define QUAY_PORTS 16

typedef struct {
  GMainContext *context;
  GwReactor *reactor;
  GwPassive *passive;
  GwPortRange range;
  gint64 clock_ms;

  /* leases */
  int accepted_fd;
  guint n_accepted;
  guint n_foreign;

  /* data channels */
  GwDataChannel *channel;
  guint n_up, n_moved, n_over, n_drained;
} Quay;

extern Quay *quay;

void quay_open(void);
void quay_close(void);
/* "127.0.0.2" or "::1", and a port. */
GwAddress quay_address(const char *host, guint16 port);
/* A turn, 8 ms of the clock, and if nothing was ready a moment for the kernel. */
void quay_breathe(void);
/* Time passes, and the far ends do nothing. */
void quay_pass_ms(gint64 ms);

/* A far end from @host to a port of ours at the same family's loopback address; non-blocking. @receive_buffer
 * 0 = the kernel's choice. */
int quay_dial(const char *host, guint16 port, int receive_buffer);
/* A far end that listens at @host; returns the descriptor. */
int quay_listen(const char *host, guint16 *ret_port);
/* Its next connection; until it is there. */
int quay_accept(int listen_fd, GwAddress *ret_from);
/* 1 = the other side closed, -1 = it reset, 0 = neither; what came is appended to @heard, or dropped if NULL.
 */
int quay_hear(int fd, GString *heard);
/* Takes @size bytes and drops them; the clock stands still. FALSE if they do not come. */
gboolean quay_swallow(int fd, gsize size);

GwLease *quay_lease(const char *host);
void quay_listen_for(const char *host); /* makes quay->channel, passive */
GwBody *quay_body(gsize size);
GwDataSetup quay_setup(void);

/* Repeats until @condition, some seconds of real time at most; it is looked at once more in the end. */
#define QUAY_UNTIL(condition)                                                                                \
  do {                                                                                                       \
    gint64 until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;                                          \
    while (!(condition) && g_get_monotonic_time() < until_us)                                                \
      quay_breathe();                                                                                        \
    g_assert_true(condition);                                                                                \
  } while (0)
