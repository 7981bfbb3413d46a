/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Foreign JSON: what was read by the field table lies within the table's limits. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
  const char *name;
  gint64 number;
  gboolean is_on;
  json_t *list, *object;
} Target;

static const GwJsonField fields[] = {
  { "name", GW_JSON_STRING, TRUE, offsetof(Target, name), 1, 16 },
  { "number", GW_JSON_INTEGER, TRUE, offsetof(Target, number), 1, 100 },
  { "on", GW_JSON_BOOLEAN, FALSE, offsetof(Target, is_on), 0, 0 },
  { "list", GW_JSON_ARRAY, FALSE, offsetof(Target, list), 0, 4 },
  { "object", GW_JSON_OBJECT, FALSE, offsetof(Target, object), 0, 0 },
  { NULL, 0, FALSE, 0, 0, 0 },
};

static void
check(const Target *target)
{
  g_assert(strlen(target->name) >= 1 && strlen(target->name) <= 16);
  g_assert(g_utf8_validate(target->name, -1, NULL));
  g_assert(target->number >= 1 && target->number <= 100);
  g_assert(!target->list || json_array_size(target->list) <= 4);
  g_assert(!target->object || json_is_object(target->object));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) root = gw_json_parse((const char *)data, size, 4096, &error);
  Target target = { 0 }, untouched = { 0 };

  g_assert(!root == !!error);
  if (!root)
    return 0;
  g_assert(size <= 4096);
  if (gw_json_read(root, "fuzz", fields, FALSE, &target, &error))
    check(&target);
  else
    g_assert(error->code == GW_ERROR_BAD_INPUT && memcmp(&target, &untouched, sizeof target) == 0);
  return 0;
}
