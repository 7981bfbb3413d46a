/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A constrained device as the registry knows it. Owned by control/registry; pure. */
#pragma once
#include "base/clock.h"
#include "base/shared-text.h"

/* How sure its name is; stronger is greater. */
typedef enum {
  GW_IDENTITY_ADDRESS = 1,
  GW_IDENTITY_MAC,
  GW_IDENTITY_CLAIMED,
  GW_IDENTITY_CREDENTIAL,
} GwIdentity;
const char *gw_identity_name(GwIdentity identity);
gboolean gw_identity_parse(const char *name, GwIdentity *ret_identity);

/* Where a version is known from. Only HEARD is proof. */
typedef enum {
  GW_SOURCE_UNKNOWN = 0,
  GW_SOURCE_ENTERED,
  GW_SOURCE_INFERRED,
  GW_SOURCE_HEARD
} GwVersionSource;
const char *gw_version_source_name(GwVersionSource source);

/* One updatable part of a node; most nodes have one, of type "". */
typedef struct {
  const char *type, *hardware_version, *software_version; /* shared texts, never NULL */
  GwVersionSource source;
  gint64 since_ms; /* wall */
} GwComponent;

typedef struct {
  char *id;                                /* stable name: [A-Za-z0-9._:@-]{1,64} */
  const char *product, *plugin, *location; /* shared texts, never NULL, may be "" */
  char *address, mac[18];                  /* may be "" */
  GPtrArray *aliases;                      /* "mac=02:...", "imei=..." */
  GPtrArray *labels;                       /* char * */
  GHashTable *attributes;                  /* char * -> char *, at most 32; NULL = none */
  GArray *components;                      /* GwComponent, at most 8 */
  GwIdentity identity;                     /* strongest seen */
  gboolean is_adopted, is_group, is_set_aside;
  const char *set_aside_reason;  /* a shared text */
  gboolean needs_power_cycle;    /* a never-cut make whose transfer broke: silent until it is reset */
  const char *credential_digest; /* keyed, hex; "" = none; a shared text */
  guint n_failures;              /* updates that failed since one succeeded, or it was returned */
  gint64 told_number;       /* the greatest that it was told with an offer; 0 = none. See GwRule.number */
  gint64 told_firmware;     /* id of the firmware that it was told it for; 0 = none */
  gint64 first_ms, last_ms; /* wall, first and last contact */
  gint64 last_boot_ms;      /* boot clock of the last contact in this boot, 0 = none */
  guint64 n_contacts;
  guint64 habit; /* at which hours it asks: see habit.h */
} GwNode;

GwNode *gw_node_new(const char *id);
void gw_node_free(GwNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwNode, gw_node_free)
gboolean gw_node_check_id(const char *id, GError **error);
/* "02-00-0A..", "02:00:0a.." or 12 digits -> "02:00:0a:..." lower case; FALSE if it is no MAC. */
gboolean gw_mac_normalize(const char *text, char ret_mac[18]);
/* 15 digits. */
gboolean gw_imei_check(const char *text);
/* The component of @type, or NULL. "" also finds a sole component of any type. */
GwComponent *gw_node_component(const GwNode *node, const char *type);
/* The component that something of @type is for: the one of that type, or a sole one where either type is not
 * known (""); else NULL. */
const GwComponent *gw_node_component_for(const GwNode *node, const char *type);
/* Is a version known of it, from any source? NULL is FALSE. */
gboolean gw_component_is_known(const GwComponent *component);
/* The component of @type, made if missing; NULL when there are 8 already. A pointer to another component is
 * not valid any more. */
GwComponent *gw_node_add_component(GwNode *node, const char *type);
void gw_component_set(GwComponent *component, const char *software_version, GwVersionSource source,
                      gint64 wall_ms);
/* Sets by key; longer than 128 bytes or a 33rd key is left out (FALSE). */
gboolean gw_node_set_attribute(GwNode *node, const char *key, const char *value);
