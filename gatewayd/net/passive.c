/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/passive.h"

#include <errno.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/reader.h"
#include "net/socket.h"

#define FIRST_PORT 1024
#define BACKLOG 8
#define ACCEPTS_PER_TURN 16
#define DRAINED_MAX 64

struct GwLease {
  GwWatch watch; /* first; while it is not leased it announces one stranger at most */
  GwPassive *passive;
  guint16 port;
  GwAddress peer;
  GwLeaseFunc accept; /* NULL: not leased */
  gpointer user;
};

struct GwPassive {
  GwReactor *reactor;
  GwLease *leases; /* all of them */
  guint n_leases;
  GwLease **free;
  guint n_free;
  GwForeignFunc foreign;
  gpointer foreign_user;
  guint64 n_foreign;
};

gboolean
gw_port_range_parse(const char *text, GwPortRange *ret_range, GError **error)
{
  const char *dash = strchr(text, '-');
  gsize first_size = dash ? (gsize)(dash - text) : 0;
  GwSlice first_text = { (const guint8 *)text, first_size };
  GwSlice last_text = { (const guint8 *)text + first_size + 1, dash ? strlen(dash + 1) : 0 };
  guint64 first, last;

  if (!dash || !gw_slice_decimal(first_text, G_MAXUINT16, &first) ||
      !gw_slice_decimal(last_text, G_MAXUINT16, &last))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "\"%s\" is no range of ports such as 30000-30099", text);
  if (first < FIRST_PORT || last < first || last - first >= GW_PASSIVE_PORTS_MAX)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "\"%s\" must be up to %u ports, none below %u", text,
                   GW_PASSIVE_PORTS_MAX, FIRST_PORT);
  *ret_range = (GwPortRange){ (guint16)first, (guint16)last };
  return TRUE;
}

/* ---- leases ---- */

static void
give_back(GwLease *lease)
{
  GwPassive *passive = lease->passive;

  lease->accept = NULL;
  passive->free[passive->n_free++] = lease;
}

static void
end(GwLease *lease, int fd)
{
  GwLeaseFunc accept_func = lease->accept;

  give_back(lease);
  accept_func(fd, lease->user);
}

static gboolean
is_expected(const GwLease *lease, const struct sockaddr_storage *sockaddr, GwAddress *ret_address)
{
  *ret_address = (GwAddress){ 0 };
  return gw_address_from_sockaddr((const struct sockaddr *)sockaddr, ret_address) &&
         gw_address_equal_host(ret_address, &lease->peer);
}

static void
show_out(GwPassive *passive, int fd, const GwAddress *peer)
{
  close(fd);
  passive->n_foreign++;
  if (passive->foreign)
    passive->foreign(peer, passive->foreign_user);
}

static void
on_ready(GwWatch *watch, guint32 events)
{
  GwLease *lease = (GwLease *)watch;

  if (!lease->accept) /* nobody is expected: who came waits for the next lease, to be shown out */
    gw_reactor_modify(lease->passive->reactor, watch, 0);
  for (guint i = 0; i < ACCEPTS_PER_TURN && lease->accept; i++) {
    struct sockaddr_storage sockaddr;
    socklen_t size = sizeof sockaddr;
    GwAddress peer;
    int fd = accept4(watch->fd, (struct sockaddr *)&sockaddr, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && errno == EAGAIN)
      return;
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
      end(lease, -1);
    else if (fd >= 0 && is_expected(lease, &sockaddr, &peer))
      end(lease, fd);
    else if (fd >= 0)
      show_out(lease->passive, fd, &peer);
  }
}

/* FALSE: there may still be somebody who came before the lease. */
static gboolean
drain(const GwLease *lease)
{
  for (guint i = 0; i < DRAINED_MAX; i++) {
    int fd = accept4(lease->watch.fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0)
      close(fd);
    else if (errno != ECONNABORTED && errno != EINTR)
      return errno == EAGAIN;
  }
  return FALSE;
}

/* Evenly: what remains of a division falls under no weight here. */
static guint
pick(guint n)
{
  guint32 chance;

  gw_random(&chance, sizeof chance);
  return (guint)((guint64)chance * n >> 32);
}

GwLease *
gw_passive_lease(GwPassive *passive, const GwAddress *peer, GwLeaseFunc accept_func, gpointer user)
{
  guint i = passive->n_free > 0 ? pick(passive->n_free) : 0;
  GwLease *lease;

  if (passive->n_free == 0 || !drain(passive->free[i]))
    return NULL;
  lease = passive->free[i];
  passive->free[i] = passive->free[--passive->n_free];
  lease->peer = *peer;
  lease->accept = accept_func;
  lease->user = user;
  gw_reactor_modify(passive->reactor, &lease->watch, EPOLLIN);
  return lease;
}

guint16
gw_lease_port(const GwLease *lease)
{
  return lease->port;
}

void
gw_lease_free(GwLease *lease)
{
  if (!lease)
    return;
  (void)drain(lease); /* who has come already need not wait for the next lease */
  give_back(lease);
}

/* ---- the pool ---- */

static gboolean
open_port(GwPassive *passive, guint16 port, GError **error)
{
  GwAddress any = { .port = port };
  GW_AUTO_FD int fd = gw_socket_bind(&any, error);
  GwLease *lease = &passive->leases[passive->n_leases];

  if (fd < 0)
    return FALSE;
  gw_socket_tune(fd, FALSE);
  *lease = (GwLease){ .watch = { .fd = fd, .ready = on_ready }, .passive = passive, .port = port };
  if (listen(fd, BACKLOG) < 0 || !gw_reactor_add(passive->reactor, &lease->watch, 0))
    return gw_fail_errno(error, errno, "cannot listen on port %u", port);
  g_steal_fd(&fd);
  passive->n_leases++;
  passive->free[passive->n_free++] = lease;
  return TRUE;
}

GwPassive *
gw_passive_new(GwReactor *reactor, const GwPortRange *range, GError **error)
{
  guint n = (guint)range->last - range->first + 1;
  g_autoptr(GwPassive) passive = g_new0(GwPassive, 1);
  g_autoptr(GError) first = NULL;

  passive->reactor = reactor;
  passive->leases = g_new0(GwLease, n);
  passive->free = g_new0(GwLease *, n);
  for (guint i = 0; i < n; i++)
    (void)open_port(passive, (guint16)(range->first + i), first ? NULL : &first);
  if (passive->n_leases > 0)
    return g_steal_pointer(&passive);
  g_propagate_error(error, g_steal_pointer(&first));
  return NULL;
}

void
gw_passive_free(GwPassive *passive)
{
  if (!passive)
    return;
  g_assert(passive->n_free == passive->n_leases);
  for (guint i = 0; i < passive->n_leases; i++)
    gw_reactor_close(passive->reactor, &passive->leases[i].watch);
  gw_reactor_free_later(passive->reactor, passive->leases);
  g_free(passive->free);
  g_free(passive);
}

void
gw_passive_on_foreign(GwPassive *passive, GwForeignFunc foreign, gpointer user)
{
  passive->foreign = foreign;
  passive->foreign_user = user;
}

guint
gw_passive_size(const GwPassive *passive)
{
  return passive->n_leases;
}

guint
gw_passive_n_free(const GwPassive *passive)
{
  return passive->n_free;
}

guint64
gw_passive_n_foreign(const GwPassive *passive)
{
  return passive->n_foreign;
}
