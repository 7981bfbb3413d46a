/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names that nodes give themselves, and globs over locations: "A B" each. */
#include <stdint.h>
#include <string.h>

#include "model/node.h"
#include "model/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_mac(const char *text)
{
  char mac[18] = "", again[18] = "";

  if (!gw_mac_normalize(text, mac))
    return;
  g_assert(strlen(mac) == 17 && strspn(mac, "0123456789abcdef:") == 17);
  g_assert(gw_mac_normalize(mac, again) && strcmp(mac, again) == 0);
  g_assert(gw_node_check_id(mac, NULL));
}

static void
check_attributes(const char *a, const char *b)
{
  g_autoptr(GwNode) node = gw_node_new("fuzz");

  if (gw_node_set_attribute(node, a, b))
    g_assert(strlen(a) <= 128 && strcmp(g_hash_table_lookup(node->attributes, a), b) == 0);
  g_assert(!node->attributes || g_hash_table_size(node->attributes) <= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup((const char *)data, MIN(size, 4096));
  g_auto(GStrv) words = g_strsplit(text, " ", 2);
  const char *a = words[0] ? words[0] : "", *b = words[0] && words[1] ? words[1] : a;

  check_mac(text);
  check_attributes(a, b);
  if (gw_node_check_id(text, NULL))
    g_assert(*text && strlen(text) <= 64 && !strpbrk(text, " /<>\"'\n"));
  if (!strpbrk(a, "*?"))
    g_assert(!gw_location_match(a, b) == !(strcmp(a, b) == 0 || *a == '\0'));
  g_assert(gw_location_match("**", b));
  gw_location_match(b, a);
  return 0;
}
