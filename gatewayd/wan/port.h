/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where threads put their messages: they go on the link of their own time, or nowhere. */
#pragma once
#include "base/mailbox.h"
#include "wan/outgoing.h"

typedef struct {
  GwMailbox *mailbox;
  GwLink *const *link;  /* of the main thread; NULL = not connected */
  const guint *current; /* which connection that is */
  guint session;        /* which one this is for */
} GwPort;
/* @port must outlive every thread that sends. */
GwOutgoing gw_port_outgoing(GwPort *port);
