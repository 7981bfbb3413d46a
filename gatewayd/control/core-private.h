/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The core's own struct: the nouns of this room in one place, for those of its files that need several of
 * them. The nouns themselves (registry, rules, pins...) know nothing of it. Private to control. */
#pragma once
#include "control/accounts.h"
#include "control/alarms.h"
#include "control/change.h"
#include "control/core.h"
#include "control/credentials.h"
#include "control/events.h"
#include "control/firmwares.h"
#include "control/keyrings.h"
#include "control/neighbours.h"
#include "control/pins.h"
#include "control/plugins.h"
#include "control/registry.h"
#include "control/rules.h"
#include "control/slots.h"
#include "control/updates.h"
#include "store/blob.h"
#include "store/db.h"

typedef struct GwAges GwAges;
typedef struct GwTimeline GwTimeline;
typedef struct GwWorkers GwWorkers;
typedef struct GwUpstreams GwUpstreams;
typedef struct GwFetching GwFetching;
typedef struct GwVerbs GwVerbs;
typedef struct GwRelay GwRelay;
typedef struct GwPassing GwPassing;
typedef struct GwOutlets GwOutlets;
typedef struct GwUnpacker GwUnpacker;
typedef struct GwBulk GwBulk;
typedef struct GwRollouts GwRollouts;

/* [limits] of the configuration, read once per snapshot. */
typedef struct {
  guint attempts, failures, strangers, timeline_rows;
  gint64 retry_first_ms, retry_max_ms, slot_ms, never_asked_ms, stalled_ms, not_back_ms, pin_idle_ms,
      preseed_ms;
  gint64 timeline_age_ms, events;
  gint64 verification_ms, stay_ms, online_ms;
  guint outbox;
  char **locations; /* "PATH:N" */
  guint64 max_image, wan_month;
} GwLimits;

/* So many of something in an hour. */
typedef struct {
  gint64 boot_ms; /* begin of the hour */
  guint n;
} GwAllowance;

/* Bytes that came over the WAN. */
typedef struct {
  int month; /* 12 for each year, 0 = none yet */
  guint64 used;
  GHashTable *open; /* SHA-256 -> GwOpenFetch: what comes is not in used yet; NULL = nothing */
} GwBudget;

struct GwCore {
  GMainContext *context;
  GwConfig *config;
  char *config_path;
  GwLimits limits;
  GwNow (*clock)(gpointer user);
  gpointer clock_user;
  void (*broken)(gpointer user);
  gpointer broken_user;
  gint64 started_ms;
  gint64 clock_offset_ms; /* wall before boot clock, as it was reckoned with */
  gboolean is_stopping;   /* what is called back now is not acted upon */
  gboolean was_lost;      /* the database was set aside at start */
  int withdrawn_fd;       /* folder; withdrawals.c's */
  gint64 restored_ms;     /* wall: the snapshot that replaced it is of then; 0 = none */

  GwDb *db;
  GHashTable *changes; /* GwChange on its way to the disk */
  GwStore *store;
  GwUnpacker *unpacker;
  GwEvents *events;
  GwTimeline *timeline;
  GwAges *ages;
  GwRegistry *registry;
  GwNeighbours *neighbours; /* NULL where the kernel does not let us ask */
  GwFirmwares *firmwares;
  GPtrArray *verifying; /* GwFirmware, borrowed; verifications.c's */
  GwRules *rules;
  GwRollouts *rollouts;
  GwUpdates *updates;
  GwPins *pins;
  GwSlots *slots;
  GwAlarms *alarms;
  GwPlugins *plugins;
  GwKeyrings *keyrings;
  GwCredentials *credentials;
  GwAccounts *accounts;
  GwUpstreams *upstreams;
  GwFetching *fetching;
  GwVerbs *verbs;
  GwRelay *relay;
  GwPassing *passing;
  GwOutlets *outlets;
  GwWorkers *workers;

  GwBudget budget;
  guint rates_hash;          /* of the rates that the workers were told; rates.c's */
  GwAllowance seen, refused; /* events about strangers, and about wrong logins */
  GwBulk *bulk;              /* a command about many nodes that is being done, or NULL */
  GHashTable *imports;       /* set of those that run; commands-import.c's */
  guint32 epoch;             /* of the rules: cached answers of an earlier one are void */
  GSource *timer;
};

GwNow gw_core_now(const GwCore *core);
/* Sets one alarm and, where it is the earliest, the timer. */
void gw_core_alarm(GwCore *core, GwAlarmKind kind, gint64 id, gint64 boot_ms);
/* A new snapshot of the configuration; the keyrings are loaded by whoever calls. */
void gw_core_take_config(GwCore *core, GwConfig *config);
/* In identity.c: an address has another MAC, or none. */
void gw_core_neighbour_changed(const char *address, const char *mac, gpointer core);
