/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the rows share: lists as JSON texts, and the boot clock across reboots. */
#pragma once
#include "store/rows.h"

/* The updates that start-up reads: the open ones, and how each node's component ended last under a rule that
 * still lives (it does not begin again with that node). */
#define GW_SQL_LIVE_UPDATES                                                                                  \
  "(is_open OR id IN (SELECT max(id) FROM main.node_update WHERE NOT is_open AND former = '' AND rule IN "   \
  "(SELECT id FROM main.rule WHERE state IN ('running', 'paused')) GROUP BY node, type, rule))"

/* Texts that are not UTF-8 are mended. Caller frees. */
char *gw_rows_write_strings(const GPtrArray *strings);
/* NULL = NULL. In the order of the texts, so that the same set gives the same bytes. */
char *gw_rows_write_set(GHashTable *set);
/* NULL = {}. */
char *gw_rows_write_map(GHashTable *map);
/* What cannot be read adds nothing. */
void gw_rows_read_strings(const char *json, GPtrArray *strings);
void gw_rows_read_map(const char *json, GHashTable *map);
/* A column; NULL = NULL. What cannot be read is the empty set: nobody, never everybody. */
GHashTable *gw_rows_read_set(const GwRow *row, int column);

/* Replaces a text member by a column. */
void gw_rows_read_text(char **member, const GwRow *row, int column);
/* A boot clock time that was written at @written_ms of the boot @boot_id, on @now's clock. */
gint64 gw_rows_on_clock(gint64 boot_ms, const char *boot_id, gint64 written_ms, const GwNow *now);

/* The rest of a row that begins at @column; texts are borrowed for the call. */
GwEventRow gw_rows_read_event(const GwRow *row, int column);
