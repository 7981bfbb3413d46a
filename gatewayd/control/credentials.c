/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/credentials.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#define KEY_NAME "credential.key"
#define KEY_SIZE 32
#define SECRET_LEN 13

struct GwCredentials {
  guint8 key[KEY_SIZE];
};

static gboolean
make_key(GwCredentials *credentials, int state_fd, GError **error)
{
  gw_random(credentials->key, KEY_SIZE);
  return gw_file_replace(state_fd, KEY_NAME, credentials->key, KEY_SIZE, 0600, error);
}

GwCredentials *
gw_credentials_open(int state_fd, GError **error)
{
  g_autoptr(GwCredentials) credentials = g_new0(GwCredentials, 1);
  g_autoptr(GError) why = NULL;
  g_autofree char *key = NULL;
  gsize size = 0;

  if (gw_file_read(state_fd, KEY_NAME, KEY_SIZE, &key, &size, &why) && size == KEY_SIZE) {
    memcpy(credentials->key, key, KEY_SIZE);
    return g_steal_pointer(&credentials);
  }
  if (why && !g_error_matches(why, GW_ERROR, GW_ERROR_NOT_FOUND) &&
      !g_error_matches(why, GW_ERROR, GW_ERROR_BAD_INPUT)) {
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
  }
  if (!g_error_matches(why, GW_ERROR, GW_ERROR_NOT_FOUND))
    gw_err(GW_SUBJECT_DAEMON, NULL,
           "%s cannot be read as a key and is made anew: every login of a node must be made again", KEY_NAME);
  if (!make_key(credentials, state_fd, error))
    return NULL;
  return g_steal_pointer(&credentials);
}

void
gw_credentials_free(GwCredentials *credentials)
{
  if (!credentials)
    return;
  explicit_bzero(credentials, sizeof(*credentials));
  g_free(credentials);
}

/* Without l, o, 0 and 1. Each random byte gives five of its bits. */
char *
gw_credentials_make(void)
{
  static const char LETTERS[] = "abcdefghijkmnpqrstuvwxyz23456789";
  guint8 random[SECRET_LEN];
  char *secret = g_malloc0(SECRET_LEN + 1);

  gw_random(random, sizeof(random));
  for (gsize i = 0; i < SECRET_LEN; i++)
    secret[i] = LETTERS[random[i] & 31];
  explicit_bzero(random, sizeof(random));
  return secret;
}

/* The login is part of it: a digest that is moved to another row opens nothing there. */
void
gw_credentials_digest(const GwCredentials *credentials, const char *login, const char *secret,
                      char ret_hex[GW_SHA256_HEX_LEN + 1])
{
  g_autofree char *text = g_strdup_printf("%s\n%s", login, secret);
  guint8 mac[GW_SHA256_LEN];

  gw_hmac_sha256(credentials->key, KEY_SIZE, text, strlen(text), mac);
  gw_hex(mac, sizeof(mac), ret_hex);
  explicit_bzero(text, strlen(text));
}

gboolean
gw_credentials_is_right(const GwCredentials *credentials, const char *login, const char *secret,
                        const char *digest)
{
  char hex[GW_SHA256_HEX_LEN + 1];

  gw_credentials_digest(credentials, login, secret, hex);
  return strlen(digest) == GW_SHA256_HEX_LEN && gw_equal_secret(hex, digest, GW_SHA256_HEX_LEN);
}
