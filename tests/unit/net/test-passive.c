/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Passive ports: whom they let in, which one comes next, and when there is none. */
#include "base/error.h"
#include "base/file.h"
#include "quay.h"
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void
test_range(void)
{
  static const struct {
    const char *text;
    guint16 first, last; /* 0: refused */
  } rows[] = {
    { "30000-30099", 30000, 30099 },
    { "1024-1024", 1024, 1024 },
    { "1024-2047", 1024, 2047 },
    { "65535-65535", 65535, 65535 },
    { "1024-2048", 0, 0 },
    { "1023-1100", 0, 0 },
    { "30099-30000", 0, 0 },
    { "30000", 0, 0 },
    { "-30000", 0, 0 },
    { "30000-", 0, 0 },
    { "30000-65536", 0, 0 },
    { "30000 - 30099", 0, 0 },
    { "30000-30099x", 0, 0 },
    { "", 0, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    GwPortRange range = { 0 };
    g_autoptr(GError) error = NULL;
    gboolean is_good = gw_port_range_parse(rows[i].text, &range, &error);

    g_test_message("%s", rows[i].text);
    g_assert_cmpint(is_good, ==, rows[i].first != 0);
    g_assert_cmpint(is_good, ==, error == NULL);
    g_assert_cmpuint(range.first, ==, rows[i].first);
    g_assert_cmpuint(range.last, ==, rows[i].last);
  }
}

static void
test_one_connection(void)
{
  guint16 port;
  int first, second;

  quay_open();
  port = gw_lease_port(quay_lease("127.0.0.2"));
  g_assert_cmpuint(port, >=, quay->range.first);
  g_assert_cmpuint(port, <=, quay->range.last);
  g_assert_cmpuint(gw_passive_n_free(quay->passive), ==, gw_passive_size(quay->passive) - 1);
  first = quay_dial("127.0.0.2", port, 0);
  QUAY_UNTIL(quay->n_accepted == 1);
  g_assert_cmpint(quay->accepted_fd, >=, 0);
  g_assert_cmpuint(gw_passive_n_free(quay->passive), ==, gw_passive_size(quay->passive));
  second = quay_dial("127.0.0.2", port, 0);
  for (guint i = 0; i < 20; i++)
    quay_breathe();
  g_assert_cmpuint(quay->n_accepted, ==, 1);
  close(first);
  close(second);
  quay_close();
}

/* The lease outlives them, and they get not a byte. */
static void
test_L8_foreign_peer(void)
{
  guint16 port;
  int foreign, own;

  quay_open();
  port = gw_lease_port(quay_lease("127.0.0.2"));
  for (guint i = 1; i <= 20; i++) {
    foreign = quay_dial(i % 2 ? "127.0.0.3" : "127.0.0.1", port, 0);
    QUAY_UNTIL(quay->n_foreign == i);
    g_assert_cmpuint(quay->n_foreign, ==, i);
    close(foreign);
  }
  g_assert_cmpuint(quay->n_accepted, ==, 0);
  g_assert_cmpuint(gw_passive_n_foreign(quay->passive), ==, 20);
  own = quay_dial("127.0.0.2", port, 0);
  QUAY_UNTIL(quay->n_accepted == 1);
  g_assert_cmpint(quay_hear(own, NULL), ==, 0);
  close(own);
  quay_close();
}

/* Nobody waits at a port until it is leased: not even from the right address. */
static void
test_L8_connected_before_the_lease(void)
{
  int early[QUAY_PORTS], late;
  GwLease *lease;

  quay_open();
  for (guint i = 0; i < QUAY_PORTS; i++)
    early[i] = quay_dial("127.0.0.2", (guint16)(quay->range.first + i), 0);
  for (guint i = 0; i < 10; i++)
    quay_breathe();
  lease = quay_lease("127.0.0.2");
  for (guint i = 0; i < 10; i++)
    quay_breathe();
  g_assert_cmpuint(quay->n_accepted, ==, 0);
  late = quay_dial("127.0.0.2", gw_lease_port(lease), 0);
  QUAY_UNTIL(quay->n_accepted == 1);
  g_assert_cmpint(quay_hear(late, NULL), ==, 0);
  g_assert_cmpint(quay_hear(early[gw_lease_port(lease) - quay->range.first], NULL), !=, 0);
  close(late);
  for (guint i = 0; i < QUAY_PORTS; i++)
    close(early[i]);
  quay_close();
}

static void
draw(guint16 ports[64])
{
  for (guint i = 0; i < 64; i++) {
    GwLease *lease = quay_lease("127.0.0.2");
    ports[i] = gw_lease_port(lease);
    gw_lease_free(lease);
  }
}

/* Whoever saw the ports so far knows nothing of the next. */
static void
test_L8_ports_are_unpredictable(void)
{
  guint16 first[64], second[64];
  guint n_repeated = 0, n_next = 0, n_seen = 0;
  gboolean is_seen[QUAY_PORTS] = { 0 };

  quay_open();
  draw(first);
  draw(second);
  g_assert_false(memcmp(first, second, sizeof first) == 0);
  for (guint i = 0; i < 64; i++) {
    guint at = first[i] - quay->range.first;
    n_seen += !is_seen[at];
    is_seen[at] = TRUE;
    n_repeated += i > 0 && first[i] == first[i - 1];
    n_next += i > 0 && first[i] == first[i - 1] + 1;
  }
  g_assert_cmpuint(n_seen, >, 8); /* of 16; each of these fails once in ten million draws */
  g_assert_cmpuint(n_repeated, <, 22);
  g_assert_cmpuint(n_next, <, 22);
  quay_close();
}

static void
test_exhausted(void)
{
  GwLease *leases[QUAY_PORTS];
  guint n;

  quay_open();
  n = gw_passive_size(quay->passive);
  for (guint i = 0; i < n; i++) {
    leases[i] = quay_lease("127.0.0.2");
    g_assert_nonnull(leases[i]);
    for (guint j = 0; j < i; j++)
      g_assert_cmpuint(gw_lease_port(leases[i]), !=, gw_lease_port(leases[j]));
  }
  g_assert_null(quay_lease("127.0.0.2"));
  gw_lease_free(leases[0]);
  leases[0] = quay_lease("127.0.0.2");
  g_assert_nonnull(leases[0]);
  for (guint i = 0; i < n; i++)
    gw_lease_free(leases[i]);
  quay_close();
}

/* What another program holds is left out; if it holds all, that is said. */
static void
test_held_by_others(void)
{
  g_autoptr(GError) error = NULL;
  GwPortRange range;
  GwPassive *rest;

  quay_open();
  range = (GwPortRange){ quay->range.first, quay->range.last };
  g_assert_null(gw_passive_new(quay->reactor, &range, &error));
  g_assert_nonnull(error);
  range.first -= 4;
  rest = gw_passive_new(quay->reactor, &range, NULL);
  g_assert_nonnull(rest);
  g_assert_cmpuint(gw_passive_size(rest), <=, 4);
  g_assert_cmpuint(gw_passive_size(rest), >, 0);
  gw_passive_free(rest);
  quay_close();
}

static void
test_ipv6(void)
{
  guint16 port;
  int foreign, own;

  quay_open();
  port = gw_lease_port(quay_lease("::1"));
  foreign = quay_dial("127.0.0.1", port, 0);
  QUAY_UNTIL(quay->n_foreign == 1);
  own = quay_dial("::1", port, 0);
  QUAY_UNTIL(quay->n_accepted == 1);
  close(foreign);
  close(own);
  quay_close();
}

/* It came, and there is no descriptor for it: the lease is over, and nothing spins. */
static void
test_no_descriptor(void)
{
  struct rlimit before, none;
  guint16 port;
  int own;

  quay_open();
  port = gw_lease_port(quay_lease("127.0.0.2"));
  own = quay_dial("127.0.0.2", port, 0);
  g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
  int lowest = dup(own);
  close(lowest);
  none = (struct rlimit){ (rlim_t)lowest, before.rlim_max };
  g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
  QUAY_UNTIL(quay->n_accepted == 1);
  g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
  g_assert_cmpint(quay->accepted_fd, ==, -1);
  g_assert_cmpuint(gw_passive_n_free(quay->passive), ==, gw_passive_size(quay->passive));
  close(own);
  quay_close();
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/passive/range", test_range);
  g_test_add_func("/net/passive/one-connection", test_one_connection);
  g_test_add_func("/promise/L8/foreign-peer", test_L8_foreign_peer);
  g_test_add_func("/promise/L8/connected-before-the-lease", test_L8_connected_before_the_lease);
  g_test_add_func("/promise/L8/ports-are-unpredictable", test_L8_ports_are_unpredictable);
  g_test_add_func("/net/passive/exhausted", test_exhausted);
  g_test_add_func("/net/passive/held-by-others", test_held_by_others);
  g_test_add_func("/net/passive/ipv6", test_ipv6);
  g_test_add_func("/net/passive/no-descriptor", test_no_descriptor);
  return g_test_run();
}
