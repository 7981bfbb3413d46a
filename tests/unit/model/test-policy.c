/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one decision, reason by reason, and which rule makes it. */
#include "site.h"
#include <string.h>

/* ---- one test for each reason ---- */

static void
test_offer(Site *site, gconstpointer data)
{
  assert_offer(site, 3, 2);
  g_assert_cmpint(decide(site).until_wall_ms, ==, G_MAXINT64);
}

static void
test_not_adopted(Site *site, gconstpointer data)
{
  site->node->is_adopted = FALSE;
  assert_no(site, GW_REASON_NOT_ADOPTED);
  site->node->is_set_aside = TRUE;
  assert_no(site, GW_REASON_NOT_ADOPTED);
  site->question.is_never_cut = TRUE;
  open_in(site, GW_UPDATE_DOWNLOADING);
  assert_no(site, GW_REASON_NOT_ADOPTED);
}

static void
test_set_aside(Site *site, gconstpointer data)
{
  site->node->is_set_aside = TRUE;
  gw_shared_text_set(&site->node->product, "");
  assert_no(site, GW_REASON_SET_ASIDE);
}

static void
test_unknown_product(Site *site, gconstpointer data)
{
  gw_shared_text_set(&site->node->product, "valve");
  assert_no(site, GW_REASON_UNKNOWN_PRODUCT);
  gw_shared_text_set(&site->node->product, "");
  assert_no(site, GW_REASON_UNKNOWN_PRODUCT);
}

static void
test_no_rule(Site *site, gconstpointer data)
{
  site->question.n_rules = 0;
  GwVerdict verdict = assert_no(site, GW_REASON_NO_RULE);
  g_assert_null(verdict.rule);
  site->question.n_rules = 2;
  site->rules[0]->state = GW_RULE_DRAFT;
  site->rules[1]->state = GW_RULE_STOPPED;
  assert_no(site, GW_REASON_NO_RULE);
  site->rules[0]->state = GW_RULE_COMPLETED;
  assert_no(site, GW_REASON_NO_RULE);
  site->rules[0]->state = GW_RULE_RUNNING;
  g_array_index(site->rules[0]->firmwares, gint64, 0) = 99;
  assert_no(site, GW_REASON_NO_RULE);
}

static void
test_no_rule_that_targets_it(Site *site, gconstpointer data)
{
  site->rules[0]->who.locations = set_of("north/*");
  site->rules[1]->who.products = set_of("valve");
  GwVerdict verdict = assert_no(site, GW_REASON_NO_RULE);
  g_assert_cmpint(verdict.rule->id, ==, 2);
  assert_text(verdict, "another product");
}

static void
test_up_to_date(Site *site, gconstpointer data)
{
  gw_component_set(gw_node_component(site->node, ""), "7", GW_SOURCE_HEARD, 0);
  GwVerdict verdict = assert_no(site, GW_REASON_UP_TO_DATE);
  g_assert_cmpint(verdict.rule->id, ==, 2);
  gw_component_set(gw_node_component(site->node, ""), "9", GW_SOURCE_HEARD, 0);
  assert_text(assert_no(site, GW_REASON_UP_TO_DATE), "newer");
  gw_component_set(gw_node_component(site->node, ""), "7", GW_SOURCE_INFERRED, 0);
  assert_no(site, GW_REASON_UP_TO_DATE);
}

static void
test_window(Site *site, gconstpointer data)
{
  gw_when_add_hours(&site->rules[1]->when, 22 * 60, 4 * 60);
  GwVerdict verdict = assert_no(site, GW_REASON_WINDOW);
  g_assert_cmpint(verdict.rule->id, ==, 2); /* it holds the node: rule 1 is not asked */
  g_assert_cmpint(verdict.until_wall_ms, ==, NOON + 10 * HOUR);
  site->now.wall_ms = NOON + 10 * HOUR;
  assert_offer(site, 3, 2);
  g_assert_cmpint(decide(site).until_wall_ms, ==, NOON + 16 * HOUR);
}

