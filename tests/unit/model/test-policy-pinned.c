/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one decision about what was offered already, and what no rule may get past. */
#include "site.h"
#include <string.h>

/* ---- an update that was offered ---- */

static void
test_pinned_stays_with_its_firmware(Site *site, gconstpointer data)
{
  const GwUpdateState states[] = { GW_UPDATE_OFFERED, GW_UPDATE_DOWNLOADING, GW_UPDATE_DOWNLOADED,
                                   GW_UPDATE_INSTALLING, GW_UPDATE_REPORTED };
  for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
    open_in(site, states[i]);
    assert_offer(site, 2, 1);
    site->rules[0]->who.locations = set_of("moved/elsewhere"); /* the rule was changed meanwhile */
    assert_offer(site, 2, 1);
    g_clear_pointer(&site->rules[0]->who.locations, g_hash_table_unref);
  }
  open_in(site, GW_UPDATE_SCHEDULED); /* nothing was given yet: the better rule wins */
  assert_offer(site, 3, 2);
}

static void
test_pinned_and_its_rule(Site *site, gconstpointer data)
{
  open_in(site, GW_UPDATE_OFFERED);
  site->rules[0]->state = GW_RULE_PAUSED;
  assert_no(site, GW_REASON_PAUSED);
  site->rules[0]->state = GW_RULE_STOPPED;
  assert_text(assert_no(site, GW_REASON_NO_RULE), "stopped");
  site->rules[0]->state = GW_RULE_RUNNING;
  site->firmware[1]->state = GW_FIRMWARE_WITHDRAWN;
  assert_no(site, GW_REASON_WITHDRAWN);
  site->firmware[1]->state = GW_FIRMWARE_VERIFIED;
  site->firmware[1]->image_state = GW_IMAGE_FETCHING; /* found damaged */
  assert_no(site, GW_REASON_BEING_FETCHED);
  site->open->rule_id = 77;
  assert_no(site, GW_REASON_NO_RULE);
}

static void
test_begun_finishes_outside_the_hours(Site *site, gconstpointer data)
{
  gw_when_add_hours(&site->rules[0]->when, 1, 2);
  open_in(site, GW_UPDATE_OFFERED);
  GwVerdict verdict = assert_no(site, GW_REASON_WINDOW);
  g_assert_cmpint(verdict.until_wall_ms, ==, NOON + 12 * HOUR + MINUTE);
  assert_text(verdict, "hours are not now");
  site->rules[0]->when.not_after_ms = NOON - 1;
  assert_text(assert_no(site, GW_REASON_WINDOW), "dates are over");
  site->open->acked = 4096; /* interrupted: it may resume */
  assert_offer(site, 2, 1);
  open_in(site, GW_UPDATE_DOWNLOADING);
  assert_offer(site, 2, 1);
  site->rules[0]->state = GW_RULE_PAUSED;
  assert_offer(site, 2, 1);
  site->rules[0]->state = GW_RULE_RUNNING;
  site->rules[0]->when.is_cut_at_edge = TRUE;
  assert_no(site, GW_REASON_WINDOW);
}

/* An offer of before the power cut: whether its hours are now, a clock that says 1970 does not know. */
static void
test_untrusted_clock(Site *site, gconstpointer data)
{
  gw_when_add_hours(&site->rules[0]->when, 11 * 60, 13 * 60);
  open_in(site, GW_UPDATE_OFFERED);
  assert_offer(site, 2, 1);
  site->now.is_trusted = FALSE;
  assert_text(assert_no(site, GW_REASON_WINDOW), "not trusted");
  open_in(site, GW_UPDATE_DOWNLOADING);
  assert_offer(site, 2, 1);
}

