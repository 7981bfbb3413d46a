/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is durable, as typed rows: every SQL text of the core lives behind these functions (rows-*.c), so that
 * control speaks in nouns. "put" inserts or replaces by the row's key; a put or delete is one or two
 * statements added to a batch and is durable when that batch is acknowledged. Texts are never NULL, "" =
 * none. Main thread. */
#pragma once
#include "model/account.h"
#include "model/inference.h"
#include "model/rule.h"
#include "model/tally.h"
#include "model/targets.h"
#include "model/update.h"
#include "store/db.h"

/* Names for gw_db_next_id(). */
#define GW_SEQUENCE_FIRMWARE "firmware"
#define GW_SEQUENCE_RULE "rule"
#define GW_SEQUENCE_NOTIFICATION "notification"
#define GW_SEQUENCE_UPDATE "update"
#define GW_SEQUENCE_EVENT "event"
#define GW_SEQUENCE_TIMELINE "timeline"

/* --- products, firmware, nodes, rules --- */
void gw_rows_put_product(GwBatch *batch, const GwProduct *product);
void gw_rows_delete_product(GwBatch *batch, const char *name);
void gw_rows_put_firmware(GwBatch *batch, const GwFirmware *firmware);
void gw_rows_delete_firmware(GwBatch *batch, gint64 id);
void gw_rows_put_node(GwBatch *batch, const GwNode *node);
void gw_rows_put_told(GwBatch *batch, const GwNode *node); /* its told_number and told_firmware alone */
/* Only when it was last heard and how often: for nodes that merely asked again. Small on flash. */
void gw_rows_put_contact(GwBatch *batch, const GwNode *node);
/* With its pins, its timeline and the history of its updates. */
void gw_rows_delete_node(GwBatch *batch, const char *id);
/* @old goes, its updates and its timeline are @new's from now on; no update of @old stands in the way of a
 * rule. */
void gw_rows_replace_node(GwBatch *batch, const char *old, const char *new);
void gw_rows_put_account(GwBatch *batch, const GwAccount *account);
void gw_rows_delete_account(GwBatch *batch, const char *login);
void gw_rows_put_rule(GwBatch *batch, const GwRule *rule);
void gw_rows_delete_rule(GwBatch *batch, gint64 id);

/* --- where the rules' rollouts stand --- */
typedef struct {
  gint64 rule_id;       /* key, with number */
  guint number;         /* from 0 */
  const GwGroup *group; /* its counts are not kept: the updates say them */
} GwGroupRow;
/* Up to here (wall) it was said which windows passed unused. */
void gw_rows_put_missed(GwBatch *batch, gint64 rule_id, gint64 missed_ms);
/* Who is in which group. The rule's groups are gone and must be put again. */
void gw_rows_put_rollout(GwBatch *batch, gint64 rule_id, const GwTargets *targets);
void gw_rows_put_group(GwBatch *batch, const GwGroupRow *row, const GwNow *now);
void gw_rows_delete_rollout(GwBatch *batch, gint64 rule_id);
/* On which UTC day (since 1970) a rule last did what @key stands for. */
void gw_rows_put_day(GwBatch *batch, gint64 rule_id, gint64 key, gint64 day);
/* Forgets those of rules that do nothing any more. */
void gw_rows_trim_days(GwBatch *batch);

/* --- updates and pins; boot clock times are kept across reboots as what was left of them at @now --- */
void gw_rows_put_update(GwBatch *batch, const GwUpdate *update, const GwNow *now);

/* Ended ones below @before_id that changed last before @before_ms, with their history; never what start-up
 * reads. */
void gw_rows_trim_updates(GwBatch *batch, gint64 before_id, gint64 before_ms);

typedef struct {
  gint64 update_id;
  gint64 wall_ms;
  GwUpdateState state; /* after the fact */
  GwFact fact;         /* 0 = made by no fact (created) */
  const char *detail;  /* for people */
} GwHistoryRow;
void gw_rows_put_history(GwBatch *batch, const GwHistoryRow *row);

typedef struct {
  const char *token; /* key */
  gint64 update_id, firmware_id;
  const char *node, *type, *plugin;
  gboolean is_never_cut, is_silent, is_owed;
  gint64 given_ms, used_ms; /* wall */
  guint n_downloads;
  GwInference inference;
} GwPinRow;
void gw_rows_put_pin(GwBatch *batch, const GwPinRow *row, const GwNow *now);
void gw_rows_delete_pin(GwBatch *batch, gint64 update_id);

