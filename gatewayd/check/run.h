/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What gateway-plugin-check does with a loaded plugin: runs a byte table line by line, and fuzzes. A
 * transport is pure, so a table is a complete test of it; plugins/README.md describes the format. One thread.
 */
#pragma once
#include "check/values.h"

typedef struct {
  const GatewayPlugin *plugin;
  GHashTable *settings; /* char * -> char *: what the table sets; else the plugin's fallbacks */
  guint n_cases, n_failed;
  guint flips_factor; /* formats: "flips N" tries so many times N */
  const char *case_name;
} GwRun;

/* The settings as the plugin sees them; valid while @run is. */
typedef struct {
  GatewaySettings face;
  const GwRun *run;
} GwRunSettings;
GwRunSettings gw_run_settings(const GwRun *run);

/* Prints one failure of the current case. */
void gw_run_fail(GwRun *run, guint line, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Runs all cases of @text; FALSE and error when the table itself is wrong (with its line). Failed cases are
 * counted and printed. */
gboolean gw_run_table(GwRun *run, const char *text, GError **error);

/* One keyword of a table and what does it. @words[0] is the keyword; @rest the raw text behind it. */
typedef struct {
  const char *keyword;
  gboolean (*run)(gpointer state, GPtrArray *words, const char *rest, GError **error);
} GwKeyword;
extern const GwKeyword GW_REQUEST_KEYWORDS[], GW_SESSION_KEYWORDS[], GW_FORMAT_KEYWORDS[];

/* The state of the table's current case; made anew for each. */
gpointer gw_request_case_new(GwRun *run);
void gw_request_case_free(gpointer state);
gpointer gw_session_case_new(GwRun *run);
void gw_session_case_free(gpointer state);
gpointer gw_format_case_new(GwRun *run);
void gw_format_case_free(gpointer state);
/* Line of the table that is being run, for messages. */
extern guint gw_run_line;

/* @n mutated inputs from @seed; the first illegal result ends it with FALSE and error. */
gboolean gw_fuzz_request(GwRun *run, guint n, guint32 seed, GError **error);
gboolean gw_fuzz_session(GwRun *run, guint n, guint32 seed, GError **error);
gboolean gw_fuzz_format(GwRun *run, guint n, guint32 seed, GError **error);

/* May the plugin hand out this pointer? Inside its own object, or a range that was lent. */
typedef struct {
  struct {
    const char *start, *end;
  } ranges[16];
  guint n_ranges;
} GwLegal;
void gw_legal_add(GwLegal *legal, const void *start, gsize size);
/* Adds what the object that holds @inside maps. */
void gw_legal_add_object(GwLegal *legal, const void *inside);
gboolean gw_legal_has(const GwLegal *legal, GatewayText text);
