/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/site.h"

#include "base/config.h"
#include "base/error.h"
#include "wan/url.h"

#define DEFAULT_POLL_MS G_GINT64_CONSTANT(900000)
#define DAY_MS G_GINT64_CONSTANT(86400000)

static const GatewaySetting WAN_SETTINGS[] = {
  { "proxy", GATEWAY_SETTING_TEXT, "", 0, 0, NULL, "URL of the proxy to the clouds; empty: none" },
  { "ca-file", GATEWAY_SETTING_PATH, "", 0, 0, NULL,
    "PEM file of the authorities to trust in place of the system's" },
  { "rate", GATEWAY_SETTING_SIZE, "0", 0, 0, NULL,
    "bytes per second of all downloads together; 0 = unlimited" },
  { "connect-timeout", GATEWAY_SETTING_DURATION, "15s", 100, DAY_MS, NULL,
    "how long name, connection and TLS may take" },
  { "slow-window", GATEWAY_SETTING_DURATION, "60s", 100, DAY_MS, NULL,
    "a cloud slower than slow-rate over this is given up and tried again later" },
  { "slow-rate", GATEWAY_SETTING_SIZE, "1KiB", 0, 1 << 30, NULL, "bytes per second, see slow-window" },
  { "report-timeout", GATEWAY_SETTING_DURATION, "10min", 100, DAY_MS, NULL,
    "a plugin that sits in one report for longer is held back; other upstreams go on" },
  { "passthrough-resolver", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "DNS server, not the site's, that knows where the vendors' hosts are" },
  { "passthrough-address", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "HOST ADDRESS, separated by commas: where vendors' hosts are, without asking" },
};

/* Keys of an upstream section that are no setting of its plugin. */
static const char *const CORE_KEYS[] = { "type",
                                         "require-signature",
                                         "keyring",
                                         "prefetch",
                                         "events",
                                         "report-batch",
                                         "report-interval",
                                         "trust-verification",
                                         "rate",
                                         NULL };

guint64
gw_site_rate(GVariant *values)
{
  const char *text;
  gint64 rate;

  return g_variant_lookup(values, "rate", "&s", &text) && gw_parse_size(text, &rate) ? (guint64)rate : 0;
}

static gboolean
holds_all(GVariant *values, GVariant *others)
{
  GVariantIter iter;
  const char *key, *value, *other;

  g_variant_iter_init(&iter, values);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &value))
    if (!g_str_equal(key, "rate") &&
        (!g_variant_lookup(others, key, "&s", &other) || !g_str_equal(value, other)))
      return FALSE;
  return TRUE;
}

gboolean
gw_site_follow(GVariant *values, GVariant *former, GwRate *rate)
{
  if (!values || !holds_all(values, former) || !holds_all(former, values))
    return FALSE;
  gw_rate_set(rate, gw_site_rate(values));
  return TRUE;
}

gboolean
gw_site_read(GVariant *values, GwSite *ret_site, GError **error)
{
  GwSettings *settings = gw_settings_new(WAN_SETTINGS, GATEWAY_COUNT(WAN_SETTINGS), values, NULL, error);

  if (!settings)
    return FALSE;
  ret_site->route = gw_route_new(gw_settings_text(settings, "passthrough-resolver"),
                                 gw_settings_text(settings, "passthrough-address"), error);
  if (!ret_site->route) {
    gw_settings_free(settings);
    return FALSE;
  }
  ret_site->settings = settings;
  ret_site->rate = gw_rate_new(gw_site_rate(values));
  return TRUE;
}

void
gw_site_clear(GwSite *site)
{
  g_clear_pointer(&site->settings, gw_settings_free);
  g_clear_pointer(&site->rate, gw_rate_unref);
  g_clear_pointer(&site->route, gw_route_unref);
}

/* What the upstream says itself, else what [wan] says. */
static char *
own_or_shared(const GwSite *site, const GwSettings *settings, const char *key)
{
  const char *own = gw_settings_text(settings, key);

  return g_strdup(*own ? own : gw_settings_text(site->settings, key));
}

static void
read_patience(const GwSite *site, GwHttpOptions *ret_http)
{
  ret_http->patience.connect_ms = gw_settings_number(site->settings, "connect-timeout", 0);
  ret_http->patience.slow_window_ms = gw_settings_number(site->settings, "slow-window", 0);
  ret_http->patience.slow_bytes_per_s = (guint64)gw_settings_number(site->settings, "slow-rate", 0);
  ret_http->rates[0] = gw_rate_ref(site->rate);
}

void
gw_site_passing(const GwSite *site, GwHttpOptions *ret_http)
{
  ret_http->proxy = g_strdup(gw_settings_text(site->settings, "proxy"));
  ret_http->ca_file = g_strdup(gw_settings_text(site->settings, "ca-file"));
  ret_http->route = gw_route_ref(site->route);
  read_patience(site, ret_http);
}

static void
read_http(const GwSite *site, const GwSettings *settings, GwHttpOptions *ret_http)
{
  ret_http->home = g_strdup(gw_settings_text(settings, "url"));
  ret_http->proxy = own_or_shared(site, settings, "proxy");
  if (g_str_equal(ret_http->proxy, "none"))
    *ret_http->proxy = '\0';
  ret_http->ca_file = own_or_shared(site, settings, "ca-file");
  ret_http->secrets.token_file = g_strdup(gw_settings_text(settings, "token-file"));
  ret_http->secrets.user = g_strdup(gw_settings_text(settings, "user"));
  ret_http->secrets.password_file = g_strdup(gw_settings_text(settings, "password-file"));
  ret_http->secrets.secret_file = g_strdup(gw_settings_text(settings, "secret-file"));
  read_patience(site, ret_http);
}

static gboolean
has_setting(const GatewayPlugin *plugin, const char *key)
{
  for (guint i = 0; i < plugin->n_settings; i++) {
    if (g_str_equal(plugin->settings[i].key, key))
      return TRUE;
  }
  return FALSE;
}

static gboolean
check_url(const GatewayPlugin *plugin, const GwSettings *settings, GError **error)
{
  const char *url = gw_settings_text(settings, "url");

  if (!has_setting(plugin, "url"))
    return TRUE;
  if (!*url)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "url= is missing");
  if (gw_url_check(url, error))
    return TRUE;
  g_prefix_error(error, "url=: ");
  return FALSE;
}

gboolean
gw_site_upstream(const GwSite *site, const GatewayPlugin *plugin, const char *name, GVariant *values,
                 GwWorkerSetup *ret_setup, GError **error)
{
  g_autoptr(GwSettings) settings =
      gw_settings_new(plugin->settings, plugin->n_settings, values, CORE_KEYS, error);

  if (!settings || !check_url(plugin, settings, error))
    return FALSE;
  ret_setup->poll_ms = MAX(1, gw_settings_number(settings, "poll", DEFAULT_POLL_MS));
  ret_setup->report_timeout_ms = gw_settings_number(site->settings, "report-timeout", 0);
  read_http(site, settings, &ret_setup->http);
  ret_setup->http.rates[1] = gw_rate_new(gw_site_rate(values));
  ret_setup->name = g_strdup(name);
  ret_setup->settings = g_steal_pointer(&settings);
  return TRUE;
}
