/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/preseed.h"

#include "base/error.h"
#include "control/imports.h"

/* Equal images take room once. */
static guint64
add_image(GHashTable *seen, const GwFirmware *firmware)
{
  if (*firmware->sha256 && !g_hash_table_add(seen, (gpointer)firmware->sha256))
    return 0;
  return firmware->size;
}

gboolean
gw_preseed_check(GwCore *core, const GwRule *rule, GError **error)
{
  GwStoreUsage usage = gw_store_usage(core->store);
  guint64 room = MIN(usage.max, usage.used + usage.free_on_disk), others = 0, own = 0;
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  GHashTableIter iter;
  gpointer value;

  gw_firmwares_iter(core->firmwares, &iter);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    if (!gw_rule_has_firmware(rule, ((GwFirmware *)value)->id) && gw_imports_must_stay(core, value))
      others += add_image(seen, value);
  for (guint i = 0; i < rule->firmwares->len; i++)
    own += add_image(seen, gw_firmwares_find(core->firmwares, gw_rule_firmware(rule, i)));
  if (own <= room && others <= room - own)
    return TRUE;
  return gw_fail(error, GW_ERROR_NO_SPACE,
                 "the images of rule %s do not fit: they need %" G_GUINT64_FORMAT " KiB, and of the cache's "
                 "%" G_GUINT64_FORMAT " KiB other rules, nodes and imports need %" G_GUINT64_FORMAT
                 ": enlarge the cache, or end rules that are not needed any more",
                 rule->name, (own + 1023) / 1024, room / 1024, (others + 1023) / 1024);
}

/* A clock that is not trusted may be anywhere: better early than late. */
gint64
gw_preseed_wait_ms(const GwCore *core, const GwRule *rule, const GwNow *now)
{
  return now->is_trusted ? gw_when_wait_ms(&rule->when, core->limits.preseed_ms, now->wall_ms) : 0;
}
