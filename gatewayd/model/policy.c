/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/policy.h"
#include <string.h>

static const struct {
  const char *name, *advice;
} reasons[] = {
  [GW_REASON_NONE] = { "none", "nothing stands in the way" },
  [GW_REASON_NOT_ADOPTED] = { "not-adopted", "the gateway does not know this node as its own: adopt it with "
                                             "\"gatewayctl nodes adopt\"" },
  [GW_REASON_NO_RULE] = { "no-rule", "no running rule has anything for this node: make one, or push a "
                                     "firmware to it" },
  [GW_REASON_UP_TO_DATE] = { "up-to-date", "the node runs this version or a newer one: there is nothing to "
                                           "do" },
  [GW_REASON_WINDOW] = { "window", "the rule's hours or dates are not now, or the clock is not trusted yet: "
                                   "wait, or change the rule" },
  [GW_REASON_CAP] = { "cap", "as many transfers as allowed are running: the node is served when one ends" },
  [GW_REASON_PAUSED] = { "paused", "the rule is paused: see why, then start it again" },
  [GW_REASON_SET_ASIDE] = { "set-aside", "the node was set aside: see why, then return it" },
  [GW_REASON_BEING_FETCHED] = { "being-fetched", "the image is not in the cache yet: see the firmware and "
                                                 "its upstream" },
  [GW_REASON_WITHDRAWN] = { "withdrawn", "the firmware is withdrawn, rejected or not verified: confirm it on "
                                         "one node, or choose another" },
  [GW_REASON_UNKNOWN_PRODUCT] = { "unknown-product", "the node has no product that the gateway knows: set "
                                                     "the node's product" },
  [GW_REASON_WRONG_HARDWARE] = { "wrong-hardware", "the firmware is made for another product, part, "
                                                   "hardware or series: choose one that fits" },
  [GW_REASON_BUSY] = { "busy", "the gateway is busy: the node will ask again" },
  [GW_REASON_RETRY_WAIT] = { "retry-wait", "the last attempt failed: the next one is made when the wait is "
                                           "over" },
  [GW_REASON_SENT] = { "sent", "the node has the whole image: nothing more is sent before it says which "
                               "version it runs, or the time for that is over" },
  [GW_REASON_GROUP] = { "group", "the rule serves its groups one after the other, and it is not this node's "
                                 "turn: see \"gatewayctl rules show\"" },
};

const char *
gw_reason_name(GwReason reason)
{
  return (guint)reason < G_N_ELEMENTS(reasons) ? reasons[reason].name : "unknown";
}

const char *
gw_reason_advice(GwReason reason)
{
  return (guint)reason < G_N_ELEMENTS(reasons) ? reasons[reason].advice
                                               : "report this: the reason is unknown";
}

static GwReason
misfit(GwReason reason, const char *text, const char **ret_text)
{
  if (ret_text)
    *ret_text = text;
  return reason;
}

static gboolean
are_known_and_differ(const char *a, const char *b)
{
  return *a && *b && strcmp(a, b) != 0;
}

GwOrder
gw_policy_order(const GwNode *node, const GwFirmware *firmware, const GwProduct *product)
{
  const GwComponent *component = gw_node_component_for(node, firmware->type);
  if (!gw_component_is_known(component))
    return GW_ORDER_UNKNOWN;
  return gw_version_compare(product->scheme, component->software_version, firmware->software_version);
}

/* Where the make's form names one, and the node says its own. */
static gboolean
has_other_chip(const GwNode *node, const GwFirmware *firmware)
{
  const char *wanted = g_hash_table_lookup(firmware->attributes, "chip");
  const char *there = node->attributes ? g_hash_table_lookup(node->attributes, "chip") : NULL;

  return wanted && there && are_known_and_differ(wanted, there);
}

