/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A catalogued release: what it is for, its image, and how far it may be trusted. Owned by control/catalog;
 * pure. */
#pragma once
#include "base/digest.h"
#include "model/version.h"

typedef enum {
  GW_FIRMWARE_DRAFT = 1,  /* a bare file: the form is to be completed */
  GW_FIRMWARE_UNVERIFIED, /* complete; only a push to one node may use it */
  GW_FIRMWARE_VERIFYING,  /* being tried on its one node */
  GW_FIRMWARE_VERIFIED,   /* proven on one node: rules may use it */
  GW_FIRMWARE_WITHDRAWN,  /* offered to nobody */
  GW_FIRMWARE_REJECTED,   /* a check failed; `reason` says which */
} GwFirmwareState;
const char *gw_firmware_state_name(GwFirmwareState state);
gboolean gw_firmware_state_parse(const char *name, GwFirmwareState *ret_state);

/* Is the image here? */
typedef enum { GW_IMAGE_WANTED = 1, GW_IMAGE_FETCHING, GW_IMAGE_SEALED, GW_IMAGE_FAILED } GwImageState;
const char *gw_image_state_name(GwImageState state);

typedef struct {
  gint64 id;                                                  /* > 0, never used again */
  char *product, *type, *hardware_version, *software_version; /* never NULL; type and hardware may be "" */
  char *name, *notes;                                         /* file name; notes may be "" */
  char *plugin;           /* transport that its form belongs to, or "" = any transport of the product */
  GHashTable *attributes; /* char * -> char *: the other form fields; never NULL */
  GwFirmwareState state;
  char *reason; /* why rejected, or failed; "" */

  char *upstream, *url, *base_url; /* where the image comes from; "" for imports */
  gint64 sequence;                 /* of the catalog that announced it */
  gboolean is_signed;              /* a trusted key signed the catalog (or the import) */
  char *verify_node;               /* the one node it may go to while unverified, or "" */
  gboolean is_downgrade_allowed;

  guint64 size; /* bytes */
  char sha256[GW_SHA256_HEX_LEN + 1];
  GwDigests digests; /* all of them once sealed */
  GwImageState image_state;
  gint64 created_ms, state_changed_ms; /* wall */
} GwFirmware;

GwFirmware *gw_firmware_new(void); /* all texts "" */
void gw_firmware_free(GwFirmware *firmware);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwFirmware, gw_firmware_free)
/* May a rule give it to many? */
gboolean gw_firmware_is_for_rules(const GwFirmware *firmware);

/* The name of a product or rule: [A-Za-z0-9._-]{1,64}. @what ("product") is said in the error. */
gboolean gw_name_check(const char *what, const char *name, GError **error);

/* What a product is: the version scheme, the series rule and the transport of its nodes. */
typedef struct {
  char *name; /* [A-Za-z0-9._-]{1,64} */
  char *plugin;
  GwVersionScheme scheme;
  guint series_chars; /* first n characters of the software version that must match; 0 = none */
  gboolean is_auto_adopt;
  int least_identity; /* GwIdentity that auto-adoption accepts */
  gboolean is_require_signature;
} GwProduct;
GwProduct *gw_product_new(const char *name);
void gw_product_free(GwProduct *product);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwProduct, gw_product_free)
