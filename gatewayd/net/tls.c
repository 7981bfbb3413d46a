/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/tls.h"

#include "base/error.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

struct GwTls {
  int n_refs;
  SSL_CTX *context;
};

struct GwTlsSession {
  SSL *ssl;
  GwTls *tls;
};

/* Takes OpenSSL's newest complaint off its queue. */
static gboolean
fail_openssl(GError **error, const char *doing, const char *path)
{
  const char *reason = ERR_reason_error_string(ERR_peek_last_error());

  ERR_clear_error();
  return gw_fail(error, GW_ERROR_BAD_INPUT, "cannot %s %s: %s", doing, path,
                 reason ? reason : "unknown error");
}

static void
configure(SSL_CTX *context)
{
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets need none */
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_read_ahead(context, 1);
}

GwTls *
gw_tls_new(const char *certificate_path, const char *key_path, GError **error)
{
  g_autoptr(GwTls) tls = g_new0(GwTls, 1);

  tls->n_refs = 1;
  tls->context = SSL_CTX_new(TLS_server_method());
  if (!tls->context) {
    fail_openssl(error, "set up TLS for", certificate_path);
    return NULL;
  }
  configure(tls->context);
  if (SSL_CTX_use_certificate_chain_file(tls->context, certificate_path) != 1) {
    fail_openssl(error, "read the certificate", certificate_path);
    return NULL;
  }
  if (SSL_CTX_use_PrivateKey_file(tls->context, key_path, SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(tls->context) != 1) {
    fail_openssl(error, "use the key", key_path);
    return NULL;
  }
  return g_steal_pointer(&tls);
}

GwTls *
gw_tls_ref(GwTls *tls)
{
  tls->n_refs++;
  return tls;
}

void
gw_tls_unref(GwTls *tls)
{
  if (!tls || --tls->n_refs > 0)
    return;
  SSL_CTX_free(tls->context);
  g_free(tls);
}

GwTlsSession *
gw_tls_session_new(GwTls *tls, int fd)
{
  SSL *ssl = SSL_new(tls->context);
  GwTlsSession *session;

  if (!ssl || SSL_set_fd(ssl, fd) != 1) {
    SSL_free(ssl);
    ERR_clear_error();
    return NULL;
  }
  SSL_set_accept_state(ssl);
  session = g_new0(GwTlsSession, 1);
  session->ssl = ssl;
  session->tls = gw_tls_ref(tls);
  return session;
}

void
gw_tls_session_free(GwTlsSession *session, gboolean is_orderly)
{
  if (!session)
    return;
  if (is_orderly && SSL_is_init_finished(session->ssl))
    SSL_shutdown(session->ssl);
  ERR_clear_error();
  SSL_free(session->ssl);
  gw_tls_unref(session->tls);
  g_free(session);
}

static GwTlsResult
result_of(GwTlsSession *session, int returned)
{
  int why;

  if (returned > 0)
    return GW_TLS_DONE;
  why = SSL_get_error(session->ssl, returned);
  ERR_clear_error();
  switch (why) {
  case SSL_ERROR_WANT_READ:
    return GW_TLS_WANT_READ;
  case SSL_ERROR_WANT_WRITE:
    return GW_TLS_WANT_WRITE;
  case SSL_ERROR_ZERO_RETURN:
    return GW_TLS_CLOSED;
  default:
    SSL_set_quiet_shutdown(session->ssl, 1);
    return GW_TLS_BROKEN;
  }
}

GwTlsResult
gw_tls_handshake(GwTlsSession *session)
{
  return result_of(session, SSL_do_handshake(session->ssl));
}

GwTlsResult
gw_tls_read(GwTlsSession *session, void *ret_data, gsize size, gsize *ret_size)
{
  return result_of(session, SSL_read_ex(session->ssl, ret_data, size, ret_size));
}

GwTlsResult
gw_tls_write(GwTlsSession *session, const void *data, gsize size, gsize *ret_size)
{
  return result_of(session, SSL_write_ex(session->ssl, data, size, ret_size));
}

gboolean
gw_tls_has_pending(const GwTlsSession *session)
{
  return SSL_has_pending(session->ssl);
}

guint64
gw_tls_written(const GwTlsSession *session)
{
  return BIO_number_written(SSL_get_wbio(session->ssl));
}
