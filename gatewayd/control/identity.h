/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is asking? A credential is stronger than a claimed name, that than a MAC, that than an address. Here a
 * node is found, made as a stranger, or merged with what was known of it under a weaker name; and it is
 * learned what an ask says beside its question. Main thread. */
#pragma once
#include "control/core-private.h"
#include "link/messages.h"

/* NULL: it cannot be named (*ret_is_denied: the credential did not hold). */
GwNode *gw_identity_resolve(GwCore *core, const GwAsk *ask, gboolean *ret_is_denied);
/* A new stranger of that name; @ask says where it is. */
GwNode *gw_identity_make(GwCore *core, const char *id, GwIdentity identity, const GwAsk *ask);
/* May an asker of this transport and kind be that node? */
gboolean gw_identity_is_compatible(const GwNode *node, const GwAsk *ask);
/* One more event of this kind within the hour? */
gboolean gw_identity_may_say(const GwCore *core, GwAllowance *allowance);
/* Contact, address, MAC, aliases, attributes, hardware, product. Rows and events go into @change. */
void gw_identity_learn(GwCore *core, GwNode *node, const GwAsk *ask, GwChange *change);
/* The MAC of the device that asks, whatever name it claims; "" = not known: it is behind a router. */
void gw_identity_device(GwCore *core, const GwAsk *ask, char ret_mac[18]);
/* Two devices under one name: what this one asks is no word about the image that the other took. */
gboolean gw_identity_is_other(GwCore *core, GwPin *pin, const GwAsk *ask, GwChange *change);
/* Heard without a question: a batch of answers from cache. */
void gw_identity_contact(GwNode *node, gint64 wall_ms, gint64 boot_ms, guint count);
/* From now on it may be given firmware. @product or @location NULL: as they are. */
void gw_identity_adopt(GwCore *core, GwNode *node, const char *product, const char *location,
                       GwChange *change);
/* Products that were made before their transport was known learn its version scheme. */
void gw_identity_adapt_products(GwCore *core, GwChange *change);
/* The node is no more, and no rule waits for it. Frees @node; its rows are the caller's. */
void gw_identity_remove(GwCore *core, GwNode *node);
/* It begins anew as a stranger when heard again. Frees @node. */
void gw_identity_forget(GwCore *core, GwNode *node, GwChange *change);
/* An IPv4 address that came in IPv6 clothes, plain. Points into @address. */
const char *gw_identity_plain_address(const char *address);
