/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/error.h"
#include "model/version.h"

#define A64 "1234567890123456789012345678901234567890123456789012345678901234"

static const struct {
  GwVersionScheme scheme;
  const char *good[12], *bad[16];
} forms[] = {
  { GW_VERSION_OPAQUE,
    { "x", "v1.2-3_(beta)", A64 },
    { "", "a b", "a\tb", "a\n", "\x7f", "Z\xc3\xbcrich", A64 "5" } },
  { GW_VERSION_INTEGER,
    { "0", "7", "2147483647" },
    { "", "00", "07", "-1", "+1", "1.0", "2147483648", "99999999999999999999", " 1", "0x1", "1a" } },
  { GW_VERSION_BYTE, { "0", "9", "255" }, { "", "256", "00", "-1", "1.0", "1000" } },
  { GW_VERSION_LEX8,
    { "04020006", "000LINUX", "____zZ09" },
    { "", "0402000", "040200061", "0402-006", "0402 006", "0402.006" } },
  { GW_VERSION_DOTTED,
    { "1", "1.2", "1.2.3", "0.0.0", "01.002", "1.2.3.4.5", "1.0-rc.1", "1.0-0", "1.0+b-7", "1.0-a-b+c.d",
      "99999999999999999999.1" },
    { "", ".", "1.", ".1", "1..2", "v1.2", "1.2-", "1.2+", "1.2-a..b", "1.2-a_b", "1.2+a+b", "1.a", "1,2",
      "-1", "1.2 " } },
};

static void
test_forms(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
    for (guint j = 0; j < 12 && forms[i].good[j]; j++) {
      g_autoptr(GError) error = NULL;

      g_assert_true(gw_version_check(forms[i].scheme, forms[i].good[j], &error));
      g_assert_no_error(error);
    }
    for (guint j = 0; j < 16 && forms[i].bad[j]; j++) {
      g_autoptr(GError) error = NULL;

      g_test_message("%s: \"%s\"", gw_version_scheme_name(forms[i].scheme), forms[i].bad[j]);
      g_assert_false(gw_version_check(forms[i].scheme, forms[i].bad[j], &error));
      g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    }
  }
}

/* Each list ascends; "=" joins what is equal to the one before. */
static const struct {
  GwVersionScheme scheme;
  const char *ascending[24];
} orders[] = {
  { GW_VERSION_INTEGER, { "0", "1", "9", "10", "99", "1000", "2147483647" } },
  { GW_VERSION_BYTE, { "0", "2", "10", "127", "128", "255" } },
  { GW_VERSION_LEX8,
    { "000LINUX", "03030006", "04020006", "0402000A", "0402000_", "0402000a", "A0000000", "_0000000" } },
  { GW_VERSION_DOTTED,
    { "0",
      "=0.0.0",
      "0.0.1",
      "0.9",
      "0.10",
      "1.0.0-0",
      "=1.0.0-00",
      "1.0.0-1",
      "1.0.0-10",
      "1.0.0-alpha",
      "=1-alpha+x",
      "1.0.0-alpha.1",
      "1.0.0-alpha.beta",
      "1.0.0-beta",
      "1.0.0-beta.2",
      "1.0.0-beta.11",
      "1.0.0-rc.1",
      "1.0.0",
      "=1",
      "=01.0+build.7",
      "1.0.0.1",
      "1.2",
      "18446744073709551616",
      "18446744073709551617" } },
};

static const char *
text_of(const char *entry)
{
  return entry + (*entry == '=');
}

/* Every pair of a list, both ways round: this also shows that the order is total, transitive and
 * antisymmetric. */
static void
test_orders(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(orders); i++)
    for (guint a = 0; a < 24 && orders[i].ascending[a]; a++) {
      gboolean is_equal = TRUE;

      for (guint b = a; b < 24 && orders[i].ascending[b]; b++) {
        const char *x = text_of(orders[i].ascending[a]), *y = text_of(orders[i].ascending[b]);

        is_equal = is_equal && (b == a || orders[i].ascending[b][0] == '=');
        g_test_message("%s %s %s", x, is_equal ? "=" : "<", y);
        g_assert_cmpint(gw_version_compare(orders[i].scheme, x, y), ==,
                        is_equal ? GW_ORDER_EQUAL : GW_ORDER_LESS);
        g_assert_cmpint(gw_version_compare(orders[i].scheme, y, x), ==,
                        is_equal ? GW_ORDER_EQUAL : GW_ORDER_GREATER);
      }
    }
}

static void
test_unknown(void)
{
  g_assert_cmpint(gw_version_compare(GW_VERSION_OPAQUE, "a", "a"), ==, GW_ORDER_EQUAL);
  g_assert_cmpint(gw_version_compare(GW_VERSION_OPAQUE, "a", "b"), ==, GW_ORDER_UNKNOWN);
  g_assert_cmpint(gw_version_compare(GW_VERSION_INTEGER, "1", "x"), ==, GW_ORDER_UNKNOWN);
  g_assert_cmpint(gw_version_compare(GW_VERSION_INTEGER, "x", "1"), ==, GW_ORDER_UNKNOWN);
  g_assert_cmpint(gw_version_compare(GW_VERSION_INTEGER, "x", "x"), ==, GW_ORDER_UNKNOWN);
  g_assert_cmpint(gw_version_compare(GW_VERSION_DOTTED, NULL, "1"), ==, GW_ORDER_UNKNOWN);
  g_assert_cmpint(gw_version_compare(GW_VERSION_DOTTED, "", ""), ==, GW_ORDER_UNKNOWN);
}

/* Random texts of the scheme's own letters: what is valid is equal to itself, turns round, and is transitive.
 */
