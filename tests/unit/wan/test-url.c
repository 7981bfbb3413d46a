/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which URLs are asked, where credentials may go, which redirects are followed. */
#include "base/error.h"
#include "wan/url.h"

static void
test_only_http_without_secrets(void)
{
  static const char *const good[] = { "http://a/", "https://a.example:8443/x?y#z", "http://[::1]:80/%2F" };
  static const char *const bad[] = { "",
                                     "catalog.json",
                                     "//a/x",
                                     "http:///x",
                                     "file:///etc/passwd",
                                     "ftp://a/",
                                     "http://user@a/",
                                     "http://user:secret@a/",
                                     "http://a:99999/",
                                     "http://a b/",
                                     "http://a/\xc3\xa4" };

  for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
    g_assert_true(gw_url_check(good[i], NULL));
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;

    g_test_message("%s", bad[i]);
    g_assert_false(gw_url_check(bad[i], &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    g_assert_null(strstr(error->message, "secret"));
  }
}

static void
test_long_urls_are_refused(void)
{
  g_autofree char *path = g_strnfill(GW_URL_MAX, 'a');
  g_autofree char *url = g_strconcat("http://a/", path, NULL);

  g_assert_false(gw_url_check(url, NULL));
  g_assert_null(gw_url_resolve("http://a/", path, NULL));
}

static void
test_relative_references(void)
{
  static const struct {
    const char *base, *reference, *url;
  } cases[] = {
    { "http://a/b/catalog.json", "x.bin", "http://a/b/x.bin" },
    { "http://a/b/catalog.json?t=1", "x%2Fy.bin", "http://a/b/x%2Fy.bin" },
    { "http://a/b/catalog.json", "/x.bin", "http://a/x.bin" },
    { "http://a/b/catalog.json", "../../../x.bin", "http://a/x.bin" },
    { "https://a/catalog.json", "//b/x", "https://b/x" },
    { "http://a/catalog.json", "https://b/x", "https://b/x" },
    { "", "https://b/x", "https://b/x" },
    { NULL, "https://b/x", "https://b/x" },
    { NULL, "x", NULL },
    { "", "/x", NULL },
    { "http://a/", "file:///x", NULL },
    { "http://a/", "http://user:pw@b/", NULL },
    { "http://a/", "data:,x", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *url = gw_url_resolve(cases[i].base, cases[i].reference, NULL);

    g_assert_cmpstr(url, ==, cases[i].url);
  }
}

static void
test_credentials_stay_at_their_origin(void)
{
  g_assert_true(gw_url_same_origin("https://a/x", "https://A:443/y?z"));
  g_assert_true(gw_url_same_origin("http://a:80/", "http://a/"));
  g_assert_false(gw_url_same_origin("https://a/", "http://a/"));
  g_assert_false(gw_url_same_origin("https://a/", "https://a:444/"));
  g_assert_false(gw_url_same_origin("https://a/", "https://b/"));
  g_assert_false(gw_url_same_origin("https://a/", "https://a.b/"));
  g_assert_false(gw_url_same_origin("https://a/", "https://a@b/"));
  g_assert_false(gw_url_same_origin("nonsense", "nonsense"));
}

static void
test_people_see_no_query(void)
{
  g_autofree char *url = gw_url_for_people("https://a/x/y?token=secret#part");
  g_autofree char *bad = gw_url_for_people("https://user:secret@a/");

  g_assert_cmpstr(url, ==, "https://a/x/y");
  g_assert_null(strstr(bad, "secret"));
}

static void
test_redirects(void)
{
  static const struct {
    const char *from, *location;
    guint n;
    const char *to;
  } cases[] = {
    { "http://a/x", "y", 1, "http://a/y" },
    { "http://a/x", "https://b/y", 5, "https://b/y" },
    { "https://a/x", "https://b/y", 1, "https://b/y" },
    { "https://a/x", "//b/y", 1, "https://b/y" },
    { "https://a/x", "http://a/x", 1, NULL },
    { "https://a/x", "http://b/x", 1, NULL },
    { "http://a/x", "y", 6, NULL },
    { "http://a/x", NULL, 1, NULL },
    { "http://a/x", "file:///etc/passwd", 1, NULL },
    { "http://a/x", "http://u:p@a/", 1, NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *to = gw_url_redirect(cases[i].from, cases[i].location, cases[i].n, &error);

    g_assert_cmpstr(to, ==, cases[i].to);
    g_assert_true((error != NULL) == (to == NULL));
  }
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/wan/url/only-http-without-secrets", test_only_http_without_secrets);
  g_test_add_func("/wan/url/long-ones-are-refused", test_long_urls_are_refused);
  g_test_add_func("/wan/url/relative-references", test_relative_references);
  g_test_add_func("/wan/url/credentials-stay-at-their-origin", test_credentials_stay_at_their_origin);
  g_test_add_func("/wan/url/people-see-no-query", test_people_see_no_query);
  g_test_add_func("/wan/url/redirects", test_redirects);
  return g_test_run();
}
