/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/budget.h"

#include <stdio.h>
#include <string.h>

#include "store/ingest.h"

#define KEY "wan-budget" /* "2026-11 1234567 SHA256:OFFSET:SIZE ..."; the latter are on their way */
#define WARN_PERCENT 80

typedef struct {
  guint64 offset, size; /* where its bytes began to come; of the whole image, 0 = not known */
} GwOpenFetch;

static int
month_of(gint64 wall_ms)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(wall_ms / 1000);

  return time ? g_date_time_get_year(time) * 12 + g_date_time_get_month(time) - 1 : 0;
}

/* A new month begins with nothing; an earlier one is a clock that jumped. */
static void
turn_month(GwCore *core)
{
  GwNow now = gw_core_now(core);
  int month = now.is_trusted ? month_of(now.wall_ms) : core->budget.month;

  if (month <= core->budget.month)
    return;
  core->budget.month = month;
  core->budget.used = 0;
}

guint64
gw_budget_used(GwCore *core)
{
  turn_month(core);
  return core->budget.used;
}

gboolean
gw_budget_has_room(GwCore *core, guint64 size)
{
  guint64 max = core->limits.wan_month, used = gw_budget_used(core);

  return max == 0 || (used < max && size <= max - used);
}

/* Was the line crossed by these bytes? */
static gboolean
crosses(guint64 before, guint64 after, guint64 line)
{
  return line > 0 && before < line && after >= line;
}

static void
put(GwCore *core, GwChange *change)
{
  g_autoptr(GString) text = g_string_new(NULL);
  GHashTableIter iter;
  gpointer key, value;

  g_string_printf(text, "%04d-%02d %" G_GUINT64_FORMAT, core->budget.month / 12, core->budget.month % 12 + 1,
                  core->budget.used);
  if (core->budget.open) {
    g_hash_table_iter_init(&iter, core->budget.open);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
      const GwOpenFetch *fetch = value;

      g_string_append_printf(text, " %s:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (const char *)key,
                             fetch->offset, fetch->size);
    }
  }
  gw_rows_put_meta(gw_change_batch(change), KEY, text->str);
}

static void
add_open(GwBudget *budget, const char *sha256, guint64 offset, guint64 size)
{
  GwOpenFetch *fetch = g_new(GwOpenFetch, 1);

  *fetch = (GwOpenFetch){ offset, size };
  if (!budget->open)
    budget->open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_replace(budget->open, g_strdup(sha256), fetch);
}

void
gw_budget_open(GwCore *core, const GwFirmware *firmware, guint64 offset)
{
  g_autoptr(GwChange) change = NULL;

  if (strlen(firmware->sha256) != GW_SHA256_HEX_LEN)
    return; /* nothing of it stays when this process ends */
  turn_month(core);
  add_open(&core->budget, firmware->sha256, offset, firmware->size);
  change = gw_change_new(core, NULL);
  put(core, change);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

static void
spend(GwCore *core, guint64 bytes, GwChange *change)
{
  guint64 max = core->limits.wan_month, before = gw_budget_used(core), after = before + bytes;

  core->budget.used = after;
  if (crosses(before, after, max))
    gw_change_say(change, "daemon.budget-spent", &(GwAbout){ 0 },
                  "the month's budget of the WAN is spent (%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                  " bytes): no image is fetched before the next month",
                  after, max);
  else if (crosses(before, after, max / 100 * WARN_PERCENT))
    gw_change_say(change, "daemon.budget-low", &(GwAbout){ 0 },
                  "%" G_GUINT64_FORMAT " of the %" G_GUINT64_FORMAT
                  " bytes that may come over the WAN in this month are used",
                  after, max);
}

void
gw_budget_spend(GwCore *core, const char *sha256, guint64 bytes)
{
  gboolean was_open = core->budget.open && g_hash_table_remove(core->budget.open, sha256);
  g_autoptr(GwChange) change = NULL;

  if (bytes == 0 && !was_open)
    return;
  change = gw_change_new(core, NULL);
  spend(core, bytes, change);
  put(core, change);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

/* Up to where it has come: a part of it is here, or all of it. */
static guint64
end_of(const GwCore *core, const char *sha256, const GwOpenFetch *fetch, const GPtrArray *blobs)
{
  guint8 digest[GW_SHA256_LEN];
  char validator[128];

  if (!gw_unhex(sha256, GW_SHA256_LEN, digest))
    return 0;
  return g_ptr_array_find_with_equal_func((GPtrArray *)blobs, sha256, g_str_equal, NULL)
             ? fetch->size
             : gw_store_part(core->store, digest, validator);
}

void
gw_budget_resume(GwCore *core)
{
  g_autoptr(GPtrArray) blobs = core->budget.open ? gw_store_list(core->store) : NULL;
  g_autoptr(GwChange) change = NULL;
  guint64 bytes = 0;
  GHashTableIter iter;
  gpointer key, value;

  if (!blobs)
    return;
  g_hash_table_iter_init(&iter, core->budget.open);
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    const GwOpenFetch *fetch = value;
    guint64 end = end_of(core, key, fetch, blobs);

    bytes += end > fetch->offset ? end - fetch->offset : 0;
  }
  gw_budget_clear(&core->budget);
  change = gw_change_new(core, NULL);
  spend(core, bytes, change);
  put(core, change);
  gw_change_commit(g_steal_pointer(&change), NULL, NULL);
}

void
gw_budget_clear(GwBudget *budget)
{
  g_clear_pointer(&budget->open, g_hash_table_unref);
}

/* "SHA256:OFFSET:SIZE" */
static void
load_open(GwBudget *budget, const char *text)
{
  char sha256[GW_SHA256_HEX_LEN + 1];
  guint64 offset, size;

  if (sscanf(text, "%64[0-9a-f]:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, sha256, &offset, &size) == 3)
    add_open(budget, sha256, offset, size);
}

void
gw_budget_load(GwCore *core, const char *key, const char *value)
{
  g_auto(GStrv) parts = NULL;
  int year, month;
  guint64 used;

  if (strcmp(key, KEY) != 0 || sscanf(value, "%d-%d %" G_GUINT64_FORMAT, &year, &month, &used) != 3)
    return;
  core->budget.month = year * 12 + month - 1;
  core->budget.used = used;
  parts = g_strsplit(value, " ", -1);
  for (guint i = 2; parts[0] && parts[1] && parts[i]; i++)
    load_open(&core->budget, parts[i]);
}
