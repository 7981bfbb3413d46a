/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/scheduler.h"

#include <arpa/inet.h>
#include <string.h>

#include "control/fetching.h"
#include "control/identity.h"
#include "control/numbering.h"
#include "control/preseed.h"
#include "control/progress.h"
#include "control/rollouts.h"
#include "control/upstreams.h"
#include "control/windows.h"
#include "control/workers.h"
#include "link/messages.h"

#define NODES_MAX 100 /* more than so many changed nodes are one epoch */

static const GwFirmware *
view_firmware(gpointer user, gint64 id)
{
  return gw_firmwares_find(((GwCore *)user)->firmwares, id);
}

static const GwProduct *
view_product(gpointer user, const char *name)
{
  return gw_products_find(((GwCore *)user)->firmwares, name);
}

static const GwUpdate *
view_ended(gpointer user, gint64 rule_id, const GwNode *node, gint64 firmware_id)
{
  return gw_updates_ended(((GwCore *)user)->updates, node->id, rule_id, firmware_id);
}

static GwTurn
view_turn(gpointer user, const GwRule *rule, const GwNode *node)
{
  GwNow now = gw_core_now(user);

  return gw_rollouts_turn(user, rule, node, &now);
}

static GPtrArray *
collect_rules(const GwCore *core, const GwSituation *situation)
{
  GPtrArray *rules = g_ptr_array_new();
  GwRule *own = situation->update ? gw_rules_find(core->rules, situation->update->rule_id) : NULL;

  if (situation->is_foreseen)
    gw_rules_collect_live(core->rules, rules);
  else
    gw_rules_collect(core->rules, situation->node, rules);
  if (own && !g_ptr_array_find(rules, own, NULL))
    g_ptr_array_add(rules, own);
  return rules;
}

/* A catalog past its expiry keeps serving what was offered, and starts nothing new (U4); so does one whose
 * expiry nobody can judge. */
static void
hold_back_stale(GwCore *core, const GwSituation *situation, const GwNow *now, GwVerdict *verdict)
{
  GwFreshness freshness;
  gboolean is_new = !situation->update || situation->update->state == GW_UPDATE_SCHEDULED;

  if (!verdict->is_offer || situation->is_for_bytes || !is_new)
    return;
  freshness = gw_upstreams_freshness(core->upstreams, verdict->firmware->upstream, now);
  if (freshness == GW_FRESH)
    return;
  verdict->is_offer = FALSE;
  verdict->reason = GW_REASON_PAUSED;
  verdict->text =
      freshness == GW_FRESHNESS_UNKNOWN
          ? "the clock is not trusted yet: whether the firmware's catalog has expired is not known"
          : "the catalog that announced the firmware has expired: no push starts until a new one comes";
}

/* The rule's number must be one for this very node, which may have come, or shown what it is, since. */
static void
hold_back_number(const GwCore *core, const GwSituation *situation, GwVerdict *verdict)
{
  gboolean is_new = !situation->update || situation->update->state == GW_UPDATE_SCHEDULED;
  const char *why;

  if (!verdict->is_offer || situation->is_for_bytes || !is_new || !verdict->rule)
    return;
  why = gw_number_why_not(core, situation->node, verdict->rule, verdict->firmware);
  if (!why)
    return;
  verdict->is_offer = FALSE;
  verdict->reason = GW_REASON_NO_RULE;
  verdict->text = why;
}

/* A rule of "once a day" has had its attempt of this day. Another answer to the same attempt is none. */
static void
hold_back_day(const GwCore *core, const GwSituation *situation, const GwNow *now, GwVerdict *verdict)
{
  const GwUpdate *open = gw_updates_open(core->updates, situation->node->id, situation->type);
  gint64 wait_ms;

  if (!verdict->is_offer || situation->is_for_bytes || !verdict->rule ||
      (open && open->rule_id == verdict->rule->id && open->state != GW_UPDATE_SCHEDULED))
    return;
  wait_ms = gw_rollouts_day_wait_ms(core, verdict->rule, situation->node->id, verdict->firmware);
  if (wait_ms == 0)
    return;
  verdict->is_offer = FALSE;
  verdict->reason = GW_REASON_RETRY_WAIT;
  verdict->text = "the rule starts one attempt a day for a node, and has had that of today";
  verdict->wait_ms = wait_ms;
  verdict->until_wall_ms = MIN(verdict->until_wall_ms, now->wall_ms + wait_ms);
}

