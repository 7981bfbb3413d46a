/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The core's presence on D-Bus: connection, name, object, and the signal that there is news. It has no
 * opinion of its own; door.h decides about calls. If the bus goes away the core works on and this comes back
 * as soon as the bus does. Main thread. */
#pragma once
#include "control/commands.h"

#define GW_BUS_NAME "org.gatewayd.Gateway1"
#define GW_BUS_PATH "/org/gatewayd/Gateway1"

typedef struct {
  const char *address;    /* of a bus; NULL = the system bus */
  gboolean is_foreground; /* own user and root only, instead of polkit; never on the system bus */
  const char *version;    /* the property Version */
} GwBusOptions;

/* Can they be meant? BAD_INPUT for an address that is none, DENIED for the foreground on the system bus. */
gboolean gw_bus_check(const GwBusOptions *options, GError **error);

typedef struct GwBus GwBus;
/* Connects in the background, and again whenever the bus is lost. Fails only for options that cannot be
 * meant. */
GwBus *gw_bus_start(GwCore *core, const GwBusOptions *options, GError **error);
/* Call before gw_core_stop(). Waits for nobody; calls that are being carried out get no answer any more. */
void gw_bus_stop(GwBus *bus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwBus, gw_bus_stop)
/* Is the name ours just now? */
gboolean gw_bus_is_up(const GwBus *bus);

/* Is this an address of the machine's system bus? Looks at the text and at the socket file behind it. */
gboolean gw_bus_is_system(const char *address);
