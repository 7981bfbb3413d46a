/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The catalog document (docs/catalog.md): pure reading of foreign bytes. The signature over the exact bytes
 * is checked by the caller before this is called. */
#pragma once
#include "base/clock.h"

#define GW_CATALOG_MAX_SIZE (1024 * 1024)
#define GW_CATALOG_MAX_RELEASES 2000
#define GW_CATALOG_MAX_IMAGE_SIZE                                                                            \
  ((gint64)1 << 40)                  /* bytes; the site's own image cap is usually far lower                 \
                                      */
#define GW_CATALOG_MAX_ATTRIBUTES 16 /* as many as a transport is told */

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
/* NULL and GW_ERROR_BAD_INPUT, which names the place ("releases[2].size: ..."), for anything that
 * docs/catalog.md does not allow: unknown keys, too much of anything, two releases of equal product, type,
 * hardware and version. Either all of a document holds or none of it. `name` is taken from the URL where it
 * is left out; versions are texts here, their scheme is the product's to check. */
GwCatalog *gw_catalog_parse(const char *data, gsize size, GError **error);
void gw_catalog_free(GwCatalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCatalog, gw_catalog_free)

typedef enum { GW_FRESH = 1, GW_STALE, GW_FRESHNESS_UNKNOWN } GwFreshness;
/* STALE from @expires_ms (0 = never) on: what is verified is still served, no new push starts. UNKNOWN while
 * the clock is not trusted. */
GwFreshness gw_catalog_freshness(gint64 expires_ms, const GwNow *now);
