/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

typedef struct {
  const char *name;
  gint64 size;
  gboolean is_on;
  json_t *extra;
  json_t *list;
} Target;

static const GwJsonField fields[] = {
  { "name", GW_JSON_STRING, TRUE, offsetof(Target, name), 1, 8 },
  { "size", GW_JSON_INTEGER, FALSE, offsetof(Target, size), 1, 1000 },
  { "on", GW_JSON_BOOLEAN, FALSE, offsetof(Target, is_on), 0, 0 },
  { "extra", GW_JSON_OBJECT, FALSE, offsetof(Target, extra), 0, 0 },
  { "list", GW_JSON_ARRAY, FALSE, offsetof(Target, list), 0, 2 },
  { NULL, 0, FALSE, 0, 0, 0 },
};

static json_t *
parse(const char *text, GError **error)
{
  return gw_json_parse(text, strlen(text), 1000, error);
}

static void
test_parse_refuses(void)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
    { "", "line 1: " },
    { "{", "line 1: " },
    { "{}\n{}", "line 2: end of file expected" },
    { "{\"a\":1,\n\"a\":2}", "line 2: duplicate object key" },
    { "{\"a\":\"\\u0000\"}", "line 1: \\u0000 is not allowed" },
    { "{\"a\":\"\xff\"}", "line 1: unable to decode byte 0xff" },
    { "{\"a\":99999999999999999999}", "line 1: too big integer" },
    { "7", "line 1: '[' or '{' expected" },
    { "\"text\"", "line 1: '[' or '{' expected" },
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;

    g_assert_null(parse(cases[i].text, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    g_test_message("%s", error->message);
    g_assert_true(g_str_has_prefix(error->message, cases[i].message));
  }
}

static json_t *
parse_nested(guint depth, GError **error)
{
  g_autofree char *open = g_strnfill(depth, '[');
  g_autofree char *close = g_strnfill(depth, ']');
  g_autofree char *text = g_strconcat(open, "\"[[[[\\\"[[\"", close, NULL);

  return parse(text, error);
}

static void
test_depth(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) deepest = parse_nested(32, &error);

  g_assert_no_error(error);
  g_assert_nonnull(deepest);
  g_assert_null(parse_nested(33, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_cmpstr(error->message, ==, "nested deeper than 32");
}

static void
test_size(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) root = gw_json_parse("{ }garbage", 3, 3, &error);

  g_assert_nonnull(root);
  g_assert_null(gw_json_parse("{ } ", 4, 3, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
}

static void
test_read(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) root =
      parse("{\"name\":\"x\",\"size\":7,\"on\":true,\"extra\":{\"k\":1},\"list\":[1,2]}", &error);
  Target target = { 0 };

  g_assert_true(gw_json_read(root, NULL, fields, FALSE, &target, &error));
  g_assert_no_error(error);
  g_assert_cmpstr(target.name, ==, "x");
  g_assert_cmpint(target.size, ==, 7);
  g_assert_true(target.is_on);
  g_assert_cmpuint(json_object_size(target.extra), ==, 1);
  g_assert_cmpuint(json_array_size(target.list), ==, 2);
}

static void
test_absent_members_stay(void)
{
  g_autoptr(json_t) root = parse("{\"name\":\"x\",\"new\":1}", NULL);
  Target target = { .size = 42, .is_on = TRUE };

  g_assert_true(gw_json_read(root, "", fields, TRUE, &target, NULL));
  g_assert_cmpint(target.size, ==, 42);
  g_assert_true(target.is_on);
}

static void
test_read_refuses(void)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
    { "{}", "r[2].name: missing" },
    { "{\"name\":null}", "r[2].name: is not a string" },
    { "{\"name\":\"\"}", "r[2].name: length 0 is not within 1..8" },
    { "{\"name\":\"123456789\"}", "r[2].name: length 9 is not within 1..8" },
    { "{\"name\":\"x\",\"size\":0}", "r[2].size: 0 is not within 1..1000" },
    { "{\"name\":\"x\",\"size\":1001}", "r[2].size: 1001 is not within 1..1000" },
    { "{\"name\":\"x\",\"size\":1.0}", "r[2].size: is not an integer" },
    { "{\"name\":\"x\",\"size\":\"1\"}", "r[2].size: is not an integer" },
    { "{\"name\":\"x\",\"on\":1}", "r[2].on: is not true or false" },
    { "{\"name\":\"x\",\"extra\":[]}", "r[2].extra: is not an object" },
    { "{\"name\":\"x\",\"list\":{}}", "r[2].list: is not an array" },
    { "{\"name\":\"x\",\"list\":[1,2,3]}", "r[2].list: number of elements 3 is not within 0..2" },
    { "{\"name\":\"x\",\"nmae\":1}", "r[2].nmae: unknown; known are: name, size, on, extra, list" },
    { "[]", "r[2]: is not an object" },
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) root = parse(cases[i].text, NULL);
    Target target = { .size = 42 }, before = target;

    g_assert_nonnull(root);
    g_assert_false(gw_json_read(root, "r[2]", fields, FALSE, &target, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    g_assert_cmpstr(error->message, ==, cases[i].message);
    g_assert_cmpmem(&target, sizeof target, &before, sizeof before);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/json/parse-refuses", test_parse_refuses);
  g_test_add_func("/json/depth", test_depth);
  g_test_add_func("/json/size", test_size);
  g_test_add_func("/json/read", test_read);
  g_test_add_func("/json/absent-members-stay", test_absent_members_stay);
  g_test_add_func("/json/read-refuses", test_read_refuses);
  return g_test_run();
}