/* @ret_order is set unless something else than the version stands in the way. */
static GwReason
fit(const GwNode *node, const GwFirmware *firmware, const GwProduct *product, const char **ret_text,
    GwOrder *ret_order)
{
  const GwReason wrong = GW_REASON_WRONG_HARDWARE;
  const GwComponent *component = gw_node_component_for(node, firmware->type);
  if (!product || strcmp(product->name, node->product) != 0)
    return misfit(GW_REASON_UNKNOWN_PRODUCT, "the node has no product that the gateway knows", ret_text);
  if (!gw_product_takes(product, firmware))
    return misfit(wrong,
                  firmware->is_undigested
                      ? "the firmware came without a digest, and the product does not name its origin"
                      : "the firmware is for another product, and not of its family",
                  ret_text);
  if (are_known_and_differ(firmware->plugin, node->plugin))
    return misfit(wrong, "the firmware is for nodes of another transport", ret_text);
  if (!component && node->components->len > 0)
    return misfit(wrong, "the firmware's type is that of no part of the node", ret_text);
  if (component && are_known_and_differ(firmware->hardware_version, component->hardware_version))
    return misfit(wrong, "the firmware is for another hardware version", ret_text);
  if (has_other_chip(node, firmware))
    return misfit(wrong, "the firmware is for another chip", ret_text);
  if (gw_component_is_known(component) &&
      strncmp(component->software_version, firmware->software_version, product->series_chars) != 0)
    return misfit(wrong, "the firmware is of another series", ret_text);

  GwOrder order = *ret_order = gw_policy_order(node, firmware, product);
  if (order == GW_ORDER_EQUAL)
    return misfit(GW_REASON_UP_TO_DATE, "the node runs this version", ret_text);
  if (order == GW_ORDER_GREATER && !firmware->is_downgrade_allowed)
    return misfit(GW_REASON_UP_TO_DATE, "the node runs a newer version; a downgrade must be asked for as one",
                  ret_text);
  return GW_REASON_NONE;
}

GwReason
gw_policy_fits(const GwNode *node, const GwFirmware *firmware, const GwProduct *product,
               const char **ret_text)
{
  GwOrder order;
  return fit(node, firmware, product, ret_text, &order);
}

/* Everything that one decision reads. */
typedef struct {
  const GwQuestion *question;
  const GwProduct *product;
  const GwNow *now;
  GwVerdict verdict; /* in the making */
} Decision;

static const GwFirmware *
firmware_by_id(const Decision *decision, gint64 id)
{
  const GwCatalogView *catalog = decision->question->catalog;
  return catalog->firmware(catalog->user, id);
}

static GwVerdict
decided(Decision *decision, GwReason reason, const char *text)
{
  decision->verdict.is_offer = reason == GW_REASON_NONE;
  decision->verdict.reason = reason;
  decision->verdict.text = text;
  return decision->verdict;
}

/* Nothing that is not verified goes out, but to the one node that verifies it. NULL = it may. */
static const char *
why_not_released(const Decision *decision, const GwFirmware *firmware, const GwRule *rule)
{
  if (decision->product->is_require_signature && !firmware->is_signed)
    return "the firmware is not signed, and its product requires it";
  if (gw_firmware_is_for_rules(firmware))
    return NULL;
  if (firmware->state != GW_FIRMWARE_VERIFYING && firmware->state != GW_FIRMWARE_UNVERIFIED &&
      firmware->state != GW_FIRMWARE_VERIFIED)
    return "the firmware is withdrawn, rejected or not complete";
  if (firmware->state != GW_FIRMWARE_VERIFYING || !rule->is_push ||
      strcmp(firmware->verify_node, decision->question->node->id) != 0)
    return "the firmware is not verified: until then it goes to the one node that verifies it";
  return NULL;
}

/* Lowers until_wall_ms; the edge of an untrusted clock is none. */
static void
note_edge(Decision *decision, gint64 edge_ms)
{
  if (decision->now->is_trusted && edge_ms > decision->now->wall_ms)
    decision->verdict.until_wall_ms = MIN(decision->verdict.until_wall_ms, edge_ms);
}

