/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both ends of the link's socket. */
#include "link/link.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define SOCKET_TYPE (SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC)
#define BACKLOG 8

static gboolean
fill_address(const char *path, struct sockaddr_un *ret_address, socklen_t *ret_size, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize size = strlen(path);

  if (size == 0 || size >= sizeof address.sun_path)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a socket path has 1 to %zu characters, not %zu: \"%s\"",
                   sizeof address.sun_path - 1, size, path);
  memcpy(address.sun_path, path, size);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  *ret_address = address;
  *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (path[0] == '@' ? 0 : 1));
  return TRUE;
}

/* What a process that was killed left behind. */
static void
remove_stale(const char *path)
{
  struct stat st;

  if (path[0] != '@' && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
    (void)unlink(path);
}

int
gw_link_listen(const char *path, GError **error)
{
  struct sockaddr_un address;
  socklen_t size;

  if (!fill_address(path, &address, &size, error))
    return -1;
  remove_stale(path);
  GW_AUTO_FD int fd = socket(AF_UNIX, SOCKET_TYPE, 0);
  /* Who may connect is decided by gw_link_peer_uid(), for workers have users of their own. */
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
      (path[0] != '@' && chmod(path, 0666) < 0) || listen(fd, BACKLOG) < 0) {
    gw_fail_errno(error, errno, "cannot listen at %s", path);
    return -1;
  }
  int listening = fd;
  fd = -1;
  return listening;
}

int
gw_link_connect(const char *path, GError **error)
{
  struct sockaddr_un address;
  socklen_t size;

  if (!fill_address(path, &address, &size, error))
    return -1;
  GW_AUTO_FD int fd = socket(AF_UNIX, SOCKET_TYPE, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0) {
    if (errno == ECONNREFUSED || errno == ENOENT)
      gw_fail(error, GW_ERROR_OFFLINE, "nobody listens at %s", path);
    else
      gw_fail_errno(error, errno, "cannot connect to %s", path);
    return -1;
  }
  int connected = fd;
  fd = -1;
  return connected;
}

guint
gw_link_peer_uid(int fd)
{
  struct ucred peer;
  socklen_t size = sizeof peer;

  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.uid : (guint)-1;
}
