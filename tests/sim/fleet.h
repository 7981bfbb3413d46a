/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fleet of simulated nodes around a real core: mixed makes, loss, liars, sleepers, deaths, and a core and
 * workers that are restarted under them. Time is a number that the simulation moves; chance is a seed. What
 * each node truly runs is known here, and the core's words are held against it. Private to tests/sim. */
#pragma once
#include "rig.h"

#define SIM_MINUTE_MS G_GINT64_CONSTANT(60000)
#define SIM_HOUR_MS (60 * SIM_MINUTE_MS)
#define SIM_STEP_MS (30 * G_GINT64_CONSTANT(1000))
#define SIM_SLOT_MS (10 * SIM_MINUTE_MS) /* the default of [limits] slot */
#define SIM_ATTEMPTS 3                   /* that of attempts */
#define SIM_RULES_MAX 8
#define SIM_HOURS_MAX 3
#define SIM_GROUPS_MAX 2 /* before the rest */
#define SIM_SIZE 5001    /* bytes of each image */

/* Told: asks, can be cut, says its version. Session: the same, and can be woken. Silent: never cut, never
 * says its version. */
typedef enum { SIM_TOLD, SIM_SESSION, SIM_SILENT, SIM_N_MAKES } SimMake;
extern const char *const sim_products[SIM_N_MAKES], *const sim_plugins[SIM_N_MAKES];

typedef enum {
  SIM_HONEST,
  SIM_LIAR,      /* claims success, and comes back with the old version, each time */
  SIM_RELAPSING, /* its first install fails, and it comes back with the old version */
  SIM_SKIPPING,  /* passes over its first offers */
  SIM_N_TEMPERS
} SimTemper;

typedef enum {
  SIM_ASKING,     /* next: asks what there is */
  SIM_FETCHING,   /* next: asks for the bytes it was offered */
  SIM_SENDING,    /* next: its transfer ends, one way or the other */
  SIM_INSTALLING, /* next: it comes back */
  SIM_DEAD
} SimPhase;

/* A place of the caps, as an onlooker counts them. */
typedef struct {
  int rule;         /* -1 = none is held */
  gint64 until_ms;  /* it lapses, unless it is running */
  gint64 forced_ms; /* when it was taken whatever the caps said */
  gboolean is_running;
} SimSlot;

/* Places that are held at this moment: counted as they change. */
typedef struct {
  guint n, n_forced; /* forced: those of this very moment */
} SimHeld;

typedef struct {
  char name[12];
  SimMake make;
  SimTemper temper;
  gboolean is_sleeper; /* awake once a day */
  guint version;       /* what it truly runs */
  guint had;           /* bit n: it ran version n at some time */
  gboolean is_told;    /* the core heard of that version, from its own mouth */
  guint n_skip, n_failing, n_lost;
  SimPhase phase;
  gint64 dies_ms;

  /* the newest promise */
  char token[20];
  guint offered; /* version */
  int rule;
  gint32 update;
  gint64 offered_ms;
  guint n_downloads;              /* whole ones under this update */
  gboolean has_begun, is_watched; /* bytes flowed in this attempt; all are there and it is silent */
  guint acked;
  guint n_updates[SIM_RULES_MAX]; /* different ones, by rule */
  guint good, doubtful; /* bit of a rule: the core heard of its success; and may have forgotten it */
  guint said;           /* the core says that it succeeded */
  gint64 told_ms;       /* when it last told its version */
  gint64 last_day[SIM_RULES_MAX]; /* on which an attempt began, by rule; days since 1970 */
  SimSlot slot;

  /* what the worker may answer from cache */
  gint64 cached_until_ms;
  guint32 cached_epoch;
} SimNode;

/* A group, and how many of it must have succeeded before anybody after it is offered anything. */
typedef struct {
  guint size, percent;
} SimGroup;

/* A window that has just closed, and how many nodes must, and may, be said to have missed it. */
typedef struct {
  gint64 end_ms;
  guint least, most;
  gboolean is_exact; /* core and clock were there: it must be said */
} SimClosing;

/* What was set up: one rule for each version of a make. */
typedef struct {
  char name[24];
  SimMake make;
  guint version;
  gint64 id, firmware;
  struct {
    guint from_minute, until_minute;
  } hours[SIM_HOURS_MAX];
  guint n_hours;       /* 0 = always */
  guint weekdays;      /* bit 0 = Monday; 0 = all */
  gint64 blackout_day; /* closed; days since 1970, 0 = none */
  guint cap;
  SimGroup groups[SIM_GROUPS_MAX]; /* before all others; size 0 = there is none */
  gboolean is_once_a_day;
  gboolean is_running;
  int only; /* a push: to this node alone; -1 = a rule for all of the make */

  /* counted */
  SimHeld held;
  guint n_begun, n_good, n_doubtful, n_successes;
  gboolean was_open;
  GArray *closings; /* SimClosing */
} SimRule;

