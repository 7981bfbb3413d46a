/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/asked.h"

#include "control/verbs.h"
#include "link/table.h"

#define CACHE_MAX_MS 3600000 /* no answer is repeated from cache for longer */
#define UNTRUSTED_MS 60000   /* the clock may become trusted */
#define BUSY_CACHE_MS 1000   /* caps and commits change by the second */
#define FETCH_CACHE_MS 30000 /* a sealed image raises the epoch anyway */
#define LATER_S 30
#define GRANT_MS 60000 /* so long the bytes of a fresh offer need no second question */

static void
send_answer(GwAsked *asked, GwAnswer *answer)
{
  answer->node = asked->node ? asked->node->id : (char *)"";
  answer->is_adopted = asked->node && asked->node->is_adopted;
  answer->is_group = asked->node && asked->node->is_group;
  answer->epoch = asked->core->epoch;
  gw_worker_send(asked->worker, GW_MESSAGE_ANSWER, asked->serial, gw_answer_pack(answer), -1);
}

/* An operator's verb goes with an answer that brings nothing else, once. */
static void
send_with_verb(GwAsked *asked, GwAnswer *answer)
{
  g_autoptr(GwVerb) verb =
      asked->change && asked->node && asked->node->is_adopted && asked->ask->kind == GW_ASK_OFFER
          ? gw_verbs_take(asked->core, asked->node->id, asked->change)
          : NULL;

  if (verb) {
    answer->verb = verb->name;
    answer->verb_argument = verb->argument;
    answer->until_boot_ms = 0;
  }
  send_answer(asked, answer);
}

/* When the reason may be another: an edge of a window, the end of a wait, or soon. */
static gint64
until_ms(const GwAsked *asked, GwReason reason)
{
  const GwVerdict *verdict = &asked->verdict;
  gint64 wait_ms = CACHE_MAX_MS;

  if (reason == GW_REASON_CAP || reason == GW_REASON_BUSY)
    wait_ms = BUSY_CACHE_MS;
  else if (reason == GW_REASON_BEING_FETCHED)
    wait_ms = FETCH_CACHE_MS;
  else if (reason == GW_REASON_WINDOW && !asked->now.is_trusted)
    wait_ms = UNTRUSTED_MS;
  if (verdict->wait_ms > 0)
    wait_ms = MIN(wait_ms, verdict->wait_ms);
  if (verdict->until_wall_ms != G_MAXINT64 && verdict->until_wall_ms > 0)
    wait_ms = MIN(wait_ms, MAX(verdict->until_wall_ms - asked->now.wall_ms, 0));
  return asked->now.boot_ms + wait_ms;
}

static gboolean
is_for_later(GwReason reason)
{
  return reason == GW_REASON_CAP || reason == GW_REASON_BUSY || reason == GW_REASON_BEING_FETCHED;
}

void
gw_asked_nothing(GwAsked *asked, GwReason reason)
{
  gboolean is_bytes = asked->ask->kind == GW_ASK_BYTES;
  gboolean is_later = is_for_later(reason) || is_bytes;
  GwAnswer answer = {
    .kind = is_later ? GATEWAY_ANSWER_LATER : GATEWAY_ANSWER_NOTHING,
    .reason = (int)reason,
    .wait_s = is_later ? LATER_S : (guint32)(asked->verdict.wait_ms / 1000),
    .until_boot_ms = is_bytes ? 0 : until_ms(asked, reason),
  };

  send_with_verb(asked, &answer);
}

void
gw_asked_kind(GwAsked *asked, int kind)
{
  GwAnswer answer = { .kind = kind };

  send_answer(asked, &answer);
}

static GVariant *
pairs_of(GHashTable *table)
{
  GVariantBuilder builder;
  GHashTableIter iter;
  gpointer key, value;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  g_hash_table_iter_init(&iter, table);
  while (g_hash_table_iter_next(&iter, &key, &value))
    g_variant_builder_add(&builder, "{ss}", key, value);
  return g_variant_ref_sink(g_variant_builder_end(&builder));
}

/* An offer holds its slot. What the image asked for would be told now holds for a while, unless bytes are
 * evidence: then each question for them must be heard. */
static gint64
grant_ms(const GwAsked *asked, const GwUpdate *update)
{
  GwAsked afresh = *asked;
  gint64 until_ms = MIN(gw_asked_slot_until_ms(asked), asked->now.boot_ms + GRANT_MS);
  GwVerdict verdict;

  if (!update || update->state != GW_UPDATE_OFFERED || asked->pin->inference.is_open || asked->node->is_group)
    return 0;
  afresh.update = (GwUpdate *)update;
  verdict = gw_asked_decide_bytes(&afresh);
  if (!verdict.is_offer)
    return 0;
  if (verdict.until_wall_ms > 0 && verdict.until_wall_ms != G_MAXINT64)
    until_ms = MIN(until_ms, asked->now.boot_ms + MAX(verdict.until_wall_ms - asked->now.wall_ms, 0));
  return until_ms;
}

void
gw_asked_image(GwAsked *asked, int kind, gint64 until_boot_ms)
{
  const GwFirmware *firmware = gw_firmwares_find(asked->core->firmwares, asked->pin->firmware_id);
  const GwUpdate *update = gw_updates_find(asked->core->updates, asked->pin->update_id);
  g_autoptr(GVariant) attributes = pairs_of(firmware->attributes);
  GwAnswer answer = {
    .kind = kind,
    .update = gw_update_number(asked->pin->update_id),
    .until_boot_ms = until_boot_ms,
    .mode = firmware->is_downgrade_allowed ? GATEWAY_MODE_DOWNGRADE : GATEWAY_MODE_NORMAL,
    .token = asked->pin->token,
    .name = firmware->name,
    .product = firmware->product,
    .type = firmware->type,
    .hardware_version = firmware->hardware_version,
    .software_version = (char *)(update ? gw_firmwares_version_of(asked->core->firmwares, update)
                                        : firmware->software_version),
    .notes = firmware->notes,
    .size = firmware->size,
    .digests = firmware->digests,
    .attributes = attributes,
    .is_never_cut = asked->pin->is_never_cut,
    .bytes_until_boot_ms = kind == GATEWAY_ANSWER_OFFER ? grant_ms(asked, update) : 0,
  };

  send_answer(asked, &answer);
}

gint64
gw_asked_slot_until_ms(const GwAsked *asked)
{
  return MIN(gw_slots_lapse_ms(asked->core->slots, asked->pin->update_id), asked->now.boot_ms + CACHE_MAX_MS);
}
