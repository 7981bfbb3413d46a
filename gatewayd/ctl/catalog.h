/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The offline commands: sign and check a catalog document (docs/catalog.md). No bus and no daemon: for
 * whoever publishes firmware, and for an installer who wonders why a site refuses it. */
#pragma once
#include "ctl/command.h"

/* "catalog sign" and "catalog check"; ended by noun NULL. */
extern const GwCommand gw_commands_catalog[];
