/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gizwits' Wi-Fi firmware says what it is in its file name only: GAgent_<hardware>_<software>[_<date>].bin,
 * with versions of exactly 8 characters. */
#include "gateway-plugin.h"

#define PREFIX "GAgent_"
#define VERSION 8 /* characters */
#define HARDWARE (sizeof PREFIX - 1)
#define SOFTWARE (HARDWARE + VERSION + 1)
#define REST (SOFTWARE + VERSION)

static bool
is_version(const char *text)
{
  for (int i = 0; i < VERSION; i++)
    if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'A' && text[i] <= 'Z') ||
          (text[i] >= 'a' && text[i] <= 'z')))
      return false;
  return true;
}

static bool
is_name(const char *name)
{
  size_t size = strlen(name);

  return size >= REST + 4 && strncmp(name, PREFIX, HARDWARE) == 0 && is_version(name + HARDWARE) &&
         name[SOFTWARE - 1] == '_' && is_version(name + SOFTWARE) &&
         (name[REST] == '_' || name[REST] == '.') && strcmp(name + size - 4, ".bin") == 0;
}

/* What is sure of its bytes goes first. */
static uint32_t
recognize(GatewayText head, const char *file_name)
{
  return head.size > 0 && is_name(file_name) ? 20 : 0;
}

static bool
unpack(GatewayJob *job)
{
  const char *name = job->file_name;

  if (!is_name(name) || !job->image(job, GATEWAY_NO_TEXT, job->input_size))
    return false;
  job->fact(job, "type", GATEWAY_TEXT("wifi"));
  job->fact(job, "hardware", (GatewayText){ name + HARDWARE, VERSION });
  job->fact(job, "version", (GatewayText){ name + SOFTWARE, VERSION });
  return true;
}

static const GatewayFormatFunctions functions = { sizeof functions, recognize, unpack };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_FORMAT,
  .name = "gizwits-name",
  .title = "A Gizwits Wi-Fi firmware, by its name",
  .version = "1",
  .functions = &functions,
};
