/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session of the porter plugin over a real connection, its node, and the node's data connections. Time is a
 * counter. */
#pragma once
#include "lan/session.h"

#define DOCK_IMAGE_SIZE 60000

typedef struct {
  GwReactor *reactor;
  GwPassive *passive;
  GwSession *session;
  int node;      /* main channel */
  int data;      /* data channel, once dialled */
  GString *main; /* heard there, not yet looked at */
  GString *file; /* heard on the data channel */
  int data_end;  /* 1 = in order, -1 = by a reset */
  guint64 covered_offset, covered_size;
  guint n_covered, n_streamed, n_streams_over;
  guint64 streamed_acked;
  gboolean has_ended;
} Dock;

/* The node speaks from @host, "127.0.0.2" or "::1"; that is where it expects us, too. */
void dock_open(Dock *dock, const char *host);
void dock_close(Dock *dock);

GwAddress dock_address(const char *host, guint16 port);
/* Bound to @host; with @ret_port it listens. @receive_buffer 0 = the kernel's choice. */
int dock_socket(const char *host, guint16 *ret_port, int receive_buffer);
int dock_dial(const char *from, const char *to, guint16 port, int receive_buffer);

/* A turn, 8 ms of the clock, and if nothing was ready a moment for the kernel; the node reads. */
void dock_breathe(Dock *dock);
/* Time passes and the node does nothing. */
void dock_pass_ms(Dock *dock, gint64 ms);
/* The node says a line to the plugin. */
void dock_say(Dock *dock, const char *line);
/* Exactly @text comes from it, and then nothing for a while. */
void dock_expect(Dock *dock, const char *text);
/* The plugin says where it listens: at @host. */
guint16 dock_expect_port(Dock *dock, const char *host);
/* The node's data connection, from @host. */
void dock_come_to(Dock *dock, const char *host, guint16 port, int receive_buffer);
/* There is an image. */
void dock_give_image(Dock *dock);
/* What came over the data connection is that part of the image. */
void dock_check_file(const Dock *dock, gsize offset, gsize size);

/* Repeats until the condition holds, some seconds of real time at most; it is looked at once more in the end.
 */
#define DOCK_UNTIL(dock, condition)                                                                          \
  do {                                                                                                       \
    gint64 until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;                                          \
    while (!(condition) && g_get_monotonic_time() < until_us)                                                \
      dock_breathe(dock);                                                                                    \
    g_assert_true(condition);                                                                                \
  } while (0)
