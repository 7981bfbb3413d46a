/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one decision, reason by reason: a small site of one node, two rules and three firmwares, of which each
 * case changes what it is about. */
#include "model/policy.h"
#include <string.h>

#define MINUTE ((gint64)60 * 1000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Noon of some day. */
#define NOON ((gint64)20000 * DAY + 12 * HOUR)

typedef struct {
  GwNode *node;
  GwProduct *product;
  GwFirmware *firmware[3]; /* ids 1..3, versions 5, 6, 7, verified and sealed */
  GwRule *rules[2];        /* ids 1, 2: running, to firmware 2 and 3; the second is newer */
  GwUpdate *open;          /* of rule 1 and firmware 2; in the question only once is_open */
  GwUpdate *ended;         /* of rule 2; known only once is_ended */
  GwCatalogView catalog;
  GwQuestion question;
  GwNow now;
} Site;

static void
set(char **text, const char *value)
{
  g_free(*text);
  *text = g_strdup(value);
}

static const GwFirmware *
find_firmware(gpointer user, gint64 id)
{
  Site *site = user;
  return id >= 1 && id <= 3 ? site->firmware[id - 1] : NULL;
}

static const GwProduct *
find_product(gpointer user, const char *name)
{
  Site *site = user;
  return site->product && strcmp(site->product->name, name) == 0 ? site->product : NULL;
}

static const GwUpdate *
find_ended(gpointer user, gint64 rule_id, const GwNode *node, const char *type)
{
  Site *site = user;
  g_assert_true(node == site->node);
  return site->ended && site->ended->rule_id == rule_id ? site->ended : NULL;
}

static GwFirmware *
firmware_new(gint64 id, const char *version)
{
  GwFirmware *firmware = gw_firmware_new();
  firmware->id = id;
  set(&firmware->product, "pump");
  set(&firmware->hardware_version, "A");
  set(&firmware->software_version, version);
  firmware->state = GW_FIRMWARE_VERIFIED;
  firmware->image_state = GW_IMAGE_SEALED;
  return firmware;
}

static GwRule *
rule_new(gint64 id, gint64 firmware_id)
{
  GwRule *rule = gw_rule_new("rule");
  rule->id = id;
  rule->firmware_id = firmware_id;
  rule->state = GW_RULE_RUNNING;
  rule->created_ms = id * DAY;
  return rule;
}

static void
site_up(Site *site, gconstpointer data)
{
  site->node = gw_node_new("pump-7");
  set(&site->node->product, "pump");
  site->node->is_adopted = TRUE;
  GwComponent *component = gw_node_add_component(site->node, "");
  set(&component->hardware_version, "A");
  gw_component_set(component, "5", GW_SOURCE_HEARD, 0);
  site->product = gw_product_new("pump");
  site->product->scheme = GW_VERSION_INTEGER;
  site->firmware[0] = firmware_new(1, "5");
  site->firmware[1] = firmware_new(2, "6");
  site->firmware[2] = firmware_new(3, "7");
  site->rules[0] = rule_new(1, 2);
  site->rules[1] = rule_new(2, 3);
  site->open = gw_update_new();
  site->open->id = 1;
  site->open->firmware_id = 2;
  site->open->rule_id = 1;
  site->catalog = (GwCatalogView){ find_firmware, find_product, find_ended, site };
  site->question = (GwQuestion){
    .node = site->node,
    .type = "",
    .rules = (const GwRule *const *)site->rules,
    .n_rules = 2,
    .catalog = &site->catalog,
  };
  site->now = (GwNow){ .boot_ms = HOUR, .wall_ms = NOON, .is_trusted = TRUE };
}

static void
site_down(Site *site, gconstpointer data)
{
  gw_node_free(site->node);
  gw_product_free(site->product);
  for (int i = 0; i < 3; i++)
    gw_firmware_free(site->firmware[i]);
  for (int i = 0; i < 2; i++)
    gw_rule_free(site->rules[i]);
  gw_update_free(site->open);
  gw_update_free(site->ended);
}

static GwVerdict
decide(Site *site)
{
  return gw_policy_decide(&site->question, &site->now);
}

static void
open_in(Site *site, GwUpdateState state)
{
  site->open->state = state;
  site->question.open_update = site->open;
}

static void
end_in(Site *site, GwUpdateState state)
{
  gw_update_free(site->ended);
  site->ended = gw_update_new();
  site->ended->rule_id = 2;
  site->ended->state = state;
}

/* The rule with one firmware, alone. */
static void
only_first(Site *site)
{
  site->question.n_rules = 1;
}

static void
assert_offer(Site *site, gint64 firmware_id, gint64 rule_id)
{
  GwVerdict verdict = decide(site);
  g_assert_cmpstr(gw_reason_name(verdict.reason), ==, "none");
  g_assert_true(verdict.is_offer);
  g_assert_nonnull(verdict.firmware);
  g_assert_cmpint(verdict.firmware->id, ==, firmware_id);
  g_assert_nonnull(verdict.rule);
  g_assert_cmpint(verdict.rule->id, ==, rule_id);
  g_assert_cmpint(verdict.wait_ms, ==, 0);
}

