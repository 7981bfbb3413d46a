/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The helper's one socket: a job with its descriptors comes in, and two messages go out. */
#pragma once
#include "model/findings.h"

typedef struct {
  GwJob job;
  int input_fd;  /* -1 = nothing is to be done: only HELLO is wanted */
  int output_fd; /* -1 = look only */
} GwErrand;
void gw_errand_clear(GwErrand *errand);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwErrand, gw_errand_clear)

/* Waits for the job. OFFLINE = the other side went away. */
gboolean gw_port_receive(int fd, GwErrand *ret_errand, GError **error);
/* Takes @says, which may be floating. */
gboolean gw_port_send(int fd, GVariant *says, GError **error);
