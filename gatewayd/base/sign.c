/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Three algorithms, chosen by the key and never by the signature, so that nothing a peer sends can weaken a
 * check. */
#include "base/sign.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"

#define RSA_MIN_BITS 2048
#define SIGNATURE_TEXT_MAX 4096

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free)

typedef struct {
  char *name;
  char **products; /* NULL = all */
  EVP_PKEY *pkey;
} Key;

struct GwKeyring {
  gatomicrefcount n_refs;
  GPtrArray *keys;
};

static void
key_free(gpointer data)
{
  Key *key = data;

  g_free(key->name);
  g_strfreev(key->products);
  EVP_PKEY_free(key->pkey);
  g_free(key);
}

GwKeyring *
gw_keyring_new(void)
{
  GwKeyring *keyring = g_new0(GwKeyring, 1);

  g_atomic_ref_count_init(&keyring->n_refs);
  keyring->keys = g_ptr_array_new_with_free_func(key_free);
  return keyring;
}

GwKeyring *
gw_keyring_ref(GwKeyring *keyring)
{
  g_atomic_ref_count_inc(&keyring->n_refs);
  return keyring;
}

void
gw_keyring_unref(GwKeyring *keyring)
{
  if (!keyring || !g_atomic_ref_count_dec(&keyring->n_refs))
    return;
  g_ptr_array_unref(keyring->keys);
  g_free(keyring);
}

static gboolean
is_p256(EVP_PKEY *pkey)
{
  char group[32] = "";

  return EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) == 1 &&
         strcmp(group, "prime256v1") == 0;
}

static gboolean
check_algorithm(EVP_PKEY *pkey, GError **error)
{
  switch (EVP_PKEY_get_base_id(pkey)) {
  case EVP_PKEY_ED25519:
    return TRUE;
  case EVP_PKEY_EC:
    if (is_p256(pkey))
      return TRUE;
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "the key's curve is not P-256");
  case EVP_PKEY_RSA:
    if (EVP_PKEY_get_bits(pkey) >= RSA_MIN_BITS)
      return TRUE;
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "the RSA key has %d bits, fewer than %d",
                   EVP_PKEY_get_bits(pkey), RSA_MIN_BITS);
  default:
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "the key is not Ed25519, ECDSA P-256 or RSA");
  }
}

/* Without it OpenSSL would ask for the password of an encrypted key on the terminal. */
static int
no_password(char *buffer, int size, int is_writing, void *data)
{
  return -1;
}

static EVP_PKEY *
read_pem(const char *pem, gsize pem_size, gboolean is_private, GError **error)
{
  g_autoptr(BIO) bio = BIO_new_mem_buf(pem, (int)MIN(pem_size, G_MAXINT));
  g_autoptr(EVP_PKEY) pkey = is_private ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
                                        : PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);

  ERR_clear_error();
  if (!pkey) {
    gw_fail(error, GW_ERROR_BAD_INPUT,
            is_private ? "not a PEM private key without password" : "not a PEM public key");
    return NULL;
  }
  return check_algorithm(pkey, error) ? g_steal_pointer(&pkey) : NULL;
}

gboolean
gw_keyring_add(GwKeyring *keyring, const char *name, const char *pem, gsize pem_size,
               const char *const *products, GError **error)
{
  g_autoptr(EVP_PKEY) pkey = read_pem(pem, pem_size, FALSE, error);
  Key *key;

  if (!pkey) {
    g_prefix_error(error, "key %s: ", name);
    return FALSE;
  }
  for (guint i = 0; i < keyring->keys->len; i++) {
    const Key *other = keyring->keys->pdata[i];

    if (EVP_PKEY_eq(pkey, other->pkey) == 1)
      return gw_fail(error, GW_ERROR_EXISTS, "key %s: is the same as key %s", name, other->name);
  }
  ERR_clear_error();
  key = g_new0(Key, 1);
  key->name = g_strdup(name);
  key->products = g_strdupv((char **)products);
  key->pkey = g_steal_pointer(&pkey);
  g_ptr_array_add(keyring->keys, key);
  return TRUE;
}

guint
gw_keyring_size(const GwKeyring *keyring)
{
  return keyring->keys->len;
}

const char *
gw_keyring_key_name(const GwKeyring *keyring, guint key)
{
  g_assert(key < keyring->keys->len);
  return ((const Key *)keyring->keys->pdata[key])->name;
}

void
gw_keyring_key_sha256(const GwKeyring *keyring, guint key, guint8 ret_sha256[32])
{
  unsigned char *der = NULL;
  EVP_PKEY *pkey;
  int size;

  g_assert(key < keyring->keys->len);
  pkey = ((const Key *)keyring->keys->pdata[key])->pkey;
  size = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA ? i2d_PublicKey(pkey, &der) : i2d_PUBKEY(pkey, &der);
  gw_sha256(der, size > 0 ? (gsize)size : 0, ret_sha256);
  OPENSSL_free(der);
}

gboolean
gw_keyring_key_allows(const GwKeyring *keyring, guint key, const char *product)
{
  char **products;

  g_assert(key < keyring->keys->len);
  products = ((const Key *)keyring->keys->pdata[key])->products;
  if (!products)
    return TRUE;
  for (; *products; products++)
    if (g_pattern_match_simple(*products, product))
      return TRUE;
  return FALSE;
}

