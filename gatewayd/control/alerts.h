/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The events that somebody should act on: how important they are in the log, and the number under which
 * units/gatewayd.catalog explains them. The numbers never change meaning. Any thread. */
#pragma once
#include <glib.h>

typedef struct {
  const char *type; /* of the event: "update.failed" */
  int priority;
  const char *message_id;
} GwAlert;
/* NULL: an event like any other. Static. */
const GwAlert *gw_alert_find(const char *type);
