/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plugins with one thing wrong each, chosen by BAD_*. With none of them it is sound. */
#include "gateway-plugin.h"

#include <stdlib.h>
#include <unistd.h>

static bool
bad_read(const GatewaySettings *settings, const GatewayRequest *request, GatewayScratch *scratch,
         GatewayAsk *ask)
{
  return false;
}

static void __attribute__((unused))
bad_write(const GatewaySettings *settings, const GatewayRequest *request, const GatewayAsk *ask,
          const GatewayAnswer *answer, GatewayScratch *scratch, GatewayReply *reply)
{
}

static const GatewayRequestFunctions functions __attribute__((unused)) = {
  .size = sizeof(GatewayRequestFunctions),
  .read = bad_read,
#ifdef BAD_NO_WRITE
  .write = NULL,
#elif defined BAD_FOREIGN
  .write = (void (*)(const GatewaySettings *, const GatewayRequest *, const GatewayAsk *,
                     const GatewayAnswer *, GatewayScratch *, GatewayReply *))(void (*)(void))abort,
#else
  .write = bad_write,
#endif
};

#if defined BAD_CRASH || defined BAD_HANG || defined BAD_EXIT
static void __attribute__((constructor)) on_load(void)
{
#ifdef BAD_CRASH
  abort();
#elif defined BAD_EXIT
  _exit(0);
#else
  for (;;)
    pause();
#endif
}
#endif

#ifdef BAD_NO_SYMBOL
#define gateway_plugin another_name
extern const GatewayPlugin another_name;
#endif

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
#ifdef BAD_ABI
  .abi = GATEWAY_PLUGIN_ABI + 1,
#endif
#ifdef BAD_SIZE
  .size = 8,
#else
  .size = sizeof(GatewayPlugin),
#endif
#ifdef BAD_DATAGRAM
  .kind = GATEWAY_DATAGRAM,
#elif defined BAD_UPSTREAM
  .kind = GATEWAY_FORMAT,
#else
  .kind = GATEWAY_REQUEST,
#endif
#ifdef BAD_NAME
  .name = "Bad Name",
#else
  .name = "sound",
#endif
  .title = "Sound",
  .version = "1.0",
#ifdef BAD_POINTER
  .settings = (const GatewaySetting *)(uintptr_t)0x10,
  .n_settings = 3,
#endif
#ifdef BAD_COUNT
  .settings = (const GatewaySetting[1]){ { "x", GATEWAY_SETTING_TEXT } },
  .n_settings = UINT32_MAX,
#endif
#ifndef BAD_NO_FUNCTIONS
  .functions = &functions,
#endif
};
