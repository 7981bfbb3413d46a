/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may begin, and what is remembered of those who stopped. */
#include "lan/transfers.h"

#define SIZE 1000
#define IDLE_MS 5000

typedef struct {
  GMainContext *context;
  GwReactor *reactor;
  GwGauges *gauges;
  GwTransfers *transfers;
  guint n_begun, n_complete, n_interrupted;
  GwTold last;
} Site;

static gint64 clock_ms;

static gint64
now(void)
{
  return clock_ms;
}

static void
on_told(const GwTold *told, gpointer user)
{
  Site *site = user;

  site->last = *told;
  site->n_begun += told->kind == GW_TOLD_BEGUN;
  site->n_complete += told->kind == GW_TOLD_COMPLETE;
  site->n_interrupted += told->kind == GW_TOLD_INTERRUPTED;
}

static void
site_up(Site *site, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  clock_ms = 1000000;
  site->context = g_main_context_new();
  site->reactor = gw_reactor_new(site->context, &error);
  g_assert_no_error(error);
  gw_reactor_set_clock(site->reactor, now);
  site->gauges = gw_gauges_new(&error);
  g_assert_no_error(error);
  site->transfers = gw_transfers_new(site->reactor, site->gauges, on_told, site);
}

static void
site_down(Site *site, gconstpointer data)
{
  gw_transfers_free(site->transfers);
  gw_gauges_free(site->gauges);
  gw_reactor_free(site->reactor);
  g_main_context_unref(site->context);
}

static void
cut(gpointer user)
{
  g_error("nobody was to be cut");
}

static GwSending *
begin(Site *site, const char *token, const char *peer, guint64 offset)
{
  GwAddress address;
  GwTransferOf of = { .token = token, .node = token, .peer = &address, .size = SIZE, .idle_ms = IDLE_MS };

  g_assert_true(gw_address_parse(peer, 80, &address, NULL));
  return gw_transfers_begin(site->transfers, &of, offset, cut, site);
}

/* Half of the image, from its beginning or from its middle. */
static void
send_half(Site *site, const char *token, gboolean is_second)
{
  GwSending *sending = begin(site, token, "192.0.2.1", is_second ? SIZE / 2 : 0);

  gw_sending_covered(sending, is_second ? SIZE / 2 : 0, SIZE / 2);
  gw_sending_end(sending, !is_second);
}

static gboolean
has_room(const Site *site, const char *peer, gboolean is_never_cut)
{
  GwAddress address;
  GwTransferOf of = { .token = "new", .node = "new", .peer = &address, .size = SIZE };

  of.is_never_cut = is_never_cut;
  g_assert_true(gw_address_parse(peer, 80, &address, NULL));
  return gw_transfers_has_room(site->transfers, &of);
}

static void
test_segments(Site *site, gconstpointer data)
{
  gw_transfers_set_caps(site->transfers, &(GwTransferCaps){ 10, 1, 1 });
  GwSending *four = begin(site, "four", "192.0.2.1", 0);
  GwSending *six = begin(site, "six", "[2001:db8:0:1::1]", 0);
  g_assert_false(has_room(site, "192.0.2.9", FALSE));
  g_assert_true(has_room(site, "192.0.3.1", FALSE));
  g_assert_true(has_room(site, "198.51.100.1", FALSE));
  g_assert_false(has_room(site, "[2001:db8:0:1:ffff::2]", FALSE));
  g_assert_true(has_room(site, "[2001:db8:0:2::1]", FALSE));
  gw_sending_end(four, TRUE);
  gw_sending_end(six, TRUE);
  g_assert_true(has_room(site, "192.0.2.9", FALSE));
}

static void
test_total(Site *site, gconstpointer data)
{
  gw_transfers_set_caps(site->transfers, &(GwTransferCaps){ 2, 8, 2 });
  GwSending *one = begin(site, "one", "192.0.2.1", 0);
  g_assert_true(has_room(site, "192.0.2.2", FALSE));
  GwSending *two = begin(site, "two", "198.51.100.1", 0);
  g_assert_false(has_room(site, "192.0.2.2", FALSE));
  g_assert_true(has_room(site, "192.0.2.2", TRUE)); /* it hangs if it is not served */
  gw_sending_end(one, TRUE);
  g_assert_true(has_room(site, "192.0.2.2", FALSE));
  gw_sending_end(two, TRUE);
  g_assert_cmpuint(gw_transfers_open(site->transfers), ==, 0);
}

