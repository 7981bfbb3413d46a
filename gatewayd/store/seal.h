/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The check that everything in the cache has passed. A GwSealed comes from here and from nowhere else, and
 * only a GwSealed can be served. Any thread. Private to the store. */
#pragma once
#include "store/blob.h"

typedef struct {
  guint64 size;                /* 0 = not known */
  const guint8 *sha256;        /* all zero = not known */
  const GwKeyring *image_keys; /* not NULL: one of them must have made @signature over the SHA-256 */
  const char *signature;       /* base64 text, or NULL */
} GwSealTerms;

/* @measured: the digests of all bytes of the image, taken by the caller while they were written. UNTRUSTED =
 * it is not what was announced. */
GwSealed *gw_seal_measured(const GwDigests *measured, const GwSealTerms *terms, GError **error);
/* The same for bytes at rest, which are read now. CORRUPT = they are not what they were. */
GwSealed *gw_seal_file(int fd, const GwSealTerms *terms, GError **error);
/* Are the bytes at rest still the sealed ones? CORRUPT = no. */
gboolean gw_seal_recheck(int fd, const GwSealed *sealed, GError **error);
/* A memfd with the bytes of @fd, sealed against writing first and hashed then: nobody can change what was
 * checked. -1: CORRUPT, or no memory. */
int gw_seal_copy(int fd, const GwSealed *sealed, GError **error);
/* Has anybody but the store itself a reference? */
gboolean gw_sealed_is_held(const GwSealed *sealed);
