/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server under TLS, spoken to by OpenSSL's own client in the same thread. */
#include "base/error.h"
#include "rig.h"
#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static char *folder, *certificate_path, *key_path;

typedef struct {
  Peer *peer; /* the socket */
  SSL *ssl;
  GString *heard;
  gboolean is_closed;
} Client;

static SSL_CTX *client_context;

static void
write_pem(const char *path, X509 *certificate, EVP_PKEY *key)
{
  FILE *file = fopen(path, "we");

  g_assert_nonnull(file);
  if (certificate)
    g_assert_cmpint(PEM_write_X509(file, certificate), ==, 1);
  if (key)
    g_assert_cmpint(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), ==, 1);
  fclose(file);
}

static void
make_certificate(void)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();

  folder = g_dir_make_tmp("net-tls-XXXXXX", NULL);
  certificate_path = g_build_filename(folder, "certificate.pem", NULL);
  key_path = g_build_filename(folder, "key.pem", NULL);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const guint8 *)"h", -1,
                             -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  g_assert_cmpint(X509_sign(certificate, key, EVP_sha256()), >, 0);
  write_pem(certificate_path, certificate, NULL);
  write_pem(key_path, NULL, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

static void
remove_certificate(void)
{
  g_unlink(certificate_path);
  g_unlink(key_path);
  g_rmdir(folder);
  g_free(certificate_path);
  g_free(key_path);
  g_free(folder);
}

static GwTls *
load(void)
{
  g_autoptr(GError) error = NULL;
  GwTls *tls = gw_tls_new(certificate_path, key_path, &error);

  g_assert_no_error(error);
  return tls;
}

static void
hear(Client *client)
{
  char buffer[16384];
  gsize n;

  while (SSL_read_ex(client->ssl, buffer, sizeof buffer, &n))
    g_string_append_len(client->heard, buffer, (gssize)n);
  client->is_closed = SSL_get_error(client->ssl, 0) == SSL_ERROR_ZERO_RETURN;
}

static Client *
client_new(Rig *rig, int version, gboolean is_narrow)
{
  Client *client = g_new0(Client, 1);

  client->peer = is_narrow ? peer_new_narrow(rig) : peer_new(rig, NULL);
  client->heard = g_string_new(NULL);
  client->ssl = SSL_new(client_context);
  SSL_set_min_proto_version(client->ssl, version);
  SSL_set_max_proto_version(client->ssl, version);
  SSL_set_fd(client->ssl, client->peer->fd);
  SSL_set_connect_state(client->ssl);
  RIG_UNTIL(rig, SSL_do_handshake(client->ssl) == 1);
  return client;
}

static void
client_free(Client *client)
{
  SSL_free(client->ssl);
  peer_free(client->peer);
  g_string_free(client->heard, TRUE);
  g_free(client);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)

static void
say(Client *client, const char *text)
{
  gsize n = 0;

  RIG_UNTIL(client->peer->rig, n > 0 || SSL_write_ex(client->ssl, text, strlen(text), &n));
}

static void
expect(Client *client, const char *text)
{
  RIG_UNTIL(client->peer->rig,
            (hear(client), memmem(client->heard->str, client->heard->len, text, strlen(text)) != NULL));
}

static void
assert_image(Client *client, gsize size)
{
  const char *end = memmem(client->heard->str, client->heard->len, "\r\n\r\n", 4);

  g_assert_nonnull(end);
  g_assert_cmpmem(end + 4, client->heard->len - (gsize)(end + 4 - client->heard->str),
                  gw_body_map(client->peer->rig->image), size);
}

static void
test_serves(gconstpointer data)
{
  g_autoptr(GwTls) tls = load();
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .tls = tls, .image_size = 3000000 });
  g_autoptr(Client) client = client_new(rig, GPOINTER_TO_INT(data), FALSE);

  say(client, GET("/hello"));
  expect(client, "hello\n");
  say(client, GET("/echo") GET("/hello") "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde");
  expect(client, "GET h 0:");
  expect(client, "POST h 5:abcde");
  g_string_truncate(client->heard, 0);
  say(client, GET("/image"));
  RIG_UNTIL(rig, (hear(client), rig->n_done == 1));
  g_assert_cmpuint(rig->n_complete, ==, 1);
  g_assert_cmpuint(rig->gauge.acked, ==, 3000000);
  hear(client);
  assert_image(client, 3000000);
}

