/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS 1.2 and 1.3, server side, by OpenSSL: the only file of the data plane that knows it. A context holds a
 * certificate and key, a session one connection. Non-blocking; one thread. */
#pragma once
#include <glib.h>

typedef struct GwTls GwTls;               /* a certificate and its key, shared by connections */
typedef struct GwTlsSession GwTlsSession; /* one connection */

/* PEM files: the chain, leaf first, and the unencrypted key. */
GwTls *gw_tls_new(const char *certificate_path, const char *key_path, GError **error);
GwTls *gw_tls_ref(GwTls *tls);
void gw_tls_unref(GwTls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwTls, gw_tls_unref)

/* @fd stays the caller's. NULL: out of memory. */
GwTlsSession *gw_tls_session_new(GwTls *tls, int fd);
/* Sends close-notify if @is_orderly and it goes out at once. */
void gw_tls_session_free(GwTlsSession *session, gboolean is_orderly);

typedef enum { GW_TLS_DONE, GW_TLS_WANT_READ, GW_TLS_WANT_WRITE, GW_TLS_CLOSED, GW_TLS_BROKEN } GwTlsResult;
GwTlsResult gw_tls_handshake(GwTlsSession *session);
GwTlsResult gw_tls_read(GwTlsSession *session, void *ret_data, gsize size, gsize *ret_size);
/* May take a part. After WANT_*, call again with the same bytes (they may have moved) and no fewer. */
GwTlsResult gw_tls_write(GwTlsSession *session, const void *data, gsize size, gsize *ret_size);
/* Decrypted bytes that no poll will announce. */
gboolean gw_tls_has_pending(const GwTlsSession *session);
/* Bytes handed to the socket so far, records and handshake included: what SIOCOUTQ counts. */
guint64 gw_tls_written(const GwTlsSession *session);