static void
test_untrusted_clock(Site *site, gconstpointer data)
{
  site->now.is_trusted = FALSE;
  assert_text(assert_no(site, GW_REASON_WINDOW), "not trusted"); /* no hours and no dates: still not */
  site->rules[1]->when.not_before_ms = NOON - DAY;
  GwVerdict verdict = assert_no(site, GW_REASON_WINDOW);
  assert_text(verdict, "not trusted");
  g_assert_cmpint(verdict.until_wall_ms, ==, G_MAXINT64);
  site->rules[1]->when.not_before_ms = 0;
  gw_when_add_hours(&site->rules[1]->when, 0, 23 * 60);
  assert_text(assert_no(site, GW_REASON_WINDOW), "not trusted");
  site->now.is_trusted = TRUE;
  assert_offer(site, 3, 2);
}

static void
test_paused(Site *site, gconstpointer data)
{
  site->rules[1]->state = GW_RULE_PAUSED;
  GwVerdict verdict = assert_no(site, GW_REASON_PAUSED);
  g_assert_cmpint(verdict.rule->id, ==, 2);
}

static void
test_being_fetched(Site *site, gconstpointer data)
{
  const GwImageState states[] = { GW_IMAGE_WANTED, GW_IMAGE_FETCHING, GW_IMAGE_FAILED };
  for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
    site->firmware[2]->image_state = states[i];
    GwVerdict verdict = assert_no(site, GW_REASON_BEING_FETCHED);
    g_assert_cmpint(verdict.firmware->id, ==, 3);
  }
}

static void
test_withdrawn(Site *site, gconstpointer data)
{
  only_first(site);
  const GwFirmwareState states[] = { GW_FIRMWARE_WITHDRAWN, GW_FIRMWARE_REJECTED, GW_FIRMWARE_DRAFT };
  for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
    site->firmware[1]->state = states[i];
    assert_no(site, GW_REASON_WITHDRAWN);
    site->rules[0]->is_push = TRUE;
    set(&site->firmware[1]->verify_node, "pump-7");
    assert_no(site, GW_REASON_WITHDRAWN);
  }
}

static void
test_unsigned_where_required(Site *site, gconstpointer data)
{
  site->product->is_require_signature = TRUE;
  assert_text(assert_no(site, GW_REASON_WITHDRAWN), "not signed");
  site->firmware[2]->is_signed = TRUE;
  assert_offer(site, 3, 2);
}

static void
test_wrong_hardware(Site *site, gconstpointer data)
{
  only_first(site);
  set(&site->firmware[1]->hardware_version, "B");
  assert_text(assert_no(site, GW_REASON_WRONG_HARDWARE), "hardware version");
}

static void
test_retry_wait(Site *site, gconstpointer data)
{
  only_first(site);
  open_in(site, GW_UPDATE_SCHEDULED);
  site->open->retry_boot_ms = 3 * HOUR;
  GwVerdict verdict = assert_no(site, GW_REASON_RETRY_WAIT);
  g_assert_cmpint(verdict.wait_ms, ==, 2 * HOUR);
  g_assert_cmpint(verdict.until_wall_ms, ==, NOON + 2 * HOUR);
  site->now.boot_ms = 3 * HOUR;
  assert_offer(site, 2, 1);
}

/* ---- which rule is in charge ---- */

static void
test_priority_then_newest(Site *site, gconstpointer data)
{
  assert_offer(site, 3, 2);
  site->rules[0]->priority = 1;
  assert_offer(site, 2, 1);
  site->rules[1]->priority = 1;
  assert_offer(site, 3, 2);
  site->rules[1]->created_ms = 0; /* made while the clock was at 1970 */
  assert_offer(site, 3, 2);
}

static void
test_order_of_the_list_is_nothing(Site *site, gconstpointer data)
{
  GwRule *first = site->rules[0];
  site->rules[0] = site->rules[1];
  site->rules[1] = first;
  assert_offer(site, 3, 2);
}

static void
test_push_goes_before(Site *site, gconstpointer data)
{
  site->rules[1]->priority = 10;
  site->rules[0]->is_push = TRUE;
  assert_offer(site, 2, 1);
  gw_component_set(gw_node_component(site->node, ""), "6", GW_SOURCE_HEARD, 0);
  assert_offer(site, 3, 2); /* once it runs, the push is an ordinary rule */
}

/* Opaque versions have no order: without the equal rule's hold two rules would send a node to and fro for
 * ever. */
