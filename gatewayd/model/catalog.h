/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The catalog document (docs/catalog.md): pure reading of foreign bytes. The signature over the exact bytes
 * is checked by the caller before this is called. */
#pragma once
#include <glib.h>

#define GW_CATALOG_MAX_SIZE (1024 * 1024)
#define GW_CATALOG_MAX_RELEASES 2000

typedef struct {
  char *product, *type, *hardware_version, *software_version, *name, *notes, *url; /* never NULL */
  char *signature;        /* detached image signature, base64, or "" */
  GHashTable *attributes; /* char * -> char * */
  guint64 size;
  char sha256[65]; /* lower-case hex */
} GwRelease;

typedef struct {
  gint64 sequence;     /* >= 1 */
  gint64 expires_ms;   /* wall */
  GPtrArray *releases; /* GwRelease, in file order */
} GwCatalog;

void gw_release_free(GwRelease *release);
GwCatalog *gw_catalog_parse(const char *data, gsize size, GError **error);
void gw_catalog_free(GwCatalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCatalog, gw_catalog_free)
