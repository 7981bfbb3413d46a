/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The waspmote plugin's words: what its form lets through, which images it refuses, and that each code of the
 * vendor's guide is explained. */
#include "gateway-plugin.h"
#include "transport/waspmote/upgrade.h"
#include <glib.h>

static const GatewayField *
find_field(const char *key)
{
  for (guint i = 0; i < gateway_plugin.n_form; i++)
    if (strcmp(gateway_plugin.form[i].key, key) == 0)
      return &gateway_plugin.form[i];
  g_assert_not_reached();
}

static gboolean
fits(const char *key, const char *value)
{
  g_autofree char *whole =
      g_strdup_printf("^(%s)$", find_field(key)->pattern ? find_field(key)->pattern : "");

  g_assert_true(find_field(key)->is_required);
  return !find_field(key)->pattern || g_regex_match_simple(whole, value, G_REGEX_DOLLAR_ENDONLY, 0);
}

/* No property of the image: what the IDE gives is a file, and its name for people is any text. */
static void
test_version(void)
{
  const GatewayNumbering *numbering = &gateway_plugin.numbering;

  g_assert_true(fits("version", "2026-11-21"));
  g_assert_cmpstr(numbering->label, ==, "VERSION");
  g_assert_cmpint(numbering->min, ==, 1);
  g_assert_cmpint(numbering->max, ==, 255); /* a fourth character would overflow GPRS and 3G */
  g_assert_cmpuint(numbering->n_limits, ==, 2);
  g_assert_cmpstr(numbering->limits[0].name, ==, "last-version");
  g_assert_null(numbering->limits[0].attribute);
  g_assert_cmpint(numbering->limits[0].max, ==, 254);
  g_assert_cmpstr(numbering->limits[1].attribute, ==, "modem");
  g_assert_cmpstr(numbering->limits[1].value, ==, "gprs");
  g_assert_cmpint(numbering->limits[1].max, ==, 127);
}

static void
test_name(void)
{
  g_assert_true(fits("name", "PROG001"));
  g_assert_true(fits("name", "_4G_20_"));
  g_assert_false(fits("name", "PROG01"));
  g_assert_false(fits("name", "PROG0001"));
  g_assert_false(fits("name", "PROG.01"));
  g_assert_false(fits("name", "PROG 01"));
}

static void
test_image_rules(void)
{
  const GatewayImageRule *rules = gateway_plugin.image_rules;

  g_assert_cmpuint(gateway_plugin.n_image_rules, ==, 3);
  g_assert_cmpuint(rules[0].min_size, ==, 1);
  g_assert_cmpuint(rules[0].max_size, ==, 999999999);
  g_assert_cmpmem(rules[1].head, rules[1].head_size, ":10", 3);
  g_assert_cmpstr(rules[2].suffix, ==, "no_file");
}

static gboolean
is_explained(const char *group, const char *code)
{
  guint n = 0;

  for (guint i = 0; i < gateway_plugin.n_codes; i++) {
    const GatewayCode *row = &gateway_plugin.codes[i];
    if (strcmp(row->group, group) != 0 || strcmp(row->code, code) != 0)
      continue;
    g_assert_true(*row->meaning && *row->advice);
    n++;
  }
  return n == 1;
}

/* Numbers from @first to @last, each with @prefix, but those in @missing, which the guide does not know. */
static guint
check_codes(const char *group, const char *format, int first, int last, const char *missing)
{
  guint n = 0;

  for (int number = first; number <= last; number++) {
    g_autofree char *plain = g_strdup_printf(",%d,", number);
    g_autofree char *code = *format == '-'   ? g_strdup_printf("-%d", number)
                            : *format == '0' ? g_strdup_printf("%04d", number)
                                             : g_strdup_printf("%d", number);
    gboolean is_wanted = !strstr(missing, plain);
    if (is_explained(group, code) != is_wanted)
      g_error("%s %s: explained is %d", group, code, !is_wanted);
    n += is_wanted;
  }
  return n;
}

static void
test_codes(void)
{
  guint n = 2; /* "1" of GPRS and 3G: it went well */

  g_assert_true(is_explained("gprs", "1") && is_explained("3g", "1"));
  n += check_codes("wifi", "0", 10, 30, ",11,12,13,14,15,16,17,18,19,20,");
  n += check_codes("4g", "", 1, 26, "");
  n += check_codes("gprs", "-", 1, 130,
                   ",1,3,19,20,29,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,81,82,91,95,96,97,"
                   "98,99,100,101,102,103,104,105,106,107,108,109,110,111,128,129,130,");
  n += check_codes("3g", "-", 1, 40, ",1,9,10,11,12,20,29,30,33,34,35,36,37,38,39,40,");
  g_assert_cmpuint(n, ==, gateway_plugin.n_codes);
}

/* What an operator is shown is what the session prints. */
static void
test_shown_text(void)
{
  char memory[16384];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayImage image = { .name = GATEWAY_TEXT("PROG001"),
                         .size = 30123,
                         .software_version = GATEWAY_TEXT("11") };
  Upgrade upgrade = { .size = 0 };
  const char *why;
  GatewayText text = upgrade_print(&upgrade, &scratch);
  g_autoptr(GString) shown = g_string_new(gateway_plugin.offer_text);

  g_assert_true(gateway_text_equal(text, gateway_plugin.nothing_text));
  g_assert_true(upgrade_read_image(&image, &upgrade, &why));
  text = upgrade_print(&upgrade, &scratch);
  g_assert_cmpuint(g_string_replace(shown, "{name}", "PROG001", 0), ==, 1);
  g_assert_cmpuint(g_string_replace(shown, "{size}", "30123", 0), ==, 1);
  g_assert_cmpuint(g_string_replace(shown, "{version}", "11", 0), ==, 1);
  g_assert_true(gateway_text_equal(text, shown->str));
}

static void
test_constant(void)
{
  g_assert_cmpuint(gateway_plugin.kind, ==, GATEWAY_SESSION);
  g_assert_cmpuint(gateway_plugin.traits, ==, GATEWAY_SILENT); /* windows may cut it: it asks again */
  g_assert_cmpuint(gateway_plugin.listens[0].port, ==, 21);
  g_assert_cmpint(gateway_plugin.versioning.scheme, ==, GATEWAY_VERSION_OPAQUE);
  g_assert_cmpuint(gateway_plugin.inference.requests, ==, 1);
  g_assert_cmpuint(gateway_plugin.inference.bytes_s, ==, 30 * 60);
  g_assert_cmpuint(gateway_plugin.idle_s, ==, 15 * 60);
  g_assert_cmpuint(gateway_plugin.n_hosts + gateway_plugin.n_verbs, ==, 0); /* no account of its own either */
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/U7/waspmote-version", test_version);
  g_test_add_func("/waspmote/shown-text", test_shown_text);
  g_test_add_func("/waspmote/name", test_name);
  g_test_add_func("/waspmote/image-rules", test_image_rules);
  g_test_add_func("/waspmote/codes", test_codes);
  g_test_add_func("/waspmote/constant", test_constant);
  return g_test_run();
}
