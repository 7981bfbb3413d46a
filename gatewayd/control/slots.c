/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/slots.h"

typedef struct {
  gint64 update_id, rule_id, lapse_boot_ms;
  gboolean is_running;
  guint n_members; /* of a group, that are being sent it */
} Slot;

struct GwSlots {
  GHashTable *by_update; /* gint64 -> Slot, owns */
  GHashTable *n_by_rule; /* gint64 -> count; the key is in memory of its own */
  guint n_more;          /* members beyond the first of each group */
  guint cap;
};

GwSlots *
gw_slots_new(void)
{
  GwSlots *slots = g_new0(GwSlots, 1);

  slots->by_update = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
  slots->n_by_rule = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  slots->cap = 64;
  return slots;
}

void
gw_slots_free(GwSlots *slots)
{
  if (!slots)
    return;
  g_hash_table_unref(slots->by_update);
  g_hash_table_unref(slots->n_by_rule);
  g_free(slots);
}

void
gw_slots_set_cap(GwSlots *slots, guint cap)
{
  slots->cap = cap;
}

guint
gw_slots_cap(const GwSlots *slots)
{
  return slots->cap;
}

guint
gw_slots_count(const GwSlots *slots)
{
  return g_hash_table_size(slots->by_update) + slots->n_more;
}

guint
gw_slots_count_of(const GwSlots *slots, gint64 rule_id)
{
  return GPOINTER_TO_UINT(g_hash_table_lookup(slots->n_by_rule, &rule_id));
}

gboolean
gw_slots_has_room(const GwSlots *slots, gint64 rule_id, guint rule_cap)
{
  if (gw_slots_count(slots) >= slots->cap)
    return FALSE;
  return rule_cap == 0 || gw_slots_count_of(slots, rule_id) < rule_cap;
}

static void
count_rule(GwSlots *slots, gint64 rule_id, int change)
{
  guint count = gw_slots_count_of(slots, rule_id) + (guint)change;

  if (count)
    g_hash_table_replace(slots->n_by_rule, g_memdup2(&rule_id, sizeof(rule_id)), GUINT_TO_POINTER(count));
  else
    g_hash_table_remove(slots->n_by_rule, &rule_id);
}

void
gw_slots_take(GwSlots *slots, gint64 update_id, gint64 rule_id, gint64 lapse_boot_ms)
{
  Slot *slot = g_hash_table_lookup(slots->by_update, &update_id);

  if (!slot) {
    slot = g_new(Slot, 1);
    *slot = (Slot){ .update_id = update_id, .rule_id = rule_id };
    g_hash_table_insert(slots->by_update, &slot->update_id, slot);
    count_rule(slots, rule_id, 1);
  }
  slot->lapse_boot_ms = lapse_boot_ms;
}

gboolean
gw_slots_is_held(const GwSlots *slots, gint64 update_id)
{
  return g_hash_table_contains(slots->by_update, &update_id);
}

void
gw_slots_begin(GwSlots *slots, gint64 update_id)
{
  Slot *slot = g_hash_table_lookup(slots->by_update, &update_id);

  if (slot)
    slot->is_running = TRUE;
}

static guint
count_more(const Slot *slot)
{
  return slot->n_members > 1 ? slot->n_members - 1 : 0;
}

void
gw_slots_set_members(GwSlots *slots, gint64 update_id, guint n_members)
{
  Slot *slot = g_hash_table_lookup(slots->by_update, &update_id);
  guint n_before;

  if (!slot || slot->n_members == n_members)
    return;
  n_before = count_more(slot);
  slot->n_members = n_members;
  slots->n_more += count_more(slot) - n_before;
  count_rule(slots, slot->rule_id, (int)count_more(slot) - (int)n_before);
}

guint
gw_slots_members(const GwSlots *slots, gint64 update_id)
{
  const Slot *slot = g_hash_table_lookup(slots->by_update, &update_id);

  return slot ? slot->n_members : 0;
}

gint64
gw_slots_lapse_ms(const GwSlots *slots, gint64 update_id)
{
  const Slot *slot = g_hash_table_lookup(slots->by_update, &update_id);

  return !slot ? 0 : slot->is_running ? G_MAXINT64 : slot->lapse_boot_ms;
}

void
gw_slots_release(GwSlots *slots, gint64 update_id)
{
  const Slot *slot = g_hash_table_lookup(slots->by_update, &update_id);

  if (!slot)
    return;
  gw_slots_set_members(slots, update_id, 0);
  count_rule(slots, slot->rule_id, -1);
  g_hash_table_remove(slots->by_update, &update_id);
}
