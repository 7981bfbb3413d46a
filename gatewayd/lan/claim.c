/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/claim.h"

#include <string.h>

#include "base/digest.h"

/* SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), fed in pieces. */
typedef struct {
  guint64 v0, v1, v2, v3;
  guint64 tail; /* bytes that do not fill a word yet, the first lowest */
  guint64 size;
} Sip;

static inline guint64
rotate(guint64 x, int bits)
{
  return x << bits | x >> (64 - bits);
}

static inline void
sip_round(Sip *sip)
{
  sip->v0 += sip->v1;
  sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
  sip->v0 = rotate(sip->v0, 32);
  sip->v2 += sip->v3;
  sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
  sip->v0 += sip->v3;
  sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
  sip->v2 += sip->v1;
  sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
  sip->v2 = rotate(sip->v2, 32);
}

static Sip
sip_begin(guint64 key0, guint64 key1)
{
  return (Sip){ .v0 = key0 ^ 0x736f6d6570736575u,
                .v1 = key1 ^ 0x646f72616e646f6du,
                .v2 = key0 ^ 0x6c7967656e657261u,
                .v3 = key1 ^ 0x7465646279746573u };
}

static inline void
sip_word(Sip *sip, guint64 word)
{
  sip->v3 ^= word;
  sip_round(sip);
  sip_round(sip);
  sip->v0 ^= word;
}

static void
sip_bytes(Sip *sip, const void *data, gsize size)
{
  const guint8 *bytes = data;
  guint n_tail = sip->size % 8;

  sip->size += size;
  for (gsize i = 0; i < size; i++) {
    sip->tail |= (guint64)bytes[i] << (8 * n_tail);
    if (++n_tail < 8)
      continue;
    sip_word(sip, sip->tail);
    sip->tail = 0;
    n_tail = 0;
  }
}

static guint64
sip_end(Sip *sip)
{
  sip_word(sip, sip->tail | sip->size << 56);
  sip->v2 ^= 0xff;
  for (int i = 0; i < 4; i++)
    sip_round(sip);
  return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

guint64
gw_siphash(guint64 key0, guint64 key1, const void *data, gsize size)
{
  Sip sip = sip_begin(key0, key1);

  sip_bytes(&sip, data, size);
  return sip_end(&sip);
}

/* With its length, so that no two lists of texts run into each other. */
static void
sip_text(Sip *sip, GatewayText text)
{
  guint32 size = (guint32)text.size;

  sip_bytes(sip, &size, sizeof size);
  sip_bytes(sip, text.data, text.size);
}

static guint64
hash_who(const GwClaimKey *key, guint plugin, const GatewayAsk *ask, const GwAddress *peer)
{
  Sip sip = sip_begin(key->words[0], key->words[1]);
  guint32 numbers[3] = { plugin, ask->kind, ask->identity };

  sip_bytes(&sip, numbers, sizeof numbers);
  if (ask->identity > GATEWAY_IDENTITY_ADDRESS)
    sip_text(&sip, ask->node);
  else
    sip_bytes(&sip, peer->bytes, sizeof peer->bytes);
  sip_text(&sip, ask->type);
  sip_text(&sip, ask->token);
  sip_text(&sip, ask->image_name);
  return sip_end(&sip);
}

static guint64
hash_what(const GwClaimKey *key, const GatewayAsk *ask, const GwAddress *peer)
{
  Sip sip = sip_begin(key->words[2], key->words[3]);

  sip_bytes(&sip, peer->bytes, sizeof peer->bytes);
  sip_bytes(&sip, &peer->scope, sizeof peer->scope);
  sip_text(&sip, ask->node);
  sip_text(&sip, ask->credential);
  sip_text(&sip, ask->product);
  sip_text(&sip, ask->hardware_version);
  sip_text(&sip, ask->software_version);
  sip_bytes(&sip, &(guint8){ ask->is_version_proof }, 1);
  for (guint i = 0; i < ask->n_aliases; i++) {
    sip_text(&sip, ask->aliases[i].key);
    sip_text(&sip, ask->aliases[i].value);
  }
  return sip_end(&sip);
}

void
gw_claim_key_random(GwClaimKey *ret_key)
{
  gw_random(ret_key->words, sizeof ret_key->words);
}

GwClaim
gw_claim_of(const GwClaimKey *key, guint plugin, const GatewayAsk *ask, const GwAddress *peer)
{
  return (GwClaim){ hash_who(key, plugin, ask, peer), hash_what(key, ask, peer) };
}
