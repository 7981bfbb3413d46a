/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include "net/address.h"
#include <string.h>

static void
test_parse_and_format(void)
{
  static const struct {
    const char *text;
    guint16 fallback;
    const char *host;
    guint16 port;
  } rows[] = {
    { "192.0.2.1:80", 0, "192.0.2.1", 80 },
    { "192.0.2.1", 8000, "192.0.2.1", 8000 },
    { ":80", 0, "::", 80 },
    { "*:8000", 0, "::", 8000 },
    { "*", 21, "::", 21 },
    { "0.0.0.0:80", 0, "0.0.0.0", 80 },
    { "[2001:db8::1]:8", 0, "2001:db8::1", 8 },
    { "2001:db8::1", 80, "2001:db8::1", 80 },
    { "[::1]", 65535, "::1", 65535 },
    { "127.0.0.1:0", 0, "127.0.0.1", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    GwAddress address;
    char text[GW_ADDRESS_TEXT];

    g_assert_true(gw_address_parse(rows[i].text, rows[i].fallback, &address, NULL));
    gw_address_format(&address, text);
    g_assert_cmpstr(text, ==, rows[i].host);
    g_assert_cmpuint(address.port, ==, rows[i].port);
  }
}

static void
test_refused(void)
{
  static const char *const texts[] = { "",
                                       "192.0.2.1",
                                       "localhost:80",
                                       "192.0.2.1:",
                                       "192.0.2.1:65536",
                                       "1.2.3:80",
                                       "[::1]80",
                                       "[::1",
                                       "::1]:80",
                                       "192.0.2.1:-1",
                                       "192.0.2.1: 80",
                                       "fe80::1%nosuchlink:80",
                                       "[fe80::1%nosuchlink]:80" };

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    GwAddress address;
    g_autoptr(GError) error = NULL;

    g_test_message("%s", texts[i]);
    g_assert_false(gw_address_parse(texts[i], 0, &address, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  }
}

static void
test_sockaddr_round_trip(void)
{
  static const char *const texts[] = { "192.0.2.7:123", "[2001:db8::5]:456", "[fe80::1%lo]:9" };

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    GwAddress address, again;
    struct sockaddr_storage sockaddr;

    g_assert_true(gw_address_parse(texts[i], 0, &address, NULL));
    gw_address_to_sockaddr(&address, &sockaddr);
    g_assert_true(gw_address_from_sockaddr((struct sockaddr *)&sockaddr, &again));
    g_assert_true(gw_address_equal_host(&address, &again));
    g_assert_cmpuint(gw_address_hash_host(&address), ==, gw_address_hash_host(&again));
    g_assert_cmpuint(address.port, ==, again.port);
  }
}

/* The same node over an IPv4 and over a dual-stack socket is one host; the port does not tell hosts apart. */
static void
test_same_host(void)
{
  GwAddress plain, mapped, other;

  g_assert_true(gw_address_parse("192.0.2.7:1", 0, &plain, NULL));
  g_assert_true(gw_address_parse("[::ffff:192.0.2.7]:2", 0, &mapped, NULL));
  g_assert_true(gw_address_parse("192.0.2.8:1", 0, &other, NULL));
  g_assert_true(gw_address_equal_host(&plain, &mapped));
  g_assert_true(gw_address_is_ipv4(&mapped));
  g_assert_false(gw_address_equal_host(&plain, &other));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/address/parse", test_parse_and_format);
  g_test_add_func("/net/address/refused", test_refused);
  g_test_add_func("/net/address/sockaddr", test_sockaddr_round_trip);
  g_test_add_func("/net/address/same-host", test_same_host);
  return g_test_run();
}
