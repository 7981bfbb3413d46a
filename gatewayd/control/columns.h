/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be listed: kinds of rows, and for each the columns that can be asked for, filtered and sorted by.
 * Kinds that live in memory stand here; updates are listed by the database. Main thread. */
#pragma once
#include "control/core-private.h"

typedef struct {
  const char *name;
  gboolean is_usual; /* shown when no columns are named */
  /* Floating, never NULL: always of the same type. */
  GVariant *(*value)(GwCore *core, gconstpointer item);
} GwColumn;

typedef struct {
  const char *name;
  const char *sort;        /* the usual order; the first column is unique and breaks ties */
  const GwColumn *columns; /* ended by name NULL */
  /* Borrowed items; caller frees the array. */
  GPtrArray *(*items)(GwCore *core);
} GwKind;

/* NULL = unknown, or "updates". */
const GwKind *gw_columns_kind(const char *name);
/* Text naming all kinds, for errors. */
#define GW_KINDS                                                                                             \
  "firmware, nodes, rules, updates, timeline, upstreams, plugins, products, accounts, cache, outlets or "    \
  "deadletters"
/* One item in full: every column. Floating a{sv}'s builder is filled. */
void gw_columns_add_all(GwCore *core, const GwKind *kind, gconstpointer item, GVariantBuilder *builder);

/* In query-updates.c: gw_query_list() for "updates" and "timeline". */
void gw_query_list_updates(GwCore *core, const GwListQuery *query, GwThen then);

/* In columns-relay.c. */
extern const GwKind gw_columns_deadletters;
GVariant *gw_columns_upstream_queued(GwCore *core, gconstpointer item);
GVariant *gw_columns_upstream_refused(GwCore *core, gconstpointer item);
GVariant *gw_columns_upstream_trouble(GwCore *core, gconstpointer item);

/* In columns-nodes.c. */
extern const GwKind gw_columns_nodes;
/* In columns-rules.c. */
extern const GwKind gw_columns_rules;
/* In columns-outlets.c. */
extern const GwKind gw_columns_outlets;
/* In columns-accounts.c. */
extern const GwKind gw_columns_accounts;
