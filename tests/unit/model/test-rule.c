/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Windows over a whole year, targets, and globs of locations. */
#include "model/rule.h"
#include <string.h>

#define MINUTE ((gint64)60 * 1000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static gint64
at(const char *text)
{
  gint64 wall_ms = 0;
  g_autoptr(GError) error = NULL;
  gw_clock_parse(text, &wall_ms, &error);
  g_assert_no_error(error);
  return wall_ms;
}

static GwRule *
rule_with_hours(guint from_minute, guint until_minute)
{
  GwRule *rule = gw_rule_new("nightly");
  if (from_minute % 1440 != until_minute % 1440)
    gw_when_add_hours(&rule->when, from_minute % 1440, until_minute % 1440);
  return rule;
}

typedef struct {
  const char *name;
  guint from_minute, until_minute;
  const char *not_before, *not_after, *now;
  gboolean is_open;
  const char *edge; /* NULL = never */
} WindowCase;

/* clang-format off */
static const WindowCase window_cases[] = {
  {"all-day", 0, 0, NULL, NULL, "2026-11-21T12:00:00Z", TRUE, NULL},
  {"all-day-from-noon", 720, 720, NULL, NULL, "2026-11-21T03:00:00Z", TRUE, NULL},
  {"all-day-to-24", 0, 1440, NULL, NULL, "2026-11-21T23:59:59Z", TRUE, NULL},
  {"before", 480, 1020, NULL, NULL, "2026-11-21T07:59:59Z", FALSE, "2026-11-21T08:00:00Z"},
  {"first-instant", 480, 1020, NULL, NULL, "2026-11-21T08:00:00Z", TRUE, "2026-11-21T17:00:00Z"},
  {"last-second", 480, 1020, NULL, NULL, "2026-11-21T16:59:59Z", TRUE, "2026-11-21T17:00:00Z"},
  {"first-instant-after", 480, 1020, NULL, NULL, "2026-11-21T17:00:00Z", FALSE, "2026-11-22T08:00:00Z"},
  {"midnight-evening", 1320, 270, NULL, NULL, "2026-11-21T22:00:00Z", TRUE, "2026-11-22T04:30:00Z"},
  {"midnight-itself", 1320, 270, NULL, NULL, "2026-11-22T00:00:00Z", TRUE, "2026-11-22T04:30:00Z"},
  {"midnight-morning-end", 1320, 270, NULL, NULL, "2026-11-22T04:30:00Z", FALSE, "2026-11-22T22:00:00Z"},
  {"until-24", 1320, 1440, NULL, NULL, "2026-11-21T23:00:00Z", TRUE, "2026-11-22T00:00:00Z"},
  {"month-end", 1320, 270, NULL, NULL, "2026-04-30T23:00:00Z", TRUE, "2026-05-01T04:30:00Z"},
  {"year-end", 1320, 270, NULL, NULL, "2026-12-31T23:59:59Z", TRUE, "2027-01-01T04:30:00Z"},
  {"into-leap-day", 1320, 270, NULL, NULL, "2028-02-28T23:00:00Z", TRUE, "2028-02-29T04:30:00Z"},
  {"out-of-leap-day", 1320, 270, NULL, NULL, "2028-02-29T23:00:00Z", TRUE, "2028-03-01T04:30:00Z"},
  {"no-leap-day", 1320, 270, NULL, NULL, "2027-02-28T23:00:00Z", TRUE, "2027-03-01T04:30:00Z"},
  {"leap-second-1", 1320, 0, NULL, NULL, "2016-12-31T23:59:59Z", TRUE, "2017-01-01T00:00:00Z"},
  {"before-1970", 480, 1020, NULL, NULL, "1969-12-31T12:00:00Z", TRUE, "1969-12-31T17:00:00Z"},
  {"at-1970", 480, 1020, NULL, NULL, "1970-01-01T00:00:00Z", FALSE, "1970-01-01T08:00:00Z"},
  {"dates-to-come", 0, 0, "2026-12-01T00:00:00Z", NULL, "2026-11-21T12:00:00Z", FALSE, "2026-12-01T00:00:00Z"},
  {"dates-begin-in-hours", 480, 1020, "2026-12-01T09:00:00Z", NULL, "2026-11-21T12:00:00Z", FALSE,
   "2026-12-01T09:00:00Z"},
  {"dates-begin-before-hours", 480, 1020, "2026-12-01T01:00:00Z", NULL, "2026-11-21T12:00:00Z", FALSE,
   "2026-12-01T08:00:00Z"},
  {"dates-begin-at-first-hour", 480, 1020, "2026-12-01T08:00:00Z", NULL, "2026-12-01T07:59:59Z", FALSE,
   "2026-12-01T08:00:00Z"},
  {"dates-begin-after-hours", 480, 1020, "2026-12-01T18:00:00Z", NULL, "2026-12-01T10:00:00Z", FALSE,
   "2026-12-02T08:00:00Z"},
  {"dates-end-in-hours", 480, 1020, NULL, "2026-11-21T12:00:00Z", "2026-11-21T11:00:00Z", TRUE,
   "2026-11-21T12:00:00Z"},
  {"dates-ended", 480, 1020, NULL, "2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z", FALSE, NULL},
  {"dates-end-before-next-hours", 480, 1020, NULL, "2026-11-22T07:00:00Z", "2026-11-21T18:00:00Z", FALSE, NULL},
  {"dates-end-at-next-hours", 480, 1020, NULL, "2026-11-22T08:00:00Z", "2026-11-21T18:00:00Z", FALSE, NULL},
  {"dates-too-short-for-hours", 480, 1020, "2026-11-21T18:00:00Z", "2026-11-22T07:00:00Z",
   "2026-11-20T00:00:00Z", FALSE, NULL},
  {"dates-the-wrong-way-round", 0, 0, "2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-10-01T00:00:00Z",
   FALSE, NULL},
  {"clock-at-plus-30-years", 0, 0, NULL, "2026-12-01T00:00:00Z", "2056-11-21T12:00:00Z", FALSE, NULL},
};
/* clang-format on */

