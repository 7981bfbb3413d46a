/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker processes at the other end of the links: who is connected, what they were told, what they are
 * sending. What a LAN worker says is understood in lan-link.c, what the WAN worker says in wan-link.c. Main
 * thread. */
#pragma once
#include "base/config.h"
#include "control/commands.h"
#include "link/link.h"

typedef struct GwWorkers GwWorkers;
typedef struct GwWorker GwWorker;

/* Takes the listening sockets (-1 = none). Both hear of nothing before gw_workers_accept(). */
GwWorkers *gw_workers_new(GwCore *core, const GwConfig *config, int lan_listen_fd, int wan_listen_fd);
void gw_workers_free(GwWorkers *workers);
/* Begins to accept: everything is loaded. */
void gw_workers_accept(GwWorkers *workers);
/* One more connection, already accepted; takes @fd. For tests, and for the accept loop. */
void gw_workers_adopt(GwWorkers *workers, gboolean is_lan, int fd);

/* Never used again; a worker that reconnects is another one. */
guint64 gw_worker_id(const GwWorker *worker);
/* NULL = it is gone. */
GwWorker *gw_workers_find(const GwWorkers *workers, guint64 id);
/* The WAN worker that said hello, or NULL. */
GwWorker *gw_workers_wan(const GwWorkers *workers);
/* Did any LAN worker say hello? */
gboolean gw_workers_has_lan(const GwWorkers *workers);
/* Names of those that were here and are gone. Caller frees. */
char **gw_workers_missing(const GwWorkers *workers);
/* FALSE = it does not listen just now. */
gboolean gw_worker_send(GwWorker *worker, GwMessageType type, guint32 serial, GVariant *payload, int fd);
/* To every LAN worker that said hello. */
void gw_workers_tell_lan(GwWorkers *workers, GwMessageType type, GVariant *payload);
/* A new configuration, to all. */
void gw_workers_configure(GwWorkers *workers);
/* What a reload would change for them: a(ssa{ss}), floating. */
GVariant *gw_workers_config_sections(GwCore *core, gboolean is_lan);

/* Which tokens a LAN worker is sending bytes of. */
void gw_worker_begin(GwWorker *worker, const char *token);
void gw_worker_end(GwWorker *worker, const char *token);
gboolean gw_workers_is_sending(const GwWorkers *workers, const char *token);
/* Acknowledged bytes so far by the gauge; FALSE = no gauge has that token. */
gboolean gw_worker_gauge(const GwWorker *worker, const char *token, guint64 *ret_acked);
gboolean gw_workers_gauge(const GwWorkers *workers, const char *token, guint64 *ret_acked);
void gw_worker_set_gauges(GwWorker *worker, int *fd);
/* aa{sv}, floating: name, uid, build, queued, transfers. */
GVariant *gw_workers_variant(const GwWorkers *workers);

/* In lan-link.c and wan-link.c. */
void gw_lan_message(GwCore *core, GwWorker *worker, const GwMessage *message);
void gw_lan_lost(GwCore *core, GwWorker *worker, char **tokens);
void gw_wan_message(GwCore *core, const GwMessage *message);
void gw_wan_connected(GwCore *core);
void gw_wan_lost(GwCore *core);