/* --- events, timeline --- */
typedef struct {
  gint64 id;
  gint64 wall_ms;
  const char *type;                      /* "update.succeeded" */
  const char *subject_kind, *subject_id; /* "node", "02:00:.." */
  const char *node;                      /* what GetEvents can filter by; "" and 0 = none */
  gint64 firmware_id, rule_id, update_id;
  const char *data; /* JSON object */
  gboolean is_final;
} GwEventRow;
void gw_rows_put_event(GwBatch *batch, const GwEventRow *row);
/* Below @before_id, or beyond the newest @max rows; never one that an outbox still holds. */
void gw_rows_trim_events(GwBatch *batch, gint64 before_id, guint max);

typedef struct {
  gint64 id;
  const char *node, *kind, *text;
  gint64 first_ms, last_ms; /* wall */
  guint64 count;            /* a repeated identical ask is one row */
  gboolean is_final;        /* goes last */
} GwTimelineRow;
void gw_rows_put_timeline(GwBatch *batch, const GwTimelineRow *row);
/* So that at most @max rows of the node stay: oldest first, final ones last. */
void gw_rows_trim_timeline_of(GwBatch *batch, const char *node, guint max);
/* Below @before_id and last true before @before_ms, or beyond the newest @max rows; final ones have a @max of
 * their own. */
void gw_rows_trim_timeline(GwBatch *batch, gint64 before_id, gint64 before_ms, guint max);

/* --- ages --- */
#define GW_AGE_DAYS_MAX 3700 /* the longest age that can be asked for, and some */
typedef struct {
  gint64 day, up_ms;              /* of the gateway's running time */
  gint64 event, timeline, update; /* the ids that came next on that day */
} GwAgeRow;
void gw_rows_put_age(GwBatch *batch, const GwAgeRow *row);
void gw_rows_trim_ages(GwBatch *batch, gint64 before_day);

/* --- outbox, upstreams, odds and ends --- */
typedef struct {
  const char *upstream; /* key, with event_id */
  gint64 event_id;
  const char *order_key;   /* the node: one at a time, in order; "" = none */
  const char *replace_key; /* an older row of this upstream with the same key goes; "" = stays (final) */
  gboolean is_final;
  gboolean is_dead; /* refused for good: an operator sees it, the queue moves on */
  guint n_tries;
  const char *last_error;
} GwOutboxRow;
void gw_rows_put_outbox(GwBatch *batch, const GwOutboxRow *row);
void gw_rows_delete_outbox(GwBatch *batch, const char *upstream, gint64 event_id);
/* All of them. */
void gw_rows_clear_outbox(GwBatch *batch, const char *upstream);

typedef struct {
  const char *name;           /* key */
  gint64 sequence;            /* greatest catalog sequence accepted; never decreases */
  const char *catalog_sha256; /* hex, of the document with that sequence */
  const char *etag, *last_modified;
  gint64 expires_ms, polled_ms, changed_ms; /* wall */
  gboolean is_stale;
  const char *status; /* for people */
} GwUpstreamRow;
void gw_rows_put_upstream(GwBatch *batch, const GwUpstreamRow *row);

/* Small facts of the core itself: key -> value. */
void gw_rows_put_meta(GwBatch *batch, const char *key, const char *value);

/* --- boots: how long one goes on is noted, so that waits can be carried over to the next --- */
void gw_rows_note_boot(GwBatch *batch, const GwNow *now);
/* What is left of the waits in rows of earlier boots, on this boot's clock. Before they are read. */
void gw_rows_carry_over(GwBatch *batch, const GwNow *now);

/* --- reading at start-up: as gw_db_load(); what @each gets is its own, rows are borrowed for the call --- */
gboolean gw_rows_load_products(GwDb *db, void (*each)(GwProduct *product, gpointer user), gpointer user,
                               GError **error);
gboolean gw_rows_load_firmwares(GwDb *db, void (*each)(GwFirmware *firmware, gpointer user), gpointer user,
                                GError **error);
gboolean gw_rows_load_nodes(GwDb *db, void (*each)(GwNode *node, gpointer user), gpointer user,
                            GError **error);
gboolean gw_rows_load_accounts(GwDb *db, void (*each)(GwAccount *account, gpointer user), gpointer user,
                               GError **error);
gboolean gw_rows_load_rules(GwDb *db, void (*each)(GwRule *rule, gpointer user), gpointer user,
                            GError **error);
