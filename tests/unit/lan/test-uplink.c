/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits for the core: in order, all of it, and bounded. The core here is a socket that reads when it is
 * told to, and acknowledges everything. */
#include "lan/uplink.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "gateway-plugin.h"

typedef struct {
  GMainContext *context;
  GwReactor *reactor;
  GwUplink *uplink;
  char *path;
  int listen_fd, peer_fd; /* a core that has accepted, and does not read */
  GwLink *core;           /* one that does */
  guint n_told;
  guint64 first, last; /* numbers of those told, which stand in `acked` */
  gboolean is_in_order;
  gboolean is_full; /* the core cannot write */
} Site;

static gint64 clock_ms;

static gint64
now(void)
{
  return clock_ms;
}

static void
ignore(gpointer user)
{
}

static void
ignore_message(const GwMessage *message, gpointer user)
{
}

static const GwUplinkEvents uplink_events = { ignore, ignore_message, ignore };

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  Site *site = user;
  GwTold told;

  if (message->type != GW_MESSAGE_TELL)
    return;
  if (site->is_full) {
    gw_link_send(link, GW_MESSAGE_ACK, message->serial, gw_ack_pack(GATEWAY_ANSWER_LATER), NULL, 0);
    return;
  }
  g_assert_true(gw_told_unpack(message->payload, &told));
  if (site->n_told++ == 0)
    site->first = told.acked;
  else
    site->is_in_order &= told.acked == site->last + 1;
  site->last = told.acked;
  gw_told_clear(&told);
  gw_link_send(link, GW_MESSAGE_ACK, message->serial, gw_ack_pack(GATEWAY_ANSWER_ACCEPTED), NULL, 0);
}

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  g_assert_no_error(error);
}

static const GwLinkEvents core_events = { on_message, on_closed };

static void
site_up(Site *site, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  GwHello hello = { .version = GW_LINK_VERSION, .role = (char *)"lan" };

  clock_ms = 1000000;
  site->context = g_main_context_new();
  site->reactor = gw_reactor_new(site->context, &error);
  g_assert_no_error(error);
  gw_reactor_set_clock(site->reactor, now);
  site->path = g_strdup_printf("@gw-test-uplink-%d", (int)getpid());
  site->listen_fd = site->peer_fd = -1;
  site->is_in_order = TRUE;
  site->uplink = gw_uplink_new(site->reactor, site->path, gw_hello_pack(&hello), &uplink_events, site);
}

static void
site_down(Site *site, gconstpointer data)
{
  gw_uplink_free(site->uplink);
  gw_link_free(site->core);
  gw_close(&site->listen_fd);
  gw_close(&site->peer_fd);
  gw_reactor_free(site->reactor);
  g_main_context_unref(site->context);
  g_free(site->path);
}

static void
pass(Site *site, gint64 ms)
{
  for (gint64 end_ms = clock_ms + ms; clock_ms < end_ms; clock_ms += 10)
    while (g_main_context_iteration(site->context, FALSE))
      ;
}

/* Whether it reads is another question. */
static void
start_core(Site *site)
{
  g_autoptr(GError) error = NULL;

  site->listen_fd = gw_link_listen(site->path, &error);
  g_assert_no_error(error);
  pass(site, 2 * GW_UPLINK_RETRY_MS);
  g_assert_true(gw_uplink_is_connected(site->uplink));
  site->peer_fd = accept4(site->listen_fd, NULL, NULL, SOCK_CLOEXEC);
  g_assert_cmpint(site->peer_fd, >=, 0);
}

static void
read_on(Site *site)
{
  site->core = gw_link_new(g_steal_fd(&site->peer_fd), site->context, &core_events, site);
  pass(site, 100 * GW_UPLINK_RETRY_MS);
}

static void
tell(Site *site, GwToldKind kind, guint64 number, const char *detail)
{
  GwTold told = {
    .kind = kind, .token = (char *)"t", .node = (char *)"n", .acked = number, .detail = (char *)detail
  };

  gw_uplink_tell(site->uplink, &told);
}

/* The core reads nothing until its socket and the link's own queue are full; nothing overtakes, nothing is
 * lost. */
