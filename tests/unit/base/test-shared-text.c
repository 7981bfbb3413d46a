/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/shared-text.h"

static void
test_equal_texts_are_one(void)
{
  g_autofree char *copy = g_strdup("weather");
  const char *one = NULL, *two = NULL;

  g_assert_true(gw_shared_text_set(&one, "weather"));
  g_assert_true(gw_shared_text_set(&two, copy));
  g_assert_true(one == two && one != copy);
  g_assert_false(gw_shared_text_set(&one, copy));
  gw_shared_text_clear(&one);
  g_assert_null(one);
  g_assert_cmpstr(two, ==, "weather");
  gw_shared_text_clear(&two);
  gw_shared_text_clear(&two);
}

static void
test_set_to_a_part_of_itself(void)
{
  const char *text = NULL;

  gw_shared_text_set(&text, "north/hall-1");
  g_assert_true(gw_shared_text_set(&text, text + 6));
  g_assert_cmpstr(text, ==, "hall-1");
  gw_shared_text_clear(&text);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/base/shared-text/equal-texts-are-one", test_equal_texts_are_one);
  g_test_add_func("/base/shared-text/set-to-a-part-of-itself", test_set_to_a_part_of_itself);
  return g_test_run();
}
