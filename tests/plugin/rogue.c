/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plugin that hands out memory which is not its own: the checker must see it. */
#include "gateway-plugin.h"

static bool
rogue_read(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
           GatewayAsk *ask)
{
  ask->kind = GATEWAY_ASK_OFFER;
  ask->node = (GatewayText){ (const char *)settings, 8 };
  return true;
}

static void
rogue_write(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
            const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
  reply->status = 200;
}

static const GatewayRequestFunctions FUNCTIONS = { sizeof(FUNCTIONS), rogue_read, rogue_write, NULL };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_REQUEST,
  .name = "rogue",
  .title = "Test: rogue pointers",
  .version = "1",
  .functions = &FUNCTIONS,
};