static GwVerdict
assert_no(Site *site, GwReason reason)
{
  GwVerdict verdict = decide(site);
  g_assert_cmpstr(gw_reason_name(verdict.reason), ==, gw_reason_name(reason));
  g_assert_false(verdict.is_offer);
  return verdict;
}

static void
assert_text(GwVerdict verdict, const char *part)
{
  g_assert_nonnull(verdict.text);
  if (!strstr(verdict.text, part))
    g_error("\"%s\" does not say \"%s\"", verdict.text, part);
}

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
  set(&site->node->product, "");
  assert_no(site, GW_REASON_SET_ASIDE);
}

static void
test_unknown_product(Site *site, gconstpointer data)
{
  set(&site->node->product, "valve");
  assert_no(site, GW_REASON_UNKNOWN_PRODUCT);
  set(&site->node->product, "");
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
  site->rules[0]->firmware_id = 99;
  assert_no(site, GW_REASON_NO_RULE);
}

static void
test_no_rule_that_targets_it(Site *site, gconstpointer data)
{
  set(&site->rules[0]->location, "north/*");
  set(&site->rules[1]->product, "valve");
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
  site->rules[1]->from_minute = 22 * 60;
  site->rules[1]->until_minute = 4 * 60;
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
  assert_offer(site, 3, 2); /* no hours and no dates: it may */
  site->rules[1]->not_before_ms = NOON - DAY;
  GwVerdict verdict = assert_no(site, GW_REASON_WINDOW);
  assert_text(verdict, "not trusted");
  g_assert_cmpint(verdict.until_wall_ms, ==, G_MAXINT64);
  site->rules[1]->not_before_ms = 0;
  site->rules[1]->until_minute = 23 * 60;
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
  site->rules[0]->created_ms = site->rules[1]->created_ms;
  assert_offer(site, 3, 2); /* at the same instant the later row */
  site->rules[0]->created_ms++;
  assert_offer(site, 2, 1);
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
  site->rules[1]->not_before_ms = NOON + DAY;
  assert_offer(site, 2, 1);
  g_assert_cmpint(decide(site).until_wall_ms, ==, NOON + DAY);
  site->now.wall_ms = NOON + DAY;
  assert_offer(site, 3, 2);
  site->rules[1]->not_after_ms = NOON + 2 * DAY;
  g_assert_cmpint(decide(site).until_wall_ms, ==, NOON + 2 * DAY);
  site->now.wall_ms = NOON + 2 * DAY;
  assert_offer(site, 2, 1);
  only_first(site);
  site->rules[0]->not_before_ms = NOON + 3 * DAY;
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
    set(&site->rules[0]->location, "elsewhere");
    GwVerdict verdict = assert_no(site, GW_REASON_NO_RULE);
    g_assert_cmpint(verdict.rule->id, ==, 2);
    g_assert_nonnull(verdict.text);
    set(&site->rules[0]->location, "");
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
  site->rules[0]->is_unknown_included = TRUE;
  assert_offer(site, 2, 1);
  site->rules[0]->is_unknown_included = FALSE;
  gw_component_set(component, "v5-beta", GW_SOURCE_HEARD, 0); /* no integer: nothing can be compared */
  assert_text(assert_no(site, GW_REASON_NO_RULE), "scheme");
  site->rules[0]->is_push = TRUE;
  assert_offer(site, 2, 1);
  g_array_set_size(site->node->components, 0);
  site->rules[0]->is_push = FALSE;
  assert_no(site, GW_REASON_NO_RULE);
  site->rules[0]->is_unknown_included = TRUE;
  assert_offer(site, 2, 1);
}

static void
test_components_are_told_apart(Site *site, gconstpointer data)
{
  GwComponent *radio = gw_node_component(site->node, "");
  set(&radio->type, "wifi");
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
  site->rules[0]->firmware_id = 3;
  assert_text(assert_no(site, GW_REASON_WRONG_HARDWARE), "no part");
}

/* ---- an update that was offered ---- */

