/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes in from upstreams: catalog documents, whose signature is checked over the exact bytes before
 * anything is parsed and whose sequence never goes back, and bare files. Main thread. */
#pragma once
#include "control/core-private.h"

/* @document_fd and @signature_fd (-1 = unsigned) are borrowed; the sender cannot change them any more once
 * they are read. */
void gw_catalog_announce(GwCore *core, const char *upstream, const char *base_url, int document_fd,
                         int signature_fd);
/* A bare file becomes a draft, and is fetched at once: the stick may be pulled. */
void gw_catalog_found(GwCore *core, const char *upstream, const char *url, const char *file_name,
                      guint64 size);
void gw_catalog_status(GwCore *core, const char *upstream, gboolean is_well, const char *text);
/* Raises `stale` for catalogs that have expired. */
void gw_catalog_check_expiry(GwCore *core);
/* A catalog of @upstream came without its document: it is asked for again. */
void gw_catalog_missed(GwCore *core, const char *upstream);
/* Asks again for what was missed. Called now and then. */
void gw_catalog_ask_again(GwCore *core);
