/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person reads before a rule changes, and what cannot change any more. */
#include "base/error.h"
#include "model/rule-difference.h"
#include <string.h>

static json_t *
document(const char *text)
{
  g_autoptr(GError) error = NULL;
  json_t *root = gw_json_parse(text, strlen(text), 1 << 20, &error);
  g_assert_no_error(error);
  return root;
}

/* The lines, one after the other. */
static char *
difference(const char *old, const char *new)
{
  g_autoptr(json_t) before = old ? document(old) : NULL;
  g_autoptr(json_t) after = document(new);
  g_autoptr(GPtrArray) lines = gw_rule_difference(before, after);
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < lines->len; i++)
    g_string_append_printf(text, "%s\n", (char *)lines->pdata[i]);
  return g_string_free(text, FALSE);
}

static const struct {
  const char *old, *new, *lines;
} cases[] = {
  { "{\"cap\":4}", "{\"cap\":4}", "" },
  { "{\"cap\":4}", "{\"cap\":8}", "/cap: 4 -> 8\n" },
  { "{\"cap\":4}", "{}", "/cap: 4 -> none\n" },
  { NULL, "{\"name\":\"x\",\"firmware\":7}", "/name: none -> \"x\"\n/firmware: none -> 7\n" },
  { "{\"firmware\":7}", "{\"firmware\":[7,9]}", "/firmware: 7 -> [7,9]\n" },
  { "{\"who\":{\"nodes\":[\"a\",\"b\"]}}", "{\"who\":{\"nodes\":[\"b\",\"c\"],\"include-unknown\":true}}",
    "/who/nodes: - a\n/who/nodes: + c\n/who/include-unknown: none -> true\n" },
  { "{\"who\":{\"nodes\":[\"a\"]}}", "{}", "/who/nodes: - a\n" },
  { "{}", "{\"when\":{\"hours\":[\"22:00-04:30\"]}}", "/when/hours: + 22:00-04:30\n" },
  { "{\"when\":{\"hours\":[\"a\",\"b\"]}}", "{\"when\":{\"hours\":[\"b\",\"a\"]}}", "" },
  { "{\"groups\":[{\"count\":1},{}]}", "{\"groups\":[{\"count\":2},{\"percent\":5},{}]}",
    "/groups/0/count: 1 -> 2\n/groups/1/percent: none -> 5\n/groups/2: none -> {}\n" },
};

static void
test_lines(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *lines = difference(cases[i].old, cases[i].new);
    g_assert_cmpstr(lines, ==, cases[i].lines);
  }
}

static void
test_many(void)
{
  g_autoptr(json_t) before = json_object();
  g_autoptr(json_t) after = json_object();
  json_t *nodes = json_array();
  for (guint i = 0; i < GW_DIFFERENCE_LINES_MAX + 5; i++) {
    g_autofree char *id = g_strdup_printf("n%u", i);
    json_array_append_new(nodes, json_string(id));
  }
  json_object_set_new(after, "nodes", nodes);
  g_autoptr(GPtrArray) lines = gw_rule_difference(before, after);
  g_assert_cmpuint(lines->len, ==, GW_DIFFERENCE_LINES_MAX + 1);
  g_assert_cmpstr(lines->pdata[GW_DIFFERENCE_LINES_MAX], ==, "and 5 more");
}

static const struct {
  const char *old, *new, *path; /* NULL = may change */
} live[] = {
  { "{\"cap\":4,\"priority\":1,\"attempts\":1}", "{\"when\":{\"hours\":[\"22:00-04:30\"]},\"jitter\":\"1h\"}",
    NULL },
  { "{\"firmware\":7}", "{\"firmware\":8}", "/firmware: " },
  { "{\"number\":7}", "{}", "/number: " },
  { "{}", "{\"override\":[\"last\"]}", "/override: " },
  { "{\"who\":{\"nodes\":[\"a\"]}}", "{}", "/who: " },
  { "{}", "{\"who\":{\"include-unknown\":true}}", "/who: " },
  { "{\"groups\":[{\"count\":1},{}]}", "{}", "/groups: " },
  { "{}", "{\"targets\":\"frozen\"}", "/targets: " },
};

static void
test_live(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(live); i++) {
    g_autoptr(json_t) before = document(live[i].old);
    g_autoptr(json_t) after = document(live[i].new);
    g_autoptr(GError) error = NULL;
    gboolean may = gw_rule_difference_check_live(before, after, &error);
    g_assert_cmpint(may, ==, live[i].path == NULL);
    if (!may)
      g_assert_true(g_str_has_prefix(error->message, live[i].path));
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/rule-difference/lines", test_lines);
  g_test_add_func("/rule-difference/many", test_many);
  g_test_add_func("/rule-difference/live", test_live);
  return g_test_run();
}
