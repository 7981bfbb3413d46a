/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"

#define READ_SIZE ((gsize)128 * 1024)

struct GwDigester {
  EVP_MD_CTX *sha256;
  EVP_MD_CTX *sha1; /* NULL: SHA-256 alone */
  EVP_MD_CTX *md5;
  guint32 crc32;
  guint64 size;
};

/* EVP fails here only where the library itself is broken. */
static EVP_MD_CTX *
evp_new(const EVP_MD *md)
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();

  g_assert(ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1);
  return ctx;
}

GwDigester *
gw_digester_new(gboolean is_full)
{
  GwDigester *digester = g_new0(GwDigester, 1);

  digester->sha256 = evp_new(EVP_sha256());
  if (is_full) {
    digester->sha1 = evp_new(EVP_sha1());
    digester->md5 = evp_new(EVP_md5());
  }
  return digester;
}

void
gw_digester_free(GwDigester *digester)
{
  if (!digester)
    return;
  EVP_MD_CTX_free(digester->sha256);
  EVP_MD_CTX_free(digester->sha1);
  EVP_MD_CTX_free(digester->md5);
  g_free(digester);
}

void
gw_digester_update(GwDigester *digester, const void *data, gsize size)
{
  digester->size += size;
  g_assert(EVP_DigestUpdate(digester->sha256, data, size) == 1);
  if (!digester->sha1)
    return;
  g_assert(EVP_DigestUpdate(digester->sha1, data, size) == 1);
  g_assert(EVP_DigestUpdate(digester->md5, data, size) == 1);
  if (size > 0) /* zlib takes (NULL, 0) for "begin again" */
    digester->crc32 = (guint32)crc32_z(digester->crc32, data, size);
}

void
gw_digester_finish(GwDigester *digester, GwDigests *ret_digests)
{
  GwDigests digests = { .size = digester->size, .crc32 = digester->crc32 };

  g_assert(EVP_DigestFinal_ex(digester->sha256, digests.sha256, NULL) == 1);
  if (digester->sha1) {
    g_assert(EVP_DigestFinal_ex(digester->sha1, digests.sha1, NULL) == 1);
    g_assert(EVP_DigestFinal_ex(digester->md5, digests.md5, NULL) == 1);
  }
  *ret_digests = digests;
}

gboolean
gw_digest_fd(int fd, gboolean is_full, GwDigests *ret_digests, GError **error)
{
  g_autoptr(GwDigester) digester = gw_digester_new(is_full);
  g_autofree guint8 *buffer = g_malloc(READ_SIZE);
  off_t offset = 0;
  ssize_t n;

  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  while ((n = pread(fd, buffer, READ_SIZE, offset)) != 0) {
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return gw_fail_errno(error, errno, "cannot read the file to hash it");
    gw_digester_update(digester, buffer, (gsize)n);
    offset += n;
  }
  gw_digester_finish(digester, ret_digests);
  return TRUE;
}

void
gw_sha256(const void *data, gsize size, guint8 ret_sha256[GW_SHA256_LEN])
{
  g_assert(EVP_Digest(data, size, ret_sha256, NULL, EVP_sha256(), NULL) == 1);
}

/* Looking the algorithm up takes longer than most of what is signed: it is found once, and copied. */
static EVP_MAC_CTX *
hmac_new(void)
{
  static gsize made;

  if (g_once_init_enter(&made)) {
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                  OSSL_PARAM_construct_end() };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

    EVP_MAC_free(mac);
    g_assert(ctx && EVP_MAC_CTX_set_params(ctx, params) == 1);
    g_once_init_leave(&made, (gsize)ctx);
  }
  return EVP_MAC_CTX_dup((EVP_MAC_CTX *)made);
}

void
gw_hmac_sha256(const void *key, gsize key_size, const void *data, gsize size, guint8 ret_mac[GW_SHA256_LEN])
{
  EVP_MAC_CTX *ctx = hmac_new();
  gsize n;

  /* OpenSSL takes a NULL key for "the one before". */
  g_assert(ctx && EVP_MAC_init(ctx, key_size ? key : (const void *)"", key_size, NULL) == 1);
  g_assert(EVP_MAC_update(ctx, data, size) == 1 && EVP_MAC_final(ctx, ret_mac, &n, GW_SHA256_LEN) == 1);
  EVP_MAC_CTX_free(ctx);
}

gboolean
gw_equal_secret(const void *a, const void *b, gsize size)
{
  return CRYPTO_memcmp(a, b, size) == 0;
}

void
gw_random(void *ret_data, gsize size)
{
  for (gsize n_done = 0; n_done < size;) {
    ssize_t n = getrandom((guint8 *)ret_data + n_done, size - n_done, 0);

    if (n < 0 && errno != EINTR)
      g_error("the kernel has no randomness: %s", g_strerror(errno));
    n_done += n > 0 ? (gsize)n : 0;
  }
}

void
gw_hex(const void *data, gsize size, char *ret_hex)
{
  static const char digits[] = "0123456789abcdef";
  const guint8 *bytes = data;

  for (gsize i = 0; i < size; i++) {
    ret_hex[2 * i] = digits[bytes[i] >> 4];
    ret_hex[2 * i + 1] = digits[bytes[i] & 15];
  }
  ret_hex[2 * size] = '\0';
}

gboolean
gw_unhex(const char *hex, gsize size, void *ret_data)
{
  guint8 *bytes = ret_data;

  for (gsize i = 0; i < 2 * size; i++)
    if (!g_ascii_isxdigit(hex[i]))
      return FALSE;
  if (hex[2 * size] != '\0')
    return FALSE;
  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
  return TRUE;
}
