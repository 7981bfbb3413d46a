/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/wait.h"

#include <errno.h>

#include "base/clock.h"

static int
time_left(gint64 end_ms)
{
  if (end_ms < 0)
    return -1;
  return (int)CLAMP(end_ms - gw_clock_boot_ms(), 0, G_MAXINT);
}

GwWaited
gw_wait(GCancellable *stop, int fd, short events, gint64 ms)
{
  gint64 end_ms = ms < 0 ? -1 : gw_clock_boot_ms() + ms;
  GPollFD polled[2] = { { -1, 0, 0 }, { fd, (gushort)events, 0 } };
  gboolean has_stop = g_cancellable_make_pollfd(stop, &polled[0]);
  int n;

  do
    n = g_poll(polled, G_N_ELEMENTS(polled), time_left(end_ms));
  while (n < 0 && errno == EINTR);
  if (has_stop)
    g_cancellable_release_fd(stop);
  if (g_cancellable_is_cancelled(stop))
    return GW_WAITED_STOPPED;
  return polled[1].revents ? GW_WAITED_READY : GW_WAITED_TIME;
}