static void
test_never_cut(Site *site, gconstpointer data)
{
  site->question.is_never_cut = TRUE;
  site->question.is_silent = TRUE;
  gw_when_add_hours(&site->rules[0]->when, 1, 2);
  site->rules[0]->when.is_cut_at_edge = TRUE;
  for (GwUpdateState state = GW_UPDATE_OFFERED; state < GW_UPDATE_SUCCEEDED; state++) {
    open_in(site, state);
    for (int is_for_bytes = 0; is_for_bytes <= 1; is_for_bytes++) {
      site->question.is_for_bytes = is_for_bytes;
      site->rules[0]->state = GW_RULE_PAUSED;
      assert_offer(site, 2, 1);
      site->rules[0]->state = GW_RULE_STOPPED;
      site->firmware[1]->state = GW_FIRMWARE_WITHDRAWN;
      assert_offer(site, 2, 1);
      site->firmware[1]->state = GW_FIRMWARE_REJECTED; /* a check failed: not one byte of it */
      assert_no(site, GW_REASON_WITHDRAWN);
      site->firmware[1]->state = GW_FIRMWARE_VERIFIED;
    }
  }
  site->question.is_for_bytes = FALSE;
  open_in(site, GW_UPDATE_SCHEDULED); /* not given yet: all edges hold */
  site->rules[0]->state = GW_RULE_RUNNING;
  only_first(site);
  assert_no(site, GW_REASON_WINDOW);
}

static void
test_never_cut_bytes_after_the_end(Site *site, gconstpointer data)
{
  site->question.is_never_cut = TRUE;
  site->question.is_for_bytes = TRUE;
  const GwUpdateState states[] = { GW_UPDATE_SCHEDULED, GW_UPDATE_FAILED, GW_UPDATE_EXPIRED,
                                   GW_UPDATE_CANCELLED };
  for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
    open_in(site, states[i]);
    site->open->retry_boot_ms = 100 * HOUR;
    site->question.is_never_cut = TRUE;
    assert_offer(site, 2, 1);
    site->question.is_never_cut = FALSE;
    assert_no(site, i == 0 ? GW_REASON_RETRY_WAIT : GW_REASON_NO_RULE);
  }
}

/* Where the offer is the image, a node that has it and does not say what it runs would install it again. */
static void
test_one_step_sends_once(Site *site, gconstpointer data)
{
  site->question.is_one_step = TRUE;
  for (GwUpdateState state = GW_UPDATE_OFFERED; state <= GW_UPDATE_REPORTED; state++) {
    open_in(site, state);
    if (state < GW_UPDATE_DOWNLOADED)
      assert_offer(site, 2, 1);
    else
      assert_no(site, GW_REASON_SENT);
  }
  site->question.is_one_step = FALSE;
  assert_offer(site, 2, 1);
}

static void
test_silent_metadata_stands(Site *site, gconstpointer data)
{
  site->question.is_silent = TRUE;
  gw_when_add_hours(&site->rules[0]->when, 1, 2);
  for (GwUpdateState state = GW_UPDATE_DOWNLOADED; state <= GW_UPDATE_REPORTED; state++) {
    open_in(site, state);
    site->question.is_for_bytes = FALSE;
    assert_offer(site, 2, 1);
    site->rules[0]->state = GW_RULE_STOPPED;
    assert_offer(site, 2, 1);
    site->rules[0]->state = GW_RULE_RUNNING;
    site->question.is_for_bytes = TRUE; /* a new attempt: not outside the hours */
    assert_no(site, GW_REASON_WINDOW);
    site->now.wall_ms = NOON + 12 * HOUR + MINUTE;
    assert_offer(site, 2, 1);
    site->now.wall_ms = NOON;
  }
  site->question.is_for_bytes = FALSE;
  site->question.is_silent = FALSE;
  assert_no(site, GW_REASON_WINDOW);
}

static void
test_bytes_need_an_offer(Site *site, gconstpointer data)
{
  site->question.is_for_bytes = TRUE;
  assert_text(assert_no(site, GW_REASON_NO_RULE), "nothing was offered");
  open_in(site, GW_UPDATE_OFFERED);
  assert_offer(site, 2, 1);
}

/* ---- promises ---- */