static void
test_window(gconstpointer data)
{
  const WindowCase *c = data;
  g_autoptr(GwRule) rule = rule_with_hours(c->from_minute, c->until_minute);
  rule->when.not_before_ms = c->not_before ? at(c->not_before) : 0;
  rule->when.not_after_ms = c->not_after ? at(c->not_after) : 0;
  GwWindow window = gw_when_window(&rule->when, at(c->now));
  g_assert_cmpint(window.is_open, ==, c->is_open);
  g_assert_cmpint(window.edge_ms, ==, c->edge ? at(c->edge) : G_MAXINT64);
}

/* Every minute of the leap year 2028: open at every minute of the hours and at no other, and each edge
 * is where it said. Counted days and lengths come from the calendar, not from the code under test. */
static void
walk_a_year(guint from_minute, guint until_minute)
{
  g_autoptr(GwRule) rule = rule_with_hours(from_minute, until_minute);
  gint64 begin_ms = at("2028-01-01T00:00:00Z"), end_ms = at("2029-01-01T00:00:00Z");
  g_assert_cmpint((end_ms - begin_ms) / DAY, ==, 366);
  guint n_open_edges = 0;
  for (gint64 now_ms = begin_ms; now_ms < end_ms;) {
    guint minute = (guint)((now_ms - begin_ms) / MINUTE % 1440);
    gboolean is_in = from_minute < until_minute ? minute >= from_minute && minute < until_minute
                                                : minute >= from_minute || minute < until_minute;
    GwWindow window = gw_when_window(&rule->when, now_ms);
    g_assert_cmpint(window.is_open, ==, is_in);
    g_assert_cmpint(window.edge_ms, >, now_ms);
    g_assert_cmpint(window.edge_ms, <=, now_ms + DAY);
    g_assert_cmpint(gw_when_window(&rule->when, window.edge_ms - 1).is_open, ==, is_in);
    g_assert_cmpint(gw_when_window(&rule->when, window.edge_ms).is_open, ==, !is_in);
    n_open_edges += minute == from_minute;
    now_ms += MINUTE;
  }
  g_assert_cmpuint(n_open_edges, ==, 366);
}

