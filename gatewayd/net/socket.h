/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internal to net. What all TCP sockets of ours have in common. */
#pragma once
#include "net/address.h"

/* A bound socket, non-blocking and close-on-exec, or -1. An IPv6 any-address takes IPv4 too. */
int gw_socket_bind(const GwAddress *address, GError **error);
/* No delay for small writes; unless @has_long_queue little waits unsent. What is accepted inherits it. */
void gw_socket_tune(int fd, gboolean has_long_queue);
