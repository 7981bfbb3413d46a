/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/url.h"

#include <string.h>

#include "base/error.h"

/* Paths and queries stay as they were written: a server may tell "%2F" from "/". */
#define FLAGS                                                                                                \
  (G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY |                         \
   G_URI_FLAGS_ENCODED_FRAGMENT | G_URI_FLAGS_SCHEME_NORMALIZE)

static gboolean
check_uri(GUri *uri, GError **error)
{
  const char *scheme = g_uri_get_scheme(uri);
  const char *host = g_uri_get_host(uri);

  if (!g_str_equal(scheme, "http") && !g_str_equal(scheme, "https"))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "only http and https are asked, not %s", scheme);
  if (!host || !*host)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the URL names no host");
  if (g_uri_get_userinfo(uri))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the URL holds a user or password: put them into files");
  return TRUE;
}

static GUri *
parse(const char *url, GError **error)
{
  g_autoptr(GError) why = NULL;
  g_autoptr(GUri) uri = NULL;

  if (strlen(url) > GW_URL_MAX) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "the URL is longer than %d characters", GW_URL_MAX);
    return NULL;
  }
  for (const char *c = url; *c; c++) {
    if (*c <= 0x20 || *c > 0x7e) {
      gw_fail(error, GW_ERROR_BAD_INPUT, "the URL holds a character that must be written as %%XX");
      return NULL;
    }
  }
  uri = g_uri_parse(url, FLAGS, &why);
  if (!uri) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "not a URL: %s", why->message);
    return NULL;
  }
  return check_uri(uri, error) ? g_steal_pointer(&uri) : NULL;
}

gboolean
gw_url_check(const char *url, GError **error)
{
  g_autoptr(GUri) uri = parse(url, error);

  return uri != NULL;
}

char *
gw_url_resolve(const char *base, const char *reference, GError **error)
{
  g_autofree char *url = NULL;
  g_autoptr(GError) why = NULL;

  if (strlen(reference) > GW_URL_MAX || (base && strlen(base) > GW_URL_MAX)) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "the URL is longer than %d characters", GW_URL_MAX);
    return NULL;
  }
  url = g_uri_resolve_relative(base && *base ? base : NULL, reference, FLAGS, &why);
  if (!url) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "not a URL: %s", why->message);
    return NULL;
  }
  return gw_url_check(url, error) ? g_steal_pointer(&url) : NULL;
}

static int
port_of(GUri *uri)
{
  if (g_uri_get_port(uri) > 0)
    return g_uri_get_port(uri);
  return g_str_equal(g_uri_get_scheme(uri), "https") ? 443 : 80;
}

gboolean
gw_url_same_origin(const char *a, const char *b)
{
  g_autoptr(GUri) one = parse(a, NULL);
  g_autoptr(GUri) other = parse(b, NULL);

  return one && other && g_str_equal(g_uri_get_scheme(one), g_uri_get_scheme(other)) &&
         g_ascii_strcasecmp(g_uri_get_host(one), g_uri_get_host(other)) == 0 &&
         port_of(one) == port_of(other);
}

char *
gw_url_for_people(const char *url)
{
  g_autoptr(GUri) uri = parse(url, NULL);

  if (!uri)
    return g_strdup("an unreadable URL");
  return g_uri_to_string_partial(uri, G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY | G_URI_HIDE_FRAGMENT);
}

char *
gw_url_redirect(const char *from, const char *location, guint n, GError **error)
{
  g_autofree char *to = NULL;

  if (n > GW_URL_MAX_REDIRECTS) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "more than %d redirects", GW_URL_MAX_REDIRECTS);
    return NULL;
  }
  if (!location) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "a redirect that does not say where to");
    return NULL;
  }
  to = gw_url_resolve(from, location, error);
  if (!to)
    return NULL;
  if (g_str_has_prefix(from, "https:") && !g_str_has_prefix(to, "https:")) {
    gw_fail(error, GW_ERROR_UNTRUSTED, "redirected from https to http");
    return NULL;
  }
  return g_steal_pointer(&to);
}
