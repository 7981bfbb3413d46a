/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/answers.h"
#include "lan/coverage.h"
#include <string.h>

static GwAskKey
ask_of(const char *address, const char *node, const char *version)
{
  return (GwAskKey){ .plugin = "hello",
                     .address = address,
                     .node = node,
                     .type = "",
                     .claim = { NULL, NULL, version },
                     .kind = GW_ASK_OFFER };
}

static void
keep(GwAnswers *answers, const char *address, const char *node, gint64 until, guint32 epoch)
{
  GwAskKey key = ask_of(address, node, "1.0");
  GwAnswer answer = { .kind = 1, .until_boot_ms = until, .epoch = epoch, .is_adopted = TRUE };
  answer.node = g_strdup(*node ? node : address);
  gw_answers_keep(answers, &key, &answer, 0);
  g_assert_null(answer.node); /* taken */
}

static gboolean
has(GwAnswers *answers, const char *address, const char *node, const char *version, gint64 now)
{
  GwAskKey key = ask_of(address, node, version);
  return gw_answers_find(answers, &key, now, now) != NULL;
}

static void
test_until_is_the_end(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new(0);
  keep(answers, "10.0.0.1", "", 1000, 1);
  g_assert_true(has(answers, "10.0.0.1", "", "1.0", 999));
  g_assert_false(has(answers, "10.0.0.1", "", "1.0", 1000));
  g_assert_false(has(answers, "10.0.0.2", "", "1.0", 1));
}

static void
test_changed_claim_is_a_miss(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new(0);
  keep(answers, "10.0.0.1", "shed", 1000, 1);
  g_assert_true(has(answers, "10.0.0.1", "shed", "1.0", 1));
  g_assert_false(has(answers, "10.0.0.1", "shed", "1.1", 1));
  g_assert_false(has(answers, "10.0.0.1", "shed", NULL, 1));
  g_assert_false(has(answers, "10.0.0.9", "shed", "1.0", 1)); /* the same name from elsewhere */
  g_assert_false(has(answers, "10.0.0.1", "", "1.0", 1));
}

static void
test_rule_change_is_one_epoch(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new(0);
  keep(answers, "10.0.0.1", "a", 1000, 1);
  keep(answers, "10.0.0.2", "b", 1000, 2);
  gw_answers_set_epoch(answers, 2);
  g_assert_false(has(answers, "10.0.0.1", "a", "1.0", 1));
  g_assert_true(has(answers, "10.0.0.2", "b", "1.0", 1));
  keep(answers, "10.0.0.3", "c", 1000, 1); /* decided before the change, arrived after it */
  g_assert_false(has(answers, "10.0.0.3", "c", "1.0", 1));
}

static void
test_forget_node(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new(0);
  keep(answers, "10.0.0.1", "a", 1000, 1);
  keep(answers, "10.0.0.2", "b", 1000, 1);
  GwAskKey key = ask_of("10.0.0.1", "a", "1.0");
  key.type = "mcu"; /* a second component of the same node */
  GwAnswer answer = { .until_boot_ms = 1000, .epoch = 1, .node = g_strdup("a") };
  gw_answers_keep(answers, &key, &answer, 0);
  g_assert_cmpuint(gw_answers_size(answers), ==, 3);
  gw_answers_forget_node(answers, "a");
  g_assert_cmpuint(gw_answers_size(answers), ==, 1);
  g_assert_true(has(answers, "10.0.0.2", "b", "1.0", 1));
}

static void
test_bounded_and_least_recently_used_goes(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new(3);
  keep(answers, "10.0.0.1", "a", 1000, 1);
  keep(answers, "10.0.0.1", "b", 1000, 1);
  keep(answers, "10.0.0.1", "c", 1000, 1);
  g_assert_true(has(answers, "10.0.0.1", "a", "1.0", 1));
  keep(answers, "10.0.0.1", "d", 1000, 1);
  g_assert_cmpuint(gw_answers_size(answers), ==, 3);
  g_assert_true(has(answers, "10.0.0.1", "a", "1.0", 1));
  g_assert_false(has(answers, "10.0.0.1", "b", "1.0", 1));
}

