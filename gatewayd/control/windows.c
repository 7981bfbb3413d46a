/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/windows.h"

#include "control/rollouts.h"

#define HOUR_MS G_GINT64_CONSTANT(3600000)
#define COUNT_MAX 400 /* windows that are counted one by one: more than a year of nights */
#define SINGLY_MAX 20 /* nodes that are told one by one */

typedef struct {
  guint n;        /* windows that ended */
  gint64 end_ms;  /* of the last of them */
  gint64 edge_ms; /* when the next may end */
} Passed;

/* The windows that ended in (from, now]. */
static Passed
count_passed(const GwWhen *when, gint64 from_ms, gint64 now_ms)
{
  Passed passed = { 0, from_ms, G_MAXINT64 };
  gint64 at_ms = from_ms;

  for (guint i = 0; i < 2 * COUNT_MAX; i++) {
    GwWindow window = gw_when_window(when, at_ms);

    passed.edge_ms = window.edge_ms;
    if (window.edge_ms > now_ms)
      return passed;
    if (window.is_open) {
      passed.n++;
      passed.end_ms = window.edge_ms;
    }
    at_ms = window.edge_ms;
  }
  passed.end_ms = now_ms; /* more than anybody wants to read of: from here on */
  return passed;
}

static void
say_missed(GwCore *core, const GwRule *rule, const Passed *passed, GwChange *change)
{
  guint n = gw_rollouts_count_waiting(core, rule->id);
  g_autofree char *end = gw_clock_format(passed->end_ms);
  const char *windows = passed->n == 1 ? "its window" : "its windows";
  guint64 cursor = 0;

  if (n > SINGLY_MAX)
    gw_change_say(change, "rule.missed", &(GwAbout){ .rule_id = rule->id },
                  "rule %s: %u nodes did not begin in %s (%u) until %s", rule->name, n, windows, passed->n,
                  end);
  for (guint i = 0; n <= SINGLY_MAX && i < n; i++) {
    const GwNode *node = gw_rollouts_next_waiting(core, rule->id, &cursor);

    gw_change_say(change, "node.missed", &(GwAbout){ .node = node->id, .rule_id = rule->id },
                  "%s did not begin in %s (%u) of rule %s until %s", node->id, windows, passed->n, rule->name,
                  end);
  }
}

void
gw_windows_look(GwCore *core, GwRule *rule, GwChange *change)
{
  GwNow now = gw_core_now(core);
  gint64 from_ms = gw_rollouts_missed_ms(core, rule->id), wait_ms = HOUR_MS;
  gboolean is_watched = gw_rule_is_live(rule) && !rule->is_push && gw_when_is_timed(&rule->when);

  if (is_watched && now.is_trusted) {
    Passed passed = count_passed(&rule->when, from_ms ? from_ms : now.wall_ms, now.wall_ms);

    if (passed.n > 0 && rule->state == GW_RULE_RUNNING)
      say_missed(core, rule, &passed, change);
    if (passed.n > 0 || !from_ms)
      gw_rollouts_set_missed(core, rule->id, from_ms ? passed.end_ms : now.wall_ms, change);
    wait_ms = MIN(wait_ms, passed.edge_ms - now.wall_ms);
    if (gw_rollouts_look_window(core, rule->id, gw_when_window(&rule->when, now.wall_ms).is_open))
      gw_rollouts_wake_all(core, rule);
  }
  /* Asked again within the hour: the wall clock may jump, or not be trusted yet. */
  gw_core_alarm(core, GW_ALARM_WINDOW, rule->id, is_watched ? now.boot_ms + MAX(wait_ms, 1000) : G_MAXINT64);
}

void
gw_windows_alarm(GwCore *core, gint64 rule_id)
{
  GwRule *rule = gw_rules_find(core->rules, rule_id);
  g_autoptr(GwChange) change = rule ? gw_change_new(core, NULL) : NULL;

  if (!rule)
    return;
  gw_windows_look(core, rule, change);
  gw_change_commit_if_any(g_steal_pointer(&change));
}