/* Strict where g_base64_decode() skips whatever it does not know. NULL if it is not base64. */
static GBytes *
decode_signature(const char *text, gsize size)
{
  g_autoptr(GString) clean = g_string_sized_new(MIN(size, SIGNATURE_TEXT_MAX) + 1);
  gsize n_digits, raw_size;
  guint8 *raw;

  if (size > SIGNATURE_TEXT_MAX)
    return NULL;
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isspace(text[i]))
      g_string_append_c(clean, text[i]);
  n_digits = strspn(clean->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  if (n_digits == 0 || clean->len % 4 != 0 || clean->len - n_digits > 2 ||
      strspn(clean->str + n_digits, "=") != clean->len - n_digits)
    return NULL;
  raw = g_base64_decode(clean->str, &raw_size);
  return g_bytes_new_take(raw, raw_size);
}

typedef struct {
  const void *message; /* what Ed25519 signs */
  gsize message_size;
  const guint8 *sha256; /* what the others sign */
} Claim;

static gboolean
verify_ed25519(EVP_PKEY *pkey, const Claim *claim, const guint8 *raw, gsize raw_size)
{
  g_autoptr(EVP_MD_CTX) ctx = EVP_MD_CTX_new();

  return EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
         EVP_DigestVerify(ctx, raw, raw_size, claim->message, claim->message_size) == 1;
}

/* For keys that sign a digest: sets the scheme on a context after its init. */
static gboolean
set_scheme(EVP_PKEY_CTX *ctx, EVP_PKEY *pkey)
{
  if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA &&
      (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) != 1))
    return FALSE;
  return EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1;
}

static gboolean
verify_one(EVP_PKEY *pkey, const Claim *claim, GBytes *signature)
{
  g_autoptr(EVP_PKEY_CTX) ctx = NULL;
  gsize raw_size;
  const guint8 *raw = g_bytes_get_data(signature, &raw_size);

  if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519)
    return verify_ed25519(pkey, claim, raw, raw_size);
  ctx = EVP_PKEY_CTX_new(pkey, NULL);
  return EVP_PKEY_verify_init(ctx) == 1 && set_scheme(ctx, pkey) &&
         EVP_PKEY_verify(ctx, raw, raw_size, claim->sha256, GW_SHA256_LEN) == 1;
}

static gboolean
verify(const GwKeyring *keyring, const Claim *claim, GBytes *signature, guint *ret_key, GError **error)
{
  if (!signature)
    return gw_fail(error, GW_ERROR_UNTRUSTED, "the signature is not base64");
  for (guint i = 0; i < keyring->keys->len; i++) {
    const Key *key = keyring->keys->pdata[i];
    gboolean is_good = verify_one(key->pkey, claim, signature);

    ERR_clear_error();
    if (is_good) {
      *ret_key = i;
      return TRUE;
    }
  }
  return gw_fail(error, GW_ERROR_UNTRUSTED, "none of %u known keys made the signature", keyring->keys->len);
}

gboolean
gw_keyring_verify(const GwKeyring *keyring, const void *data, gsize size, const char *signature,
                  gsize signature_size, guint *ret_key, GError **error)
{
  g_autoptr(GBytes) raw = decode_signature(signature, signature_size);
  guint8 sha256[GW_SHA256_LEN];
  Claim claim = { .message = data, .message_size = size, .sha256 = sha256 };

  gw_sha256(data, size, sha256);
  return verify(keyring, &claim, raw, ret_key, error);
}

gboolean
gw_keyring_verify_sha256(const GwKeyring *keyring, const guint8 sha256[32], const char *signature,
                         gsize signature_size, guint *ret_key, GError **error)
{
  g_autoptr(GBytes) raw = decode_signature(signature, signature_size);
  Claim claim = { .message = sha256, .message_size = GW_SHA256_LEN, .sha256 = sha256 };

  return verify(keyring, &claim, raw, ret_key, error);
}

/* NULL for Ed25519's one digest; the context is set up like the verifying side. */
static guint8 *
sign_raw(EVP_PKEY *pkey, const void *data, gsize size, gsize *ret_size)
{
  gboolean is_ed25519 = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519;
  g_autoptr(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *pkey_ctx = NULL; /* owned by ctx */
  g_autofree guint8 *raw = NULL;
  gsize raw_size = 0;

  if (EVP_DigestSignInit(ctx, &pkey_ctx, is_ed25519 ? NULL : EVP_sha256(), NULL, pkey) != 1)
    return NULL;
  if (!is_ed25519 && !set_scheme(pkey_ctx, pkey))
    return NULL;
  if (EVP_DigestSign(ctx, NULL, &raw_size, data, size) != 1)
    return NULL;
  raw = g_malloc(raw_size);
  if (EVP_DigestSign(ctx, raw, &raw_size, data, size) != 1)
    return NULL;
  *ret_size = raw_size;
  return g_steal_pointer(&raw);
}

char *
gw_sign(const char *pem, gsize pem_size, const void *data, gsize size, GError **error)
{
  g_autoptr(EVP_PKEY) pkey = read_pem(pem, pem_size, TRUE, error);
  g_autofree guint8 *raw = NULL;
  g_autofree char *text = NULL;
  gsize raw_size;

  if (!pkey)
    return NULL;
  raw = sign_raw(pkey, data, size, &raw_size);
  ERR_clear_error();
  if (!raw) {
    gw_fail(error, GW_ERROR_INTERNAL, "cannot sign");
    return NULL;
  }
  text = g_base64_encode(raw, raw_size);
  return g_strconcat(text, "\n", NULL);
}
