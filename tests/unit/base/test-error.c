/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/error.h"

/* No default: a new code without its case does not compile. */
static gboolean
is_code(int code)
{
  switch ((GwErrorCode)code) {
  case GW_ERROR_BAD_INPUT:
  case GW_ERROR_DENIED:
  case GW_ERROR_NOT_FOUND:
  case GW_ERROR_EXISTS:
  case GW_ERROR_BUSY:
  case GW_ERROR_NO_SPACE:
  case GW_ERROR_CORRUPT:
  case GW_ERROR_UNTRUSTED:
  case GW_ERROR_TIMED_OUT:
  case GW_ERROR_OFFLINE:
  case GW_ERROR_STOPPED:
  case GW_ERROR_UNSUPPORTED:
  case GW_ERROR_INTERNAL:
    return TRUE;
  }
  return FALSE;
}

static void
test_no_row_is_missing(void)
{
  guint n_codes = 0, n_rows = 0;

  for (int code = -3; code < 100; code++) {
    n_codes += is_code(code);
    g_assert_cmpint(gw_error_row(code)->code, ==, is_code(code) ? code : GW_ERROR_INTERNAL);
  }
  for (const GwErrorRow *row = gw_error_rows(); row->name; row++)
    n_rows++;
  g_assert_cmpuint(n_rows, ==, n_codes);
}

static void
test_rows_are_distinct(void)
{
  for (const GwErrorRow *a = gw_error_rows(); a->name; a++) {
    g_assert_true(g_str_has_prefix(a->dbus_name, "org.gatewayd.Error."));
    g_assert_true(gw_error_row_by_dbus_name(a->dbus_name) == a);
    g_assert_cmpint(a->http_status, >=, 400);
    g_assert_cmpint(a->http_status, <=, 599);
    g_assert_cmpint(a->exit_status, >=, 1);
    g_assert_cmpint(a->exit_status, <=, 125);
    for (const GwErrorRow *b = a + 1; b->name; b++) {
      g_assert_cmpstr(a->name, !=, b->name);
      g_assert_cmpstr(a->dbus_name, !=, b->dbus_name);
      g_assert_cmpint(a->exit_status, !=, b->exit_status);
    }
  }
  g_assert_cmpint(gw_error_row(GW_ERROR_INTERNAL)->exit_status, ==, 1);
  g_assert_null(gw_error_row_by_dbus_name("org.gatewayd.Error.Nonsense"));
  g_assert_null(gw_error_row_by_dbus_name(NULL));
}

static void
test_errno_decides_the_code(void)
{
  static const struct {
    int err;
    GwErrorCode code;
  } cases[] = {
    { ENOSPC, GW_ERROR_NO_SPACE }, { EDQUOT, GW_ERROR_NO_SPACE }, { ENOENT, GW_ERROR_NOT_FOUND },
    { EACCES, GW_ERROR_DENIED },   { EPERM, GW_ERROR_DENIED },    { EAGAIN, GW_ERROR_BUSY },
    { EMFILE, GW_ERROR_BUSY },     { ENFILE, GW_ERROR_BUSY },     { EIO, GW_ERROR_INTERNAL },
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("cannot open 7: %s", g_strerror(cases[i].err));

    g_assert_false(gw_fail_errno(&error, cases[i].err, "cannot open %d", 7));
    g_assert_error(error, GW_ERROR, (int)cases[i].code);
    g_assert_cmpstr(error->message, ==, text);
  }
}

static void
test_fail_returns_false(void)
{
  g_autoptr(GError) error = NULL;

  g_assert_false(gw_fail(&error, GW_ERROR_BUSY, "port %s", "80"));
  g_assert_error(error, GW_ERROR, GW_ERROR_BUSY);
  g_assert_cmpstr(error->message, ==, "port 80");
  g_assert_false(gw_fail(NULL, GW_ERROR_BUSY, "nobody listens"));
  g_assert_false(gw_fail_errno(NULL, EIO, "nobody listens"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/error/no-row-is-missing", test_no_row_is_missing);
  g_test_add_func("/error/rows-are-distinct", test_rows_are_distinct);
  g_test_add_func("/error/errno-decides-the-code", test_errno_decides_the_code);
  g_test_add_func("/error/fail-returns-false", test_fail_returns_false);
  return g_test_run();
}
