/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log of the database as bytes (https://www.sqlite.org/fileformat2.html#walformat): SQLite takes the
 * first bad frame for its end, and says nothing of those that were synced behind it. Pure. */
#pragma once
#include <glib.h>
#include <string.h>

#define GW_LOG_HEAD_SIZE 32

typedef enum {
  GW_LOG_GOOD,
  GW_LOG_HAS_TAIL,   /* of a write that a power cut ended, and nobody was promised */
  GW_LOG_HAS_GAP,    /* what was acknowledged behind some frame cannot be read any more */
  GW_LOG_UNREADABLE, /* not one frame can be read */
} GwLogState;
GwLogState gw_log_check(const guint8 *log, gsize size);