/* U10: nothing unverified in bulk. */
static void
try_unverified(Site *site, gboolean is_push, gboolean is_its_node)
{
  site->rules[0]->is_push = is_push;
  set(&site->firmware[1]->verify_node, is_its_node ? "pump-7" : "pump-8");
  if (is_push && is_its_node && site->firmware[1]->state == GW_FIRMWARE_VERIFYING)
    assert_offer(site, 2, 1);
  else
    assert_text(assert_no(site, GW_REASON_WITHDRAWN), "not verified");
}

static void
test_unverified_only_to_its_one_node(Site *site, gconstpointer data)
{
  only_first(site);
  const GwFirmwareState states[] = { GW_FIRMWARE_UNVERIFIED, GW_FIRMWARE_VERIFYING };
  for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
    site->firmware[1]->state = states[i];
    for (int way = 0; way < 4; way++)
      try_unverified(site, way & 1, way & 2);
    set(&site->firmware[1]->verify_node, "");
    assert_no(site, GW_REASON_WITHDRAWN);
  }
}

/* U10 again, after a database was lost: what was offered in bulk is unverified now. */
static void
test_unverified_again_is_not_offered_on(Site *site, gconstpointer data)
{
  open_in(site, GW_UPDATE_OFFERED);
  site->firmware[1]->state = GW_FIRMWARE_UNVERIFIED;
  assert_no(site, GW_REASON_WITHDRAWN);
  open_in(site, GW_UPDATE_DOWNLOADING);
  assert_no(site, GW_REASON_WITHDRAWN);
}

/* U3: no downgrade but by its own verb, which is a push. */
static void
test_downgrade_only_by_its_verb(Site *site, gconstpointer data)
{
  only_first(site);
  gw_component_set(gw_node_component(site->node, ""), "9", GW_SOURCE_HEARD, 0);
  assert_no(site, GW_REASON_UP_TO_DATE);
  site->rules[0]->is_push = TRUE;
  assert_no(site, GW_REASON_UP_TO_DATE);
  site->firmware[1]->is_downgrade_allowed = TRUE;
  assert_offer(site, 2, 1);
  site->rules[0]->is_push = FALSE;
  assert_text(assert_no(site, GW_REASON_UP_TO_DATE), "only a push");
  g_assert_cmpint(gw_policy_order(site->node, site->firmware[1], site->product), ==, GW_ORDER_GREATER);
}

/* U3: product A's image is never product B's. */
static void
test_other_product(Site *site, gconstpointer data)
{
  const char *text = NULL;
  set(&site->firmware[1]->product, "valve");
  g_assert_cmpint(gw_policy_fits(site->node, site->firmware[1], site->product, &text), ==,
                  GW_REASON_WRONG_HARDWARE);
  g_assert_nonnull(strstr(text, "another product"));
  only_first(site);
  site->rules[0]->who.products = set_of("pump"); /* a rule that says otherwise changes nothing */
  assert_no(site, GW_REASON_NO_RULE);
}

/* U8: products of one family may have each other's firmware, others not. */
static void
test_family(Site *site, gconstpointer data)
{
  const char *text = NULL;
  GwFirmware *firmware = site->firmware[1];

  set(&firmware->product, "valve");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, &text), ==, GW_REASON_WRONG_HARDWARE);
  g_assert_nonnull(strstr(text, "another product"));
  set(&firmware->family, "water");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_WRONG_HARDWARE);
  set(&site->product->family, "air");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_WRONG_HARDWARE);
  set(&site->product->family, "water");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);
}

/* U8: where the form has a chip, and the node says its own. */
static void
test_chip(Site *site, gconstpointer data)
{
  const char *text = NULL;
  GwFirmware *firmware = site->firmware[1];

  g_hash_table_insert(firmware->attributes, g_strdup("chip"), g_strdup("C3"));
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);
  gw_node_set_attribute(site->node, "chip", "S3");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, &text), ==, GW_REASON_WRONG_HARDWARE);
  g_assert_nonnull(strstr(text, "another chip"));
  gw_node_set_attribute(site->node, "chip", "C3");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);
}

