/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Versions as the makes write them. A scheme says which texts are versions and how they are ordered. Pure. */
#pragma once
#include <glib.h>

typedef enum {
  GW_VERSION_OPAQUE = 1, /* equal or not, no order */
  GW_VERSION_INTEGER,    /* decimal 0..2^31-1, no leading zeros but "0" */
  GW_VERSION_BYTE,       /* the same, 0..255 */
  GW_VERSION_LEX8,       /* exactly 8 letters, digits or underscores, compared as text */
  GW_VERSION_DOTTED,     /* 1.2.3[-pre][+build], ordered as by Semantic Versioning 2 §11: numbers part by
                          * part, a pre-release before its release, builds do not count; 1.2 is 1.2.0 */
} GwVersionScheme;

const char *gw_version_scheme_name(GwVersionScheme scheme);
/* FALSE for an unknown name. */
gboolean gw_version_scheme_parse(const char *name, GwVersionScheme *ret_scheme);
/* At most 64 printable characters without blanks, in the form of the scheme. */
gboolean gw_version_check(GwVersionScheme scheme, const char *text, GError **error);

/* Can no version ever follow it among those with the same first @series_chars characters (0 = all)? Such a
 * one needs an override by this name. */
gboolean gw_version_is_last(GwVersionScheme scheme, guint series_chars, const char *text);
#define GW_OVERRIDE_LAST_VERSION "last-version"

typedef enum { GW_ORDER_LESS, GW_ORDER_EQUAL, GW_ORDER_GREATER, GW_ORDER_UNKNOWN } GwOrder;
/* UNKNOWN: not both are valid, or the scheme is opaque and they differ. */
GwOrder gw_version_compare(GwVersionScheme scheme, const char *a, const char *b);
