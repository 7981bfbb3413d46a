/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The written form of a rule: what is read is written again, and what is wrong is named by its path. */
#include "base/error.h"
#include "model/rule-form.h"
#include <string.h>

static char *
again(const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwRule) rule = gw_rule_form_parse(text, strlen(text), &error);
  g_assert_no_error(error);
  return gw_rule_form_text(rule, FALSE);
}

static const char FULL[] =
    "{\"name\":\"autumn\",\"firmware\":[7,9],\"override\":[\"last\",\"least\"],\"priority\":-5,"
    "\"who\":{\"nodes\":[\"a\",\"b\"],\"prefixes\":[\"meter-\"],\"macs\":[\"02:00:00:00:00:0a\"],"
    "\"imeis\":[\"490154203237518\"],\"products\":[\"pump\",\"valve\"],\"locations\":[\"Plant 2/*\"],"
    "\"labels\":[\"pilot\"],\"hardware\":[\"00ESP826\"],\"transports\":[\"radio\"],"
    "\"versions\":[\"1.2..1.9\",\"2.0\"],\"include-unknown\":true,\"heard-within\":\"7d\","
    "\"battery-at-least\":30,\"signal-at-least\":-85,\"include-unmeasured\":true},"
    "\"when\":{\"not-before\":\"2026-11-21T00:00:00Z\",\"not-after\":\"2027-01-01T00:00:00Z\","
    "\"hours\":[\"22:00-04:30\",\"12:00-13:00\"],\"weekdays\":[\"mon\",\"sun\"],"
    "\"blackouts\":[\"2026-12-24\",\"2026-12-30..2027-01-01\"],\"cut-at-edge\":true},"
    "\"cap\":4,\"attempts\":5,\"require-heard\":true}";

static void
test_round_trip(void)
{
  g_autofree char *full = again(FULL);
  g_autofree char *least = again("{\"firmware\":[7],\"name\":\"x\"}");
  g_autofree char *all_day = again("{\"name\":\"x\",\"firmware\":7,\"when\":{\"hours\":[\"00:00-24:00\"]}}");
  g_autofree char *number = again("{\"name\":\"x\",\"firmware\":7,\"number\":12}");
  g_assert_cmpstr(full, ==, FULL);
  g_assert_cmpstr(least, ==, "{\"name\":\"x\",\"firmware\":7}");
  g_assert_cmpstr(all_day, ==, least);
  g_assert_cmpstr(number, ==, "{\"name\":\"x\",\"firmware\":7,\"number\":12}");
}

/* Written in another way, the same rule. */
static void
test_canonical(void)
{
  g_autofree char *text = again("{\"when\":{\"weekdays\":[\"sun\",\"mon\"],"
                                "\"not-before\":\"2026-11-21T01:00:00.5+01:00\"},\"name\":\"x\","
                                "\"who\":{\"nodes\":[\"b\",\"a\",\"b\"],\"macs\":[\"02000000000A\"]},"
                                "\"cap\":0,\"firmware\":7}");
  g_assert_cmpstr(text, ==,
                  "{\"name\":\"x\",\"firmware\":7,\"who\":{\"nodes\":[\"a\",\"b\"],"
                  "\"macs\":[\"02:00:00:00:00:0a\"]},\"when\":{\"not-before\":\"2026-11-21T00:00:00Z\","
                  "\"weekdays\":[\"mon\",\"sun\"]}}");
}