/* U8: hardware, transport and part. */
static void
test_fits(Site *site, gconstpointer data)
{
  const char *text = NULL;
  GwFirmware *firmware = site->firmware[1];
  GwComponent *component = gw_node_component(site->node, "");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);
  g_assert_cmpint(gw_policy_fits(site->node, firmware, NULL, &text), ==, GW_REASON_UNKNOWN_PRODUCT);

  set(&firmware->hardware_version, "B");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, &text), ==, GW_REASON_WRONG_HARDWARE);
  g_assert_nonnull(strstr(text, "hardware version"));
  gw_shared_text_set(&component->hardware_version, ""); /* not known: it does not stand in the way */
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);

  set(&firmware->plugin, "one");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);
  gw_shared_text_set(&site->node->plugin, "two");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, &text), ==, GW_REASON_WRONG_HARDWARE);
  g_assert_nonnull(strstr(text, "transport"));
  gw_shared_text_set(&site->node->plugin, "one");

  set(&firmware->type, "mcu");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);
  gw_shared_text_set(&component->type, "wifi");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, &text), ==, GW_REASON_WRONG_HARDWARE);
  g_assert_nonnull(strstr(text, "no part"));
}

static void
test_series(Site *site, gconstpointer data)
{
  const char *text = NULL;
  site->product->scheme = GW_VERSION_LEX8;
  site->product->series_chars = 4;
  GwComponent *component = gw_node_component(site->node, "");
  gw_component_set(component, "04020006", GW_SOURCE_HEARD, 0);
  set(&site->firmware[1]->software_version, "04020019");
  g_assert_cmpint(gw_policy_fits(site->node, site->firmware[1], site->product, NULL), ==, GW_REASON_NONE);
  set(&site->firmware[1]->software_version, "04030019");
  g_assert_cmpint(gw_policy_fits(site->node, site->firmware[1], site->product, &text), ==,
                  GW_REASON_WRONG_HARDWARE);
  g_assert_nonnull(strstr(text, "series"));
  gw_component_set(component, "0402", GW_SOURCE_HEARD, 0);
  set(&site->firmware[1]->software_version, "040");
  g_assert_cmpint(gw_policy_fits(site->node, site->firmware[1], site->product, NULL), ==,
                  GW_REASON_WRONG_HARDWARE);
}

#define ADD(path, function) g_test_add(path, Site, NULL, site_up, function, site_down)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("/policy/pinned/stays-with-its-firmware", test_pinned_stays_with_its_firmware);
  ADD("/policy/pinned/and-its-rule", test_pinned_and_its_rule);
  ADD("/policy/pinned/begun-finishes-outside-the-hours", test_begun_finishes_outside_the_hours);
  ADD("/policy/pinned/never-cut", test_never_cut);
  ADD("/policy/pinned/never-cut-bytes-after-the-end", test_never_cut_bytes_after_the_end);
  ADD("/policy/pinned/one-step-sends-once", test_one_step_sends_once);
  ADD("/policy/pinned/silent-metadata-stands", test_silent_metadata_stands);
  ADD("/policy/pinned/bytes-need-an-offer", test_bytes_need_an_offer);
  ADD("/promise/E4/untrusted-clock-holds-offers", test_untrusted_clock);
  ADD("/promise/U3/downgrade-only-by-its-verb", test_downgrade_only_by_its_verb);
  ADD("/promise/U3/other-product", test_other_product);
  ADD("/promise/U8/fits", test_fits);
  ADD("/promise/U8/series", test_series);
  ADD("/promise/U8/family", test_family);
  ADD("/promise/U8/chip", test_chip);
  ADD("/promise/U10/unverified-only-to-its-one-node", test_unverified_only_to_its_one_node);
  ADD("/promise/U10/unverified-again-is-not-offered-on", test_unverified_again_is_not_offered_on);
  return g_test_run();
}
