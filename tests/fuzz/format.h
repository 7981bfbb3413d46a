/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A format plugin over bytes in memory. */
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway-plugin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMBER_MAX (64u * 1024 * 1024)

typedef struct {
  GatewayJob face;
  const uint8_t *bytes;
  uint32_t n_images;
  uint64_t n_data;
  int has_name, has_refused, has_stopped;
} Memory;

static bool
memory_image(GatewayJob *job, GatewayText name, uint64_t size)
{
  Memory *memory = (Memory *)job;

  if (memory->has_stopped)
    abort(); /* it was told to stop */
  for (size_t i = 0; i < name.size; i++)
    memory->n_data += (uint8_t)name.data[i];
  memory->has_name = name.size > 0;
  memory->n_data = 0;
  memory->has_stopped = ++memory->n_images > 256 || size > MEMBER_MAX;
  return !memory->has_stopped;
}

static bool
memory_data(GatewayJob *job, const void *data, size_t size)
{
  Memory *memory = (Memory *)job;
  volatile uint8_t sum = 0;

  if (!memory->has_name || memory->has_stopped)
    abort();
  for (size_t i = 0; i < size; i += 61)
    sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
  memory->n_data += size;
  memory->has_stopped = memory->n_data > MEMBER_MAX;
  return !memory->has_stopped;
}

static void
memory_fact(GatewayJob *job, const char *key, GatewayText value)
{
  volatile size_t size = strlen(key);

  if (((Memory *)job)->n_images == 0)
    abort(); /* a fact of nothing */
  for (size_t i = 0; i < value.size; i++)
    size += (uint8_t)value.data[i];
}

static void
memory_refuse(GatewayJob *job, const char *text)
{
  ((Memory *)job)->has_refused = strlen(text) > 0;
}

static bool
memory_read(GatewayJob *job, uint64_t offset, void *ret_data, size_t size)
{
  if (offset > job->input_size || size > job->input_size - offset)
    return false;
  memcpy(ret_data, ((Memory *)job)->bytes + offset, size);
  return true;
}

static bool
memory_sha256(GatewayJob *job, uint64_t offset, uint64_t size, uint8_t ret_sha256[32])
{
  memset(ret_sha256, 0, 32); /* so that a mutation can match it */
  return offset <= job->input_size && size <= job->input_size - offset;
}

static int
memory_verify(GatewayJob *job, const uint8_t sha256[32], const void *signature, size_t size,
              uint8_t ret_key[32])
{
  memset(ret_key, 0, 32);
  return -1;
}

static const char *
memory_setting(const GatewaySettings *settings, const char *key)
{
  return "";
}

static int64_t
memory_number(const GatewaySettings *settings, const char *key)
{
  return 255;
}

static bool
memory_flag(const GatewaySettings *settings, const char *key)
{
  return false;
}

static const GatewaySettings MEMORY_SETTINGS = { sizeof(GatewaySettings), memory_setting, memory_number,
                                                 memory_flag };

static int
fuzz_format(const GatewayPlugin *plugin, const uint8_t *data, size_t size, const char *file_name)
{
  const GatewayFormatFunctions *functions = plugin->functions;
  uint8_t *head = malloc(size ? size : 1); /* of its exact size: what reads beyond it is seen */
  Memory memory = {
    .face = { .size = sizeof(GatewayJob),
              .input_fd = -1,
              .input_size = size,
              .settings = &MEMORY_SETTINGS,
              .file_name = file_name,
              .image = memory_image,
              .data = memory_data,
              .fact = memory_fact,
              .refuse = memory_refuse,
              .read = memory_read,
              .sha256 = memory_sha256,
              .verify = memory_verify },
  };

  memcpy(head, data, size);
  memory.bytes = head;
  (void)functions->recognize((GatewayText){ (const char *)head, size < 4096 ? size : 4096 }, file_name);
  if (functions->unpack(&memory.face) && memory.has_refused)
    abort(); /* one or the other */
  free(head);
  return 0;
}