GwVerdict
gw_scheduler_decide(GwCore *core, const GwSituation *situation, const GwNow *now)
{
  g_autoptr(GPtrArray) rules = collect_rules(core, situation);
  GwCatalogView view = { view_firmware, view_product, view_ended, view_turn, core };
  GwQuestion question = {
    .node = situation->node,
    .type = situation->type,
    .rules = (const GwRule *const *)rules->pdata,
    .n_rules = rules->len,
    .open_update = situation->update,
    .catalog = &view,
    .is_never_cut = situation->is_never_cut,
    .is_silent = situation->is_silent,
    .is_one_step = situation->is_one_step,
    .is_for_bytes = situation->is_for_bytes,
  };
  GwVerdict verdict = gw_policy_decide(&question, now);

  hold_back_stale(core, situation, now, &verdict);
  hold_back_number(core, situation, &verdict);
  hold_back_day(core, situation, now, &verdict);
  return verdict;
}

gboolean
gw_scheduler_is_stale(const GwCore *core, const GwNode *node, const GwPin *pin, const GwNow *now)
{
  const GwUpdate *update = gw_updates_find(core->updates, pin->update_id);
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, pin->plugin);

  if (pin->inference.is_open || node->is_group || !update || update->state != GW_UPDATE_OFFERED)
    return FALSE;
  return now->boot_ms - MAX(pin->given_boot_ms, pin->used_boot_ms) >
         gw_plugin_pin_ms(plugin, pin->plugin, core->config);
}

/* What the transport of the node is like: its pin says, or its plugin's table. */
GwVerdict
gw_scheduler_foresee(GwCore *core, const GwNode *node, const GwNow *now, const GwUpdate **ret_update)
{
  const GwUpdate *update = gw_updates_open(core->updates, node->id, "");
  const GwPin *pin = update ? gw_pins_of_update(core->pins, update->id) : NULL;
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, node->plugin);
  guint32 traits = plugin ? plugin->traits : 0;
  GwSituation situation = {
    .node = node,
    .type = update ? update->type : "",
    .update = update,
    .is_never_cut = pin ? pin->is_never_cut : (traits & GATEWAY_NEVER_CUT) != 0,
    .is_silent = pin ? pin->is_silent : (traits & GATEWAY_SILENT) != 0,
    .is_one_step = (traits & GATEWAY_ONE_STEP) != 0,
    .is_foreseen = TRUE,
  };

  GwUpdate afresh = { 0 };

  *ret_update = update;
  if (pin && gw_scheduler_is_stale(core, node, pin, now)) {
    afresh = *update;
    afresh.state = GW_UPDATE_SCHEDULED;
    situation.update = &afresh;
  }
  return gw_scheduler_decide(core, &situation, now);
}

/* ---- slots ---- */

static void
add_rule_places(GwPlaces *places, const GwRule *rule, const GwNode *node, const char *segment)
{
  const GwRollout *rollout = &rule->rollout;

  gw_places_add(places, rule->cap, GW_PLACE_OF_RULE, rule->id);
  if (rollout->cap_transport && *node->plugin)
    gw_places_add(places, rollout->cap_transport, GW_PLACE_OF_RULE " %s", rule->id, node->plugin);
  if (rollout->cap_segment && *segment)
    gw_places_add(places, rollout->cap_segment, GW_PLACE_OF_RULE " segment %s", rule->id, segment);
  if (rollout->cap_location && *node->location)
    gw_places_add(places, rollout->cap_location, GW_PLACE_OF_RULE " location %s", rule->id, node->location);
}

/* "Plant 2" holds "Plant 2/Roof", and not "Plant 21". */
static gboolean
is_below(const char *path, gsize size, const char *location)
{
  return size > 0 && strncmp(path, location, size) == 0 && (location[size] == '/' || location[size] == '\0');
}

