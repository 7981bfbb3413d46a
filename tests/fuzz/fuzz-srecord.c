/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  return fuzz_format(&gateway_plugin, data, size, "app.srec");
}
