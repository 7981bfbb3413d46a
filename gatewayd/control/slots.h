/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places for downloads: how many nodes may be downloading, or be about to, at once: in all, and in each place
 * that has a limit of its own (a rule, a transport, a segment, a location). A slot belongs to one update. It
 * counts in all its places. It is taken before an offer is answered; it lapses when no byte is asked for in
 * time, and stands as long as a transfer runs. Who must be served whatever the cap says (never-cut) takes one
 * over the cap, and is counted. In memory only: after a restart the LAN worker lists what still runs. Main
 * thread; pure. */
#pragma once
#include <glib.h>

typedef struct GwSlots GwSlots;
GwSlots *gw_slots_new(void);
void gw_slots_free(GwSlots *slots);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSlots, gw_slots_free)
void gw_slots_set_cap(GwSlots *slots, guint cap);

/* Where a download would count: names, each with how many may be there at once. */
typedef struct {
  GPtrArray *names; /* char */
  GArray *caps;     /* guint; 0 = any number */
} GwPlaces;
GwPlaces *gw_places_new(void);
void gw_places_free(GwPlaces *places);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPlaces, gw_places_free)
void gw_places_add(GwPlaces *places, guint cap, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Room for one more there? @ret_full (or NULL): the place without, borrowed from @places; "" = in all. */
gboolean gw_slots_has_room(const GwSlots *slots, const GwPlaces *places, const char **ret_full);
/* Taken whatever the caps say; one that is held keeps its places and transfers and gets the new
 * @lapse_boot_ms. */
void gw_slots_take(GwSlots *slots, gint64 update_id, const GwPlaces *places, gint64 lapse_boot_ms);
gboolean gw_slots_is_held(const GwSlots *slots, gint64 update_id);
/* A transfer began: the slot does not lapse before it is released. No effect without a slot. */
void gw_slots_begin(GwSlots *slots, gint64 update_id);
/* So many members of a group are being sent it; each beyond the first takes one more place. No effect without
 * a slot. */
void gw_slots_set_members(GwSlots *slots, gint64 update_id, guint n_members);
guint gw_slots_members(const GwSlots *slots, gint64 update_id);
/* When it lapses: G_MAXINT64 while a transfer runs, 0 without a slot. */
gint64 gw_slots_lapse_ms(const GwSlots *slots, gint64 update_id);
void gw_slots_release(GwSlots *slots, gint64 update_id);
guint gw_slots_count(const GwSlots *slots);
guint gw_slots_count_of(const GwSlots *slots, const char *place);
/* How many were taken over a cap since the start. */
guint64 gw_slots_over(const GwSlots *slots);
guint gw_slots_cap(const GwSlots *slots);
