/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/alarms.h"

typedef struct {
  gint64 boot_ms, id;
  GwAlarmKind kind;
} Alarm;

/* The same alarms twice: in order of time, and by what they are for. Owned by `by_what`. */
struct GwAlarms {
  GTree *by_time;
  GHashTable *by_what;
};

static int
compare_times(gconstpointer a, gconstpointer b, gpointer user)
{
  const Alarm *left = a, *right = b;

  if (left->boot_ms != right->boot_ms)
    return left->boot_ms < right->boot_ms ? -1 : 1;
  if (left->kind != right->kind)
    return left->kind < right->kind ? -1 : 1;
  return left->id < right->id ? -1 : left->id > right->id;
}

static guint
hash_what(gconstpointer key)
{
  const Alarm *alarm = key;

  return (guint)alarm->id * 31u + (guint)(alarm->id >> 32) + (guint)alarm->kind;
}

static gboolean
equal_what(gconstpointer a, gconstpointer b)
{
  const Alarm *left = a, *right = b;

  return left->kind == right->kind && left->id == right->id;
}

GwAlarms *
gw_alarms_new(void)
{
  GwAlarms *alarms = g_new0(GwAlarms, 1);

  alarms->by_time = g_tree_new_full(compare_times, NULL, NULL, NULL);
  alarms->by_what = g_hash_table_new_full(hash_what, equal_what, g_free, NULL);
  return alarms;
}

void
gw_alarms_free(GwAlarms *alarms)
{
  if (!alarms)
    return;
  g_tree_unref(alarms->by_time);
  g_hash_table_unref(alarms->by_what);
  g_free(alarms);
}

void
gw_alarms_set(GwAlarms *alarms, GwAlarmKind kind, gint64 id, gint64 boot_ms)
{
  Alarm key = { .id = id, .kind = kind };
  Alarm *alarm = g_hash_table_lookup(alarms->by_what, &key);

  if (alarm) {
    g_tree_remove(alarms->by_time, alarm);
    g_hash_table_remove(alarms->by_what, &key);
  }
  if (boot_ms == G_MAXINT64)
    return;
  alarm = g_new(Alarm, 1);
  *alarm = (Alarm){ .boot_ms = boot_ms, .id = id, .kind = kind };
  g_hash_table_add(alarms->by_what, alarm);
  g_tree_insert(alarms->by_time, alarm, alarm);
}

gint64
gw_alarms_next_ms(const GwAlarms *alarms)
{
  GTreeNode *first = g_tree_node_first(alarms->by_time);
  const Alarm *alarm = first ? g_tree_node_key(first) : NULL;

  return alarm ? alarm->boot_ms : G_MAXINT64;
}

gboolean
gw_alarms_take(GwAlarms *alarms, gint64 boot_ms, GwAlarmKind *ret_kind, gint64 *ret_id)
{
  GTreeNode *first = g_tree_node_first(alarms->by_time);
  const Alarm *alarm = first ? g_tree_node_key(first) : NULL;

  if (!alarm || alarm->boot_ms > boot_ms)
    return FALSE;
  *ret_kind = alarm->kind;
  *ret_id = alarm->id;
  gw_alarms_set(alarms, *ret_kind, *ret_id, G_MAXINT64);
  return TRUE;
}
