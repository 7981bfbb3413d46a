/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the WAN worker says: catalogs, bare files, images, what became of reports, and how its
 * upstreams are. Everything here was read
 * from foreign bytes. */
#include "control/catalog.h"
#include "control/fetching.h"
#include "control/outlets.h"
#include "control/passing.h"
#include "control/relay.h"
#include "control/workers.h"
#include "link/messages.h"

static void
on_announce(GwCore *core, const GwMessage *message)
{
  g_autofree char *upstream = NULL;
  g_autofree char *base_url = NULL;

  if (!gw_announce_unpack(message->payload, &upstream, &base_url))
    return;
  if (message->n_fds == 0) /* the kernel had no descriptor left */
    gw_catalog_missed(core, upstream);
  else
    gw_catalog_announce(core, upstream, base_url, message->fds[0], message->n_fds > 1 ? message->fds[1] : -1);
}

static void
on_found(GwCore *core, GVariant *payload)
{
  g_autofree char *upstream = NULL;
  g_autofree char *url = NULL;
  g_autofree char *file_name = NULL;
  guint64 size;

  if (gw_found_unpack(payload, &upstream, &url, &file_name, &size))
    gw_catalog_found(core, upstream, url, file_name, size);
}

static void
on_fetched(GwCore *core, GVariant *payload)
{
  GwFetched fetched;

  if (!gw_fetched_unpack(payload, &fetched))
    return;
  gw_fetching_fetched(core->fetching, &fetched);
  gw_fetched_clear(&fetched);
}

static void
on_status(GwCore *core, GVariant *payload)
{
  g_autofree char *upstream = NULL;
  g_autofree char *text = NULL;
  gboolean is_well;

  if (gw_status_unpack(payload, &upstream, &is_well, &text))
    gw_catalog_status(core, upstream, is_well, text);
}

void
gw_wan_message(GwCore *core, const GwMessage *message)
{
  switch (message->type) {
  case GW_MESSAGE_ANNOUNCE:
    on_announce(core, message);
    break;
  case GW_MESSAGE_FOUND:
    on_found(core, message->payload);
    break;
  case GW_MESSAGE_FETCHED:
    on_fetched(core, message->payload);
    break;
  case GW_MESSAGE_REPORTED:
    gw_relay_reported(core->relay, message->payload);
    break;
  case GW_MESSAGE_RELAYED:
    gw_passing_answered(core->passing, message->payload);
    break;
  case GW_MESSAGE_PUBLISHED:
    gw_outlets_published(core->outlets, message->payload);
    break;
  case GW_MESSAGE_STATUS:
    on_status(core, message->payload);
    break;
  default:
    break; /* a newer worker may say more */
  }
}

void
gw_wan_connected(GwCore *core)
{
  gw_fetching_connected(core->fetching);
  gw_relay_connected(core->relay);
}

void
gw_wan_lost(GwCore *core)
{
  if (core->is_stopping)
    return;
  gw_fetching_lost(core->fetching);
  gw_relay_lost(core->relay);
  gw_passing_lost(core->passing);
  gw_outlets_lost(core->outlets);
}