static void
test_in_order_when_full(Site *site, gconstpointer data)
{
  g_autofree char *long_text = g_strnfill(8000, 'x');
  const guint n = 3000;

  start_core(site);
  for (guint i = 1; i <= n; i++)
    tell(site, GW_TOLD_COMPLETE, i, long_text);
  g_assert_cmpuint(gw_uplink_waiting(site->uplink), ==, n);
  read_on(site);
  g_assert_cmpuint(site->n_told, ==, n);
  g_assert_true(site->is_in_order);
  g_assert_cmpuint(gw_uplink_waiting(site->uplink), ==, 0);
}

/* None is lost that the core could not write down, and they keep their order. */
static void
test_all_are_told_again(Site *site, gconstpointer data)
{
  start_core(site);
  site->is_full = TRUE;
  for (guint i = 1; i <= 3; i++)
    tell(site, GW_TOLD_COMPLETE, i, NULL);
  read_on(site);
  g_assert_cmpuint(gw_uplink_waiting(site->uplink), ==, 3);
  site->is_full = FALSE;
  pass(site, 60000);
  g_assert_cmpuint(site->first, ==, 1);
  g_assert_cmpuint(site->n_told, ==, 3);
  g_assert_true(site->is_in_order);
  g_assert_cmpuint(gw_uplink_waiting(site->uplink), ==, 0);
}

static void
test_oldest_make_room(Site *site, gconstpointer data)
{
  for (guint i = 1; i <= GW_UPLINK_MAX_TELLS + 100; i++)
    tell(site, GW_TOLD_INTERRUPTED, i, NULL);
  g_assert_cmpuint(gw_uplink_waiting(site->uplink), ==, GW_UPLINK_MAX_TELLS);
  start_core(site);
  read_on(site);
  g_assert_cmpuint(site->n_told, ==, GW_UPLINK_MAX_TELLS);
  g_assert_cmpuint(site->first, ==, 101);
  g_assert_true(site->is_in_order);
}

/* Complete transfers are kept for what was merely interrupted; but they, too, have an end. */
static void
test_dear_ones_stay(Site *site, gconstpointer data)
{
  for (guint i = 1; i <= 10; i++)
    tell(site, GW_TOLD_COMPLETE, i, NULL);
  for (guint i = 0; i < GW_UPLINK_MAX_TELLS; i++)
    tell(site, GW_TOLD_INTERRUPTED, 1000 + i, NULL);
  for (guint i = 11; i <= GW_UPLINK_MAX_TELLS + 100; i++)
    tell(site, GW_TOLD_COMPLETE, i, NULL);
  g_assert_cmpuint(gw_uplink_waiting(site->uplink), ==, GW_UPLINK_MAX_TELLS);
  start_core(site);
  read_on(site);
  g_assert_cmpuint(site->n_told, ==, GW_UPLINK_MAX_TELLS);
  g_assert_cmpuint(site->first, ==, 1);
  g_assert_cmpuint(site->last, ==, GW_UPLINK_MAX_TELLS);
  g_assert_true(site->is_in_order);
}

static void
on_acked(int kind, gpointer user)
{
}

/* However many reports nodes bring, there is a place for what the worker itself saw. */
static void
test_reports_leave_room(Site *site, gconstpointer data)
{
  const GwTold report = { .kind = GW_TOLD_REPORT, .ask = { .kind = GW_ASK_TELL } };
  guint n = 0;

  while (n <= GW_UPLINK_MAX_TELLS && gw_uplink_report(site->uplink, &report, on_acked, site))
    n++;
  g_assert_cmpuint(n, ==, GW_UPLINK_MAX_TELLS / 4 * 3);
  tell(site, GW_TOLD_INTERRUPTED, 1, NULL);
  g_assert_cmpuint(gw_uplink_waiting(site->uplink), ==, n + 1);
}

#define ADD(path, function) g_test_add(path, Site, NULL, site_up, function, site_down)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("/uplink/in-order-when-full", test_in_order_when_full);
  ADD("/uplink/all-are-told-again", test_all_are_told_again);
  ADD("/uplink/oldest-make-room", test_oldest_make_room);
  ADD("/uplink/dear-ones-stay", test_dear_ones_stay);
  ADD("/uplink/reports-leave-room", test_reports_leave_room);
  return g_test_run();
}
