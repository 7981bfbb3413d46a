/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What nodes ask of their vendor's own cloud, on its way there and back. Equal questions share one request
 * and its reply; so many a day are asked for one node; a cloud that is away is left alone for a while, and
 * then, or when it takes long, nodes hear what it said last. Nothing waits for it but who asked, and that not
 * long. Main thread. */
#pragma once
#include "control/core-private.h"
#include "link/messages.h"

typedef struct GwPassing GwPassing;
GwPassing *gw_passing_new(GwCore *core);
void gw_passing_free(GwPassing *passing);

/* RELAY of a LAN worker, which is answered by RELAYED of the same serial. */
void gw_passing_ask(GwPassing *passing, guint64 worker_id, guint32 serial, GVariant *payload);
/* RELAYED of the WAN worker. */
void gw_passing_answered(GwPassing *passing, GVariant *payload);
/* The WAN worker is gone, and with it what it was asked. */
void gw_passing_lost(GwPassing *passing);
/* URL of a plugin's vendor's cloud, as configured or by its table; NULL = nothing is passed on. Borrowed. */
const char *gw_passing_base(const GwCore *core, const char *plugin);
/* That and the target of a request; caller frees. */
char *gw_passing_url(const char *base, const char *target);
/* A question has taken too long to be waited for, and later to be answered at all. */
void gw_passing_alarm(GwPassing *passing, gint64 id);