/* Records that were begun must be ended with the same bytes, whatever blocks in between. */
static void
check_blocked(const RigSetup *setup)
{
  g_autoptr(Rig) rig = rig_new(setup);
  g_autoptr(Client) client = client_new(rig, TLS1_3_VERSION, TRUE);

  say(client, GET("/image"));
  rig_pass_ms(rig, 60000);
  g_assert_cmpuint(rig->n_done, ==, 0);
  g_assert_cmpuint(rig->gauge.acked, <, setup->image_size / 2);
  while (rig->n_done == 0) {
    char buffer[777];
    gsize n;

    if (SSL_read_ex(client->ssl, buffer, sizeof buffer, &n))
      g_string_append_len(client->heard, buffer, (gssize)n);
    rig_breathe(rig);
  }
  g_assert_cmpuint(rig->n_complete, ==, 1);
  hear(client);
  assert_image(client, setup->image_size);
}

static void
test_blocked(void)
{
  g_autoptr(GwTls) tls = load();

  check_blocked(&(RigSetup){ .tls = tls, .image_size = 500000 });
}

static void
test_blocked_and_paced(void)
{
  g_autoptr(GwTls) tls = load();

  check_blocked(&(RigSetup){ .tls = tls, .image_size = 500000, .limits.total_bytes_per_s = 60000 });
}

static void
test_unread_is_never_done(void)
{
  g_autoptr(GwTls) tls = load();
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .tls = tls, .image_size = 60000 });
  g_autoptr(Client) client = client_new(rig, TLS1_3_VERSION, TRUE);

  say(client, GET("/image"));
  rig_pass_ms(rig, 700000);
  g_assert_cmpuint(rig->n_done, ==, 1);
  g_assert_cmpuint(rig->n_complete, ==, 0);
  g_assert_cmpuint(rig->gauge.acked, <, 60000);
}

static void
test_close_notify(void)
{
  g_autoptr(GwTls) tls = load();
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .tls = tls });
  g_autoptr(Client) client = client_new(rig, TLS1_3_VERSION, FALSE);

  say(client, "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  expect(client, "hello\n");
  rig_pass_ms(rig, 6000);
  RIG_UNTIL(rig, (hear(client), client->is_closed));
}

static void
test_later(void)
{
  g_autoptr(GwTls) tls = load();
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .tls = tls });
  g_autoptr(Client) client = client_new(rig, TLS1_3_VERSION, FALSE);

  say(client, GET("/later") GET("/hello"));
  RIG_UNTIL(rig, rig->parked != NULL);
  g_assert_true(gw_http_exchange_request(rig->parked)->is_tls);
  say(client, GET("/echo")); /* in another record, while it waits */
  rig_turn(rig);
  gw_http_reply_status(g_steal_pointer(&rig->parked), 404);
  expect(client, "hello\n");
  expect(client, "GET h 0:");
}

static void
test_plain_text_and_silence(void)
{
  g_autoptr(GwTls) tls = load();
  g_autoptr(Rig) rig = rig_new(&(RigSetup){ .tls = tls });
  g_autoptr(Peer) plain = peer_new(rig, NULL);
  g_autoptr(Peer) silent = peer_new(rig, NULL);

  peer_say(plain, GET("/hello"));
  peer_hear_end(plain);
  g_assert_cmpstr(rig->log->str, ==, "");
  rig_pass_ms(rig, 14000);
  peer_hear(silent);
  g_assert_false(silent->is_closed || silent->is_reset);
  rig_pass_ms(rig, 2000);
  peer_hear_end(silent);
}

static void
test_bad_files(void)
{
  g_autoptr(GError) missing = NULL;
  g_autoptr(GError) swapped = NULL;

  g_assert_null(gw_tls_new("/no/such/file", key_path, &missing));
  g_assert_error(missing, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_nonnull(strstr(missing->message, "/no/such/file"));
  g_assert_null(gw_tls_new(certificate_path, certificate_path, &swapped));
  g_assert_error(swapped, GW_ERROR, GW_ERROR_BAD_INPUT);
}

int
main(int argc, char **argv)
{
  int result;

  g_test_init(&argc, &argv, NULL);
  make_certificate();
  client_context = SSL_CTX_new(TLS_client_method());
  g_test_add_data_func("/net/tls/serves-1.3", GINT_TO_POINTER(TLS1_3_VERSION), test_serves);
  g_test_add_data_func("/net/tls/serves-1.2", GINT_TO_POINTER(TLS1_2_VERSION), test_serves);
  g_test_add_func("/net/tls/blocked", test_blocked);
  g_test_add_func("/net/tls/blocked-paced", test_blocked_and_paced);
  g_test_add_func("/net/tls/unread", test_unread_is_never_done);
  g_test_add_func("/net/tls/close-notify", test_close_notify);
  g_test_add_func("/net/tls/later", test_later);
  g_test_add_func("/net/tls/plain-text", test_plain_text_and_silence);
  g_test_add_func("/net/tls/bad-files", test_bad_files);
  result = g_test_run();
  SSL_CTX_free(client_context);
  remove_certificate();
  return result;
}
