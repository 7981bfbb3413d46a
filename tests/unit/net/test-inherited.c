/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/inherited.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* A listening socket as the service manager makes it. */
static int
make_socket(in_addr_t host, GwAddress *ret_address)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(host) };
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(listen(fd, 8), ==, 0);
  g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
  g_assert_true(gw_address_from_sockaddr((struct sockaddr *)&address, ret_address));
  return fd;
}

static gboolean
is_open(int fd)
{
  return fcntl(fd, F_GETFD) >= 0;
}

static void
test_taken_by_address(void)
{
  GwAddress address, other;
  int fds[2] = { make_socket(INADDR_LOOPBACK, &address), open("/dev/null", O_RDONLY | O_CLOEXEC) };
  g_autoptr(GwInherited) inherited = gw_inherited_new(fds, 2);
  int first = gw_inherited_take(inherited, &address), second;

  g_assert_cmpint(first, >=, 0);
  g_assert_cmpint(fcntl(first, F_GETFD) & FD_CLOEXEC, !=, 0);
  close(first);
  second = gw_inherited_take(inherited, &address);
  g_assert_cmpint(second, >=, 0);
  close(second);
  g_assert_false(is_open(fds[1]));

  other = address;
  other.port++;
  g_assert_cmpint(gw_inherited_take(inherited, &other), ==, -1);
  g_assert_true(gw_address_parse("*", address.port, &other, NULL));
  g_assert_cmpint(gw_inherited_take(inherited, &other), ==, -1);
  g_assert_cmpint(gw_inherited_take(NULL, &address), ==, -1);
}

/* Without IPv6 the manager listens at 0.0.0.0 for what is written as a port alone. */
static void
test_any_without_ipv6(void)
{
  GwAddress address, any;
  int fd = make_socket(INADDR_ANY, &address);
  g_autoptr(GwInherited) inherited = gw_inherited_new(&fd, 1);
  int taken;

  g_assert_true(gw_address_parse("*", address.port, &any, NULL));
  taken = gw_inherited_take(inherited, &any);
  g_assert_cmpint(taken, >=, 0);
  close(taken);
}

static int
connect_to(const GwAddress *address)
{
  struct sockaddr_storage sockaddr;
  socklen_t size = gw_address_to_sockaddr(address, &sockaddr);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  g_assert_true(connect(fd, (struct sockaddr *)&sockaddr, size) == 0 || errno == EINPROGRESS);
  return fd;
}

static gboolean
is_wanted_now(const GwAddress *address, gpointer user)
{
  return *(gboolean *)user;
}

static gboolean
is_hung_up_on(GMainContext *context, int fd)
{
  char byte;

  for (int i = 0; i < 200; i++)
    (void)g_main_context_iteration(context, FALSE);
  return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void
test_rest_is_hung_up_on(void)
{
  g_autoptr(GMainContext) context = g_main_context_new();
  g_autoptr(GwReactor) reactor = gw_reactor_new(context, NULL);
  GwGateLimits limits = { 0 };
  g_autoptr(GwGate) gate = gw_gate_new(&limits);
  GwAddress address;
  int fd = make_socket(INADDR_LOOPBACK, &address);
  GwInherited *inherited = gw_inherited_new(&fd, 1);
  gboolean is_wanted = FALSE;
  GwInheritedUse use = { reactor, gate, is_wanted_now, &is_wanted };
  int peer = connect_to(&address), patient;

  g_assert_false(is_hung_up_on(context, peer));
  gw_inherited_refuse_rest(inherited, &use);
  g_assert_true(is_hung_up_on(context, peer));
  g_assert_cmpuint(gw_gate_counters(gate)->n_inside, ==, 0);

  is_wanted = TRUE;
  gw_inherited_refuse_rest(inherited, &use);
  patient = connect_to(&address);
  g_assert_false(is_hung_up_on(context, patient));
  g_assert_false(g_main_context_pending(context)); /* nobody watches it any more */
  use.is_wanted = NULL;
  gw_inherited_refuse_rest(inherited, &use);
  g_assert_false(is_hung_up_on(context, patient));
  close(patient);
  close(peer);
  gw_inherited_free(inherited);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/inherited/taken-by-address", test_taken_by_address);
  g_test_add_func("/inherited/any-without-ipv6", test_any_without_ipv6);
  g_test_add_func("/inherited/rest-is-hung-up-on", test_rest_is_hung_up_on);
  return g_test_run();
}
