/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event's way up: each upstream that reports has an outbox, and is sent the oldest of it in batches, one
 * at a time, no faster than it may be, again and again until it took them. A WAN worker that is away costs
 * rows, nothing else. Main thread. */
#pragma once
#include "control/core-private.h"
#include "control/outbox.h"

GwRelay *gw_relay_new(GwCore *core);
void gw_relay_free(GwRelay *relay);
/* At start: the outboxes of the configured upstreams. */
void gw_relay_load_meta(GwRelay *relay, const char *key, const char *value);
gboolean gw_relay_load(GwRelay *relay, GError **error);
/* Then: gives the gateway its name as a source of events, once (a database that was rebuilt, or lost its end,
 * may use numbers of events again, so it gets another), and parts with upstreams that are not configured any
 * more. */
void gw_relay_begin(GwRelay *relay, GwChange *change);
/* The configuration changed: outboxes come and go. */
void gw_relay_configure(GwRelay *relay);

/* The rows of an event, as part of the change that says it; and it is on disk. */
void gw_relay_put(GwRelay *relay, GwBatch *batch, const GwEvent *event);
void gw_relay_told(GwRelay *relay, GwEvent *event);

/* The WAN worker came, went, and answered. */
void gw_relay_connected(GwRelay *relay);
void gw_relay_lost(GwRelay *relay);
void gw_relay_reported(GwRelay *relay, GVariant *payload);
void gw_relay_alarm(GwRelay *relay, gint64 id);
/* Tries now what waits for its next try, but within a pause that the server asked for. "" = all. */
void gw_relay_hurry(GwRelay *relay, const char *upstream);

/* NULL = it takes no reports. */
GwOutbox *gw_relay_outbox(const GwRelay *relay, const char *upstream);
/* Why nothing gets through; "" = it does. */
const char *gw_relay_trouble(const GwRelay *relay, const char *upstream);
/* Outboxes of upstreams that are not configured any more, while they hold something; borrowed until the next
 * change. Caller frees the array. */
GPtrArray *gw_relay_gone(const GwRelay *relay);
/* All dead letters: GwOutboxItem, borrowed until the next change. Caller frees the array. */
GPtrArray *gw_relay_dead(const GwRelay *relay);
