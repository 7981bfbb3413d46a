/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A catalogued release: what it is for, its image, and how far it may be trusted. Owned by control/catalog;
 * pure. */
#pragma once
#include "base/digest.h"
#include "model/verification.h"
#include "model/version.h"

typedef enum {
  GW_FIRMWARE_DRAFT = 1,  /* a bare file: the form is to be completed */
  GW_FIRMWARE_UNVERIFIED, /* complete; it goes to nobody before a node is named that tries it */
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
  char *version_name;     /* for people: letters, digits and underscores; may be "" */
  char *plugin;           /* transport that its form belongs to, or "" = any transport of the product */
  GHashTable *attributes; /* char * -> char *: the other form fields; never NULL */
  GwFirmwareState state;
  char *reason; /* why rejected, or failed; "" */

  char *upstream, *url, *base_url; /* where the image comes from; "" for imports */
  gint64 sequence;                 /* of the catalog that announced it */
  gboolean is_signed;              /* a trusted key signed the catalog (or the import) */
  char *family;                    /* of its product; "" = none. Not stored */
  char *verify_node;               /* the one node that it goes to while it is being verified, or "" */
  GwVerification verification;     /* while it is */
  char *proof;                     /* see gw_firmware_prove(); "" = none */
  char *overrides;                 /* names of limits that an operator overrode, "a,b"; "" = none */
  gboolean is_denied;              /* a person rejected it: no catalog brings it back */
  gboolean is_downgrade_allowed;
  gboolean is_undigested; /* its origin named no digest: only products that name that origin take it */

  guint64 size; /* bytes */
  char sha256[GW_SHA256_HEX_LEN + 1];
  GwDigests digests; /* all of them once sealed */
  GwImageState image_state;
  gint64 created_ms, state_changed_ms; /* wall */
} GwFirmware;

GwFirmware *gw_firmware_new(void); /* all texts "" */
void gw_firmware_free(GwFirmware *firmware);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwFirmware, gw_firmware_free)
/* May a rule give it to many? Verified, with a proof that is of this image and this version. */
gboolean gw_firmware_is_for_rules(const GwFirmware *firmware);
/* Verified from now on. The proof is kept with it: digest and version that were proven, and @how in words. */
void gw_firmware_prove(GwFirmware *firmware, const char *how);
/* Where it stands in its verification. */
GwVerificationStep gw_firmware_step(const GwFirmware *firmware);
/* The name of a version: at most 64 letters, digits and underscores; "" is none. */
gboolean gw_version_name_check(const char *name, GError **error);

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
  gboolean is_self_verifying; /* what its one node proved needs no person's word */
  gboolean is_to_binary;      /* a text that stands for a binary is taken for that */
  char *origin;               /* hosts, separated by blanks, whose images it takes without a digest; or "" */
  char *family;               /* products of one family may have each other's firmware; "" = none */
  GPtrArray *labels;          /* char *, for people and lists */
} GwProduct;
GwProduct *gw_product_new(const char *name);
void gw_product_free(GwProduct *product);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwProduct, gw_product_free)
/* May its nodes have it: is it for them, or for others of their family, and named by a digest or from a host
 * that the product names? */
gboolean gw_product_takes(const GwProduct *product, const GwFirmware *firmware);
