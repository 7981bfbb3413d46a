/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All products and firmware entries, found by id, image or version. It holds and finds them; what may come in
 * is decided in catalog.c and imports.c. Main thread. */
#pragma once
#include "model/firmware.h"
#include "model/update.h"

typedef struct GwFirmwares GwFirmwares;
GwFirmwares *gw_firmwares_new(void);
void gw_firmwares_free(GwFirmwares *firmwares);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwFirmwares, gw_firmwares_free)

/* Takes @firmware; returned: the same, borrowed until removed. */
GwFirmware *gw_firmwares_add(GwFirmwares *firmwares, GwFirmware *firmware);
void gw_firmwares_remove(GwFirmwares *firmwares, GwFirmware *firmware);
GwFirmware *gw_firmwares_find(const GwFirmwares *firmwares, gint64 id);
/* Call after the digest or a version of an entry changed, or the family of a product. */
void gw_firmwares_reindex(GwFirmwares *firmwares);
/* The entry that holds this image (64 hex digits) and is not rejected, or was rejected by a person; or NULL.
 * @except (or NULL) does not count. */
GwFirmware *gw_firmwares_find_image(const GwFirmwares *firmwares, const char *sha256,
                                    const GwFirmware *except);
/* The entry, rejected or not, that is the same release with the same image, or NULL. */
GwFirmware *gw_firmwares_find_same(const GwFirmwares *firmwares, const GwFirmware *like);
/* The entry of the same product, type, hardware and software version that is not rejected, or NULL;
 * @except (or NULL) does not count. */
GwFirmware *gw_firmwares_find_version(const GwFirmwares *firmwares, const GwFirmware *like,
                                      const GwFirmware *except);
/* What the node of @update is told that its firmware is; "?" when that is gone. Borrowed. */
const char *gw_firmwares_version_of(const GwFirmwares *firmwares, const GwUpdate *update);
/* Every entry: gint64 * -> GwFirmware. */
void gw_firmwares_iter(const GwFirmwares *firmwares, GHashTableIter *ret_iter);
guint gw_firmwares_count(const GwFirmwares *firmwares);

GwProduct *gw_products_find(const GwFirmwares *firmwares, const char *name);
/* Takes @product, whose name must be new. */
GwProduct *gw_products_add(GwFirmwares *firmwares, GwProduct *product);
/* The product of a transport's nodes, when there is exactly one. */
GwProduct *gw_products_find_sole(const GwFirmwares *firmwares, const char *plugin);
/* Every product: name -> GwProduct. */
void gw_products_iter(const GwFirmwares *firmwares, GHashTableIter *ret_iter);
