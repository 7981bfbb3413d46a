/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials for a cloud: read from their files each time they are needed, so that they can be renewed under
 * a running gateway; held no longer than the request. */
#pragma once
#include <glib.h>

typedef struct {
  char *token_file;           /* bearer token; NULL or "" = none */
  char *user, *password_file; /* basic */
} GwSecretFiles;
void gw_secret_files_clear(GwSecretFiles *files);

/* The value of an Authorization header, or *ret NULL when none is configured. A name without a slash is
 * looked up in $CREDENTIALS_DIRECTORY, where systemd puts LoadCredential= files. Free with gw_secret_free().
 */
gboolean gw_secret_authorization(const GwSecretFiles *files, char **ret_value, GError **error);
/* Overwritten, then freed. */
void gw_secret_free(char *secret);
