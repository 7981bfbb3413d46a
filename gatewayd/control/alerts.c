/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/alerts.h"

#include <string.h>

#include "base/log.h"

static const GwAlert ALERTS[] = {
  { "daemon.database-lost", LOG_ERR, "b866f6b227304b238dc52a565270dc4c" },
  { "daemon.database-gap", LOG_ERR, "d7f36bd8f5c7436d9e4f5e2ab6a1c1f0" },
  { "daemon.disk-full", LOG_ERR, "4b6c3f1f2a0c4b0d8c2f5b6a9e7d1c3e" },
  { "firmware.rejected", LOG_ERR, "1bf5d85168f64e739064abcfd935d387" },
  { "firmware.image-lost", LOG_WARNING, "7d2d9607a1e74c178638baf5d6215094" },
  { "firmware.no-space", LOG_WARNING, "8643e74856744362af37b4c732dbc325" },
  { "firmware.fetch-failed", LOG_WARNING, "ae9a5ce1b10648d191d0b60aeb404d83" },
  { "update.failed", LOG_WARNING, "d6ee152a1353417b92ce68ba62e60b39" },
  { "rule.paused", LOG_NOTICE, "3599bc65422d4435ab7ccf8128cb7026" },
  { "upstream.stale", LOG_WARNING, "7a95c3a4feb94813ba14185597050e5a" },
  { "upstream.catalog-refused", LOG_ERR, "172b8e8b5f994e59ac0fa71c071268af" },
  { "plugin.crashed-worker", LOG_ERR, "23823a3c385a4eb0a9cf5c8118e61570" },
  { "plugin.refused", LOG_WARNING, "373d5e385e4849aab8b1105f12c31c75" },
  { "node.set-aside", LOG_WARNING, "7814a57ec5274c90aac4616c25208146" },
  { "node.two-devices", LOG_WARNING, "10ae5cbd522c45d1955a9b2286b0909b" },
  { "node.needs-power-cycle", LOG_WARNING, "fb4e9ad77163457384cb82bf0d16ab06" },
};

const GwAlert *
gw_alert_find(const char *type)
{
  for (gsize i = 0; i < G_N_ELEMENTS(ALERTS); i++)
    if (strcmp(ALERTS[i].type, type) == 0)
      return &ALERTS[i];
  return NULL;
}