static void
test_properties(void)
{
  static const char letters[] = "0019.-+aB_";
  char texts[60][9];

  for (guint i = 0; i < 60; i++) {
    guint n = (guint)g_test_rand_int_range(1, 9);

    for (guint j = 0; j < n; j++)
      texts[i][j] = letters[g_test_rand_int_range(0, j == 0 ? 4 : 10)];
    texts[i][n] = '\0';
  }
  for (GwVersionScheme scheme = GW_VERSION_OPAQUE; scheme <= GW_VERSION_DOTTED; scheme++)
    for (guint n = 0; n < 20000; n++) {
      const char *a = texts[g_test_rand_int_range(0, 60)], *b = texts[g_test_rand_int_range(0, 60)];
      const char *c = texts[g_test_rand_int_range(0, 60)];
      GwOrder ab = gw_version_compare(scheme, a, b), ba = gw_version_compare(scheme, b, a);
      GwOrder bc = gw_version_compare(scheme, b, c), ac = gw_version_compare(scheme, a, c);
      gboolean is_valid = gw_version_check(scheme, a, NULL);

      g_assert_cmpint(gw_version_compare(scheme, a, a), ==, is_valid ? GW_ORDER_EQUAL : GW_ORDER_UNKNOWN);
      g_assert_cmpint(ba, ==,
                      ab == GW_ORDER_LESS      ? GW_ORDER_GREATER
                      : ab == GW_ORDER_GREATER ? GW_ORDER_LESS
                                               : ab);
      if (ab == bc && ab != GW_ORDER_UNKNOWN)
        g_assert_cmpint(ac, ==, ab);
      if (ab == GW_ORDER_EQUAL)
        g_assert_cmpint(ac, ==, bc);
    }
}

static void
test_names(void)
{
  GwVersionScheme scheme = 0;

  for (GwVersionScheme s = GW_VERSION_OPAQUE; s <= GW_VERSION_DOTTED; s++) {
    g_assert_true(gw_version_scheme_parse(gw_version_scheme_name(s), &scheme));
    g_assert_cmpint(scheme, ==, s);
  }
  g_assert_false(gw_version_scheme_parse("semver", &scheme));
  g_assert_false(gw_version_scheme_parse("", &scheme));
  g_assert_cmpint(scheme, ==, GW_VERSION_DOTTED);
}

/* U7: after it nothing could follow, in its series. */
static void
test_last(void)
{
  static const char NINES[] = "9999999999999999999999999999999999999999999999999999999999999999";
  static const struct {
    GwVersionScheme scheme;
    guint series_chars;
    const char *last, *not_last;
  } CASES[] = {
    { GW_VERSION_BYTE, 0, "255", "254" },
    { GW_VERSION_BYTE, 1, "255", "249" },
    { GW_VERSION_BYTE, 1, "199", "19" },
    { GW_VERSION_BYTE, 1, "99", "9" },
    { GW_VERSION_BYTE, 1, "0", "1" },
    { GW_VERSION_BYTE, 2, "5", "25" },
    { GW_VERSION_INTEGER, 0, "2147483647", "2147483646" },
    { GW_VERSION_INTEGER, 1, "1999999999", "2147483646" },
    { GW_VERSION_INTEGER, 2, "2099999999", "2099999998" },
    { GW_VERSION_LEX8, 0, "zzzzzzzz", "zzzzzzzy" },
    { GW_VERSION_LEX8, 4, "0402zzzz", "04029999" },
    { GW_VERSION_LEX8, 8, "04020019", NULL },
    { GW_VERSION_DOTTED, 0, NINES, NINES + 1 },
    { GW_VERSION_DOTTED, 0, NULL, "999.999.999" },
    { GW_VERSION_DOTTED, 0, NULL, "255" },
    { GW_VERSION_OPAQUE, 0, NULL, "zzzzzzzz" },
    { GW_VERSION_OPAQUE, 0, NULL, NINES },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(CASES); i++) {
    guint n = CASES[i].series_chars;

    if (CASES[i].last && !gw_version_is_last(CASES[i].scheme, n, CASES[i].last))
      g_error("%s is not the last of its series of %u", CASES[i].last, n);
    if (CASES[i].not_last && gw_version_is_last(CASES[i].scheme, n, CASES[i].not_last))
      g_error("%s is the last of its series of %u", CASES[i].not_last, n);
  }
  g_assert_false(gw_version_is_last(GW_VERSION_BYTE, 0, "256")); /* no version at all */
  g_assert_false(gw_version_is_last(GW_VERSION_BYTE, 0, NULL));
}

/* Of bytes every pair can be asked: what is the last is exactly what nothing follows. */
static void
test_last_of_all_bytes(void)
{
  for (guint n = 0; n <= 3; n++)
    for (int a = 0; a <= 255; a++) {
      g_autofree char *text = g_strdup_printf("%d", a);
      gboolean has_next = FALSE;

      for (int b = a + 1; b <= 255 && !has_next; b++) {
        g_autofree char *next = g_strdup_printf("%d", b);

        has_next = strncmp(text, next, n) == 0;
      }
      g_assert_cmpint(gw_version_is_last(GW_VERSION_BYTE, n, text), ==, !has_next);
    }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/version/forms", test_forms);
  g_test_add_func("/version/orders", test_orders);
  g_test_add_func("/version/unknown", test_unknown);
  g_test_add_func("/version/properties", test_properties);
  g_test_add_func("/version/names", test_names);
  g_test_add_func("/promise/U7/last-of-its-series", test_last);
  g_test_add_func("/promise/U7/last-of-all-bytes", test_last_of_all_bytes);
  return g_test_run();
}