static void
add_location_places(const GwCore *core, GwPlaces *places, const GwNode *node)
{
  for (char **text = core->limits.locations; *text; text++) {
    const char *colon = strrchr(*text, ':');

    if (is_below(*text, (gsize)(colon - *text), node->location))
      gw_places_add(places, (guint)g_ascii_strtoull(colon + 1, NULL, 10), "location %.*s",
                    (int)(colon - *text), *text);
  }
}

/* An IPv4 /24 or an IPv6 /64, as for the worker; "" where there is no address. Caller frees. */
static char *
segment_of(const GwNode *node)
{
  const char *plain = gw_identity_plain_address(node->address);
  guint8 bytes[16];

  if (inet_pton(AF_INET, plain, bytes) == 1)
    return g_strdup_printf("%u.%u.%u.0/24", bytes[0], bytes[1], bytes[2]);
  if (inet_pton(AF_INET6, plain, bytes) != 1)
    return g_strdup("");
  return g_strdup_printf("%x:%x:%x:%x::/64", bytes[0] << 8 | bytes[1], bytes[2] << 8 | bytes[3],
                         bytes[4] << 8 | bytes[5], bytes[6] << 8 | bytes[7]);
}

static GwPlaces *
places_of(const GwCore *core, const GwNode *node, const GwRule *rule)
{
  GwPlaces *places = gw_places_new();
  g_autofree char *segment = NULL;

  if (!node)
    return places;
  segment = segment_of(node);
  if (*node->plugin)
    gw_places_add(places, (guint)gw_config_integer(core->config, "plugin", node->plugin, "transfers"),
                  "transport %s", node->plugin);
  add_location_places(core, places, node);
  if (rule)
    add_rule_places(places, rule, node, segment);
  return places;
}

gboolean
gw_scheduler_has_room(const GwCore *core, const GwNode *node, const GwRule *rule, char **ret_full)
{
  g_autoptr(GwPlaces) places = places_of(core, node, rule);
  const char *full = NULL;

  if (gw_slots_has_room(core->slots, places, &full))
    return TRUE;
  if (ret_full)
    *ret_full = g_strdup(full);
  return FALSE;
}

static void
take(GwCore *core, const GwUpdate *update, const GwRule *rule)
{
  gint64 lapse_ms = gw_core_now(core).boot_ms + core->limits.slot_ms;
  g_autoptr(GwPlaces) places = places_of(core, gw_registry_find(core->registry, update->node), rule);

  gw_slots_take(core->slots, update->id, places, lapse_ms);
  gw_core_alarm(core, GW_ALARM_SLOT, update->id, gw_slots_lapse_ms(core->slots, update->id));
}

gboolean
gw_scheduler_take(GwCore *core, const GwUpdate *update, const GwRule *rule, gboolean is_forced)
{
  if (!is_forced && !gw_slots_is_held(core->slots, update->id) &&
      !gw_scheduler_has_room(core, gw_registry_find(core->registry, update->node), rule, NULL))
    return FALSE;
  take(core, update, rule);
  return TRUE;
}

void
gw_scheduler_begin(GwCore *core, const GwUpdate *update, const GwRule *rule)
{
  take(core, update, rule); /* it may have lapsed: what runs is counted */
  gw_slots_begin(core->slots, update->id);
  gw_core_alarm(core, GW_ALARM_SLOT, update->id, G_MAXINT64);
}

void
gw_scheduler_release(GwCore *core, gint64 update_id)
{
  gw_slots_release(core->slots, update_id);
  gw_core_alarm(core, GW_ALARM_SLOT, update_id, G_MAXINT64);
}

void
gw_scheduler_lapse(GwCore *core, gint64 update_id)
{
  if (gw_slots_lapse_ms(core->slots, update_id) <= gw_core_now(core).boot_ms)
    gw_slots_release(core->slots, update_id);
}

/* ---- what the LAN workers may still believe ---- */

