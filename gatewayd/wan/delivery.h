/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of one fetch on their way into the core: the message that says where they begin, then the pipe.
 * Holds the plugin to what was asked: not another offset, not a byte more than was announced. One thread. */
#pragma once
#include <gio/gio.h>

#include "gateway-plugin.h"
#include "link/messages.h"
#include "wan/outgoing.h"

typedef struct {
  const GwFetch *fetch; /* borrowed */
  int fd;               /* write end of the core's pipe, borrowed; is made non-blocking */
  GCancellable *stop;
  GwOutgoing out;
  gboolean is_begun;
  guint64 end;         /* offset after the last byte written */
  const char *trouble; /* why the last call failed; static, NULL = it did not */
} GwDelivery;

/* Says to the core that bytes come, from @offset (the one asked for, or 0), under @validator (or NULL). */
GatewayResult gw_delivery_begin(GwDelivery *delivery, guint64 offset, const char *validator);
/* Blocks while the store is slower than we; STOPPED also when the core closed the pipe. Begins at 0 if
 * nothing was begun. */
GatewayResult gw_delivery_write(GwDelivery *delivery, const void *data, gsize size);
/* OK when every announced byte was written. */
GatewayResult gw_delivery_end(GwDelivery *delivery);