static void
test_pinned_stays_with_its_firmware(Site *site, gconstpointer data)
{
  const GwUpdateState states[] = { GW_UPDATE_OFFERED, GW_UPDATE_DOWNLOADING, GW_UPDATE_DOWNLOADED,
                                   GW_UPDATE_INSTALLING, GW_UPDATE_REPORTED };
  for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
    open_in(site, states[i]);
    assert_offer(site, 2, 1);
    set(&site->rules[0]->location, "moved/elsewhere"); /* the rule was changed meanwhile */
    assert_offer(site, 2, 1);
    set(&site->rules[0]->location, "");
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
  site->rules[0]->from_minute = 1;
  site->rules[0]->until_minute = 2;
  open_in(site, GW_UPDATE_OFFERED);
  GwVerdict verdict = assert_no(site, GW_REASON_WINDOW);
  g_assert_cmpint(verdict.until_wall_ms, ==, NOON + 12 * HOUR + MINUTE);
  site->open->acked = 4096; /* interrupted: it may resume */
  assert_offer(site, 2, 1);
  open_in(site, GW_UPDATE_DOWNLOADING);
  assert_offer(site, 2, 1);
  site->rules[0]->state = GW_RULE_PAUSED;
  assert_offer(site, 2, 1);
  site->rules[0]->state = GW_RULE_RUNNING;
  site->rules[0]->is_cut_at_edge = TRUE;
  assert_no(site, GW_REASON_WINDOW);
}

static void
test_never_cut(Site *site, gconstpointer data)
{
  site->question.is_never_cut = TRUE;
  site->question.is_silent = TRUE;
  site->rules[0]->from_minute = 1;
  site->rules[0]->until_minute = 2;
  site->rules[0]->is_cut_at_edge = TRUE;
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

static void
test_silent_metadata_stands(Site *site, gconstpointer data)
{
  site->question.is_silent = TRUE;
  site->rules[0]->from_minute = 1;
  site->rules[0]->until_minute = 2;
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
test_unverified_only_to_its_one_node(Site *site, gconstpointer data)
{
  only_first(site);
  const GwFirmwareState states[] = { GW_FIRMWARE_UNVERIFIED, GW_FIRMWARE_VERIFYING };
  for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
    site->firmware[1]->state = states[i];
    for (int is_push = 0; is_push <= 1; is_push++)
      for (int is_its_node = 0; is_its_node <= 1; is_its_node++) {
        site->rules[0]->is_push = is_push;
        set(&site->firmware[1]->verify_node, is_its_node ? "pump-7" : "pump-8");
        if (is_push && is_its_node)
          assert_offer(site, 2, 1);
        else
          assert_text(assert_no(site, GW_REASON_WITHDRAWN), "not verified");
      }
    site->rules[0]->is_push = TRUE;
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
  set(&site->rules[0]->product, "pump"); /* a rule that says otherwise changes nothing */
  assert_no(site, GW_REASON_WRONG_HARDWARE);
}

/* U8: hardware, transport, part and family. */
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
  set(&component->hardware_version, ""); /* not known: it does not stand in the way */
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);

  set(&firmware->plugin, "one");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);
  set(&site->node->plugin, "two");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, &text), ==, GW_REASON_WRONG_HARDWARE);
  g_assert_nonnull(strstr(text, "transport"));
  set(&site->node->plugin, "one");

  set(&firmware->type, "mcu");
  g_assert_cmpint(gw_policy_fits(site->node, firmware, site->product, NULL), ==, GW_REASON_NONE);
  set(&component->type, "wifi");
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

static void
test_reasons_have_words(void)
{
  for (GwReason reason = GW_REASON_NONE; reason <= GW_REASON_RETRY_WAIT; reason++) {
    g_assert_nonnull(gw_reason_name(reason));
    g_assert_cmpuint(strlen(gw_reason_advice(reason)), >, 10);
  }
  g_assert_cmpstr(gw_reason_name(GW_REASON_RETRY_WAIT + 1), ==, "unknown");
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
  ADD("/policy/rule/components-are-told-apart", test_components_are_told_apart);
  ADD("/policy/pinned/stays-with-its-firmware", test_pinned_stays_with_its_firmware);
  ADD("/policy/pinned/and-its-rule", test_pinned_and_its_rule);
  ADD("/policy/pinned/begun-finishes-outside-the-hours", test_begun_finishes_outside_the_hours);
  ADD("/policy/pinned/never-cut", test_never_cut);
  ADD("/policy/pinned/never-cut-bytes-after-the-end", test_never_cut_bytes_after_the_end);
  ADD("/policy/pinned/silent-metadata-stands", test_silent_metadata_stands);
  ADD("/policy/pinned/bytes-need-an-offer", test_bytes_need_an_offer);
  ADD("/promise/U1/unsigned-where-required", test_unsigned_where_required);
  ADD("/promise/U3/downgrade-only-by-its-verb", test_downgrade_only_by_its_verb);
  ADD("/promise/U3/other-product", test_other_product);
  ADD("/promise/U8/fits", test_fits);
  ADD("/promise/U8/series", test_series);
  ADD("/promise/U10/unverified-only-to-its-one-node", test_unverified_only_to_its_one_node);
  ADD("/promise/U10/unverified-again-is-not-offered-on", test_unverified_again_is_not_offered_on);
  ADD("/promise/E4/untrusted-clock", test_untrusted_clock);
  g_test_add_func("/policy/reasons-have-words", test_reasons_have_words);
  return g_test_run();
}
