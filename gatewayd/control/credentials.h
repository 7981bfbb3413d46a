/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets of nodes. Each is made here, said once, and kept as a digest under a key of this gateway alone, so
 * that a copy of the database lets nobody in. A secret has enough random bits that a fast digest does. Main
 * thread. */
#pragma once
#include "base/digest.h"

typedef struct GwCredentials GwCredentials;
/* Reads the key from @state_fd, or makes it: file credential.key, mode 0600. One that cannot be a key is
 * replaced, and then no earlier secret is right any more; one that cannot be read is an error. */
GwCredentials *gw_credentials_open(int state_fd, GError **error);
void gw_credentials_free(GwCredentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCredentials, gw_credentials_free)

/* 65 random bits as 13 letters and digits that a person can tell apart: good for a login line, and between
 * the quotes of a program. Caller frees. */
char *gw_credentials_make(void);
void gw_credentials_digest(const GwCredentials *credentials, const char *login, const char *secret,
                           char ret_hex[GW_SHA256_HEX_LEN + 1]);
/* @digest "" = no secret is right. Takes the same time for every secret of one length. */
gboolean gw_credentials_is_right(const GwCredentials *credentials, const char *login, const char *secret,
                                 const char *digest);
