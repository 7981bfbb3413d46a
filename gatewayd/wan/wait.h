/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a blocking thread of this process waits: never without an end that the host can set. */
#pragma once
#include <gio/gio.h>

typedef enum { GW_WAITED_TIME = 1, GW_WAITED_READY, GW_WAITED_STOPPED } GwWaited;

/* Until @fd (-1 = none) has one of @events (poll(2)) or an error, @ms have passed (-1 = for ever), or @stop
 * is cancelled, which wins. */
GwWaited gw_wait(GCancellable *stop, int fd, short events, gint64 ms);
