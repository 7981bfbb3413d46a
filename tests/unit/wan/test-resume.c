/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a half fetched image may be continued. */
#include "wan/resume.h"

static void
test_strong_validators(void)
{
  static const char *const weak[] = { NULL, "", "\"", "abc", "W/\"abc\"", "\"abc", "abc\"", "\"a\"b\"" };

  g_assert_true(gw_validator_is_strong("\"abc\""));
  g_assert_true(gw_validator_is_strong("\"\""));
  for (gsize i = 0; i < G_N_ELEMENTS(weak); i++)
    g_assert_false(gw_validator_is_strong(weak[i]));
}

static void
test_content_range(void)
{
  static const char *const bad[] = { "",
                                     "bytes",
                                     "bytes ",
                                     "bytes 1-2",
                                     "bytes */100",
                                     "bytes 1-2/",
                                     "bytes 2-1/10",
                                     "bytes 1-10/10",
                                     "bytes -1-2/10",
                                     "bytes 1-2/10 ",
                                     "bytes  1-2/10",
                                     "pages 1-2/10",
                                     "bytes 1-2/10/10",
                                     "bytes 99999999999999999999-2/10",
                                     "bytes +1-2/10",
                                     "bytes 0x1-2/10" };
  guint64 first = 7, last = 7, total = 7;

  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(gw_content_range_parse(bad[i], &first, &last, &total));
  g_assert_cmpuint(first + last + total, ==, 21); /* untouched on failure */
  g_assert_true(gw_content_range_parse("bytes 100-199/200", &first, &last, &total));
  g_assert_cmpuint(first, ==, 100);
  g_assert_cmpuint(last, ==, 199);
  g_assert_cmpuint(total, ==, 200);
  g_assert_true(gw_content_range_parse("Bytes 0-0/*", &first, &last, &total));
  g_assert_cmpuint(total, ==, 0);
}

static void
test_judgement(void)
{
  static const struct {
    GwResumed resumed;
    GwResume verdict;
  } cases[] = {
    { { 0, NULL, 200, NULL, NULL }, GW_RESUME_WHOLE },
    { { 0, NULL, 206, "bytes 0-9/10", NULL }, GW_RESUME_NONSENSE },
    { { 0, NULL, 416, NULL, NULL }, GW_RESUME_NONSENSE },
    { { 5, "\"a\"", 200, NULL, "\"b\"" }, GW_RESUME_WHOLE },
    { { 5, "\"a\"", 206, "bytes 5-9/10", NULL }, GW_RESUME_CONTINUES },
    { { 5, "\"a\"", 206, "bytes 5-9/10", "\"a\"" }, GW_RESUME_CONTINUES },
    { { 5, "\"a\"", 206, "bytes 5-9/10", "\"b\"" }, GW_RESUME_ASK_WHOLE },
    { { 5, "\"a\"", 206, "bytes 5-9/10", "W/\"a\"" }, GW_RESUME_ASK_WHOLE },
    { { 5, "\"a\"", 206, "bytes 0-9/10", "\"a\"" }, GW_RESUME_ASK_WHOLE },
    { { 5, "\"a\"", 206, "bytes 6-9/10", "\"a\"" }, GW_RESUME_ASK_WHOLE },
    { { 5, "\"a\"", 206, NULL, "\"a\"" }, GW_RESUME_ASK_WHOLE },
    { { 5, "\"a\"", 206, "nonsense", "\"a\"" }, GW_RESUME_ASK_WHOLE },
    { { 5, "\"a\"", 416, "bytes */3", NULL }, GW_RESUME_ASK_WHOLE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    guint64 total = 0;

    g_assert_cmpint(gw_resume_judge(&cases[i].resumed, &total), ==, cases[i].verdict);
    g_assert_cmpuint(total, ==, cases[i].verdict == GW_RESUME_CONTINUES ? 10 : 0);
  }
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/wan/resume/strong-validators", test_strong_validators);
  g_test_add_func("/wan/resume/content-range", test_content_range);
  g_test_add_func("/wan/resume/judgement", test_judgement);
  return g_test_run();
}
