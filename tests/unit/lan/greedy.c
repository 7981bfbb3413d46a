/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session for tests that asks for block after block and never says a word; with "more" for too many at
 * once. */
#include "gateway-plugin.h"

static uint32_t
greedy_step(const GatewaySettings *settings, void *state, const GatewayEvent *event, GatewayScratch *scratch,
            GatewayAction actions[GATEWAY_MAX_ACTIONS])
{
  uint32_t n = 1;

  if (event->kind != GATEWAY_EVENT_LINE && event->kind != GATEWAY_EVENT_BLOCK)
    return 0;
  if (gateway_text_equal(event->text, "more"))
    n = *(uint32_t *)state = GATEWAY_MAX_ACTIONS;
  else if (*(uint32_t *)state > 0)
    n = *(uint32_t *)state;
  for (uint32_t i = 0; i < n; i++)
    actions[i] = (GatewayAction){ .kind = GATEWAY_ACTION_READ_BLOCK, .number = 0, .count = 16 };
  return n;
}

static const GatewayListen LISTENS[] = { { 8082, NULL, NULL, 0 } };
static const GatewaySessionFunctions FUNCTIONS = { sizeof(FUNCTIONS), sizeof(uint32_t), 0, greedy_step };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_SESSION,
  .name = "greedy",
  .title = "A session for tests",
  .version = "1.0",
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .functions = &FUNCTIONS,
};