static void
test_year(void)
{
  walk_a_year(1320, 270);
  walk_a_year(480, 1020);
  walk_a_year(1439, 0 + 1);
}

/* E4, the window's half: going from edge to edge meets every window of a year once, whatever the clock did in
 * between, because the edges are a pure function of the wall clock. */
static void
test_edges_meet_each_window_once(void)
{
  g_autoptr(GwRule) rule = rule_with_hours(1320, 270);
  rule->when.not_before_ms = at("2027-01-01T00:00:00Z");
  rule->when.not_after_ms = at("2028-01-01T00:00:00Z");
  guint n_windows = 0;
  for (gint64 now_ms = at("1970-01-01T00:00:00Z"); now_ms != G_MAXINT64;) {
    GwWindow window = gw_when_window(&rule->when, now_ms);
    n_windows += window.is_open;
    now_ms = window.edge_ms;
  }
  g_assert_cmpuint(n_windows, ==, 366); /* 365 evenings, and the rest of the night that 2027 begins in */
  GwWindow before = gw_when_window(&rule->when, at("2027-06-01T23:30:00Z"));
  GwWindow jumped_back = gw_when_window(&rule->when, at("2027-06-01T22:30:00Z"));
  g_assert_cmpint(before.edge_ms, ==, jumped_back.edge_ms);
}

static void
test_timed(void)
{
  g_autoptr(GwRule) rule = rule_with_hours(0, 1440);
  g_assert_false(gw_when_is_timed(&rule->when));
  rule->when.weekdays = 1;
  g_assert_true(gw_when_is_timed(&rule->when));
  rule->when.weekdays = GW_WHEN_EVERY_DAY;
  g_assert_false(gw_when_is_timed(&rule->when));
  gw_when_add_blackout(&rule->when, 1, 1);
  g_assert_true(gw_when_is_timed(&rule->when));
  gw_when_clear(&rule->when);
  gw_when_add_hours(&rule->when, 0, 60);
  g_assert_true(gw_when_is_timed(&rule->when));
  gw_when_clear(&rule->when);
  rule->when.not_after_ms = 1;
  g_assert_true(gw_when_is_timed(&rule->when));
  rule->when.not_after_ms = 0;
  rule->when.not_before_ms = 1;
  g_assert_true(gw_when_is_timed(&rule->when));
}

static const struct {
  const char *pattern, *location;
  gboolean is_match;
} locations[] = {
  { "", "", TRUE },
  { "", "Guangdong/Guangzhou", TRUE },
  { "Guangdong/Guangzhou", "Guangdong/Guangzhou", TRUE },
  { "Guangdong/Guangzhou", "Guangdong", FALSE },
  { "Guangdong", "Guangdong/Guangzhou", FALSE },
  { "Guangdong/*", "Guangdong/Guangzhou", TRUE },
  { "Guangdong/*", "Guangdong", FALSE },
  { "Guangdong/*", "Guangdong/Guangzhou/Tianhe", FALSE },
  { "Guangdong/**", "Guangdong/Guangzhou/Tianhe", TRUE },
  { "Guangdong/**", "Guangdong", TRUE },
  { "Guangdong/**", "Guangdong2", FALSE },
  { "**", "", TRUE },
  { "**", "a/b/c", TRUE },
  { "*", "", FALSE },
  { "*", "a", TRUE },
  { "*", "a/b", FALSE },
  { "*/Tianhe", "Guangdong/Tianhe", TRUE },
  { "**/Tianhe", "Guangdong/Guangzhou/Tianhe", FALSE }, /* two stars are any rest only at the end */
  { "Guang*zhou", "Guangzhou", TRUE },
  { "G*a*g*", "Guangdong", TRUE },
  { "G*x", "Guangdong", FALSE },
  { "hall-?", "hall-1", TRUE },
  { "hall-?", "hall-12", FALSE },
  { "hall-?", "hall-", FALSE },
  { "hall-?", "hall-\xe5\xb9\xbf", TRUE }, /* one character of three bytes */
  { "\xe5\xb9\xbf\xe4\xb8\x9c/*", "\xe5\xb9\xbf\xe4\xb8\x9c/x", TRUE },
  { "a?", "a/", FALSE },
  { "GUANGDONG", "Guangdong", FALSE },
  { "?", "\xe5", TRUE }, /* broken text stays within itself */
  { "?b", "\xff", FALSE },
};

