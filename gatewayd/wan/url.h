/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What we may ask of whom: the rules for URLs and redirects, pure. Only http and https, always with a host,
 * never with a password inside (secrets live in files). Any thread. */
#pragma once
#include <glib.h>

#define GW_URL_MAX 2048
#define GW_URL_MAX_REDIRECTS 5

/* An absolute URL that we would ask. */
gboolean gw_url_check(const char *url, GError **error);
/* @reference against @base by RFC 3986; caller frees. NULL if the result is no URL that we would ask.
 * @base NULL or "": @reference must be absolute. */
char *gw_url_resolve(const char *base, const char *reference, GError **error);
/* Same scheme, host and port: where credentials may go. */
gboolean gw_url_same_origin(const char *a, const char *b);
/* Without query and fragment, which may hold secrets; for logs and people. Caller frees. */
char *gw_url_for_people(const char *url);
/* Where the @n-th redirect (from 1) from @from leads; refused: too many, from https to http, or no URL. */
char *gw_url_redirect(const char *from, const char *location, guint n, GError **error);