typedef struct {
  gint64 rule_id;
  GwTargets *targets; /* the caller's */
  gint64 missed_ms;
} GwRolloutRow;
/* Each rule's row, then each of the groups. What cannot be read is left out. */
gboolean gw_rows_load_rollouts(GwDb *db, const GwNow *now,
                               void (*each)(const GwRolloutRow *row, gpointer user),
                               void (*each_group)(const GwGroupRow *row, gpointer user), gpointer user,
                               GError **error);
gboolean gw_rows_load_days(GwDb *db, void (*each)(gint64 rule_id, gint64 key, gint64 day, gpointer user),
                           gpointer user, GError **error);
/* The open ones, and the latest ended one of each node, type and rule that is running or paused. Times on
 * the boot clock are @now's. */
gboolean gw_rows_load_updates(GwDb *db, const GwNow *now, void (*each)(GwUpdate *update, gpointer user),
                              gpointer user, GError **error);
/* Oldest first. */
gboolean gw_rows_load_ages(GwDb *db, void (*each)(const GwAgeRow *row, gpointer user), gpointer user,
                           GError **error);
gboolean gw_rows_load_pins(GwDb *db, const GwNow *now, void (*each)(const GwPinRow *row, gpointer user),
                           gpointer user, GError **error);
gboolean gw_rows_load_upstreams(GwDb *db, void (*each)(const GwUpstreamRow *row, gpointer user),
                                gpointer user, GError **error);
/* Every row with its event, oldest event first. */
gboolean gw_rows_load_outbox(GwDb *db,
                             void (*each)(const GwOutboxRow *row, const GwEventRow *event, gpointer user),
                             gpointer user, GError **error);
gboolean gw_rows_load_meta(GwDb *db, void (*each)(const char *key, const char *value, gpointer user),
                           gpointer user, GError **error);

/* --- statistics --- */
typedef struct {
  char *key; /* a rule's id, a product, a location, or "PRODUCT VERSION" */
  GwTally tally;
  guint64 n_causes[GW_N_FACTS + 1]; /* of those that failed, were refused or expired; [0]: not known */
} GwNamedTally;
/* @tallies: GwNamedTally, by key. Borrowed for the call. */
typedef void (*GwTalliesDone)(const GPtrArray *tallies, const GError *error, gpointer user);
#define GW_TALLIES_PAGE 40
typedef struct {
  const char *kind;  /* rule, product, location or version */
  const char *after; /* the last key seen; NULL = from the first */
} GwTallyQuestion;
/* A page of them: they are counted with each change, none is counted now. */
void gw_rows_tally(GwDb *db, const GwTallyQuestion *question, GwTalliesDone done, gpointer user);
/* Forgets what nothing is counted under any more. */
void gw_rows_trim_tallies(GwBatch *batch);

/* --- reading later: lists that are too long for memory --- */
typedef enum { GW_TABLE_UPDATES = 1, GW_TABLE_HISTORY, GW_TABLE_EVENTS, GW_TABLE_TIMELINE } GwTable;
/* The columns that can be asked for, filtered and sorted by; NULL-terminated, static:
 *   updates:  id node type firmware rule state reason inferred attempts version-before acked size created
 *             changed finished open product location release cause group downloads former
 *   history:  id update time state fact detail
 *   events:   id time type subject-kind subject node firmware rule update data final
 *   timeline: id node kind text first last count final
 * id, firmware, rule, update, attempts, count, downloads, sizes and times (wall ms) are x; inferred, open,
 * final and group are b; the others s. */
const char *const *gw_table_columns(GwTable table);

typedef struct {
  GwTable table;
  /* a{sv}, or NULL: column -> value; text may hold * and ? globs; "after-id" (x): only greater ids */
  GVariant *filter;
  const char *sort;    /* column, or "-column" = descending; NULL = "id" */
  GVariant *after;     /* (vx): sort value and id of the last row seen, or NULL = from the start */
  guint limit;         /* 1..500 */
  gboolean is_counted; /* tell the total too: costs a walk over all that the filter leaves */
} GwListing;
/* @rows: GVariant a{sv} with every column of the table, in order; @total: -1 when not counted. Rows are
 * borrowed for the call. */
typedef void (*GwListingDone)(const GPtrArray *rows, gint64 total, const GError *error, gpointer user);
/* FALSE = BAD_INPUT (an unknown column, or a value of another type), and @done is not called. */
gboolean gw_rows_list(GwDb *db, const GwListing *listing, GwListingDone done, gpointer user, GError **error);
