/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel over TCP or over a pty, the far end of its wire, and a clock that only moves when told. One at a
 * time: `wire`. */
#pragma once
#include "net/channel.h"

typedef struct {
  GMainContext *context;
  GwReactor *reactor;
  GwChannel *channel;
  int far_fd;
  gint64 clock_ms;
  GString *heard;     /* "<line>" and "[bytes]" */
  GString *far_heard; /* at the far end */
  guint n_too_long, n_ends, n_timers, last_timer;
  GwChannelEnd why;
  guint n_done, n_complete;
  GwTransferGauge gauge;
  void (*on_line)(GwSlice line); /* does more in a line event */
} Wire;

extern Wire *wire;
/* Counts into the wire. */
extern const GwTransferObserver wire_observer;

/* The far end's receive buffer is small. */
void wire_new_tcp(const GwChannelLimits *limits);
void wire_new_pty(const GwChannelLimits *limits);
void wire_free(void);
/* A turn, 8 ms of the wire's clock, and if nothing was ready a moment for the kernel; the far end reads. */
void wire_breathe(void);
/* Time passes and the far end does nothing. */
void wire_pass_ms(gint64 ms);
/* The far end speaks. */
void wire_say(const char *text);
void wire_say_bytes(const void *data, gsize size);
/* Until exactly @heard was heard, which is then forgotten. */
void wire_expect(const char *heard);
/* Sealed memory of that size. */
GwBody *wire_make_body(gsize size);

/* Repeats until @condition, some seconds of real time at most; it is looked at once more in the end. */
#define WIRE_UNTIL(condition)                                                                                \
  do {                                                                                                       \
    gint64 until_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;                                          \
    while (!(condition) && g_get_monotonic_time() < until_us)                                                \
      wire_breathe();                                                                                        \
    g_assert_true(condition);                                                                                \
  } while (0)