static void
test_no_to_and_fro(Site *site, gconstpointer data)
{
  site->product->scheme = GW_VERSION_OPAQUE;
  GwComponent *component = gw_node_component(site->node, "");
  gw_component_set(component, "7", GW_SOURCE_HEARD, 0);
  assert_no(site, GW_REASON_UP_TO_DATE);
  site->rules[1]->state = GW_RULE_PAUSED;
  assert_no(site, GW_REASON_UP_TO_DATE);
  site->rules[1]->state = GW_RULE_COMPLETED;
  assert_no(site, GW_REASON_UP_TO_DATE);
  site->rules[1]->state = GW_RULE_STOPPED; /* the operator's own word that 7 is not wanted */
  assert_offer(site, 2, 1);
  site->rules[1]->state = GW_RULE_RUNNING;
  site->firmware[2]->state = GW_FIRMWARE_WITHDRAWN;
  assert_offer(site, 2, 1);
}

static void
test_a_misfit_leaves_it_to_the_next(Site *site, gconstpointer data)
{
  set(&site->firmware[2]->hardware_version, "B");
  assert_offer(site, 2, 1);
  gw_component_set(gw_node_component(site->node, ""), "7", GW_SOURCE_HEARD, 0);
  assert_no(site, GW_REASON_UP_TO_DATE); /* newer than rule 1's; not rule 2's, which is for other hardware */
}

static void
test_dates_leave_it_to_the_next(Site *site, gconstpointer data)
{
  site->rules[1]->when.not_before_ms = NOON + DAY;
  assert_offer(site, 2, 1);
  g_assert_cmpint(decide(site).until_wall_ms, ==, NOON + DAY);
  site->now.wall_ms = NOON + DAY;
  assert_offer(site, 3, 2);
  site->rules[1]->when.not_after_ms = NOON + 2 * DAY;
  g_assert_cmpint(decide(site).until_wall_ms, ==, NOON + 2 * DAY);
  site->now.wall_ms = NOON + 2 * DAY;
  assert_offer(site, 2, 1);
  only_first(site);
  site->rules[0]->when.not_before_ms = NOON + 3 * DAY;
  GwVerdict verdict = assert_no(site, GW_REASON_WINDOW);
  assert_text(verdict, "to come");
  g_assert_cmpint(verdict.until_wall_ms, ==, NOON + 3 * DAY);
}

static void
test_a_rule_brings_its_update_once(Site *site, gconstpointer data)
{
  const GwUpdateState through[] = { GW_UPDATE_SUCCEEDED, GW_UPDATE_FAILED, GW_UPDATE_REFUSED,
                                    GW_UPDATE_CANCELLED };
  for (gsize i = 0; i < G_N_ELEMENTS(through); i++) {
    end_in(site, through[i]);
    assert_offer(site, 2, 1);
    site->rules[0]->who.locations = set_of("elsewhere");
    GwVerdict verdict = assert_no(site, GW_REASON_NO_RULE);
    g_assert_cmpint(verdict.rule->id, ==, 2);
    g_assert_nonnull(verdict.text);
    g_clear_pointer(&site->rules[0]->who.locations, g_hash_table_unref);
  }
  const GwUpdateState again[] = { GW_UPDATE_SUPERSEDED, GW_UPDATE_EXPIRED };
  for (gsize i = 0; i < G_N_ELEMENTS(again); i++) {
    end_in(site, again[i]);
    assert_offer(site, 3, 2);
  }
  end_in(site, GW_UPDATE_FAILED);
  site->catalog.ended = NULL;
  assert_offer(site, 3, 2);
}

static void
test_unknown_versions(Site *site, gconstpointer data)
{
  only_first(site);
  GwComponent *component = gw_node_component(site->node, "");
  gw_component_set(component, "", GW_SOURCE_UNKNOWN, 0);
  assert_text(assert_no(site, GW_REASON_NO_RULE), "unknown");
  site->rules[0]->who.is_unknown_included = TRUE;
  assert_offer(site, 2, 1);
  site->rules[0]->who.is_unknown_included = FALSE;
  gw_component_set(component, "v5-beta", GW_SOURCE_HEARD, 0); /* no integer: nothing can be compared */
  assert_text(assert_no(site, GW_REASON_NO_RULE), "scheme");
  site->rules[0]->is_push = TRUE;
  assert_offer(site, 2, 1);
  g_array_set_size(site->node->components, 0);
  site->rules[0]->is_push = FALSE;
  assert_no(site, GW_REASON_NO_RULE);
  site->rules[0]->who.is_unknown_included = TRUE;
  assert_offer(site, 2, 1);
}

