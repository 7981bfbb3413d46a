/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

/* The kernel doubles the first: 128 KiB are two large segments on their way. A longer queue costs twice the
 * CPU for each byte where the congestion control paces (BBR), and memory everywhere. */
#define SEND_BUFFER 65536
#define UNSENT_LOW_WATER 65536

static void
set_option(int fd, int level, int name, int value)
{
  setsockopt(fd, level, name, &value, sizeof value); /* each is an improvement, none a condition */
}

static gboolean
is_any(const GwAddress *address)
{
  static const guint8 any[16];

  return memcmp(address->bytes, any, sizeof any) == 0;
}

int
gw_socket_bind(const GwAddress *address, GError **error)
{
  struct sockaddr_storage sockaddr;
  socklen_t size = gw_address_to_sockaddr(address, &sockaddr);
  char text[GW_ADDRESS_TEXT];
  GW_AUTO_FD int fd = -1;

  gw_address_format(address, text);
  fd = socket(sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 && errno == EAFNOSUPPORT && is_any(address)) { /* a kernel without IPv6 */
    struct sockaddr_in *in = (void *)&sockaddr;

    sockaddr = (struct sockaddr_storage){ 0 };
    in->sin_family = AF_INET;
    in->sin_port = htons(address->port);
    size = sizeof *in;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  if (fd >= 0) {
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (sockaddr.ss_family == AF_INET6)
      set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_any(address));
  }
  if (fd < 0 || bind(fd, (struct sockaddr *)&sockaddr, size) < 0) {
    gw_fail_errno(error, errno, "cannot listen on %s port %u", text, address->port);
    return -1;
  }
  return g_steal_fd(&fd);
}

void
gw_socket_tune(int fd, gboolean has_long_queue)
{
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (has_long_queue)
    return;
  set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
  set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_LOW_WATER);
}
