/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Detached signatures: Ed25519 over the exact bytes; ECDSA P-256 and RSA-PSS (salt = digest length) over
 * their SHA-256. A signature file is base64 of the raw signature, one line, blanks ignored; ECDSA is DER. Any
 * thread; a keyring is immutable once filled. */
#pragma once
#include <glib.h>

typedef struct GwKeyring GwKeyring;
GwKeyring *gw_keyring_new(void);
GwKeyring *gw_keyring_ref(GwKeyring *keyring);
void gw_keyring_unref(GwKeyring *keyring);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwKeyring, gw_keyring_unref)
/* Adds a PEM public key: Ed25519, P-256 or RSA of 2048 bits or more; all else is GW_ERROR_UNSUPPORTED, the
 * same key twice GW_ERROR_EXISTS. @name appears in events. @products: NULL-terminated list of product globs
 * that it may sign for; NULL = all. */
gboolean gw_keyring_add(GwKeyring *keyring, const char *name, const char *pem, gsize pem_size,
                        const char *const *products, GError **error);
guint gw_keyring_size(const GwKeyring *keyring);
/* The index of the key that made @signature over @data, or GW_ERROR_UNTRUSTED. */
gboolean gw_keyring_verify(const GwKeyring *keyring, const void *data, gsize size, const char *signature,
                           gsize signature_size, guint *ret_key, GError **error);
/* The same over a digest already taken (image signatures; Ed25519 then signs the 32 bytes of the SHA-256). */
gboolean gw_keyring_verify_sha256(const GwKeyring *keyring, const guint8 sha256[32], const char *signature,
                                  gsize signature_size, guint *ret_key, GError **error);
/* SHA-256 of the public key as DER: of an RSA key its PKCS #1 form, of others SubjectPublicKeyInfo. */
void gw_keyring_key_sha256(const GwKeyring *keyring, guint key, guint8 ret_sha256[32]);
const char *gw_keyring_key_name(const GwKeyring *keyring, guint key);
gboolean gw_keyring_key_allows(const GwKeyring *keyring, guint key, const char *product);
/* Signs for "gatewayctl catalog sign": @pem is a private key without password. Returns base64 text with a
 * last LF; caller frees. */
char *gw_sign(const char *pem, gsize pem_size, const void *data, gsize size, GError **error);
