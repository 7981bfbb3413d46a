/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the threads of this process speak to the core, whose link belongs to the main thread alone. */
#pragma once
#include "link/link.h"

typedef struct {
  /* Sinks @payload, duplicates @fds. Waits until the main thread has given the message to the link; FALSE =
   * there is no link, its queue is full, or we are ending. Never called in the main thread. */
  gboolean (*send)(gpointer user, GwMessageType type, GVariant *payload, const int *fds, guint n_fds);
  gpointer user;
} GwOutgoing;