/* "Those that run 4 or 3": the node runs 5. */
static void
test_current_versions(Site *site, gconstpointer data)
{
  only_first(site);
  GHashTable *versions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_add(versions, g_strdup("4"));
  g_hash_table_add(versions, g_strdup("3"));
  site->rules[0]->who.versions = versions;
  assert_text(assert_no(site, GW_REASON_NO_RULE), "other versions");
  g_hash_table_add(versions, g_strdup("5"));
  assert_offer(site, 2, 1);
  site->product->scheme = GW_VERSION_OPAQUE; /* nothing to compare with, and still none of "unknown" */
  gw_component_set(gw_node_component(site->node, ""), "", GW_SOURCE_UNKNOWN, 0);
  assert_text(assert_no(site, GW_REASON_NO_RULE), "unknown");
}

static void
test_components_are_told_apart(Site *site, gconstpointer data)
{
  GwComponent *radio = gw_node_component(site->node, "");
  gw_shared_text_set(&radio->type, "wifi");
  GwComponent *controller = gw_node_add_component(site->node, "mcu");
  gw_component_set(controller, "6", GW_SOURCE_HEARD, 0);
  set(&site->firmware[1]->type, "wifi");
  set(&site->firmware[2]->type, "mcu");
  site->question.type = "mcu";
  assert_offer(site, 3, 2);
  site->question.type = "wifi";
  assert_offer(site, 2, 1);
  set(&site->firmware[2]->type, ""); /* of which part? */
  only_first(site);
  g_array_index(site->rules[0]->firmwares, gint64, 0) = 3;
  assert_text(assert_no(site, GW_REASON_WRONG_HARDWARE), "no part");
}

static void
test_reasons_have_words(void)
{
  for (GwReason reason = GW_REASON_NONE; reason <= GW_REASON_GROUP; reason++) {
    g_assert_nonnull(gw_reason_name(reason));
    g_assert_cmpuint(strlen(gw_reason_advice(reason)), >, 10);
  }
  g_assert_cmpstr(gw_reason_name(GW_REASON_GROUP + 1), ==, "unknown");
  g_assert_cmpstr(gw_reason_name((GwReason)-1), ==, "unknown");
}

#define ADD(path, function) g_test_add(path, Site, NULL, site_up, function, site_down)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("/policy/reason/none", test_offer);
  ADD("/policy/reason/not-adopted", test_not_adopted);
  ADD("/policy/reason/set-aside", test_set_aside);
  ADD("/policy/reason/unknown-product", test_unknown_product);
  ADD("/policy/reason/no-rule", test_no_rule);
  ADD("/policy/reason/no-rule-that-targets-it", test_no_rule_that_targets_it);
  ADD("/policy/reason/up-to-date", test_up_to_date);
  ADD("/policy/reason/window", test_window);
  ADD("/policy/reason/paused", test_paused);
  ADD("/policy/reason/being-fetched", test_being_fetched);
  ADD("/policy/reason/withdrawn", test_withdrawn);
  ADD("/policy/reason/wrong-hardware", test_wrong_hardware);
  ADD("/policy/reason/retry-wait", test_retry_wait);
  ADD("/policy/rule/priority-then-newest", test_priority_then_newest);
  ADD("/policy/rule/order-of-the-list-is-nothing", test_order_of_the_list_is_nothing);
  ADD("/policy/rule/push-goes-before", test_push_goes_before);
  ADD("/policy/rule/no-to-and-fro", test_no_to_and_fro);
  ADD("/policy/rule/a-misfit-leaves-it-to-the-next", test_a_misfit_leaves_it_to_the_next);
  ADD("/policy/rule/dates-leave-it-to-the-next", test_dates_leave_it_to_the_next);
  ADD("/policy/rule/a-rule-brings-its-update-once", test_a_rule_brings_its_update_once);
  ADD("/policy/rule/unknown-versions", test_unknown_versions);
  ADD("/policy/rule/current-versions", test_current_versions);
  ADD("/policy/rule/components-are-told-apart", test_components_are_told_apart);
  ADD("/promise/U1/unsigned-where-required", test_unsigned_where_required);
  ADD("/promise/E4/untrusted-clock", test_untrusted_clock);
  g_test_add_func("/policy/reasons-have-words", test_reasons_have_words);
  return g_test_run();
}