void
gw_scheduler_changed(GwCore *core)
{
  core->epoch++;
  gw_workers_tell_lan(core->workers, GW_MESSAGE_INVALIDATE,
                      gw_invalidate_pack(core->epoch, (const char *const[]){ NULL }));
}

void
gw_scheduler_nodes_changed(GwCore *core, const char *const *nodes)
{
  if (g_strv_length((char **)nodes) > NODES_MAX)
    gw_scheduler_changed(core);
  else
    gw_workers_tell_lan(core->workers, GW_MESSAGE_INVALIDATE, gw_invalidate_pack(0, nodes));
}

void
gw_scheduler_node_changed(GwCore *core, const char *node)
{
  gw_scheduler_nodes_changed(core, (const char *const[]){ node, NULL });
}

void
gw_scheduler_wake(GwCore *core, const GwNode *node)
{
  const GatewayPlugin *plugin = gw_plugins_find(core->plugins, node->plugin);

  if (plugin && plugin->kind == GATEWAY_SESSION && node->is_adopted)
    gw_workers_tell_lan(core->workers, GW_MESSAGE_WAKE, gw_wake_pack(node->plugin, node->id, "", ""));
}

/* ---- rules in time ---- */

void
gw_scheduler_watch_rule(GwCore *core, const GwRule *rule)
{
  GwNow now = gw_core_now(core);
  gint64 seed_ms = rule->state == GW_RULE_RUNNING ? gw_preseed_wait_ms(core, rule, &now) : 0;
  gint64 wait_ms = rule->when.not_after_ms ? rule->when.not_after_ms - now.wall_ms : G_MAXINT64;
  gboolean is_watched;

  if (seed_ms > 0)
    wait_ms = MIN(wait_ms, seed_ms);
  is_watched = gw_rule_is_live(rule) && wait_ms < G_MAXINT64;
  /* Asked again within the hour: the wall clock may jump, or not be trusted yet. */
  gw_core_alarm(core, GW_ALARM_RULE, rule->id,
                is_watched ? now.boot_ms + CLAMP(wait_ms, 1000, 3600000) : G_MAXINT64);
}

static void
expire_updates(GwCore *core, GwRule *rule, GwChange *change)
{
  g_autoptr(GPtrArray) updates = gw_updates_open_of_rule(core->updates, rule->id);

  for (guint i = 0; i < updates->len; i++)
    gw_progress_fact(core, updates->pdata[i], GW_FACT_EXPIRED, "the rule's dates are over", change);
}

void
gw_scheduler_rule_alarm(GwCore *core, gint64 rule_id)
{
  GwRule *rule = gw_rules_find(core->rules, rule_id);
  GwNow now = gw_core_now(core);
  g_autoptr(GwChange) change = NULL;

  if (!rule || !gw_rule_is_live(rule))
    return;
  gw_scheduler_fetch_rule(core, rule);
  if (!now.is_trusted || !rule->when.not_after_ms || now.wall_ms < rule->when.not_after_ms) {
    gw_scheduler_watch_rule(core, rule);
    return;
  }
  change = gw_change_new(core, NULL);
  gw_windows_look(core, rule, change);
  rule->state = GW_RULE_COMPLETED; /* before its updates end: nothing follows from that any more */
  expire_updates(core, rule, change);
  gw_rollouts_complete(core, rule, "its dates are", change);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
  gw_scheduler_changed(core);
}

void
gw_scheduler_fetch_rule(GwCore *core, const GwRule *rule)
{
  GwNow now = gw_core_now(core);

  if (rule->state != GW_RULE_RUNNING || gw_preseed_wait_ms(core, rule, &now) > 0)
    return;
  for (guint i = 0; i < rule->firmwares->len; i++) {
    GwFirmware *firmware = gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i));

    if (firmware)
      gw_fetching_want(core->fetching, firmware);
  }
}

void
gw_scheduler_fetch_needed(GwCore *core)
{
  GHashTableIter iter;
  gpointer value;

  gw_rules_iter(core->rules, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    const GwRule *rule = value;

    gw_scheduler_fetch_rule(core, rule);
  }
}
