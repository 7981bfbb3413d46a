/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "wan/resume.h"
#include "wan/wait.h"

static GatewayResult
fail(GwDelivery *delivery, GatewayResult result, const char *why)
{
  delivery->trouble = why;
  return result;
}

GatewayResult
gw_delivery_begin(GwDelivery *delivery, guint64 offset, const char *validator)
{
  GwFetched head = { .id = delivery->fetch->id,
                     .result = -1,
                     .is_restarted = offset != delivery->fetch->offset,
                     .validator = (char *)(gw_validator_is_strong(validator) ? validator : ""),
                     .text = (char *)"" };

  if (delivery->is_begun || (offset != 0 && offset != delivery->fetch->offset))
    return fail(delivery, GATEWAY_FAILED_GIVE_UP, "the plugin began at an offset that was not asked for");
  if (fcntl(delivery->fd, F_SETFL, O_NONBLOCK) < 0)
    return fail(delivery, GATEWAY_FAILED_RETRY, "the pipe to the core is unusable");
  if (!delivery->out.send(delivery->out.user, GW_MESSAGE_FETCHED, gw_fetched_pack(&head), NULL, 0))
    return fail(delivery, GATEWAY_STOPPED, "the link to the core is gone");
  delivery->is_begun = TRUE;
  delivery->end = offset;
  return GATEWAY_OK;
}

/* One write(2) of what the pipe takes; *ret_n bytes went. */
static GatewayResult
write_some(GwDelivery *delivery, const void *data, gsize size, gsize *ret_n)
{
  ssize_t n = write(delivery->fd, data, size);

  *ret_n = n > 0 ? (gsize)n : 0;
  if (n >= 0 || errno == EINTR)
    return GATEWAY_OK;
  if (errno != EAGAIN)
    return fail(delivery, GATEWAY_STOPPED, "the core gave up the fetch");
  if (gw_wait(delivery->stop, delivery->fd, POLLOUT, -1) == GW_WAITED_STOPPED)
    return fail(delivery, GATEWAY_STOPPED, "stopped");
  return GATEWAY_OK;
}

GatewayResult
gw_delivery_write(GwDelivery *delivery, const void *data, gsize size)
{
  GatewayResult result = delivery->is_begun ? GATEWAY_OK : gw_delivery_begin(delivery, 0, NULL);
  guint64 expected = delivery->fetch->expected_size;
  gsize n_done = 0, n = 0;

  if (result == GATEWAY_OK && expected > 0 && (delivery->end > expected || size > expected - delivery->end))
    return fail(delivery, GATEWAY_FAILED_GIVE_UP, "more bytes came than the catalog announced");
  while (result == GATEWAY_OK && n_done < size) {
    result = write_some(delivery, (const char *)data + n_done, size - n_done, &n);
    n_done += n;
  }
  delivery->end += n_done;
  return result;
}

GatewayResult
gw_delivery_end(GwDelivery *delivery)
{
  guint64 expected = delivery->fetch->expected_size; /* 0 = nobody knows: the server's own word must do */

  if (!delivery->is_begun || (expected > 0 && delivery->end != expected))
    return fail(delivery, GATEWAY_FAILED_RETRY, "fewer bytes came than the catalog announced");
  return GATEWAY_OK;
}
