/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/logins.h"

#include <string.h>

#define NETWORK_BYTES 8 /* of an IPv6 address */

typedef struct {
  GwAddress address; /* or the network's */
  guint n_failed;
  gint64 failed_ms; /* last */
  gint64 next_ms;   /* the next login is looked at */
  GList link;       /* in `recent` */
} Suspect;

/* An address of which logins are being looked at. */
typedef struct {
  GwAddress address;
  guint n;
} Visit;

struct GwLogins {
  GHashTable *visits;   /* of Visit, by address */
  GHashTable *suspects; /* of Suspect, by address */
  GQueue recent;        /* last failed first */
};

static guint
hash_host(gconstpointer key)
{
  return gw_address_hash_host(key);
}

static gboolean
equal_host(gconstpointer a, gconstpointer b)
{
  return gw_address_equal_host(a, b);
}

static GwAddress
origin_of(const GwAddress *peer)
{
  GwAddress origin = *peer;

  if (!gw_address_is_ipv4(peer))
    memset(origin.bytes + NETWORK_BYTES, 0, sizeof origin.bytes - NETWORK_BYTES);
  origin.port = 0;
  return origin;
}

gboolean
gw_logins_is_same(const GwAddress *a, const GwAddress *b)
{
  GwAddress one = origin_of(a), other = origin_of(b);

  return gw_address_equal_host(&one, &other);
}

gboolean
gw_logins_enter(GwLogins *logins, const GwAddress *peer)
{
  GwAddress origin = origin_of(peer);
  Visit *visit = g_hash_table_lookup(logins->visits, &origin);

  if (!visit) {
    visit = g_new(Visit, 1);
    *visit = (Visit){ origin, 0 };
    g_hash_table_insert(logins->visits, &visit->address, visit);
  }
  if (visit->n == GW_LOGINS_AT_ONCE)
    return FALSE;
  visit->n++;
  return TRUE;
}

void
gw_logins_leave(GwLogins *logins, const GwAddress *peer)
{
  GwAddress origin = origin_of(peer);
  Visit *visit = g_hash_table_lookup(logins->visits, &origin);

  if (visit && --visit->n == 0)
    g_hash_table_remove(logins->visits, &origin);
}

static void
forget(GwLogins *logins, Suspect *suspect)
{
  g_queue_unlink(&logins->recent, &suspect->link);
  g_hash_table_remove(logins->suspects, &suspect->address);
  g_free(suspect);
}

static Suspect *
find(GwLogins *logins, const GwAddress *peer, gint64 now_ms)
{
  GwAddress origin = origin_of(peer);
  Suspect *suspect = g_hash_table_lookup(logins->suspects, &origin);

  if (!suspect || now_ms - suspect->failed_ms < GW_LOGINS_FORGOTTEN_MS)
    return suspect;
  forget(logins, suspect);
  return NULL;
}

static Suspect *
add(GwLogins *logins, const GwAddress *peer)
{
  Suspect *suspect = g_new0(Suspect, 1);

  if (logins->recent.length >= GW_LOGINS_REMEMBERED)
    forget(logins, logins->recent.tail->data);
  suspect->address = origin_of(peer);
  suspect->link.data = suspect;
  g_queue_push_head_link(&logins->recent, &suspect->link);
  g_hash_table_add(logins->suspects, suspect);
  return suspect;
}

static gint64
delay_ms(const Suspect *suspect)
{
  return MIN((gint64)GW_LOGINS_DELAY_MS << MIN(suspect->n_failed - 1, 16), GW_LOGINS_DELAY_MAX_MS);
}

gint64
gw_logins_hold_ms(GwLogins *logins, const GwAddress *peer, gint64 now_ms, gint64 *ret_turn_ms)
{
  Suspect *suspect = find(logins, peer, now_ms);
  gint64 at_ms;

  *ret_turn_ms = 0;
  if (!suspect)
    return 0;
  at_ms = MAX(now_ms, suspect->next_ms);
  if (at_ms - now_ms > GW_LOGINS_DELAY_MAX_MS)
    return -1;
  *ret_turn_ms = delay_ms(suspect);
  suspect->next_ms = at_ms + *ret_turn_ms; /* one after the other */
  return at_ms - now_ms;
}

void
gw_logins_release(GwLogins *logins, const GwAddress *peer, gint64 turn_ms, gint64 now_ms)
{
  Suspect *suspect = find(logins, peer, now_ms);

  if (suspect)
    suspect->next_ms = MAX(now_ms, suspect->next_ms - turn_ms);
}

gint64
gw_logins_failed_ms(GwLogins *logins, const GwAddress *peer, gint64 now_ms)
{
  Suspect *suspect = find(logins, peer, now_ms);

  if (!suspect)
    suspect = add(logins, peer);
  g_queue_unlink(&logins->recent, &suspect->link);
  g_queue_push_head_link(&logins->recent, &suspect->link);
  suspect->n_failed++;
  suspect->failed_ms = now_ms;
  suspect->next_ms = MAX(suspect->next_ms, now_ms + delay_ms(suspect));
  return delay_ms(suspect);
}

guint
gw_logins_size(const GwLogins *logins)
{
  return logins->recent.length;
}

GwLogins *
gw_logins_new(void)
{
  GwLogins *logins = g_new0(GwLogins, 1);

  logins->visits = g_hash_table_new_full(hash_host, equal_host, NULL, g_free);
  logins->suspects = g_hash_table_new(hash_host, equal_host);
  return logins;
}

void
gw_logins_free(GwLogins *logins)
{
  if (!logins)
    return;
  while (logins->recent.head)
    forget(logins, logins->recent.head->data);
  g_hash_table_unref(logins->suspects);
  g_hash_table_unref(logins->visits);
  g_free(logins);
}