/* NULL = the rule's hours are now. */
static const char *
why_not_now(Decision *decision, const GwRule *rule)
{
  if (!gw_when_is_timed(&rule->when))
    return NULL;
  if (!decision->now->is_trusted)
    return "the clock is not trusted yet, and the rule has hours or dates";
  GwWindow window = gw_when_window(&rule->when, decision->now->wall_ms);
  note_edge(decision, window.edge_ms);
  if (window.is_open)
    return NULL;
  return window.edge_ms == G_MAXINT64 ? "the rule's dates are over" : "the rule's hours are not now";
}

static GwVerdict
decide_image(Decision *decision, const GwFirmware *firmware)
{
  if (firmware->image_state == GW_IMAGE_FAILED)
    return decided(decision, GW_REASON_BEING_FETCHED, "the image could not be fetched");
  if (firmware->image_state != GW_IMAGE_SEALED)
    return decided(decision, GW_REASON_BEING_FETCHED, NULL);
  return decided(decision, GW_REASON_NONE, NULL);
}

static gboolean
is_waiting(const Decision *decision, const GwUpdate *update)
{
  return update->state == GW_UPDATE_SCHEDULED && update->retry_boot_ms > decision->now->boot_ms;
}

static GwVerdict
decide_wait(Decision *decision, const GwUpdate *update)
{
  decision->verdict.wait_ms = update->retry_boot_ms - decision->now->boot_ms;
  note_edge(decision, decision->now->wall_ms + decision->verdict.wait_ms);
  return decided(decision, GW_REASON_RETRY_WAIT, NULL);
}

/* ---- an update that was offered ---- */

static const GwRule *
rule_by_id(const GwQuestion *question, gint64 id)
{
  for (gsize i = 0; i < question->n_rules; i++)
    if (question->rules[i]->id == id)
      return question->rules[i];
  return NULL;
}

/* The offer holds whatever became of its rule: never-cut transports, and the metadata of a silent make that
 * has all bytes and is watched. */
static gboolean
stands_anyway(const GwQuestion *question)
{
  GwUpdateState state = question->open_update->state;
  if (question->is_never_cut)
    return TRUE;
  return question->is_silent && !question->is_for_bytes &&
         (state == GW_UPDATE_DOWNLOADED || state == GW_UPDATE_INSTALLING || state == GW_UPDATE_REPORTED);
}

/* What may hold back an offer that does not stand anyway; NONE = nothing. */
static GwVerdict
decide_held(Decision *decision, const GwUpdate *update, const GwFirmware *firmware)
{
  const GwRule *rule = decision->verdict.rule;
  gboolean has_begun =
      update->state == GW_UPDATE_DOWNLOADING || (update->state <= GW_UPDATE_OFFERED && update->acked > 0);
  if (gw_update_state_is_final(update->state))
    return decided(decision, GW_REASON_NO_RULE, "the update has ended");
  if (!rule || rule->state == GW_RULE_DRAFT || rule->state == GW_RULE_STOPPED)
    return decided(decision, GW_REASON_NO_RULE, "the rule of this update was stopped");
  const char *text = why_not_released(decision, firmware, rule);
  if (text)
    return decided(decision, GW_REASON_WITHDRAWN, text);
  if (decision->question->is_one_step && update->state >= GW_UPDATE_DOWNLOADED)
    return decided(decision, GW_REASON_SENT, NULL);
  if (is_waiting(decision, update))
    return decide_wait(decision, update);
  if (has_begun && !rule->when.is_cut_at_edge)
    return decided(decision, GW_REASON_NONE, NULL);
  if (rule->state == GW_RULE_PAUSED && !has_begun)
    return decided(decision, GW_REASON_PAUSED, NULL);
  text = why_not_now(decision, rule);
  return decided(decision, text ? GW_REASON_WINDOW : GW_REASON_NONE, text);
}

