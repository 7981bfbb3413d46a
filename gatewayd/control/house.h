/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done from time to time: the timeline is flushed, snapshots are taken, what is old goes. Main
 * thread. */
#pragma once
#include "control/core-private.h"

typedef enum {
  GW_HOUSE_FLUSH = 1, /* the timeline, every ten minutes */
  GW_HOUSE_EXPIRY,    /* catalogs past their expiry, every minute */
  GW_HOUSE_SNAPSHOT,  /* every hour */
  GW_HOUSE_TRIM,      /* rows, pins and updates that nobody needs, every hour */
  GW_HOUSE_TRANSFERS, /* once, after a LAN worker reconnected */
} GwHouseWork;

void gw_house_begin(GwCore *core);
void gw_house_alarm(GwCore *core, gint64 work);
/* What a lost database must not undo is in a snapshot within a second: logins that were withdrawn. */
void gw_house_snapshot_soon(GwCore *core);
void gw_house_flush(GwCore *core, gboolean is_all);
/* 80 % of the partition that holds @dir_fd. */
guint64 gw_house_partition_share(int dir_fd);