static void
test_locations(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(locations); i++)
    if (gw_location_match(locations[i].pattern, locations[i].location) != locations[i].is_match)
      g_error("\"%s\" against \"%s\" is not %d", locations[i].pattern, locations[i].location,
              locations[i].is_match);
}

/* Many stars take no longer than the product of the lengths. */
static void
test_hostile_glob_ends(void)
{
  g_autoptr(GString) pattern = g_string_new(NULL);
  g_autoptr(GString) location = g_string_new(NULL);
  for (int i = 0; i < 500; i++) {
    g_string_append(pattern, "*a");
    g_string_append(location, "aa");
  }
  g_string_append_c(pattern, 'b');
  g_assert_false(gw_location_match(pattern->str, location->str));
}

static GHashTable *
set_of(const char *member)
{
  GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_add(set, g_strdup(member));
  return set;
}

static GwNode *
pump(void)
{
  GwNode *node = gw_node_new("pump-7");
  gw_shared_text_set(&node->product, "pump");
  gw_shared_text_set(&node->location, "north/hall-1");
  g_strlcpy(node->mac, "02:00:00:00:00:07", sizeof node->mac);
  gw_component_set(gw_node_add_component(node, ""), "5", GW_SOURCE_HEARD, 0);
  return node;
}

static GwFirmware *
pump_firmware(void)
{
  GwFirmware *firmware = gw_firmware_new();
  g_free(firmware->product);
  firmware->product = g_strdup("pump");
  return firmware;
}

static gboolean
matches(const GwRule *rule, const GwNode *node, const GwFirmware *firmware, const char **ret_reason)
{
  g_autoptr(GwProduct) product = gw_product_new("pump");
  product->scheme = GW_VERSION_DOTTED;
  return gw_rule_targets(rule, node, firmware, ret_reason) &&
         gw_rule_takes_version(rule, node, firmware, product, ret_reason);
}

static void
test_who(void)
{
  g_autoptr(GwRule) rule = gw_rule_new("all");
  g_autoptr(GwNode) node = pump();
  g_autoptr(GwFirmware) firmware = pump_firmware();
  const char *reason = NULL;
  g_assert_true(matches(rule, node, firmware, &reason));
  g_assert_null(reason);

  rule->who.nodes = set_of("pump-7");
  rule->who.locations = set_of("north/*");
  rule->who.versions = set_of("5");
  g_assert_true(matches(rule, node, firmware, &reason));

  g_hash_table_remove_all(rule->who.versions);
  g_assert_false(matches(rule, node, firmware, &reason));
  g_assert_nonnull(strstr(reason, "other versions"));
  g_assert_true(gw_rule_targets(rule, node, firmware, NULL));
  g_hash_table_add(rule->who.versions, g_strdup("5"));

  g_hash_table_remove_all(rule->who.locations);
  g_hash_table_add(rule->who.locations, g_strdup("south/*"));
  g_assert_false(matches(rule, node, firmware, &reason));
  g_assert_nonnull(strstr(reason, "location"));
  g_hash_table_add(rule->who.locations, g_strdup("north/hall-1"));
  g_assert_true(matches(rule, node, firmware, NULL));

  g_hash_table_remove_all(rule->who.nodes);
  g_assert_false(matches(rule, node, firmware, &reason));
  g_assert_nonnull(strstr(reason, "none of the rule's lists"));
  g_hash_table_add(rule->who.nodes, g_strdup("pump-7"));

  rule->who.products = set_of("valve");
  g_assert_false(matches(rule, node, firmware, &reason));
  g_assert_nonnull(strstr(reason, "another product"));
  g_hash_table_add(rule->who.products, g_strdup("pump"));
  g_assert_true(matches(rule, node, firmware, NULL));
  g_free(firmware->product);
  firmware->product = g_strdup("valve");
  g_assert_false(matches(rule, node, firmware, &reason));
  g_assert_nonnull(strstr(reason, "another product"));
  g_assert_false(matches(rule, node, firmware, NULL));
}

