/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the rows share. */
#pragma once
#include <jansson.h>

#include "store/rows.h"

/* The updates that start-up reads: the open ones, and how each node's component ended last under a rule that
 * still lives (it does not begin again with that node). */
#define GW_SQL_LIVE_UPDATES                                                                                  \
  "(is_open OR id IN (SELECT max(id) FROM main.node_update WHERE NOT is_open AND rule IN "                   \
  "(SELECT id FROM main.rule WHERE state IN ('running', 'paused')) GROUP BY node, type, rule))"
