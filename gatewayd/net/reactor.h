/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event loop of the data plane: one epoll descriptor nested as a single source in a GMainContext, with a
 * timer wheel beside it. GLib's own sources stay usable in the same context, and thousands of idle sockets
 * cost nothing. One thread: the one that iterates the context. */
#pragma once
#include "net/wheel.h"
#include <glib.h>
#include <sys/epoll.h>

typedef struct GwReactor GwReactor;
typedef struct GwWatch GwWatch;
/* @events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR as epoll_wait() gave them. */
typedef void (*GwWatchFunc)(GwWatch *watch, guint32 events);
/* Embed it in what it belongs to. @fd -1 = nothing is watched. */
struct GwWatch {
  int fd;
  guint32 events; /* the reactor's own */
  GwWatchFunc ready;
};

/* @context NULL = the default context. The process ignores SIGPIPE from now on. */
GwReactor *gw_reactor_new(GMainContext *context, GError **error);
/* Every watch must have been removed and every timer cancelled. */
void gw_reactor_free(GwReactor *reactor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwReactor, gw_reactor_free)

/* Level-triggered. FALSE: the kernel has no room for another watch. */
gboolean gw_reactor_add(GwReactor *reactor, GwWatch *watch, guint32 events);
/* Costs nothing if @events are what is watched already. */
void gw_reactor_modify(GwReactor *reactor, GwWatch *watch, guint32 events);
/* Both end the watch and set @watch->fd to -1; later events of the batch no longer reach it. close() closes
 * the descriptor, detach() returns it. Harmless if nothing is watched. */
void gw_reactor_close(GwReactor *reactor, GwWatch *watch);
int gw_reactor_detach(GwReactor *reactor, GwWatch *watch);
/* g_free()s @memory when the current batch of events is through: an event of the batch may still refer to a
 * watch in it, and callers up the stack may still look at it. */
void gw_reactor_free_later(GwReactor *reactor, gpointer memory);

GwWheel *gw_reactor_wheel(GwReactor *reactor);
/* The boot clock, ms; inside a turn as it was read at its start. */
gint64 gw_reactor_now_ms(const GwReactor *reactor);
/* Another clock than the boot clock, so that tests need not wait. */
typedef gint64 (*GwClockFunc)(void);
void gw_reactor_set_clock(GwReactor *reactor, GwClockFunc clock_ms);
GMainContext *gw_reactor_context(GwReactor *reactor);

/* A scratch of GW_REACTOR_BUFFER bytes that belongs to whoever runs just now, until it returns. */
#define GW_REACTOR_BUFFER 16384
guint8 *gw_reactor_buffer(GwReactor *reactor);
