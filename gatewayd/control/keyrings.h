/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The [keyring NAME] sections: which keys may sign for which products. Immutable; made anew at reload. Main
 * thread. */
#pragma once
#include "base/config.h"
#include "base/sign.h"

typedef struct GwKeyrings GwKeyrings;
/* Reads every key file; an unreadable one is an error that names it and where it is configured. */
GwKeyrings *gw_keyrings_load(const GwConfig *config, GError **error);
void gw_keyrings_free(GwKeyrings *keyrings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwKeyrings, gw_keyrings_free)
/* The keyring of that name, or NULL. Its keys know their products: gw_keyring_key_allows(). */
GwKeyring *gw_keyrings_find(const GwKeyrings *keyrings, const char *name);
/* All keys of all keyrings that may sign for @product; never NULL, may be empty. Yours. */
GwKeyring *gw_keyrings_for_product(const GwKeyrings *keyrings, const char *product);