/* A word to the core that is not answered yet. */
typedef struct {
  guint node;
  guint32 serial;
  guint64 order; /* in which they were said */
  gboolean is_ask;
  GwAskKind kind;
  GwToldKind told;
  char token[20];
  guint acked;
} SimWord;

typedef struct {
  Rig *rig;
  GRand *rand;
  gint64 now_ms, began_ms, boot_at_ms; /* simulated; when this boot began */
  guint n_nodes, cap;
  SimNode *nodes;
  gint64 *next_ms; /* of each node: when it acts */
  SimRule rules[SIM_RULES_MAX];
  guint n_rules;
  GHashTable *words; /* serial -> SimWord, owned */
  GQueue *owed;      /* SimWord: tells that the core must hear again */
  guint64 n_words;
  guint32 epoch;
  gboolean is_up; /* the core listens */
  gint64 up_ms, disaster_ms,
      trusted_ms;   /* when it will; the next misfortune; when the clock is trusted again */
  gboolean is_1970; /* what the clock says until then */
  SimHeld held;
  gint64 forced_ms; /* the moment of held.n_forced */
  GQueue *lapses;   /* SimLapse, owned: places that lapse unless they are used */

  /* counted */
  guint n_asks, n_cached, n_offers, n_transfers, n_late, n_cut, n_restarts;
} Sim;

/* ---- chance ---- */
gboolean sim_chance(Sim *sim, double probability);
gint64 sim_between(Sim *sim, gint64 least_ms, gint64 most_ms);

/* ---- worker.c: what the LAN worker says and hears ---- */
void sim_worker_ask(Sim *sim, SimNode *node, GwAskKind kind);
void sim_worker_tell(Sim *sim, SimNode *node, GwToldKind kind, guint acked);
void sim_worker_report(Sim *sim, SimNode *node, GatewayTellState state);
/* Reads what the core said; waits until all words were answered. */
void sim_worker_settle(Sim *sim);
/* The same worker finds the core again: says what runs, and tells once more what was not acknowledged. */
void sim_worker_reconnect(Sim *sim);
/* The worker died: so did its transfers and its cache. */
void sim_worker_die(Sim *sim);

/* ---- node.c: what a node does ---- */
void sim_node_act(Sim *sim, SimNode *node);
void sim_node_answered(Sim *sim, SimNode *node, const SimWord *word, const GwAnswer *answer);
void sim_node_acked(Sim *sim, SimNode *node, const SimWord *word, int kind);
/* Its connection broke. */
void sim_node_cut(Sim *sim, SimNode *node);
void sim_node_woken(Sim *sim, const char *name);

/* ---- calendar.c: windows, reckoned anew, and who missed them ---- */
gboolean sim_is_open(const Sim *sim, const SimRule *rule);
/* At each step, before the core knows of it: windows that have closed. */
void sim_watch_windows(Sim *sim);
/* Each window that was missed is said once, with a number that can be. */
void sim_check_missed(Sim *sim);

/* ---- places.c: the caps ---- */
gboolean sim_holds_slot(Sim *sim, SimNode *node);
/* Takes a place, or goes on with its own; fails beyond the caps, unless it is forced: then it is counted. */
void sim_take_slot(Sim *sim, SimNode *node, int rule, gboolean is_forced);
void sim_run_slot(Sim *sim, SimNode *node);
void sim_free_slot(Sim *sim, SimNode *node);

/* ---- books.c: what the core says, against the truth ---- */
typedef void (*SimRow)(Sim *sim, GVariant *row, gpointer user);
/* All events of that type. */
void sim_events(Sim *sim, const char *type, SimRow each, gpointer user);
/* A text of the row whose @key is @value, or NULL; what was submitted before is on disk. Caller frees. */
char *sim_look_up(Sim *sim, const char *kind, const char *key, const char *value, const char *column);
/* "" where there is none. */
const char *sim_text_of(GVariant *row, const char *column);

/* ---- checks.c: what must hold ---- */
void sim_fail(const Sim *sim, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4) G_GNUC_NORETURN;
int sim_find_rule(const Sim *sim, SimMake make, guint version);
/* The core was told which version it runs. */
void sim_check_told(Sim *sim, SimNode *node);
void sim_check_answer(Sim *sim, SimNode *node, const SimWord *word, const GwAnswer *answer);
/* All bytes were there, and the core has it on disk. */
void sim_check_download(Sim *sim, SimNode *node);
/* Once a day and after each restart: at most one open update each, none twice under a rule. */
void sim_check_books(Sim *sim);
void sim_check_end(Sim *sim);

/* ---- disasters.c ---- */
/* Whatever befalls core and worker now, and their return. */
void sim_disasters(Sim *sim);
/* The simulated time becomes the core's. */
void sim_set_clock(Sim *sim);
