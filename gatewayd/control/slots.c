/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/slots.h"

typedef struct {
  gint64 update_id, lapse_boot_ms;
  char **places;
  gboolean is_running;
  guint n_members; /* of a group, that are being sent it */
} Slot;

struct GwSlots {
  GHashTable *by_update; /* gint64 -> Slot, owns */
  GHashTable *n_at;      /* place -> count */
  guint64 n_over;
  guint n_more; /* members beyond the first of each group */
  guint cap;
};

GwPlaces *
gw_places_new(void)
{
  GwPlaces *places = g_new0(GwPlaces, 1);

  places->names = g_ptr_array_new_with_free_func(g_free);
  places->caps = g_array_new(FALSE, FALSE, sizeof(guint));
  return places;
}

void
gw_places_free(GwPlaces *places)
{
  if (!places)
    return;
  g_ptr_array_unref(places->names);
  g_array_unref(places->caps);
  g_free(places);
}

void
gw_places_add(GwPlaces *places, guint cap, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_ptr_array_add(places->names, g_strdup_vprintf(format, args));
  va_end(args);
  g_array_append_val(places->caps, cap);
}

static void
slot_free(gpointer data)
{
  Slot *slot = data;

  g_strfreev(slot->places);
  g_free(slot);
}

GwSlots *
gw_slots_new(void)
{
  GwSlots *slots = g_new0(GwSlots, 1);

  slots->by_update = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, slot_free);
  slots->n_at = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  slots->cap = 64;
  return slots;
}

void
gw_slots_free(GwSlots *slots)
{
  if (!slots)
    return;
  g_hash_table_unref(slots->by_update);
  g_hash_table_unref(slots->n_at);
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
gw_slots_count_of(const GwSlots *slots, const char *place)
{
  return GPOINTER_TO_UINT(g_hash_table_lookup(slots->n_at, place));
}

guint64
gw_slots_over(const GwSlots *slots)
{
  return slots->n_over;
}

gboolean
gw_slots_has_room(const GwSlots *slots, const GwPlaces *places, const char **ret_full)
{
  const char *full = NULL;

  if (gw_slots_count(slots) >= slots->cap)
    full = "";
  for (guint i = 0; !full && i < places->names->len; i++) {
    const char *place = places->names->pdata[i];
    guint cap = g_array_index(places->caps, guint, i);

    if (cap > 0 && gw_slots_count_of(slots, place) >= cap)
      full = place;
  }
  if (full && ret_full)
    *ret_full = full;
  return full == NULL;
}

static void
count_places(GwSlots *slots, const Slot *slot, int change)
{
  for (char **place = slot->places; change && *place; place++) {
    guint count = gw_slots_count_of(slots, *place) + (guint)change;

    if (count)
      g_hash_table_replace(slots->n_at, g_strdup(*place), GUINT_TO_POINTER(count));
    else
      g_hash_table_remove(slots->n_at, *place);
  }
}

static char **
copy_names(const GwPlaces *places)
{
  char **names = g_new0(char *, places->names->len + 1);

  for (guint i = 0; i < places->names->len; i++)
    names[i] = g_strdup(places->names->pdata[i]);
  return names;
}

void
gw_slots_take(GwSlots *slots, gint64 update_id, const GwPlaces *places, gint64 lapse_boot_ms)
{
  Slot *slot = g_hash_table_lookup(slots->by_update, &update_id);

  if (!slot) {
    slots->n_over += gw_slots_has_room(slots, places, NULL) ? 0 : 1;
    slot = g_new(Slot, 1);
    *slot = (Slot){ .update_id = update_id, .places = copy_names(places) };
    g_hash_table_insert(slots->by_update, &slot->update_id, slot);
    count_places(slots, slot, 1);
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
  count_places(slots, slot, (int)count_more(slot) - (int)n_before);
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
  count_places(slots, slot, -1);
  g_hash_table_remove(slots->by_update, &update_id);
}
