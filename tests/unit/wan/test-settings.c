/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A section against a plugin's table, and what the host makes of it. */
#include "base/error.h"
#include "wan/site.h"

#include <string.h>

static const GatewaySetting TABLE[] = {
  { "url", GATEWAY_SETTING_TEXT, NULL, 0, 0, NULL, "where" },
  { "poll", GATEWAY_SETTING_DURATION, "15min", 100, 3600000, NULL, "how often" },
  { "size", GATEWAY_SETTING_SIZE, "1KiB", 0, 0, NULL, "how much" },
  { "count", GATEWAY_SETTING_INTEGER, "-5", -10, 10, NULL, "how many" },
  { "mode", GATEWAY_SETTING_CHOICE, "auto", 0, 0, "yes|no|auto", "which" },
  { "flag", GATEWAY_SETTING_BOOLEAN, "no", 0, 0, NULL, "whether" },
  { "proxy", GATEWAY_SETTING_TEXT, "", 0, 0, NULL, "through what" },
  { "token-file", GATEWAY_SETTING_SECRET, NULL, 0, 0, NULL, "secret" },
};
static const GatewayPlugin PLUGIN = { .settings = TABLE, .n_settings = GATEWAY_COUNT(TABLE) };

/* "key=value;key=value" -> a{ss} */
static GVariant *
values(const char *text)
{
  g_auto(GStrv) pairs = g_strsplit(text, ";", -1);
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  for (char **pair = pairs; *pair && **pair; pair++) {
    g_auto(GStrv) halves = g_strsplit(*pair, "=", 2);

    g_variant_builder_add(&builder, "{ss}", halves[0], halves[1]);
  }
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static GwSettings *
read_settings(const char *text, GError **error)
{
  static const char *const OTHERS[] = { "type", NULL };
  g_autoptr(GVariant) written = values(text);

  return gw_settings_new(TABLE, GATEWAY_COUNT(TABLE), written, OTHERS, error);
}

static void
test_defaults(void)
{
  g_autoptr(GwSettings) settings = read_settings("type=x", NULL);
  const GatewaySettings *view = gw_settings_view(settings);

  g_assert_null(view->text(view, "url"));
  g_assert_cmpint(view->number(view, "poll"), ==, 900000);
  g_assert_cmpint(view->number(view, "size"), ==, 1024);
  g_assert_cmpint(view->number(view, "count"), ==, -5);
  g_assert_cmpstr(view->text(view, "mode"), ==, "auto");
  g_assert_false(view->flag(view, "flag"));
  g_assert_null(view->text(view, "nonesuch"));
  g_assert_cmpint(view->number(view, "nonesuch"), ==, 0);
}

static void
test_written(void)
{
  g_autoptr(GwSettings) settings =
      read_settings("url=http://a/;poll=200ms;size=2MiB;count=7;mode=no;flag=yes", NULL);
  const GatewaySettings *view = gw_settings_view(settings);

  g_assert_cmpstr(view->text(view, "url"), ==, "http://a/");
  g_assert_cmpint(view->number(view, "poll"), ==, 200);
  g_assert_cmpint(view->number(view, "size"), ==, 2 * 1024 * 1024);
  g_assert_cmpint(view->number(view, "count"), ==, 7);
  g_assert_cmpstr(view->text(view, "mode"), ==, "no");
  g_assert_true(view->flag(view, "flag"));
}

static void
test_refused(void)
{
  static const struct {
    const char *written, *said;
  } cases[] = {
    { "ulr=x", "ulr= is not known here; known: url, poll" },
    { "poll=soon", "poll=soon" },
    { "poll=5", "poll=5" },
    { "poll=99ms", "out of range" },
    { "poll=2h", "out of range" },
    { "size=-1", "size=-1" },
    { "count=11", "out of range" },
    { "count=1x", "count=1x" },
    { "mode=maybe", "mode=maybe" },
    { "flag=perhaps", "flag=perhaps" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;

    g_assert_null(read_settings(cases[i].written, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    g_assert_nonnull(strstr(error->message, cases[i].said));
  }
}

static void
test_secrets_are_the_hosts(void)
{
  g_autoptr(GwSettings) settings = read_settings("token-file=/etc/token", NULL);
  const GatewaySettings *view = gw_settings_view(settings);

  g_assert_null(view->text(view, "token-file"));
  g_assert_cmpstr(gw_settings_text(settings, "token-file"), ==, "/etc/token");
}

static void
test_upstream_of_a_site(void)
{
  static const struct {
    const char *wan, *upstream, *proxy;
  } cases[] = {
    { "", "url=http://a/", "" },
    { "proxy=http://p:1", "url=http://a/", "http://p:1" },
    { "proxy=http://p:1", "url=http://a/;proxy=http://q:2", "http://q:2" },
    { "proxy=http://p:1", "url=http://a/;proxy=none", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GVariant) wan = values(cases[i].wan);
    g_autoptr(GVariant) upstream = values(cases[i].upstream);
    g_autoptr(GError) error = NULL;
    GwWorkerSetup setup = { 0 };
    GwSite site = { 0 };

    g_assert_true(gw_site_read(wan, &site, &error));
    g_assert_true(gw_site_upstream(&site, &PLUGIN, "a", upstream, &setup, &error));
    g_assert_cmpstr(setup.http.proxy, ==, cases[i].proxy);
    g_assert_cmpstr(setup.http.home, ==, "http://a/");
    g_assert_cmpint(setup.http.patience.connect_ms, ==, 15000);
    g_assert_cmpint(setup.http.patience.slow_window_ms, ==, 60000);
    g_assert_cmpuint(setup.http.patience.slow_bytes_per_s, ==, 1024);
    g_assert_cmpint(setup.poll_ms, ==, 900000);
    gw_worker_setup_clear(&setup);
    gw_site_clear(&site);
  }
}

static void
test_upstream_needs_a_good_url(void)
{
  static const char *const BAD[] = { "", "url=", "url=catalog.json", "url=http://u:p@a/" };
  g_autoptr(GVariant) wan = values("");
  GwSite site = { 0 };

  g_assert_true(gw_site_read(wan, &site, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS(BAD); i++) {
    g_autoptr(GVariant) upstream = values(BAD[i]);
    g_autoptr(GError) error = NULL;
    GwWorkerSetup setup = { 0 };

    g_assert_false(gw_site_upstream(&site, &PLUGIN, "a", upstream, &setup, &error));
    g_assert_true(g_str_has_prefix(error->message, "url="));
  }
  gw_site_clear(&site);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/wan/settings/defaults", test_defaults);
  g_test_add_func("/wan/settings/written", test_written);
  g_test_add_func("/wan/settings/refused", test_refused);
  g_test_add_func("/wan/settings/secrets-are-the-hosts", test_secrets_are_the_hosts);
  g_test_add_func("/wan/site/upstream", test_upstream_of_a_site);
  g_test_add_func("/wan/site/needs-a-good-url", test_upstream_needs_a_good_url);
  return g_test_run();
}
