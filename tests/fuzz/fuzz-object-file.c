/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file in a plugin folder: what is accepted is whole, and would not be with its last byte missing where a
 * header announced that byte. */
#include <stdint.h>

#include "base/error.h"
#include "link/object-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  gboolean is_whole = gw_object_file_check(data, size, &error);

  g_assert(is_whole == !error);
  gw_object_file_kind(data, size);
  g_assert(!is_whole || size >= 64 + 56);
  if (is_whole)
    g_assert(!gw_object_file_check(data, 64, NULL));
  return 0;
}