static void
test_contacts_are_counted_once(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new(0);
  keep(answers, "10.0.0.1", "a", 1000, 1);
  keep(answers, "10.0.0.2", "b", 1000, 1);
  g_assert_null(gw_answers_take_contacts(answers, 100));
  has(answers, "10.0.0.1", "a", "1.0", 5);
  has(answers, "10.0.0.1", "a", "1.0", 9);
  has(answers, "10.0.0.2", "b", "1.0", 7);
  g_autoptr(GArray) contacts = gw_answers_take_contacts(answers, 100);
  g_assert_cmpuint(contacts->len, ==, 2);
  for (guint i = 0; i < 2; i++) {
    const GwContact *contact = &g_array_index(contacts, GwContact, i);
    gboolean is_a = strcmp(contact->node, "a") == 0;
    g_assert_cmpuint(contact->count, ==, is_a ? 2 : 1);
    g_assert_cmpint(contact->first_ms, ==, is_a ? 5 : 7);
    g_assert_cmpint(contact->last_ms, ==, is_a ? 9 : 7);
  }
  g_assert_null(gw_answers_take_contacts(answers, 100));
  has(answers, "10.0.0.1", "a", "1.0", 11);
  gw_answers_forget_node(answers, "a"); /* leaves a hole, no crash */
  has(answers, "10.0.0.2", "b", "1.0", 12);
  g_autoptr(GArray) rest = gw_answers_take_contacts(answers, 100);
  g_assert_cmpuint(rest->len, ==, 1);
}

static void
test_adopted_addresses(void)
{
  g_autoptr(GwAnswers) answers = gw_answers_new(0);
  keep(answers, "10.0.0.1", "a", 1000, 1);
  g_assert_true(gw_answers_is_adopted(answers, "10.0.0.1"));
  g_assert_false(gw_answers_is_adopted(answers, "10.0.0.2"));
}

/* Against a plain map of bytes: whatever the order, complete means complete. */
static void
test_coverage_against_a_map(void)
{
  g_autoptr(GRand) random = g_rand_new_with_seed(7);
  for (guint round = 0; round < 300; round++) {
    GwCoverage coverage = { 0 };
    guint8 map[200] = { 0 };
    for (guint i = 0; i < 120; i++) {
      guint64 offset = (guint64)g_rand_int_range(random, 0, 200),
              size = (guint64)g_rand_int_range(random, 0, 40);
      size = MIN(size, 200 - offset);
      memset(map + offset, 1, size);
      gw_coverage_add(&coverage, offset, size);
      gboolean is_full = !memchr(map, 0, sizeof map);
      guint n = 0;
      for (guint j = 0; j < sizeof map; j++)
        n += map[j];
      g_assert_cmpuint(gw_coverage_sum(&coverage), <=, n);
      g_assert_true(is_full || !gw_coverage_is_complete(&coverage, sizeof map));
      if (n == gw_coverage_sum(&coverage))
        g_assert_cmpint(gw_coverage_is_complete(&coverage, sizeof map), ==, is_full);
    }
  }
}

static void
test_coverage_forgets_rather_than_lies(void)
{
  GwCoverage coverage = { 0 };
  for (guint64 i = 0; i < 1000; i++)
    gw_coverage_add(&coverage, i * 10, 9);
  g_assert_cmpuint(coverage.n, <=, GW_COVERAGE_MAX);
  g_assert_false(gw_coverage_is_complete(&coverage, 10000));
  for (guint64 i = 0; i < 10; i++)
    gw_coverage_add(&coverage, i * 1000, 1000);
  g_assert_true(gw_coverage_is_complete(&coverage, 10000));
  g_assert_false(gw_coverage_is_complete(&(GwCoverage){ 0 }, 0));
  gw_coverage_add(&coverage, G_MAXUINT64 - 1, 100);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/lan/answers/until", test_until_is_the_end);
  g_test_add_func("/lan/answers/changed-claim", test_changed_claim_is_a_miss);
  g_test_add_func("/lan/answers/epoch", test_rule_change_is_one_epoch);
  g_test_add_func("/lan/answers/forget-node", test_forget_node);
  g_test_add_func("/lan/answers/bounded", test_bounded_and_least_recently_used_goes);
  g_test_add_func("/lan/answers/contacts", test_contacts_are_counted_once);
  g_test_add_func("/lan/answers/adopted", test_adopted_addresses);
  g_test_add_func("/lan/coverage/map", test_coverage_against_a_map);
  g_test_add_func("/lan/coverage/forgets", test_coverage_forgets_rather_than_lies);
  return g_test_run();
}
