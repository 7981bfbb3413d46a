/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an upstream plugin's thread is lent: the host's side of GatewayWorker. One object serves one thread;
 * polls and fetches of one upstream run in threads of their own, each with a worker of its own. */
#pragma once
#include "link/settings.h"
#include "wan/delivery.h"
#include "wan/http.h"

#define GW_WORKER_MAX_SIGNATURE ((gsize)16 * 1024)

/* What all workers of one upstream share; immutable while they live. */
typedef struct {
  char *name;
  GatewayUpstreamFunctions functions;
  GwSettings *settings;
  gint64 poll_ms, report_timeout_ms;
  GwHttpOptions http;
  GwOutgoing out;
} GwWorkerSetup;
void gw_worker_setup_clear(GwWorkerSetup *setup);

typedef struct GwWorker GwWorker;
/* @wake_fd: an eventfd that ends a sleep early, or -1. Both are borrowed, like @setup. */
GwWorker *gw_worker_new(const GwWorkerSetup *setup, GCancellable *stop, int wake_fd);
void gw_worker_free(GwWorker *worker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwWorker, gw_worker_free)

/* One look at the upstream; its outcome is said to the core. */
GatewayResult gw_worker_poll(GwWorker *worker);
/* Brings what @delivery wants; OK only when every byte went. */
GatewayResult gw_worker_fetch(GwWorker *worker, GwDelivery *delivery);
/* Hands on events; @ret_results has room for one result each. */
void gw_worker_report(GwWorker *worker, const GwReport *report, GatewayResult *ret_results);
/* FALSE = stopped. TRUE = @ms have passed, or a poll was asked for. */
gboolean gw_worker_sleep(GwWorker *worker, gint64 ms);
/* What went wrong in the last poll, fetch or report; "" = nothing. */
const char *gw_worker_trouble(const GwWorker *worker);
/* How long the server asked to be left alone in the last one of them; 0 = it did not. */
guint32 gw_worker_retry_after_s(const GwWorker *worker);
/* One line for `gatewayctl upstreams`; repeated ones are not sent. */
void gw_worker_say(GwWorker *worker, gboolean is_well, const char *text);
