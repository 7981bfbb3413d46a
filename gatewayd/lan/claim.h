/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who asks, and what they claim, as two keyed hashes: so that the cache of answers needs no copy of the words
 * of ten thousand nodes, and nobody can aim at another's entry. Pure. */
#pragma once
#include "gateway-plugin.h"
#include "net/address.h"

typedef struct {
  guint64 words[4];
} GwClaimKey;

typedef struct {
  guint64 who;  /* plugin, kind of ask, the node's name or else its address, component, token */
  guint64 what; /* all else that a decision rests on; another value is a miss */
} GwClaim;

void gw_claim_key_random(GwClaimKey *ret_key);
/* @plugin: a number of its own for each plugin. Attributes (a battery, a signal) are not looked at. */
GwClaim gw_claim_of(const GwClaimKey *key, guint plugin, const GatewayAsk *ask, const GwAddress *peer);

/* SipHash-2-4 of one run of bytes; for tests. */
guint64 gw_siphash(guint64 key0, guint64 key1, const void *data, gsize size);