/* What is remembered makes a whole of two halves; of so many nodes that stopped, the oldest are forgotten. */
static void
test_bounded_memory(Site *site, gconstpointer data)
{
  GwSending *open = begin(site, "open", "192.0.2.1", 0);

  gw_sending_covered(open, 0, SIZE / 2);
  send_half(site, "oldest", FALSE);
  send_half(site, "second", FALSE);
  for (guint i = 0; i < GW_TRANSFERS_REMEMBERED - 2; i++) {
    g_autofree char *token = g_strdup_printf("token-%u", i);

    send_half(site, token, FALSE);
  }
  g_assert_cmpuint(site->n_interrupted, ==, GW_TRANSFERS_REMEMBERED);
  send_half(site, "second", TRUE);
  g_assert_cmpuint(site->n_complete, ==, 1);
  send_half(site, "oldest", TRUE);
  g_assert_cmpuint(site->n_complete, ==, 1);
  gw_sending_covered(open, SIZE / 2, SIZE / 2); /* older than all of them, but on its way */
  g_assert_cmpuint(site->n_complete, ==, 2);
  gw_sending_end(open, FALSE);
}

/* A node that wants the end alone, and lacks the beginning, keeps its place for a moment and not until it is
 * given up. */
static void
test_L4_place_of_who_stopped(Site *site, gconstpointer data)
{
  GwSending *end = begin(site, "end", "192.0.2.1", SIZE / 2);

  gw_transfers_set_caps(site->transfers, &(GwTransferCaps){ 10, 1, 2 });
  gw_sending_covered(end, SIZE / 2, SIZE / 2);
  gw_sending_end(end, FALSE);
  clock_ms += GW_TRANSFERS_PLACE_MS - 1;
  g_assert_false(has_room(site, "192.0.2.9", FALSE));
  clock_ms += 1;
  g_assert_true(has_room(site, "192.0.2.9", FALSE));
  g_assert_cmpuint(gw_transfers_open(site->transfers), ==, 1);
}

static void
pass(Site *site, gint64 ms)
{
  clock_ms += ms;
  while (g_main_context_iteration(site->context, FALSE))
    ;
}

/* What takes no time is told once; what takes longer, or breaks off, is begun first. */
static void
test_brief(Site *site, gconstpointer data)
{
  GwSending *sending = begin(site, "brief", "192.0.2.1", 0);

  gw_sending_covered(sending, 0, SIZE);
  gw_sending_end(sending, FALSE);
  pass(site, 1000);
  g_assert_cmpuint(site->n_begun, ==, 0);
  g_assert_cmpuint(site->n_complete, ==, 1);
  sending = begin(site, "long", "192.0.2.1", 0);
  pass(site, GW_TRANSFERS_BRIEF_MS + GW_WHEEL_TICK_MS);
  g_assert_cmpuint(site->n_begun, ==, 1);
  gw_sending_end(sending, TRUE);
  sending = begin(site, "broken", "192.0.2.1", 0);
  gw_sending_end(sending, TRUE);
  g_assert_cmpuint(site->n_begun, ==, 2);
  g_assert_cmpuint(site->n_interrupted, ==, 2);
}

/* ---- a group ---- */

static GwTransferOf
group_of(GwAddress *peer, const char *host)
{
  g_assert_true(gw_address_parse(host, 80, peer, NULL));
  return (GwTransferOf){
    .token = "group", .node = "group", .peer = peer, .size = SIZE, .is_group = TRUE, .idle_ms = IDLE_MS
  };
}

static GwSending *
begin_member(Site *site, guint64 offset)
{
  GwAddress peer;
  GwTransferOf of = group_of(&peer, "192.0.2.1");

  return gw_transfers_begin(site->transfers, &of, offset, cut, site);
}

