/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All digests that any protocol asks for, in one pass. Any thread, one stream per object. */
#pragma once
#include <glib.h>

#define GW_SHA256_LEN 32
#define GW_SHA256_HEX_LEN 64

typedef struct {
  guint8 sha256[32];
  guint8 sha1[20];
  guint8 md5[16];
  guint32 crc32; /* IEEE 802.3, as zlib */
  guint64 size;  /* bytes hashed */
} GwDigests;

typedef struct GwDigester GwDigester;
/* SHA-256 alone if @is_full is FALSE (the other members of the result are 0). */
GwDigester *gw_digester_new(gboolean is_full);
void gw_digester_free(GwDigester *digester);
void gw_digester_update(GwDigester *digester, const void *data, gsize size);
/* Ends the stream; afterwards only gw_digester_free() may be called. */
void gw_digester_finish(GwDigester *digester, GwDigests *ret_digests);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDigester, gw_digester_free)

/* Reads @fd from offset 0 to its end by pread; the file position is untouched. */
gboolean gw_digest_fd(int fd, gboolean is_full, GwDigests *ret_digests, GError **error);
void gw_sha256(const void *data, gsize size, guint8 ret_sha256[GW_SHA256_LEN]);
/* HMAC-SHA-256 of (data) under @key. */
void gw_hmac_sha256(const void *key, gsize key_size, const void *data, gsize size,
                    guint8 ret_mac[GW_SHA256_LEN]);
/* Equal in constant time. */
gboolean gw_equal_secret(const void *a, const void *b, gsize size);
/* Cryptographic randomness; aborts only if the kernel has none. */
void gw_random(void *ret_data, gsize size);
/* Lower-case hex; ret_hex has room for 2 * size + 1. */
void gw_hex(const void *data, gsize size, char *ret_hex);
/* Exactly 2 * size hex digits of either case, nothing else. */
gboolean gw_unhex(const char *hex, gsize size, void *ret_data);