static GwVerdict
decide_pinned(Decision *decision)
{
  const GwUpdate *update = decision->question->open_update;
  const GwFirmware *firmware = firmware_by_id(decision, update->firmware_id);
  decision->verdict.rule = rule_by_id(decision->question, update->rule_id);
  decision->verdict.firmware = firmware;
  if (!firmware || firmware->state == GW_FIRMWARE_REJECTED || firmware->state == GW_FIRMWARE_DRAFT)
    return decided(decision, GW_REASON_WITHDRAWN, "the firmware was rejected, or is gone");
  if (!stands_anyway(decision->question)) {
    GwVerdict held = decide_held(decision, update, firmware);
    if (held.reason)
      return held;
  }
  return decide_image(decision, firmware);
}

/* ---- no offer yet: the rules decide ---- */

/* How near a rule came. Those that leave the node to the next count only when none holds it; the nearest is
 * what "explain" then speaks of. */
typedef enum {
  FAR = 0, /* not worth a word */
  NOT_A_TARGET,
  MISFIT,
  OTHER_VERSION,
  RUNS_IT, /* or a newer one */
  HAS_ENDED,
  NOT_RELEASED,
  OTHER_DATES,
  HOLDS, /* it is in charge */
} Nearness;

typedef struct {
  const GwRule *rule;
  const GwFirmware *firmware;
  gboolean is_push; /* one that would act: before all others */
  Nearness nearness;
  GwReason reason; /* of one that holds: NONE = hours and image are yet to be asked */
  const char *text;
} Judgement;

static Judgement
judged(const Judgement *so_far, Nearness nearness, GwReason reason, const char *text)
{
  Judgement judgement = *so_far;
  judgement.nearness = nearness;
  judgement.reason = reason;
  judgement.text = text;
  return judgement;
}

/* Is the firmware for the component that the question is about? */
static gboolean
is_for_component(const GwQuestion *question, const GwFirmware *firmware)
{
  const GwComponent *asked = gw_node_component_for(question->node, question->type);
  const GwComponent *meant = gw_node_component_for(question->node, firmware->type);
  if (asked && meant)
    return asked == meant;
  return !are_known_and_differ(question->type, firmware->type);
}

/* NULL = it may begin on this node. */
static const char *
why_ended(const Decision *decision, const GwRule *rule, const GwFirmware *firmware)
{
  const GwQuestion *question = decision->question;
  const GwCatalogView *catalog = question->catalog;
  const GwUpdate *ended =
      catalog->ended ? catalog->ended(catalog->user, rule->id, question->node, firmware->id) : NULL;
  switch (ended ? ended->state : GW_UPDATE_SCHEDULED) {
  case GW_UPDATE_SUCCEEDED:
    return "the rule's update succeeded on this node earlier; it is not brought twice";
  case GW_UPDATE_FAILED:
    return "the rule's update failed on this node; push it again when the cause is mended";
  case GW_UPDATE_REFUSED:
    return "the node refused the rule's update";
  case GW_UPDATE_CANCELLED:
    return "the rule's update was cancelled on this node";
  default:
    return NULL;
  }
}

/* The node's version is comparable, or the rule takes it without. */
static const char *
why_not_version(const Decision *decision, const Judgement *judgement, GwOrder order)
{
  const GwNode *node = decision->question->node;
  const GwRule *rule = judgement->rule;
  const char *text = NULL;
  if (!gw_rule_takes_version(rule, node, judgement->firmware, decision->product, &text))
    return text;
  if (order == GW_ORDER_UNKNOWN && decision->product->scheme != GW_VERSION_OPAQUE &&
      !rule->who.is_unknown_included && !rule->is_push)
    return "the node's version is not one of its product's scheme, and the rule does not include unknown "
           "ones";
  return NULL;
}

