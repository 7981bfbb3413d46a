/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small nouns on their own: alarms, slots, pins, the registry. */
#include <string.h>

#include "base/error.h"
#include "control/alarms.h"
#include "control/pins.h"
#include "control/registry.h"
#include "control/slots.h"

static void
test_alarms(void)
{
  g_autoptr(GwAlarms) alarms = gw_alarms_new();
  GwAlarmKind kind;
  gint64 id;

  g_assert_cmpint(gw_alarms_next_ms(alarms), ==, G_MAXINT64);
  gw_alarms_set(alarms, GW_ALARM_UPDATE, 1, 300);
  gw_alarms_set(alarms, GW_ALARM_SLOT, 1, 200);
  gw_alarms_set(alarms, GW_ALARM_UPDATE, 2, 100);
  gw_alarms_set(alarms, GW_ALARM_UPDATE, 2, 250); /* moved */
  gw_alarms_set(alarms, GW_ALARM_UPDATE, 3, 10);
  gw_alarms_set(alarms, GW_ALARM_UPDATE, 3, G_MAXINT64); /* taken back */
  g_assert_cmpint(gw_alarms_next_ms(alarms), ==, 200);
  g_assert_false(gw_alarms_take(alarms, 199, &kind, &id));
  g_assert_true(gw_alarms_take(alarms, 300, &kind, &id));
  g_assert_true(kind == GW_ALARM_SLOT && id == 1);
  g_assert_true(gw_alarms_take(alarms, 300, &kind, &id));
  g_assert_true(kind == GW_ALARM_UPDATE && id == 2);
  g_assert_true(gw_alarms_take(alarms, 300, &kind, &id));
  g_assert_cmpint(id, ==, 1);
  g_assert_false(gw_alarms_take(alarms, G_MAXINT64 - 1, &kind, &id));
}

static GwPlaces *
places(const char *name, guint cap)
{
  GwPlaces *places = gw_places_new();

  gw_places_add(places, cap, "%s", name);
  return places;
}

static void
test_slots(void)
{
  g_autoptr(GwSlots) slots = gw_slots_new();
  g_autoptr(GwPlaces) seven = places("7", 1), eight = places("8", 0), nine = places("9", 0);
  const char *full = NULL;

  gw_slots_set_cap(slots, 2);
  g_assert_true(gw_slots_has_room(slots, seven, NULL));
  gw_slots_take(slots, 1, seven, 100);
  g_assert_false(gw_slots_has_room(slots, seven, &full));
  g_assert_cmpstr(full, ==, "7");
  g_assert_true(gw_slots_has_room(slots, eight, NULL));
  gw_slots_take(slots, 1, seven, 150); /* renewed, not doubled */
  g_assert_cmpuint(gw_slots_count(slots), ==, 1);
  g_assert_cmpint(gw_slots_lapse_ms(slots, 1), ==, 150);
  gw_slots_begin(slots, 1);
  g_assert_cmpint(gw_slots_lapse_ms(slots, 1), ==, G_MAXINT64);
  gw_slots_take(slots, 2, eight, 100);
  g_assert_false(gw_slots_has_room(slots, nine, &full));
  g_assert_cmpstr(full, ==, "");
  g_assert_cmpuint(gw_slots_over(slots), ==, 0);
  gw_slots_take(slots, 3, nine, 100); /* over the cap, and counted */
  g_assert_cmpuint(gw_slots_count(slots), ==, 3);
  g_assert_cmpuint(gw_slots_over(slots), ==, 1);
  gw_slots_release(slots, 1);
  gw_slots_release(slots, 1);
  g_assert_cmpuint(gw_slots_count(slots), ==, 2);
  g_assert_cmpuint(gw_slots_count_of(slots, "7"), ==, 0);
  g_assert_cmpint(gw_slots_lapse_ms(slots, 1), ==, 0);
}

/* One download counts in each of its places, and leaves all of them. */
static void
test_places(void)
{
  g_autoptr(GwSlots) slots = gw_slots_new();
  g_autoptr(GwPlaces) both = gw_places_new(), roof = places("location roof", 2);
  g_autoptr(GwPlaces) rule = places("rule 1", 1);

  gw_places_add(both, 1, "rule %d", 1);
  gw_places_add(both, 2, "location %s", "roof");
  gw_slots_take(slots, 1, both, 100);
  g_assert_false(gw_slots_has_room(slots, rule, NULL));
  g_assert_true(gw_slots_has_room(slots, roof, NULL));
  gw_slots_set_members(slots, 1, 3); /* of a group: all count */
  g_assert_false(gw_slots_has_room(slots, roof, NULL));
  g_assert_cmpuint(gw_slots_count_of(slots, "location roof"), ==, 3);
  gw_slots_release(slots, 1);
  g_assert_true(gw_slots_has_room(slots, rule, NULL));
  g_assert_cmpuint(gw_slots_count_of(slots, "location roof"), ==, 0);
}

