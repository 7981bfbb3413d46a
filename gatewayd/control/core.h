/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The core as its main sees it: start it, hand it the link sockets, stop it. Main thread. */
#pragma once
#include "base/clock.h"
#include "base/config.h"
#include "control/commands.h"

/* The options of every section that the core itself reads; the schema of gatewayd.conf. Static. */
const GwConfigSchema *gw_core_schema(void);

typedef struct {
  int state_fd;      /* folder of the database and snapshots */
  int cache_fd;      /* folder of the blobs */
  int lan_listen_fd; /* listening SEQPACKET sockets of the links, taken; -1 = none */
  int wan_listen_fd;
  const char *unpack_path;       /* socket of the helper that looks into files; NULL = none */
  const char *config_path;       /* for reload; NULL = defaults only */
  GwNow (*clock)(gpointer user); /* NULL = the machine's */
  gpointer clock_user;
  /* The disk does not hold what memory says: the process is to end, and start again from the disk. */
  void (*broken)(gpointer user);
  gpointer broken_user;
} GwCorePlaces;
/* Works in the thread-default context. Never waits for a cloud, a worker or a clean last shutdown. */
GwCore *gw_core_start(GwConfig *config, const GwCorePlaces *places, GError **error);
/* Runs what is due. Only for those who bring their own clock, after they moved it. */
void gw_core_turn(GwCore *core);
/* Did the database thread get on within the last @patience_ms? For the watchdog. */
gboolean gw_core_is_healthy(const GwCore *core, gint64 patience_ms);
/* One line for people: what is wrong, else how much there is to do. Caller frees. */
char *gw_core_condition(const GwCore *core);
/* Within 5 s, never waiting for a peer. */
void gw_core_stop(GwCore *core);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCore, gw_core_stop)
