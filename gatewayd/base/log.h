/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The structured log: every line has a subject. To the journal where stderr is connected to it, else to
 * stderr as "<priority>name: subject id: text", on a terminal without the priority. Libraries (base, model,
 * net) do not log; rooms that own a decision do. Never log tokens, keys, passwords or query strings. Any
 * thread. */
#pragma once
#include <glib.h>
#include <syslog.h>

typedef enum {
  GW_SUBJECT_DAEMON,
  GW_SUBJECT_NODE,
  GW_SUBJECT_FIRMWARE,
  GW_SUBJECT_UPDATE,
  GW_SUBJECT_RULE,
  GW_SUBJECT_PLUGIN,
  GW_SUBJECT_UPSTREAM,
  GW_SUBJECT_OUTLET,
  GW_SUBJECT_BLOB,
  GW_SUBJECT_PEER,
  GW_SUBJECT_LINK,
  GW_SUBJECT_USER,
} GwSubject;

/* "node", "firmware"... Static. */
const char *gw_subject_name(GwSubject subject);

/* @text with control, bidirectional, invisible and malformed characters spelled out ("\x0a", "\u{202e}"),
 * cut at 2 KiB. Every log line passes through it. Caller frees. */
char *gw_log_inert(const char *text);

/* Call once in main(): the name printed and SYSLOG_IDENTIFIER, and the least important priority printed. */
void gw_log_init(const char *identifier, int max_priority);
/* @id is the subject's own name ("02:00:00:00:00:01"), or NULL for the daemon itself. */
void gw_log(int priority, GwSubject subject, const char *id, const char *format, ...) G_GNUC_PRINTF(4, 5);
/* What the journal can be asked for: each field as GATEWAYD_NAME=value. A line of the log about a node, a
 * rule... holds that one anyway. */
typedef struct {
  const char *name; /* "EVENT"; NULL ends the list */
  const char *value;
} GwLogField;
typedef struct {
  int priority;
  const char *message_id; /* 32 hex digits, explained in units/gatewayd.catalog; NULL = none */
  GwSubject subject;
  const char *id, *text;
  const GwLogField *fields; /* at most GW_LOG_FIELDS_MAX; NULL = none */
} GwLogEvent;
#define GW_LOG_FIELDS_MAX 8
void gw_log_event(const GwLogEvent *event);

#define gw_debug(...) gw_log(LOG_DEBUG, __VA_ARGS__)
#define gw_info(...) gw_log(LOG_INFO, __VA_ARGS__)
#define gw_notice(...) gw_log(LOG_NOTICE, __VA_ARGS__)
#define gw_warning(...) gw_log(LOG_WARNING, __VA_ARGS__)
#define gw_err(...) gw_log(LOG_ERR, __VA_ARGS__)

/* What a peer can cause passes through one of these: at most @burst lines in @interval_ms; the first line
 * after a gap says how many were left out. Zero-initialised = 10 lines in 60 s. Not thread-safe: one per
 * thread. */
typedef struct {
  guint burst, interval_ms;
  gint64 window_start_ms;
  guint n_in_window, n_suppressed;
} GwLogLimit;
void gw_log_peer(GwLogLimit *limit, int priority, GwSubject subject, const char *id, const char *format, ...)
    G_GNUC_PRINTF(5, 6);
