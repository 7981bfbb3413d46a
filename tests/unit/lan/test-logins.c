/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failed logins: how long each address waits, and who does not. */
#include "lan/logins.h"

static gint64 turn_ms;

static GwAddress
address_of(const char *host)
{
  GwAddress address;

  g_assert_true(gw_address_parse(host, 4711, &address, NULL));
  return address;
}

static void
test_L4_growing_delay(void)
{
  static const gint64 expected[] = { 1000, 2000, 4000, 8000, 12000, 12000, 12000 };
  g_autoptr(GwLogins) logins = gw_logins_new();
  GwAddress peer = address_of("192.0.2.1"), other = address_of("192.0.2.2");
  gint64 now_ms = 5000000;

  g_assert_cmpint(gw_logins_hold_ms(logins, &peer, now_ms, &turn_ms), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
    g_assert_cmpint(gw_logins_failed_ms(logins, &peer, now_ms), ==, expected[i]);
    g_assert_cmpint(gw_logins_hold_ms(logins, &other, now_ms, &turn_ms), ==, 0);
    now_ms += expected[i];
  }
  peer.port = 1; /* another connection of the same */
  g_assert_cmpint(gw_logins_hold_ms(logins, &peer, now_ms - 10000, &turn_ms), ==, 10000);
  g_assert_cmpint(gw_logins_failed_ms(logins, &other, now_ms), ==, 1000);
}

static void
test_L4_forgotten_after_an_hour(void)
{
  g_autoptr(GwLogins) logins = gw_logins_new();
  GwAddress peer = address_of("192.0.2.1");

  for (guint i = 0; i < 5; i++)
    (void)gw_logins_failed_ms(logins, &peer, 1000);
  g_assert_cmpint(gw_logins_failed_ms(logins, &peer, GW_LOGINS_FORGOTTEN_MS), ==, 12000);
  g_assert_cmpint(gw_logins_failed_ms(logins, &peer, 2 * GW_LOGINS_FORGOTTEN_MS), ==, 1000);
  g_assert_cmpint(gw_logins_hold_ms(logins, &peer, 4 * GW_LOGINS_FORGOTTEN_MS, &turn_ms), ==, 0);
  g_assert_cmpuint(gw_logins_size(logins), ==, 0);
}

/* Behind one router: a node with an old password does not keep the others out. */
static void
test_L4_right_logins_wait_their_turn_only(void)
{
  g_autoptr(GwLogins) logins = gw_logins_new();
  GwAddress router = address_of("192.0.2.1");
  gint64 now_ms = 0;

  for (guint i = 0; i < 20; i++) {
    gint64 ms = gw_logins_hold_ms(logins, &router, now_ms, &turn_ms); /* the wrong one */
    g_assert_cmpint(ms, >=, 0);
    (void)gw_logins_failed_ms(logins, &router, now_ms + ms);
    for (guint right = 0; right < 5; right++) {
      ms = gw_logins_hold_ms(logins, &router, now_ms + ms, &turn_ms);
      g_assert_cmpint(ms, >=, 0);
      g_assert_cmpint(ms, <=, GW_LOGINS_DELAY_MAX_MS);
      gw_logins_release(logins, &router, turn_ms, now_ms + ms);
    }
    now_ms += 30000;
  }
}

/* Whoever hangs up before the answer and tries again at once gains nothing. */
static void
test_L4_a_thousand_guesses(void)
{
  g_autoptr(GwLogins) logins = gw_logins_new();
  GwAddress peer = address_of("192.0.2.1");
  gint64 looked_at_ms = -1;
  guint n_looked_at = 0;

  for (gint64 now_ms = 0; now_ms < 300000; now_ms += 300) {
    gint64 ms = gw_logins_hold_ms(logins, &peer, now_ms, &turn_ms);
    if (ms < 0 || now_ms + ms >= 300000)
      continue;
    g_assert_cmpint(now_ms + ms, >, looked_at_ms); /* one after the other */
    looked_at_ms = now_ms + ms;
    n_looked_at++;
    (void)gw_logins_failed_ms(logins, &peer, looked_at_ms);
  }
  g_assert_cmpuint(n_looked_at, >=, 5);
  g_assert_cmpuint(n_looked_at, <=, 30);
}

static void
test_L4_one_network_is_one_address(void)
{
  g_autoptr(GwLogins) logins = gw_logins_new();
  GwAddress one = address_of("[2001:db8:0:1::1]"), neighbour = address_of("[2001:db8:0:1:ffff::2]");
  GwAddress stranger = address_of("[2001:db8:0:2::1]");

  (void)gw_logins_failed_ms(logins, &one, 1000);
  g_assert_cmpint(gw_logins_failed_ms(logins, &neighbour, 1000), ==, 2000);
  g_assert_cmpint(gw_logins_failed_ms(logins, &stranger, 1000), ==, 1000);
  g_assert_cmpuint(gw_logins_size(logins), ==, 2);
}

static void
test_L4_bounded(void)
{
  g_autoptr(GwLogins) logins = gw_logins_new();
  GwAddress persistent = address_of("192.0.2.1"), peer = address_of("10.0.0.0");

  for (guint i = 0; i < 3 * GW_LOGINS_REMEMBERED; i++) {
    peer.bytes[13] = (guint8)(i >> 16);
    peer.bytes[14] = (guint8)(i >> 8);
    peer.bytes[15] = (guint8)i;
    (void)gw_logins_failed_ms(logins, &peer, 1000 + i);
    if (i % 1000 == 0)
      (void)gw_logins_failed_ms(logins, &persistent, 1000 + i);
    g_assert_cmpuint(gw_logins_size(logins), <=, GW_LOGINS_REMEMBERED);
  }
  g_assert_cmpint(gw_logins_failed_ms(logins, &persistent, 20000), ==, 12000); /* not pushed out */
}

static void
test_L4_so_many_at_once(void)
{
  g_autoptr(GwLogins) logins = gw_logins_new();
  GwAddress peer = address_of("192.0.2.1"), other = address_of("192.0.2.2");

  for (guint i = 0; i < GW_LOGINS_AT_ONCE; i++)
    g_assert_true(gw_logins_enter(logins, &peer));
  g_assert_false(gw_logins_enter(logins, &peer));
  g_assert_true(gw_logins_enter(logins, &other));
  gw_logins_leave(logins, &peer);
  g_assert_true(gw_logins_enter(logins, &peer));
  g_assert_false(gw_logins_enter(logins, &peer));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/promise/L4/growing-delay", test_L4_growing_delay);
  g_test_add_func("/promise/L4/forgotten-after-an-hour", test_L4_forgotten_after_an_hour);
  g_test_add_func("/promise/L4/right-logins-wait-their-turn-only", test_L4_right_logins_wait_their_turn_only);
  g_test_add_func("/promise/L4/a-thousand-guesses", test_L4_a_thousand_guesses);
  g_test_add_func("/promise/L4/one-network-is-one-address", test_L4_one_network_is_one_address);
  g_test_add_func("/promise/L4/bounded", test_L4_bounded);
  g_test_add_func("/promise/L4/so-many-at-once", test_L4_so_many_at_once);
  return g_test_run();
}
