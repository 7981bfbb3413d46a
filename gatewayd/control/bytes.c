/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "Give me the bytes": of a token, or of what the asker is pinned to. */
#include <string.h>

#include "control/asked.h"
#include "control/evidence.h"
#include "control/fetching.h"
#include "control/identity.h"
#include "control/scheduler.h"
#include "link/table.h"

/* A token that another known device shows is not its own. */
static gboolean
is_others(const GwAsked *asked, const GwPin *pin)
{
  const GwNode *owner = gw_registry_find(asked->core->registry, pin->node);
  const GwNode *asker = gw_registry_at(asked->core->registry, gw_identity_plain_address(asked->ask->address));

  return owner && asker && owner != asker && *owner->mac && *asker->mac &&
         strcmp(owner->mac, asker->mac) != 0;
}

static GwPin *
find_by_image(const GwAsked *asked)
{
  const GPtrArray *pins = asked->node ? gw_pins_of_node(asked->core->pins, asked->node->id) : NULL;

  for (guint i = pins ? pins->len : 0; i > 0; i--) {
    GwPin *pin = pins->pdata[i - 1];
    const GwFirmware *firmware = gw_firmwares_find(asked->core->firmwares, pin->firmware_id);

    if (firmware && (!*asked->ask->image_name || strcmp(firmware->name, asked->ask->image_name) == 0))
      return pin;
  }
  return NULL;
}

static GwPin *
find_pin(GwAsked *asked, gboolean *ret_is_denied)
{
  GwPin *pin;

  *ret_is_denied = FALSE;

  if (*asked->ask->token) {
    pin = gw_pins_find(asked->core->pins, asked->ask->token);
    return pin && pin->is_durable && !is_others(asked, pin) ? pin : NULL;
  }
  asked->node = gw_identity_resolve(asked->core, asked->ask, ret_is_denied);
  pin = find_by_image(asked);
  return pin && pin->is_durable ? pin : NULL;
}

GwVerdict
gw_asked_decide_bytes(const GwAsked *asked)
{
  GwSituation situation = {
    .node = asked->node,
    .type = asked->pin->type,
    .update = asked->update,
    .is_never_cut = asked->pin->is_never_cut,
    .is_silent = asked->pin->is_silent,
    .is_for_bytes = TRUE,
  };

  return gw_scheduler_decide(asked->core, &situation, &asked->now);
}

/* The slot of a group is one member's; each of the others needs a place of its own. */
static gboolean
has_room_for_member(const GwAsked *asked, const GwRule *rule)
{
  const GwSlots *slots = asked->core->slots;

  return asked->pin->is_never_cut || gw_slots_members(slots, asked->update->id) == 0 ||
         gw_scheduler_has_room(asked->core, asked->node, rule, NULL);
}

static void
give_bytes(GwAsked *asked)
{
  GwCore *core = asked->core;
  const GwRule *rule = gw_rules_find(core->rules, asked->update->rule_id);
  gint64 update_id = asked->update->id;

  if (!has_room_for_member(asked, rule) ||
      !gw_scheduler_take(core, asked->update, rule, asked->pin->is_never_cut)) {
    gw_asked_nothing(asked, GW_REASON_CAP);
    return;
  }
  gw_identity_device(core, asked->ask, asked->pin->mac);
  gw_evidence_bytes(core, asked->update, asked->pin, asked->change);
  if (gw_pins_of_update(core->pins, update_id) == asked->pin)
    gw_asked_image(asked, GATEWAY_ANSWER_BYTES, asked->pin->is_silent ? 0 : gw_asked_slot_until_ms(asked));
  else
    gw_asked_kind(asked, GATEWAY_ANSWER_UNKNOWN); /* that was its last attempt: the pin is gone */
}

void
gw_offers_bytes(GwAsked *asked)
{
  GwCore *core = asked->core;
  gboolean is_denied;

  asked->pin = find_pin(asked, &is_denied);
  asked->update = asked->pin ? gw_updates_find(core->updates, asked->pin->update_id) : NULL;
  asked->node = asked->pin ? gw_registry_find(core->registry, asked->pin->node) : asked->node;
  if (!asked->update || !asked->node) {
    gw_asked_kind(asked, is_denied ? GATEWAY_ANSWER_DENIED : GATEWAY_ANSWER_UNKNOWN);
    return;
  }
  gw_identity_contact(asked->node, asked->now.wall_ms, asked->now.boot_ms, 1);
  asked->verdict = gw_asked_decide_bytes(asked);
  if (asked->verdict.is_offer) {
    give_bytes(asked);
    return;
  }
  if (asked->verdict.reason == GW_REASON_BEING_FETCHED)
    gw_fetching_want(core->fetching, gw_firmwares_find(core->firmwares, asked->verdict.firmware->id));
  if (asked->verdict.reason == GW_REASON_NO_RULE || asked->verdict.reason == GW_REASON_WITHDRAWN)
    gw_asked_kind(asked, GATEWAY_ANSWER_UNKNOWN);
  else
    gw_asked_nothing(asked, asked->verdict.reason);
}