/* Four ways to name a node; one is enough. */
static void
test_named(void)
{
  g_autoptr(GwRule) rule = gw_rule_new("named");
  g_autoptr(GwNode) node = pump();
  g_autoptr(GwFirmware) firmware = pump_firmware();
  rule->who.imeis = set_of("490154203237518");
  g_assert_false(matches(rule, node, firmware, NULL));
  g_ptr_array_add(node->aliases, g_strdup("imei=490154203237518"));
  g_assert_true(matches(rule, node, firmware, NULL));
  g_ptr_array_set_size(node->aliases, 0);
  rule->who.prefixes = set_of("pumps-");
  g_assert_false(matches(rule, node, firmware, NULL));
  g_hash_table_add(rule->who.prefixes, g_strdup("pump-"));
  g_assert_true(matches(rule, node, firmware, NULL));
  g_hash_table_remove_all(rule->who.prefixes);
  rule->who.nodes = set_of("pump-8");
  rule->who.macs = set_of("02:00:00:00:00:07");
  g_assert_true(matches(rule, node, firmware, NULL));
  g_hash_table_remove_all(rule->who.macs);
  g_assert_false(matches(rule, node, firmware, NULL));
}

static void
test_what_it_is(void)
{
  g_autoptr(GwRule) rule = gw_rule_new("some");
  g_autoptr(GwNode) node = pump();
  g_autoptr(GwFirmware) firmware = pump_firmware();
  const char *reason = NULL;
  rule->who.labels = set_of("pilot");
  g_assert_false(matches(rule, node, firmware, &reason));
  g_assert_nonnull(strstr(reason, "labels"));
  g_ptr_array_add(node->labels, g_strdup("pilot"));
  rule->who.hardware = set_of("A1");
  g_assert_false(matches(rule, node, firmware, &reason)); /* the node's is not known */
  g_assert_nonnull(strstr(reason, "hardware"));
  gw_shared_text_set(&gw_node_component(node, "")->hardware_version, "A1");
  rule->who.transports = set_of("radio");
  g_assert_false(matches(rule, node, firmware, &reason));
  g_assert_nonnull(strstr(reason, "transport"));
  gw_shared_text_set(&node->plugin, "radio");
  g_assert_true(matches(rule, node, firmware, NULL));
}

static void
test_floors(void)
{
  g_autoptr(GwRule) rule = gw_rule_new("strong");
  g_autoptr(GwNode) node = pump();
  g_autoptr(GwFirmware) firmware = pump_firmware();
  const char *reason = NULL;
  rule->who.min_battery = 30;
  g_assert_false(matches(rule, node, firmware, &reason)); /* what is not known does not match... */
  g_assert_nonnull(strstr(reason, "battery"));
  rule->who.is_unmeasured_included = TRUE; /* ...unless the rule says so */
  g_assert_true(matches(rule, node, firmware, NULL));
  gw_node_set_attribute(node, "battery", "29%");
  g_assert_false(matches(rule, node, firmware, NULL));
  gw_node_set_attribute(node, "battery", "30");
  g_assert_true(matches(rule, node, firmware, NULL));
  rule->who.min_signal = -85;
  gw_node_set_attribute(node, "signal", "-86 dBm");
  g_assert_false(matches(rule, node, firmware, &reason));
  g_assert_nonnull(strstr(reason, "signal"));
  gw_node_set_attribute(node, "signal", "-85 dBm");
  g_assert_true(matches(rule, node, firmware, NULL));
  gw_node_set_attribute(node, "signal", "weak");
  rule->who.is_unmeasured_included = FALSE;
  g_assert_false(matches(rule, node, firmware, NULL));
}

