/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials for a cloud: read from their files each time they are needed, so that they can be renewed under
 * a running gateway; held no longer than the request. */
#pragma once
#include <glib.h>

typedef struct {
  char *token_file;           /* bearer token; NULL or "" = none */
  char *user, *password_file; /* basic */
  char *secret_file;          /* signs what is posted */
} GwSecretFiles;
void gw_secret_files_clear(GwSecretFiles *files);

/* The value of an Authorization header, or *ret NULL when none is configured. A name without a slash is
 * looked up in $CREDENTIALS_DIRECTORY, where systemd puts LoadCredential= files. Free with gw_secret_free().
 */
gboolean gw_secret_authorization(const GwSecretFiles *files, char **ret_value, GError **error);
/* The value of a Gateway-Signature header over @body, "t=SECONDS,v1=HEX": HMAC-SHA-256 under the secret of
 * "SECONDS." and the body; or *ret NULL when no secret is configured. */
gboolean gw_secret_signature(const GwSecretFiles *files, gint64 wall_s, GBytes *body, char **ret_value,
                             GError **error);
/* The first line of @file, found as above; NULL and an error. Free with gw_secret_free(). */
char *gw_secret_read(const char *file, GError **error);
/* Overwritten, then freed. */
void gw_secret_free(char *secret);
