/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/secret.h"

#include <fcntl.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

#define MAX_SIZE 4096

void
gw_secret_files_clear(GwSecretFiles *files)
{
  g_clear_pointer(&files->token_file, g_free);
  g_clear_pointer(&files->user, g_free);
  g_clear_pointer(&files->password_file, g_free);
  g_clear_pointer(&files->secret_file, g_free);
}

void
gw_secret_free(char *secret)
{
  if (secret)
    explicit_bzero(secret, strlen(secret));
  g_free(secret);
}

static char *
place(const char *file)
{
  const char *folder = g_getenv("CREDENTIALS_DIRECTORY");

  if (folder && !strchr(file, '/'))
    return g_build_filename(folder, file, NULL);
  return g_strdup(file);
}

/* The first line; it goes into a header, so nothing but printable ASCII may be in it. */
char *
gw_secret_read(const char *file, GError **error)
{
  g_autofree char *path = place(file);
  char *text = NULL;
  gsize size = 0;

  if (!gw_file_read(AT_FDCWD, path, MAX_SIZE, &text, &size, error))
    return NULL;
  text[strcspn(text, "\r\n")] = '\0';
  for (const char *c = text; *c; c++) {
    if (*c < 0x20 || *c > 0x7e)
      *text = '\0';
  }
  if (*text)
    return text;
  gw_secret_free(text);
  gw_fail(error, GW_ERROR_BAD_INPUT, "%s: the first line must hold the secret in printable ASCII", path);
  return NULL;
}

static char *
basic(const char *user, const char *password)
{
  char *pair = g_strdup_printf("%s:%s", user, password);
  char *base64 = g_base64_encode((const guchar *)pair, strlen(pair));
  char *value = g_strdup_printf("Basic %s", base64);

  gw_secret_free(base64);
  gw_secret_free(pair);
  return value;
}

gboolean
gw_secret_authorization(const GwSecretFiles *files, char **ret_value, GError **error)
{
  gboolean has_token = files->token_file && *files->token_file;
  gboolean has_password = files->password_file && *files->password_file;
  char *secret;

  if (!has_token && !has_password) {
    *ret_value = NULL;
    return TRUE;
  }
  secret = gw_secret_read(has_token ? files->token_file : files->password_file, error);
  if (!secret)
    return FALSE;
  *ret_value =
      has_token ? g_strdup_printf("Bearer %s", secret) : basic(files->user ? files->user : "", secret);
  gw_secret_free(secret);
  return TRUE;
}

gboolean
gw_secret_signature(const GwSecretFiles *files, gint64 wall_s, GBytes *body, char **ret_value, GError **error)
{
  g_autoptr(GString) message = NULL;
  guint8 mac[GW_SHA256_LEN];
  char hex[GW_SHA256_HEX_LEN + 1];
  char *secret;

  *ret_value = NULL;
  if (!files->secret_file || !*files->secret_file)
    return TRUE;
  secret = gw_secret_read(files->secret_file, error);
  if (!secret)
    return FALSE;
  message = g_string_new(NULL);
  g_string_printf(message, "%" G_GINT64_FORMAT ".", wall_s);
  g_string_append_len(message, g_bytes_get_data(body, NULL), (gssize)g_bytes_get_size(body));
  gw_hmac_sha256(secret, strlen(secret), message->str, message->len, mac);
  gw_secret_free(secret);
  gw_hex(mac, sizeof mac, hex);
  *ret_value = g_strdup_printf("t=%" G_GINT64_FORMAT ",v1=%s", wall_s, hex);
  return TRUE;
}
