/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/inherited.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "net/listener.h"

typedef struct {
  int fd;
  GwAddress address;
  GwListener *refuser; /* or NULL */
} Held;

struct GwInherited {
  GPtrArray *sockets; /* Held */
};

static void
held_free(gpointer data)
{
  Held *held = data;

  gw_listener_free(held->refuser);
  gw_close(&held->fd);
  g_free(held);
}

/* Where there is no IPv6, a port alone is 0.0.0.0 for the service manager, and [::] for us as always. */
static void
unify_any(GwAddress *address)
{
  static const GwAddress IPV4 = { .bytes = { [10] = 0xff, [11] = 0xff } };

  if (gw_address_equal_host(address, &IPV4))
    memset(address->bytes, 0, sizeof address->bytes);
}

static gboolean
read_address(int fd, GwAddress *ret_address)
{
  struct sockaddr_storage sockaddr = { 0 };
  socklen_t size = sizeof sockaddr, option_size = sizeof(int);
  int type = 0, is_listening = 0;

  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &option_size) < 0 || type != SOCK_STREAM ||
      getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &option_size) < 0 || !is_listening ||
      getsockname(fd, (struct sockaddr *)&sockaddr, &size) < 0)
    return FALSE;
  if (!gw_address_from_sockaddr((struct sockaddr *)&sockaddr, ret_address))
    return FALSE;
  unify_any(ret_address);
  return TRUE;
}

GwInherited *
gw_inherited_new(const int *fds, guint n_fds)
{
  GwInherited *inherited = g_new0(GwInherited, 1);

  inherited->sockets = g_ptr_array_new_with_free_func(held_free);
  for (guint i = 0; i < n_fds; i++) {
    Held *held = g_new0(Held, 1);

    held->fd = fds[i];
    if (read_address(held->fd, &held->address))
      g_ptr_array_add(inherited->sockets, held);
    else
      held_free(held);
  }
  return inherited;
}

void
gw_inherited_free(GwInherited *inherited)
{
  if (!inherited)
    return;
  g_ptr_array_unref(inherited->sockets);
  g_free(inherited);
}

int
gw_inherited_take(const GwInherited *inherited, const GwAddress *address)
{
  for (guint i = 0; inherited && i < inherited->sockets->len; i++) {
    const Held *held = inherited->sockets->pdata[i];

    if (held->address.port == address->port && gw_address_equal_host(&held->address, address))
      return fcntl(held->fd, F_DUPFD_CLOEXEC, 3);
  }
  return -1;
}

static void
hang_up(const GwAccepted *accepted, gpointer user)
{
  int fd = accepted->fd;

  gw_close(&fd);
  gw_gate_leave(accepted->gate, &accepted->peer);
}

/* Where no descriptor is left for it, peers wait: no worse than before. */
static void
refuse(Held *held, const GwInheritedUse *use)
{
  GwListen listen = { .address = held->address, .inherited_fd = fcntl(held->fd, F_DUPFD_CLOEXEC, 3) };

  if (listen.inherited_fd >= 0)
    held->refuser = gw_listener_new(use->reactor, use->gate, &listen, hang_up, NULL, NULL);
}

void
gw_inherited_refuse_rest(GwInherited *inherited, const GwInheritedUse *use)
{
  for (guint i = 0; inherited && i < inherited->sockets->len; i++) {
    Held *held = inherited->sockets->pdata[i];
    gboolean is_refused = use->is_wanted && !use->is_wanted(&held->address, use->user);

    if (!is_refused)
      g_clear_pointer(&held->refuser, gw_listener_free);
    else if (!held->refuser)
      refuse(held, use);
  }
}
