/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failed logins by address (promise L4): each doubles the time until the next word about one from there, and
 * until the next is asked about at all, so that hanging up early gains nothing. Of those that are shown
 * before the first has failed, so many are looked at at once. Addresses without failures wait for nobody, and
 * a right login waits its turn and no longer: nodes behind one router share an address. An IPv6 network of 64
 * bits counts as one address. Pure: time is an argument (ms of the boot clock). One thread. */
#pragma once
#include "net/address.h"

#define GW_LOGINS_DELAY_MS 1000        /* after the first failure; doubles */
#define GW_LOGINS_DELAY_MAX_MS 12000   /* no longer than a protocol waits for a login */
#define GW_LOGINS_FORGOTTEN_MS 3600000 /* after the last failure */
#define GW_LOGINS_REMEMBERED 4096      /* addresses; then the longest quiet one goes */

#define GW_LOGINS_AT_ONCE 16 /* of one address */

typedef struct GwLogins GwLogins;
GwLogins *gw_logins_new(void);
void gw_logins_free(GwLogins *logins);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwLogins, gw_logins_free)
/* A login is shown: how long it must wait before anybody looks at it; 0 = not at all, -1 = so many wait
 * already that it is not looked at. *ret_turn_ms: by how much it makes the next one wait. */
gint64 gw_logins_hold_ms(GwLogins *logins, const GwAddress *peer, gint64 now_ms, gint64 *ret_turn_ms);
/* One is going to be looked at; FALSE = it must wait until another of its address has left. */
gboolean gw_logins_enter(GwLogins *logins, const GwAddress *peer);
/* The verdict about one that entered is there, or nobody waits for it. */
void gw_logins_leave(GwLogins *logins, const GwAddress *peer);
/* Do both count as one address? */
gboolean gw_logins_is_same(const GwAddress *a, const GwAddress *b);
/* It did not hold: how long that is kept from the peer. */
gint64 gw_logins_failed_ms(GwLogins *logins, const GwAddress *peer, gint64 now_ms);
/* It held, or its peer left before anybody looked at it: the next need not wait for it. */
void gw_logins_release(GwLogins *logins, const GwAddress *peer, gint64 turn_ms, gint64 now_ms);
/* Addresses that are remembered. */
guint gw_logins_size(const GwLogins *logins);