/* Dates, not hours: outside of them the rule is not there at all. An untrusted clock knows neither. */
static const char *
why_other_dates(Decision *decision, const GwRule *rule)
{
  gint64 wall_ms = decision->now->wall_ms;
  if (!decision->now->is_trusted)
    return NULL;
  note_edge(decision, rule->when.not_before_ms);
  if (rule->when.not_after_ms)
    note_edge(decision, rule->when.not_after_ms);
  if (rule->when.not_before_ms && wall_ms < rule->when.not_before_ms)
    return "the rule's dates are still to come";
  GwWindow window = gw_when_window(&rule->when, wall_ms);
  return !window.is_open && window.edge_ms == G_MAXINT64 ? "the rule's dates are over" : NULL;
}

static GwTurn
turn_of(const Decision *decision, const GwRule *rule)
{
  const GwCatalogView *catalog = decision->question->catalog;
  return catalog->turn ? catalog->turn(catalog->user, rule, decision->question->node)
                       : (GwTurn){ GW_TURN_NOW, NULL, 0 };
}

static Judgement
judge(Decision *decision, const GwRule *rule, const GwFirmware *firmware)
{
  const GwNode *node = decision->question->node;
  Judgement it = { .rule = rule, .firmware = firmware };
  const char *text = NULL;
  if (rule->state == GW_RULE_DRAFT || rule->state == GW_RULE_STOPPED || !firmware)
    return judged(&it, FAR, GW_REASON_NO_RULE, NULL);
  if (!is_for_component(decision->question, firmware))
    return judged(&it, FAR, GW_REASON_NO_RULE, NULL);
  if (!gw_rule_targets(rule, node, firmware, &text))
    return judged(&it, NOT_A_TARGET, GW_REASON_NO_RULE, text);

  GwFirmware told = *firmware; /* as this rule presents it */
  told.software_version = (char *)gw_rule_version(rule, firmware);
  GwOrder order = GW_ORDER_UNKNOWN;
  GwReason reason = fit(node, &told, decision->product, &text, &order);
  gboolean is_dead = firmware->state == GW_FIRMWARE_WITHDRAWN || firmware->state == GW_FIRMWARE_REJECTED;
  if (reason == GW_REASON_UP_TO_DATE && order == GW_ORDER_EQUAL && !is_dead)
    return judged(&it, HOLDS, reason, text);
  if (rule->state == GW_RULE_COMPLETED)
    return judged(&it, FAR, GW_REASON_NO_RULE, NULL);
  if (reason)
    return judged(&it, reason == GW_REASON_UP_TO_DATE ? RUNS_IT : MISFIT, reason, text);
  if (order == GW_ORDER_GREATER && !rule->is_push)
    return judged(&it, RUNS_IT, GW_REASON_UP_TO_DATE,
                  "the node runs a newer version; only a push to it brings an older one");

  if ((text = why_not_version(decision, &it, order)))
    return judged(&it, OTHER_VERSION, GW_REASON_NO_RULE, text);
  if ((text = why_ended(decision, rule, firmware)))
    return judged(&it, HAS_ENDED, GW_REASON_NO_RULE, text);
  if ((text = why_not_released(decision, firmware, rule)))
    return judged(&it, NOT_RELEASED, GW_REASON_WITHDRAWN, text);
  if ((text = why_other_dates(decision, rule)))
    return judged(&it, OTHER_DATES, GW_REASON_WINDOW, text);
  GwTurn turn = turn_of(decision, rule);
  if (turn.kind == GW_TURN_NEVER)
    return judged(&it, NOT_A_TARGET, GW_REASON_NO_RULE, turn.text);
  it.is_push = rule->is_push && rule->state == GW_RULE_RUNNING;
  return judged(&it, HOLDS, GW_REASON_NONE, NULL);
}

/* Of the rule's firmwares the one that comes nearest: at most one is for the node's product and part. */
static Judgement
judge_all(Decision *decision, const GwRule *rule)
{
  Judgement nearest = { .rule = rule };
  for (guint i = 0; i < rule->firmwares->len; i++) {
    const GwFirmware *firmware = firmware_by_id(decision, gw_rule_firmware(rule, i));
    Judgement judgement = judge(decision, rule, firmware);
    if (judgement.nearness > nearest.nearness)
      nearest = judgement;
  }
  return nearest;
}

