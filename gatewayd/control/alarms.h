/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must happen at a time on the boot clock: one time per (kind, id). Not a timer itself: the core asks
 * when the next one is and runs those that are due, so tests move the clock instead of waiting. Main thread.
 */
#pragma once
#include <glib.h>

typedef enum {
  GW_ALARM_UPDATE = 1,   /* id: update; its retry, deadline or inference */
  GW_ALARM_SLOT,         /* id: update whose slot lapses */
  GW_ALARM_FETCH,        /* id: firmware to be fetched again */
  GW_ALARM_RULE,         /* id: rule whose dates change what is due */
  GW_ALARM_HOUSE,        /* id: GwHouseWork */
  GW_ALARM_RELAY,        /* id: receiver that may be sent to again */
  GW_ALARM_VERIFICATION, /* id: firmware whose verification takes too long */
  GW_ALARM_ROLLOUT,      /* id: rule whose group has been watched long enough */
  GW_ALARM_WINDOW,       /* id: rule of which a window may have ended */
  GW_ALARM_WAKE,         /* id: rule of which more nodes are to be told to ask */
  GW_ALARM_PASSING,      /* id: question to a vendor's cloud that takes too long */
} GwAlarmKind;

typedef struct GwAlarms GwAlarms;
GwAlarms *gw_alarms_new(void);
void gw_alarms_free(GwAlarms *alarms);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwAlarms, gw_alarms_free)
/* Replaces the time that (kind, id) had. G_MAXINT64 = none. */
void gw_alarms_set(GwAlarms *alarms, GwAlarmKind kind, gint64 id, gint64 boot_ms);
/* When the earliest is due; G_MAXINT64 = none is set. */
gint64 gw_alarms_next_ms(const GwAlarms *alarms);
/* Takes one that is due at @boot_ms; FALSE = none. */
gboolean gw_alarms_take(GwAlarms *alarms, gint64 boot_ms, GwAlarmKind *ret_kind, gint64 *ret_id);