static const struct {
  const char *rest, *message;
} wrong[] = {
  { "\"cap\":-1", "/cap: " },
  { "\"cap\":\"4\"", "/cap: is not an integer" },
  { "\"capz\":4", "/capz: unknown; known are: name, firmware" },
  { "\"who\":[]", "/who: is not an object" },
  { "\"who\":{\"node\":[\"a\"]}", "/who/node: unknown; known are: nodes" },
  { "\"who\":{\"nodes\":[]}", "/who/nodes: " },
  { "\"who\":{\"nodes\":[\"a\",3]}", "/who/nodes/1: it is not a string" },
  { "\"who\":{\"nodes\":[\"a b\"]}", "/who/nodes/0: \"a b\" is no node id" },
  { "\"who\":{\"macs\":[\"02:00:00:00:00:01\",\"nonsense\"]}", "/who/macs/1: \"nonsense\" is no MAC" },
  { "\"who\":{\"imeis\":[\"123\"]}", "/who/imeis/0: \"123\" is no IMEI" },
  { "\"who\":{\"labels\":[\"\"]}", "/who/labels/0: \"\" is empty" },
  { "\"who\":{\"heard-within\":\"soon\"}", "/who/heard-within: " },
  { "\"who\":{\"battery-at-least\":101}", "/who/battery-at-least: " },
  { "\"who\":{\"signal-at-least\":1}", "/who/signal-at-least: " },
  { "\"when\":{\"hours\":[\"22:00\"]}", "/when/hours/0: \"22:00\" is no window" },
  { "\"when\":{\"hours\":[\"22:00-22:00\"]}", "/when/hours/0: " },
  { "\"when\":{\"hours\":[\"00:00-24:00\",\"12:00-13:00\"]}", "/when/hours/1: " },
  { "\"when\":{\"hours\":[\"12:00-13:00\",\"00:00-24:00\"]}", "/when/hours/1: " },
  { "\"when\":{\"hours\":[\"25:00-26:00\"]}", "/when/hours/0: " },
  { "\"when\":{\"hours\":[\"+2:00-12:00\"]}", "/when/hours/0: " },
  { "\"when\":{\"hours\":[\"22:00-04:30\",\"04:00-05:00\"]}", "/when/hours/1: " },
  { "\"when\":{\"hours\":[\"22:00-04:30\",\"04:30-05:00\"]}", "/when/hours/1: " },
  { "\"when\":{\"hours\":[\"01:00-02:00\",\"00:00-00:30\",\"23:00-24:00\"]}", "/when/hours/2: " },
  { "\"when\":{\"weekdays\":[\"monday\"]}", "/when/weekdays/0: \"monday\" is no weekday" },
  { "\"when\":{\"blackouts\":[\"2026-02-29\"]}", "/when/blackouts/0: " },
  { "\"when\":{\"blackouts\":[\"2026-03-02..2026-03-01\"]}", "/when/blackouts/0: " },
  { "\"when\":{\"not-before\":\"tomorrow\"}", "/when/not-before: " },
  { "\"when\":{\"not-after\":\"1970-01-01T00:00:00Z\"}", "/when/not-after: " },
  { "\"when\":{\"not-before\":\"2027-01-01T00:00:00Z\",\"not-after\":\"2027-01-01T00:00:00Z\"}",
    "/when/not-after: is not after not-before" },
  { "\"override\":[\"a,b\"]", "/override/0: " },
  { "\"number\":5,\"number\":6", "duplicate" },
};

static void
test_wrong(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autofree char *text = g_strdup_printf("{\"name\":\"x\",\"firmware\":7,%s}", wrong[i].rest);
    g_autoptr(GError) error = NULL;
    g_assert_null(gw_rule_form_parse(text, strlen(text), &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    if (!strstr(error->message, wrong[i].message))
      g_error("%s: %s", wrong[i].rest, error->message);
  }
}

static const char *const HEADS[][2] = {
  { "[]", "/: is not an object" },
  { "{\"firmware\":7}", "/name: missing" },
  { "{\"name\":\"a b\",\"firmware\":7}", "/name: expected letters" },
  { "{\"name\":\"x\"}", "/firmware: missing" },
  { "{\"name\":\"x\",\"firmware\":\"7\"}", "/firmware: is not the id" },
  { "{\"name\":\"x\",\"firmware\":0}", "/firmware: is not the id" },
  { "{\"name\":\"x\",\"firmware\":[]}", "/firmware: expected 1 to" },
  { "{\"name\":\"x\",\"firmware\":[7,7]}", "/firmware/1: firmware 7 is there twice" },
  { "{\"name\":\"x\",\"firmware\":[7,8],\"number\":3}", "/number: " },
  { "{\"name\":\"x\",\n\"firmware\":}", "line 2" },
};

static void
test_wrong_heads(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(HEADS); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(gw_rule_form_parse(HEADS[i][0], strlen(HEADS[i][0]), &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    if (!strstr(error->message, HEADS[i][1]))
      g_error("%s: %s", HEADS[i][0], error->message);
  }
}

static void
test_adopt(void)
{
  g_autoptr(GwRule) rule = gw_rule_new("x");
  g_autoptr(GwRule) other = gw_rule_form_parse(FULL, strlen(FULL), NULL);
  rule->id = 4;
  rule->state = GW_RULE_PAUSED;
  rule->created_ms = 5;
  g_free(rule->pause_reason);
  rule->pause_reason = g_strdup("why");
  gw_rule_form_adopt(rule, other);
  g_autofree char *text = gw_rule_form_text(rule, FALSE);
  g_assert_cmpstr(text, ==, FULL);
  g_assert_cmpint(rule->id, ==, 4);
  g_assert_cmpint(rule->state, ==, GW_RULE_PAUSED);
  g_assert_cmpint(rule->created_ms, ==, 5);
  g_assert_cmpstr(rule->pause_reason, ==, "why");
  g_assert_cmpstr(other->name, ==, "x");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/rule-form/round-trip", test_round_trip);
  g_test_add_func("/rule-form/canonical", test_canonical);
  g_test_add_func("/rule-form/wrong", test_wrong);
  g_test_add_func("/rule-form/wrong-heads", test_wrong_heads);
  g_test_add_func("/rule-form/adopt", test_adopt);
  return g_test_run();
}