static void
test_heard(void)
{
  GwWho who = { .heard_within_ms = 1000 };
  g_autoptr(GwNode) node = pump();
  GwNow now = { .boot_ms = 0, .wall_ms = 5000, .is_trusted = TRUE };
  node->last_ms = 4000;
  g_assert_true(gw_who_was_heard(&who, node, &now));
  node->last_ms = 3999;
  g_assert_false(gw_who_was_heard(&who, node, &now));
  now.is_trusted = FALSE;
  g_assert_true(gw_who_was_heard(&who, node, &now));
  who.heard_within_ms = 0;
  now.is_trusted = TRUE;
  g_assert_true(gw_who_was_heard(&who, node, &now));
}

/* clang-format off */
static const struct {
  const char *listed, *running;
  GwVersionScheme scheme;
  gboolean is_match;
} ranges[] = {
  { "1.2..1.9", "1.2", GW_VERSION_DOTTED, TRUE },
  { "1.2..1.9", "1.9.0", GW_VERSION_DOTTED, TRUE },
  { "1.2..1.9", "1.10", GW_VERSION_DOTTED, FALSE },
  { "1.2..1.9", "1.1.9", GW_VERSION_DOTTED, FALSE },
  { "1.2..1.9", "1.2-rc1", GW_VERSION_DOTTED, FALSE },
  { "..1.9", "0.1", GW_VERSION_DOTTED, TRUE },
  { "1.2..", "2.0", GW_VERSION_DOTTED, TRUE },
  { "1.2..", "1.1", GW_VERSION_DOTTED, FALSE },
  { "9..10", "10", GW_VERSION_INTEGER, TRUE },
  { "9..10", "8", GW_VERSION_INTEGER, FALSE },
  { "04020001..04020009", "04020004", GW_VERSION_LEX8, TRUE },
  { "04020001..04020009", "0402000A", GW_VERSION_LEX8, FALSE },
  { "1.2..1.9", "banana", GW_VERSION_DOTTED, FALSE },
  { "banana", "banana", GW_VERSION_DOTTED, TRUE },
};
/* clang-format on */

static void
test_ranges(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++) {
    GwWho who = { .versions = set_of(ranges[i].listed) };
    GwComponent component = { .software_version = ranges[i].running, .source = GW_SOURCE_HEARD };
    if (gw_who_takes_version(&who, &component, ranges[i].scheme, NULL) != ranges[i].is_match)
      g_error("%s in %s is not %d", ranges[i].running, ranges[i].listed, ranges[i].is_match);
    gw_who_clear(&who);
  }
  GwWho who = { .versions = set_of("1.2..1.9"), .is_unknown_included = TRUE };
  GwComponent odd = { .software_version = "banana", .source = GW_SOURCE_HEARD };
  g_assert_true(gw_who_takes_version(&who, &odd, GW_VERSION_DOTTED, NULL)); /* of no place: as unknown */
  gw_who_clear(&who);
  g_assert_null(gw_who_check_version("1.2..1.9", GW_VERSION_DOTTED));
  g_assert_null(gw_who_check_version("..1.9", GW_VERSION_DOTTED));
  g_assert_null(gw_who_check_version("banana", GW_VERSION_OPAQUE));
  g_assert_nonnull(gw_who_check_version("1..2", GW_VERSION_OPAQUE));
  g_assert_nonnull(gw_who_check_version("..", GW_VERSION_DOTTED));
  g_assert_nonnull(gw_who_check_version("1.9..1.2", GW_VERSION_DOTTED));
  g_assert_nonnull(gw_who_check_version("300", GW_VERSION_BYTE));
  g_assert_nonnull(gw_who_check_version("1..300", GW_VERSION_BYTE));
}

