/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of MAC addresses: what was taken is an address in its proper form, once, and parses again to the
 * same. */
#include <stdint.h>
#include <string.h>

#include "ctl/macs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_mac(const char *mac)
{
  g_assert(strlen(mac) == 17 && strspn(mac, "0123456789abcdef:") == 17);
  for (int i = 2; i < 17; i += 3)
    g_assert(mac[i] == ':');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup((const char *)data, size);
  g_autoptr(GPtrArray) macs = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) again = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(GString) written = g_string_new(NULL);
  g_autoptr(GError) error = NULL;

  if (!gw_macs_parse("fuzz", text, macs, &error))
    g_assert(error && g_utf8_validate(error->message, -1, NULL));
  for (guint i = 0; i < macs->len; i++) {
    check_mac(g_ptr_array_index(macs, i));
    g_assert(g_hash_table_add(seen, g_ptr_array_index(macs, i)));
    g_string_append_printf(written, "%s\n", (char *)g_ptr_array_index(macs, i));
  }
  g_assert(gw_macs_parse("again", written->str, again, NULL) && again->len == macs->len);
  return 0;
}
