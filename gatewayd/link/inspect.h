/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks at a plugin's descriptor in a child process. Private to link. */
#pragma once
#include "gateway-plugin.h"
#include <glib.h>
#include <sys/stat.h>

#define GW_INSPECT_TIMEOUT_MS 5000

/* The packed table (a{sv}, unchecked but in normal form) of the plugin behind @fd, or NULL: what the child
 * said, or how it died. Our own process neither maps nor runs anything of the file. */
GVariant *gw_inspect(int fd, GError **error);
/* What both sides do: loads @fd and finds its constant, of this ABI and with sound counts and functions. */
const GatewayPlugin *gw_inspect_load(int fd, GError **error);
/* Nobody but root and @self may have written it, a plugin as well as its folder. */
gboolean gw_inspect_owner(const struct stat *st, uid_t self, GError **error);