static void
test_tokens(void)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  for (int i = 0; i < 2000; i++) {
    g_autoptr(GwPin) pin = gw_pin_new();

    g_assert_cmpuint(strspn(pin->token, "abcdefghijklmnopqrstuvwxyz234567"), ==, GW_TOKEN_LEN);
    g_assert_true(g_hash_table_add(seen, g_strdup(pin->token)));
  }
}

static void
test_macs_behind_a_router(void)
{
  g_autoptr(GwRegistry) registry = gw_registry_new();
  GwNode *a = gw_registry_add(registry, gw_node_new("a"));
  GwNode *b = gw_registry_add(registry, gw_node_new("b"));

  gw_registry_set_mac(registry, a, "02:00:00:00:00:01");
  g_assert_true(gw_registry_find_mac(registry, "02:00:00:00:00:01") == a);
  gw_registry_set_mac(registry, b, "02:00:00:00:00:01"); /* shared: nobody's own any more */
  g_assert_null(gw_registry_find_mac(registry, "02:00:00:00:00:01"));
  gw_registry_set_mac(registry, b, "02:00:00:00:00:02");
  g_assert_true(gw_registry_find_mac(registry, "02:00:00:00:00:02") == b);
  gw_registry_set_at(registry, "10.0.0.1", b);
  gw_registry_remove(registry, b);
  g_assert_null(gw_registry_find_mac(registry, "02:00:00:00:00:02"));
  g_assert_null(gw_registry_at(registry, "10.0.0.1"));
  g_assert_cmpuint(gw_registry_count(registry), ==, 1);
}

static void
test_aliases(void)
{
  g_autoptr(GwRegistry) registry = gw_registry_new();
  GwNode *a = gw_registry_add(registry, gw_node_new("a"));
  GwNode *b = gw_registry_add(registry, gw_node_new("b"));

  g_assert_true(gw_registry_add_alias(registry, a, "imei=1"));
  g_assert_false(gw_registry_add_alias(registry, b, "imei=1")); /* it is a's */
  g_assert_true(gw_registry_find_alias(registry, "imei=1") == a);
  gw_registry_remove(registry, a);
  g_assert_null(gw_registry_find_alias(registry, "imei=1"));
}

/* One device at two addresses (IPv4 and IPv6, or a new lease): none of them leads to it when it is gone. */
static void
test_addresses(void)
{
  g_autoptr(GwRegistry) registry = gw_registry_new();
  GwNode *a = gw_registry_add(registry, gw_node_new("a"));
  GwNode *b = gw_registry_add(registry, gw_node_new("b"));

  gw_registry_set_at(registry, "10.0.0.1", a);
  gw_registry_set_at(registry, "fe80::1", a);
  gw_registry_set_at(registry, "10.0.0.2", b);
  gw_registry_set_at(registry, "10.0.0.2", a); /* the lease went from one to the other */
  g_free(a->address);
  a->address = g_strdup("fe80::1");
  gw_registry_remove(registry, a);
  g_assert_null(gw_registry_at(registry, "10.0.0.1"));
  g_assert_null(gw_registry_at(registry, "fe80::1"));
  g_assert_null(gw_registry_at(registry, "10.0.0.2"));
  gw_registry_remove(registry, b);
}

/* Who takes a new address for each request is not remembered at all of them. */
static void
test_addresses_are_bounded(void)
{
  g_autoptr(GwRegistry) registry = gw_registry_new();
  GwNode *a = gw_registry_add(registry, gw_node_new("a"));
  guint n_known = 0;

  for (int i = 0; i < 1000; i++) {
    g_autofree char *address = g_strdup_printf("fe80::%x", i);
    gw_registry_set_at(registry, address, a);
  }
  for (int i = 0; i < 1000; i++) {
    g_autofree char *address = g_strdup_printf("fe80::%x", i);
    n_known += gw_registry_at(registry, address) == a;
  }
  g_assert_cmpuint(n_known, >=, 1);
  g_assert_cmpuint(n_known, <=, 16);
  g_assert_true(gw_registry_at(registry, "fe80::3e7") == a);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/control/alarms", test_alarms);
  g_test_add_func("/control/slots", test_slots);
  g_test_add_func("/control/places", test_places);
  g_test_add_func("/control/tokens", test_tokens);
  g_test_add_func("/control/registry/macs", test_macs_behind_a_router);
  g_test_add_func("/control/registry/aliases", test_aliases);
  g_test_add_func("/control/registry/addresses", test_addresses);
  g_test_add_func("/control/registry/addresses-are-bounded", test_addresses_are_bounded);
  return g_test_run();
}
