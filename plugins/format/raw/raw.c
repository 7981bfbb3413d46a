/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes: one image, the file itself. The least sure of all formats, so that every file has one. */
#include "gateway-plugin.h"

static uint32_t
recognize(GatewayText head, const char *file_name)
{
  return 1;
}

static bool
unpack(GatewayJob *job)
{
  if (job->input_size > 0)
    return job->image(job, GATEWAY_NO_TEXT, job->input_size);
  job->refuse(job, "it is empty");
  return false;
}

static const GatewayFormatFunctions functions = {
  .size = sizeof(GatewayFormatFunctions),
  .recognize = recognize,
  .unpack = unpack,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_FORMAT,
  .name = "raw",
  .title = "Bytes as they are",
  .version = "1",
  .functions = &functions,
};
