/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Firmware entries and their images: what happens when an image was sealed, or was found to be wrong; and
 * which images must stay. Main thread. */
#pragma once
#include "control/core-private.h"

/* The image of a catalogued entry is sealed: its make's rules are asked, then it may be served. */
void gw_imports_sealed(GwCore *core, GwFirmware *firmware, GwSealed *sealed);
/* The entry is of no use, and says why. */
void gw_imports_reject(GwCore *core, GwFirmware *firmware, const char *reason);
/* The image was found damaged, or is gone: fetch it again, where it can be. */
void gw_imports_lost(GwCore *core, GwFirmware *firmware, const char *reason);
/* A live rule or a pin needs the image. */
gboolean gw_imports_is_needed(const GwCore *core, const GwFirmware *firmware);
/* That, or nobody but who imported it can bring it again: it is not evicted. */
gboolean gw_imports_must_stay(const GwCore *core, const GwFirmware *firmware);
/* Images that nothing needs go, least recently served first, until so many bytes are free. */
void gw_imports_make_room(GwCore *core, guint64 bytes);
/* Entries whose image is not in the cache any more lose that claim. Returns how many. */
guint gw_imports_match(GwCore *core, GwChange *change);
/* A product of that name, made if missing. NULL: it is no name. */
GwProduct *gw_imports_product(GwCore *core, const char *name, GwChange *change);

/* "weather 5". Caller frees. */
char *gw_imports_title(const GwFirmware *firmware);
/* Size and digests of the image, into the entry. */
void gw_imports_take_digests(GwFirmware *firmware, const GwSealed *sealed);

/* In commands-import.c: the keys of a form that only the product's plugin knows: of the product that @form
 * names, or @firmware's (or NULL). NULL-terminated; caller frees the array. */
const char **gw_imports_form_keys(const GwCore *core, GVariant *form, const GwFirmware *firmware);
/* What the form says, into the entry. @more: as above. */
void gw_imports_take_form(GwFirmware *firmware, GVariant *form, const char *const *more);