static void
test_mac_alias(void)
{
  g_autoptr(GwRule) rule = gw_rule_new("macs");
  g_autoptr(GwNode) node = pump();
  g_autoptr(GwFirmware) firmware = pump_firmware();
  rule->who.macs = set_of("02:00:00:00:00:99");
  g_assert_false(matches(rule, node, firmware, NULL));
  g_ptr_array_add(node->aliases, g_strdup("imei=02:00:00:00:00:99"));
  g_assert_false(matches(rule, node, firmware, NULL));
  g_ptr_array_add(node->aliases, g_strdup("mac=02:00:00:00:00:98"));
  g_assert_false(matches(rule, node, firmware, NULL));
  g_ptr_array_add(node->aliases, g_strdup("mac=02:00:00:00:00:99"));
  g_assert_true(matches(rule, node, firmware, NULL));
}

static void
test_unknown_version(void)
{
  g_autoptr(GwRule) rule = gw_rule_new("known-only");
  g_autoptr(GwNode) node = pump();
  g_autoptr(GwFirmware) firmware = pump_firmware();
  const char *reason = NULL;
  gw_component_set(gw_node_component(node, ""), "", GW_SOURCE_UNKNOWN, 0);
  g_assert_false(matches(rule, node, firmware, &reason));
  g_assert_nonnull(strstr(reason, "unknown"));
  g_assert_false(matches(rule, node, firmware, NULL));
  rule->who.is_unknown_included = TRUE;
  g_assert_true(matches(rule, node, firmware, NULL));
  rule->who.versions = set_of("5"); /* includes unknown ones beside the listed */
  g_assert_true(matches(rule, node, firmware, NULL));
  rule->who.is_unknown_included = FALSE;
  rule->is_push = TRUE;
  g_assert_true(matches(rule, node, firmware, NULL));

  rule->is_push = FALSE;
  gw_component_set(gw_node_component(node, ""), "5", GW_SOURCE_INFERRED, 0);
  g_assert_true(matches(rule, node, firmware, NULL));
  gw_component_set(gw_node_component(node, ""), "5", GW_SOURCE_ENTERED, 0);
  g_assert_true(matches(rule, node, firmware, NULL));
}

static void
test_names(void)
{
  for (GwRuleState state = GW_RULE_DRAFT; state <= GW_RULE_STOPPED; state++) {
    GwRuleState parsed = 0;
    g_assert_true(gw_rule_state_parse(gw_rule_state_name(state), &parsed));
    g_assert_cmpint(parsed, ==, state);
  }
  GwRuleState parsed = GW_RULE_DRAFT;
  g_assert_false(gw_rule_state_parse("none", &parsed));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(window_cases); i++) {
    g_autofree char *path = g_strdup_printf("/rule/window/%s", window_cases[i].name);
    g_test_add_data_func(path, &window_cases[i], test_window);
  }
  g_test_add_func("/rule/window/year", test_year);
  g_test_add_func("/promise/E4/edges-meet-each-window-once", test_edges_meet_each_window_once);
  g_test_add_func("/rule/timed", test_timed);
  g_test_add_func("/rule/named", test_named);
  g_test_add_func("/rule/what-it-is", test_what_it_is);
  g_test_add_func("/rule/floors", test_floors);
  g_test_add_func("/rule/heard", test_heard);
  g_test_add_func("/rule/ranges", test_ranges);
  g_test_add_func("/rule/locations", test_locations);
  g_test_add_func("/rule/hostile-glob-ends", test_hostile_glob_ends);
  g_test_add_func("/rule/who", test_who);
  g_test_add_func("/rule/mac-alias", test_mac_alias);
  g_test_add_func("/rule/unknown-version", test_unknown_version);
  g_test_add_func("/rule/names", test_names);
  return g_test_run();
}