static void
cover(GwSending *sending, guint64 offset, guint64 size)
{
  gw_sending_covered(sending, offset, size);
  gw_sending_end(sending, offset + size < SIZE);
}

/* Three at once: the cap of one node is not theirs, and each is told for itself. */
static void
test_group_of_three(Site *site, gconstpointer data)
{
  GwAddress peer;
  GwTransferOf of = group_of(&peer, "192.0.2.1");
  GwSending *members[3];

  gw_transfers_set_caps(site->transfers, &(GwTransferCaps){ 10, 10, 2 });
  for (guint i = 0; i < 3; i++) {
    g_assert_true(gw_transfers_has_room(site->transfers, &of));
    members[i] = begin_member(site, 0);
    g_assert_cmpuint(site->last.n_members, ==, i + 1);
  }
  g_assert_cmpuint(site->n_begun, ==, 3);
  g_assert_cmpuint(gw_transfers_open(site->transfers), ==, 3);
  gw_sending_progress(members[2], SIZE / 2);
  cover(members[0], 0, SIZE);
  g_assert_cmpint(site->last.kind, ==, GW_TOLD_COMPLETE);
  g_assert_cmpuint(site->last.n_members, ==, 2);
  cover(members[1], 0, SIZE / 2);
  g_assert_cmpint(site->last.kind, ==, GW_TOLD_INTERRUPTED);
  g_assert_cmpuint(site->last.acked, ==, SIZE / 2);
  g_assert_cmpuint(site->last.n_members, ==, 1);
  cover(members[2], 0, SIZE);
  g_assert_cmpuint(site->last.n_members, ==, 0);
  g_assert_cmpuint(site->n_complete, ==, 2);
  g_assert_cmpuint(site->n_interrupted, ==, 1);
  g_assert_cmpuint(gw_transfers_open(site->transfers), ==, 0);
}

/* Two halves are one whole, of whomever they were; a half is not counted twice, nor one with a gap. */
static void
test_group_goes_on(Site *site, gconstpointer data)
{
  cover(begin_member(site, 0), 0, SIZE / 2);
  cover(begin_member(site, SIZE / 2 + 1), SIZE / 2 + 1, SIZE / 2 - 1);
  g_assert_cmpuint(site->n_complete, ==, 0);
  cover(begin_member(site, SIZE / 2), SIZE / 2, SIZE / 2);
  g_assert_cmpuint(site->n_complete, ==, 1);
  cover(begin_member(site, SIZE / 2), SIZE / 2, SIZE / 2);
  g_assert_cmpuint(site->n_complete, ==, 1);
}

static void
test_L4_group_meets_the_other_caps(Site *site, gconstpointer data)
{
  GwAddress peer;
  GwTransferOf of = group_of(&peer, "192.0.2.1");
  GwSending *one = begin_member(site, 0), *two = begin_member(site, 0);

  gw_transfers_set_caps(site->transfers, &(GwTransferCaps){ 3, 2, 1 });
  g_assert_false(gw_transfers_has_room(site->transfers, &of));
  of = group_of(&peer, "198.51.100.1");
  g_assert_true(gw_transfers_has_room(site->transfers, &of));
  gw_transfers_set_caps(site->transfers, &(GwTransferCaps){ 2, 8, 1 });
  g_assert_false(gw_transfers_has_room(site->transfers, &of));
  gw_sending_end(one, TRUE);
  g_assert_true(gw_transfers_has_room(site->transfers, &of));
  gw_sending_end(two, TRUE);
}

#define ADD(path, function) g_test_add(path, Site, NULL, site_up, function, site_down)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("/promise/L4/segments", test_segments);
  ADD("/promise/L4/total", test_total);
  ADD("/transfers/bounded-memory", test_bounded_memory);
  ADD("/promise/L4/place-of-who-stopped", test_L4_place_of_who_stopped);
  ADD("/transfers/brief", test_brief);
  ADD("/transfers/group-of-three", test_group_of_three);
  ADD("/transfers/group-goes-on", test_group_goes_on);
  ADD("/promise/L4/group-meets-the-other-caps", test_L4_group_meets_the_other_caps);
  return g_test_run();
}
