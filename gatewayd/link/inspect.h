/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks at a plugin's descriptor in a child process. Private to link. */
#pragma once
#include "gateway-plugin.h"
#include <glib.h>
#include <sys/stat.h>
#include <sys/types.h>

#define GW_INSPECT_TIMEOUT_MS 5000

/* One look that is under way, in a child of its own. */
typedef struct {
  pid_t pid; /* -1 = there is none */
  int pipe_fd;
  gint64 end_ms; /* boot; it has so long */
} GwInspection;

/* Looks at the plugin behind @fd, which stays open until the end. Several may be under way. */
GwInspection gw_inspect_begin(int fd);
/* The packed table (a{sv}, unchecked but in normal form), or NULL: what the child said, or how it died. Our
 * own process neither maps nor runs anything of the file. Ends it in any case. */
GVariant *gw_inspect_end(GwInspection *inspection, GError **error);
/* What both sides do: loads @fd and finds its constant, of this ABI and with sound counts and functions. */
const GatewayPlugin *gw_inspect_load(int fd, GError **error);
/* Nobody but root and @self may have written it, a plugin as well as its folder. */
gboolean gw_inspect_owner(const struct stat *st, uid_t self, GError **error);