static gboolean
goes_before(const Judgement *a, const Judgement *b)
{
  if (!b->rule)
    return TRUE;
  if (a->nearness != b->nearness)
    return a->nearness > b->nearness;
  if (a->is_push != b->is_push)
    return a->is_push;
  return gw_rule_goes_before(a->rule, b->rule);
}

/* Else it need not be looked at. */
static gboolean
may_go_before(const GwRule *rule, const Judgement *best)
{
  if (best->nearness != HOLDS || (rule->is_push && rule->state == GW_RULE_RUNNING))
    return TRUE;
  return !best->is_push && gw_rule_goes_before(rule, best->rule);
}

static GwVerdict
decide_in_charge(Decision *decision, const Judgement *judgement)
{
  const GwUpdate *open = decision->question->open_update;
  if (judgement->reason)
    return decided(decision, judgement->reason, judgement->text);
  if (judgement->rule->state == GW_RULE_PAUSED)
    return decided(decision, GW_REASON_PAUSED, NULL);
  if (!decision->now->is_trusted)
    return decided(decision, GW_REASON_WINDOW,
                   "the clock is not trusted yet, and nothing starts before it is");
  const char *text = why_not_now(decision, judgement->rule);
  if (text)
    return decided(decision, GW_REASON_WINDOW, text);
  GwTurn turn = turn_of(decision, judgement->rule);
  if (turn.kind != GW_TURN_NOW) {
    decision->verdict.wait_ms = turn.wait_ms;
    note_edge(decision, turn.wait_ms ? decision->now->wall_ms + turn.wait_ms : G_MAXINT64);
    return decided(decision, GW_REASON_GROUP, turn.text);
  }
  if (open && open->rule_id == judgement->rule->id && is_waiting(decision, open))
    return decide_wait(decision, open);
  return decide_image(decision, judgement->firmware);
}

static GwVerdict
decide_by_rules(Decision *decision)
{
  const GwQuestion *question = decision->question;
  Judgement best = { 0 };
  for (gsize i = 0; i < question->n_rules; i++) {
    if (!may_go_before(question->rules[i], &best))
      continue;
    Judgement judgement = judge_all(decision, question->rules[i]);
    if (judgement.nearness != FAR && goes_before(&judgement, &best))
      best = judgement;
  }
  if (!best.rule)
    return decided(decision, GW_REASON_NO_RULE, NULL);
  decision->verdict.rule = best.rule;
  decision->verdict.firmware = best.firmware;
  if (best.nearness == HOLDS)
    return decide_in_charge(decision, &best);
  return decided(decision, best.reason, best.text);
}

GwVerdict
gw_policy_decide(const GwQuestion *question, const GwNow *now)
{
  const GwNode *node = question->node;
  const GwCatalogView *catalog = question->catalog;
  const GwUpdate *update = question->open_update;
  Decision decision = { .question = question, .now = now, .verdict.until_wall_ms = G_MAXINT64 };
  if (!node->is_adopted)
    return decided(&decision, GW_REASON_NOT_ADOPTED, NULL);
  if (node->is_set_aside)
    return decided(&decision, GW_REASON_SET_ASIDE, NULL);
  decision.product = *node->product ? catalog->product(catalog->user, node->product) : NULL;
  if (!decision.product)
    return decided(&decision, GW_REASON_UNKNOWN_PRODUCT, NULL);
  if (question->is_for_bytes && !update)
    return decided(&decision, GW_REASON_NO_RULE, "nothing was offered");
  if (question->is_for_bytes ||
      (update && update->state >= GW_UPDATE_OFFERED && !gw_update_state_is_final(update->state)))
    return decide_pinned(&decision);
  return decide_by_rules(&decision);
}
